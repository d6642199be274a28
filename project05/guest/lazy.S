/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Has much memory and touches little (vtxctl run --mem 64G lazy): one byte in each 256 MiB, or in
 * each --arg bytes, up to 3 GiB. Each touch of a page that is not there yet is an EPT violation,
 * which the driver answers with a frame. vtxctl slots, with run --hold, shows what it has cost.
 */
#include "guest.h"

#define STEP (256 << 20)
#define END 0xc0000000

	.section .text.start, "ax"
	.globl	start
start:
	mov	%rsi, %r12
	test	%r12, %r12
	jnz	1f
	mov	$STEP, %r12d
1:	mov	$END, %eax
	cmp	%rax, %rdx			/* usable, as far as it is low memory */
	cmova	%rax, %rdx
	mov	%rdx, %r13
	xor	%ebx, %ebx			/* how many pages were touched */
	mov	%r12, %rbp
touch:
	cmp	%r13, %rbp
	jae	done
	cmpb	$0, (%rbp)			/* new memory is zero */
	jne	wrong
	movb	$1, (%rbp)
	inc	%rbx
	add	%r12, %rbp
	jmp	touch
done:
	mov	%rbx, VTX_GUEST_RESULT
	say	"pages touched: "
	mov	%rbx, %rdi
	call	print_decimal
	say	"\n"
	exit	0
wrong:
	say	"new memory is not zero\n"
	exit	1
