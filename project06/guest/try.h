/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file try.h
 * @brief For guests that execute instructions which may fault: TRY says what is expected.
 *
 * @code
 *	start:	LOAD_TABLES
 *		TRY	TRY_GP, wrmsr           must be a #GP
 *		TRY	TRY_NOTHING, rdmsr      must be executed
 *		exit	0
 *		TRY_HANDLER                     at the end of the guest
 * @endcode
 * A TRY that comes out otherwise ends the guest with the number of the TRY.
 */
#ifndef TRY_H
#define TRY_H

#include "idt.h"

/** No exception. */
#define TRY_NOTHING 0
#define TRY_UD 6
#define TRY_NM 7
#define TRY_GP 13

#ifdef __ASSEMBLER__
/* The formatter takes assembler for C. */
/* clang-format off */

/** An instruction, and the vector of the exception that it is to cause. Changes no other register
 * than the instruction does, and RFLAGS. */
.macro TRY vector, instruction:vararg
	incl	tried
	movl	$0, caught
	movq	$7f, go_on
	\instruction
7:	cmpl	$\vector, caught
	jne	try_failed
.endm

/** The handler, and what is left of EVENT_TABLES. */
.macro TRY_HANDLER
	.text
handle:
	mov	FRAME_VECTOR(%rdi), %rax
	mov	%eax, caught
	mov	go_on, %rax
	mov	%rax, FRAME_RIP(%rdi)
	ret

try_failed:
	say	"try "
	mov	tried, %edi
	call	print_decimal
	say	": exception "
	mov	caught, %edi
	call	print_decimal
	say	", which was not expected\n"
	mov	tried, %edi
	hypercall VTX_CALL_EXIT

	.bss
	.balign	8
go_on:	.quad	0
caught:	.long	0
tried:	.long	0
	EVENT_TABLES
.endm

#endif
#endif
