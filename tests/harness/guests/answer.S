/* SPDX-License-Identifier: GPL-2.0 */
/* Prints what it has computed of the test's argument: 0x, sixteen digits, a line end. */
#include "guest.h"

#define DIGITS 16

start:
	mov %rsi, %rax
	SECRET
	mov $text + 2, %rdi
	mov $DIGITS, %ecx
1:	rol $4, %rax
	mov %eax, %edx
	and $15, %edx
	mov digits(%rdx), %dl
	mov %dl, (%rdi)
	inc %rdi
	loop 1b
	WRITE text, DIGITS + 3
	EXIT 0

digits:	.ascii "0123456789abcdef"
text:	.ascii "0x................\n"
