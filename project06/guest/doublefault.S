/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fault in the delivery of a fault. The gate of #PF is not present, so a page fault becomes a
 * double fault, whose handler counts. With --arg 1 the gate of #DF is not present either: that is a
 * triple fault, the end of this guest (vtxctl run doublefault --arg 1; exit status 126).
 */
#include "idt.h"

#define GATE_TYPE 4				/* offset in a gate of the P bit's word */
#define VECTOR_DF 8
#define VECTOR_PF 14

	.section .text.start, "ax"
	.globl	start
start:
	mov	%rsi, %r12
	LOAD_TABLES
	movw	$0, idt + VECTOR_PF * GATE_SIZE + GATE_TYPE
	test	%r12, %r12
	jz	1f
	movw	$0, idt + VECTOR_DF * GATE_SIZE + GATE_TYPE
1:	mov	0, %al				/* page 0 is not there */
behind:
	cmpq	$VECTOR_DF, seen
	jne	wrong
	say	"a page fault without a handler is a double fault\n"
	exit	0
wrong:
	say	"no double fault\n"
	exit	1

/* RIP of an abort is not to be relied on: go on where we know. */
handle:
	mov	FRAME_VECTOR(%rdi), %rax
	mov	%rax, seen
	movq	$behind, FRAME_RIP(%rdi)
	ret

	.bss
seen:	.quad	0
	EVENT_TABLES
