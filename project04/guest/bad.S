/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Follows a null pointer. Page 0 is not mapped, so that this is a page fault, and since the guest
 * has no IDT (and the exception bitmap is full) it is an exit: vtxctl run tells what happened.
 */
#include "guest.h"

	.section .text.start, "ax"
	.globl	start
start:
	say	"now I follow a null pointer\n"
	xor	%ebx, %ebx
	mov	$0x1234, %eax
	mov	%eax, 0x10(%rbx)		/* a field of a structure that is not there */
	exit	0				/* never reached */
