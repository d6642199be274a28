/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events whose delivery touches memory that has no frame yet: each time on a stack of its own, 2
 * MiB from the last. The processor leaves the guest in the middle of pushing the frame (EPT
 * violation), the driver finds memory and has the same event delivered again. Exceptions with and
 * without error code, a software interrupt, and ticks of the timer. Needs --mem 64M.
 */
#include "idt.h"

#define FIRST_STACK 0x1000000
#define APART 0x200000
#define BAD_SELECTOR 0x40
#define VECTOR_SOFTWARE 0x77
#define HERTZ 100

/* The instruction, on the next stack; the handler goes on at the label behind it. */
.macro ON_NEW_STACK instruction:vararg
	add	$APART, %rbp
	lea	(%rbp), %rsp
	movq	$6f, next
	\instruction
6:
.endm

.macro WAIT_FOR_TICK
	sti					/* takes effect behind HLT */
	hlt
.endm

	.section .text.start, "ax"
	.globl	start
start:
	LOAD_TABLES
	mov	$FIRST_STACK, %ebp
	ON_NEW_STACK ud2
	mov	$BAD_SELECTOR, %eax
	ON_NEW_STACK mov %eax, %ds
	ON_NEW_STACK int $VECTOR_SOFTWARE
	ON_NEW_STACK int3
	ON_NEW_STACK mov 0, %al
	INIT_PICS 1 << PC_IRQ_PIT, 0
	INIT_PIT HERTZ
.rept 4
	ON_NEW_STACK WAIT_FOR_TICK
.endr
	mov	sum, %rdi
	cmp	$(6 + 13 + BAD_SELECTOR + VECTOR_SOFTWARE + 3 + 14 + 4 * VECTOR_PIC_MASTER), %rdi
	jne	wrong
	say	"nine events on nine untouched stacks\n"
	exit	0
wrong:
	say	"events were lost, or came twice; sum of vectors and error codes: "
	mov	sum, %rdi
	call	print_decimal
	say	"\n"
	exit	1

handle:
	mov	FRAME_VECTOR(%rdi), %rax
	add	%rax, sum
	mov	FRAME_CODE(%rdi), %rax
	add	%rax, sum
	mov	next, %rax
	mov	%rax, FRAME_RIP(%rdi)
	andl	$~RFLAGS_IF, FRAME_RFLAGS(%rdi)
	END_OF_INTERRUPT
	ret

	.bss
next:	.quad	0
sum:	.quad	0
	EVENT_TABLES
