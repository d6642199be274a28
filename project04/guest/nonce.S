/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Computes on a number that it is handed (vtxctl run nonce --arg N): whoever draws the number can
 * tell from the answer that a guest has run, and which one. 64 rounds of
 *
 *	x = (rotate x left by 13) xor round
 *	x = x * MULTIPLIER			MULTIPLIER is odd, so each x has another answer
 *	x = x xor (x >> 29)
 */
#include "guest.h"

#define ROUNDS 64
#define MULTIPLIER 0xd6e8feb86659fd93

	.section .text.start, "ax"
	.globl	start
start:
	xor	%edi, %edi
	hypercall VTX_CALL_ARGUMENT		/* the same number was in RSI */
	mov	%rax, %r12
	mov	%rax, %rbx
	movabs	$MULTIPLIER, %r8
	xor	%ecx, %ecx			/* the round, from 0 on */
1:	rol	$13, %rbx
	xor	%rcx, %rbx
	imul	%r8, %rbx
	mov	%rbx, %rax
	shr	$29, %rax
	xor	%rax, %rbx
	inc	%ecx
	cmp	$ROUNDS, %ecx
	jne	1b
	mov	%rbx, VTX_GUEST_RESULT		/* for whoever reads our memory */

	say	"nonce "
	mov	%r12, %rdi
	call	print_hex
	say	" answer "
	mov	%rbx, %rdi
	call	print_hex
	say	"\n"
	exit	0
