/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Waits for ten interrupts of the interval timer, in HLT. While it waits, the thread that runs it
 * sleeps: vtxctl run tick --stats shows ten HLTs and hardly a cycle in between.
 */
#include "idt.h"

#define TICKS 10
#define HERTZ 100

	.section .text.start, "ax"
	.globl	start
start:
	LOAD_TABLES
	INIT_PICS 1 << PC_IRQ_PIT, 0
	INIT_PIT HERTZ
again:
	cli
	cmpq	$TICKS, ticks
	jae	done
	sti					/* takes effect behind HLT: no tick is missed */
	hlt
	jmp	again
done:
	say	"ten ticks\n"
	exit	0

handle:
	cmpq	$(VECTOR_PIC_MASTER + PC_IRQ_PIT), FRAME_VECTOR(%rdi)
	jne	wrong
	incq	ticks
	END_OF_INTERRUPT
	ret
wrong:
	say	"not the interrupt of the timer: "
	mov	FRAME_VECTOR(%rdi), %rdi
	call	print_decimal
	say	"\n"
	exit	1

	.bss
ticks:	.quad	0
	EVENT_TABLES
