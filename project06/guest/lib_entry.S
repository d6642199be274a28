/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For guests in C: where they start, and where exceptions and interrupts come in.
 */
#include "pc.h"

#define CODE 0x08
#define DATA 0x10
/* Bytes of struct frame below the vector. */
#define SAVED (15 * 8)
#define FRAME_RAX (14 * 8)
#define FRAME_RIP (SAVED + 16)
#define FRAME_CS (SAVED + 24)
#define FRAME_RFLAGS (SAVED + 32)
#define FRAME_RSP (SAVED + 40)

	.section .text.start, "ax"
	.globl	start
start:
	call	guest_main
	mov	%eax, %edi
	.globl	pc_exit
pc_exit:
	hypercall VTX_CALL_EXIT

	.text
	.globl	pc_load_segments
pc_load_segments:
	lgdt	gdt_pointer(%rip)
	mov	$DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	pop	%rax				/* a far return loads CS */
	push	$CODE
	push	%rax
	lretq

/*
 * An entry for each vector. The processor pushes an error code with some exceptions; the others get
 * a 0, so that all frames look alike.
 */
.macro entry vector
	.balign	16
entry_\vector:
	.if	!(\vector == 8 || (\vector > 9 && \vector < 15) || \vector == 17 || \vector == 21)
	push	$0
	.endif
	push	$\vector
	jmp	common
.endm

	.altmacro
.macro entries from, to
	.set	vector, \from
	.rept	\to - \from
	entry	%vector
	.set	vector, vector + 1
	.endr
.endm
	entries	0, PC_GATES

common:
	push	%rax
	push	%rcx
	push	%rdx
	push	%rbx
	push	%rbp
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, %rdi
	mov	%rsp, %rbp
	and	$-16, %rsp			/* as the C compiler expects it */
	cld
	call	guest_event
	mov	%rbp, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rbp
	pop	%rbx
	pop	%rdx
	pop	%rcx
	pop	%rax
	add	$16, %rsp			/* vector and error code */
	iretq

/* attempt: what a function has to preserve goes to the stack, and the stack is noted. */
	.globl	attempt
attempt:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, attempt_stack(%rip)
	mov	%rdi, %rax
	mov	%rsi, %rdi
	sub	$8, %rsp
	call	*%rax
	add	$8, %rsp
	mov	$PC_NO_EXCEPTION, %eax
attempt_ends:
	movq	$0, attempt_stack(%rip)
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

/* attempt_failed: IRETQ leads to attempt_ends, with the vector in RAX. */
	.globl	attempt_failed
attempt_failed:
	mov	attempt_stack(%rip), %rax
	test	%rax, %rax
	jz	1f
	mov	%rax, FRAME_RSP(%rdi)
	lea	attempt_ends(%rip), %rax
	mov	%rax, FRAME_RIP(%rdi)
	mov	SAVED(%rdi), %rax
	mov	%rax, FRAME_RAX(%rdi)
	mov	$1, %eax
1:	ret

	.section .rodata
	.balign	8
	.globl	pc_entries
.macro addresses from, to
	.set	vector, \from
	.rept	\to - \from
	address	%vector
	.set	vector, vector + 1
	.endr
.endm
.macro address vector
	.quad	entry_\vector
.endm
pc_entries:
	addresses 0, PC_GATES

/* Code and data of 64-bit mode, marked as accessed: the processor has nothing to write. */
gdt:	.quad	0
	.quad	0x00af9b000000ffff
	.quad	0x00cf93000000ffff
gdt_end:
gdt_pointer:
	.word	gdt_end - gdt - 1
	.quad	gdt

	.bss
	.balign	8
attempt_stack:
	.skip	8
