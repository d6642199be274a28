/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Exceptions and software interrupts, with and without error code, reach the guest's own handler.
 * Each step causes one; the handler compares vector, error code and RIP with what the manual says
 * and goes on behind the step. Ends with 0, or with the number of the step that went wrong.
 */
#include "idt.h"

#define NONE_THERE 0				/* page 0 is not mapped */
#define BAD_SELECTOR 0x40			/* beyond the end of the GDT */
#define BAD_MSR 0xbad
#define FIRST_FREE_VECTOR 0x77
#define NON_CANONICAL 0x8000000000000000

/* A step: expected vector, error code; 1 if RIP is behind the instruction, 0 if it is at it. */
.macro STEP vector, code, behind, instruction:vararg
	.pushsection .rodata.steps, "a"
	.quad	\vector, \code, 4f + (5f - 4f) * \behind, 5f
	.popsection
4:	\instruction
5:	call	check
.endm

	.section .rodata.steps, "a"
	.balign	8
steps:

	.section .text.start, "ax"
	.globl	start
start:
	LOAD_TABLES
	mov	$steps, %ebx
	xor	%edx, %edx
	xor	%ecx, %ecx
	STEP	0, 0, 0, div %ecx
	STEP	3, 0, 1, int3
	STEP	1, 0, 1, .byte 0xf1		/* INT1 */
	STEP	6, 0, 0, ud2
	mov	$BAD_SELECTOR, %eax
	STEP	13, BAD_SELECTOR, 0, mov %eax, %ds
	movabs	$NON_CANONICAL, %rax
	STEP	13, 0, 0, mov (%rax), %rax
	mov	$BAD_MSR, %ecx
	STEP	13, 0, 0, rdmsr
	STEP	14, 0, 0, mov NONE_THERE, %al
	STEP	14, 2, 0, mov %al, NONE_THERE
	STEP	FIRST_FREE_VECTOR, 0, 1, int $FIRST_FREE_VECTOR
	/* TF: the exception comes behind the instruction that follows POPF. */
	pushfq
	orl	$RFLAGS_TF, (%rsp)
	popfq
	STEP	1, 0, 1, nop
	say	"all exceptions have reached their handler\n"
	exit	0

/* The step has caused its exception: RBX has moved on. */
check:
	cmpb	$0, caught
	je	wrong				/* nothing has happened */
	movb	$0, caught
	add	$32, %rbx
	ret

/* handle: go on behind the step, if it was the right exception. */
handle:
	mov	FRAME_VECTOR(%rdi), %rax
	cmp	%rax, (%rbx)
	jne	wrong
	mov	FRAME_CODE(%rdi), %rax
	cmp	%rax, 8(%rbx)
	jne	wrong
	mov	FRAME_RIP(%rdi), %rax
	cmp	%rax, 16(%rbx)
	jne	wrong
	mov	24(%rbx), %rax
	mov	%rax, FRAME_RIP(%rdi)
	andl	$~RFLAGS_TF, FRAME_RFLAGS(%rdi)
	movb	$1, caught
	ret

wrong:
	say	"step "
	mov	%rbx, %rdi
	sub	$steps, %rdi
	shr	$5, %rdi
	inc	%rdi
	mov	%rdi, %rbp
	call	print_decimal
	say	": not the exception that was expected\n"
	mov	%rbp, %rdi
	hypercall VTX_CALL_EXIT

	.bss
caught:	.byte	0
	EVENT_TABLES
