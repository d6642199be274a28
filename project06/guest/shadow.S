/* SPDX-License-Identifier: GPL-2.0 */
/*
 * STI and MOV SS hold interrupts back for one instruction. The interval timer interrupts as often
 * as it can while the guest executes them again and again, and the handler looks where: it must
 * never be right behind one of the two. Ends with 0, or 1 behind STI, 2 behind MOV SS, 3 where
 * interrupts were off altogether.
 */
#include "idt.h"

#define TICKS 20				/* for each of the two */
#define HERTZ 1000

	.section .text.start, "ax"
	.globl	start
start:
	LOAD_TABLES
	INIT_PICS 1 << PC_IRQ_PIT, 0
	INIT_PIT HERTZ
1:	sti
behind_sti:
	nop
	cli					/* an interrupt fits only before this */
behind_cli:
	cmpq	$TICKS, ticks
	jb	1b

	movq	$0, ticks
	mov	%ss, %eax
	sti
2:	mov	%eax, %ss
behind_mov_ss:
	nop
	cmpq	$TICKS, ticks
	jb	2b
	cli
	say	"no interrupt behind STI or MOV SS\n"
	exit	0

handle:
	incq	ticks
	mov	FRAME_RIP(%rdi), %rbx
	END_OF_INTERRUPT
	mov	$1, %edi
	cmp	$behind_sti, %rbx
	je	wrong
	mov	$2, %edi
	cmp	$behind_mov_ss, %rbx
	je	wrong
	mov	$3, %edi
	cmp	$behind_cli, %rbx
	je	wrong
	ret
wrong:
	hypercall VTX_CALL_EXIT

	.bss
ticks:	.quad	0
	EVENT_TABLES
