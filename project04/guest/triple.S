/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A triple fault on purpose. Most exceptions exit here, and then nothing is left to go wrong. Not
 * so #NP and #DF: they can only come from tables that a guest has made itself, so the driver leaves
 * them to it. This guest makes an IDT in which no gate is present, and calls one:
 *
 *	INT 20H		the gate is not present: #NP
 *	#NP		its gate is not present: a second #NP, and two of them are a double fault
 *	#DF		its gate is not present either: the processor gives up
 */
#include "guest.h"

#define GATES 256
#define INTERRUPT_GATE 0x8e00			/* bits 47:32 of a gate: present, type 14 */
#define PRESENT 0x8000

	.section .text.start, "ax"
	.globl	start
start:
	say	"no gate is present; INT 20H\n"
	mov	$idt, %edi
	mov	$GATES, %ecx
1:	movw	$(INTERRUPT_GATE & ~PRESENT), 4(%rdi)
	add	$16, %rdi			/* a gate has 16 bytes in 64-bit mode */
	loop	1b
	lidt	idtr
	int	$0x20
	say	"I am still here!\n"
	exit	1

	.data
idtr:	.word	16 * GATES - 1
	.quad	idt

	.bss
	.balign	16
idt:	.skip	16 * GATES
