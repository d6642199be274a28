/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The smallest guest that says something: one hypercall that writes, one that ends.
 */
#include "guest.h"

	.section .text.start, "ax"
	.globl	start
start:
	lea	text(%rip), %rdi
	mov	$text_length, %esi
	hypercall VTX_CALL_WRITE
	xor	%edi, %edi			/* status 0 */
	hypercall VTX_CALL_EXIT

	.section .rodata
text:	.ascii	"Hello from a guest in 64-bit mode!\n"
	.set	text_length, . - text
