/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A 64-bit guest that survives its exceptions: an IDT of its own, and a record of how each step has
 * ended (harness/guests.py writes the steps). R15 is lost in each.
 *
 * A record: vector, or NO_VECTOR; error code; where, from the step's beginning on; RFLAGS; RAX,
 * RBX, RCX, RDX.
 */
#ifndef CATCH_H
#define CATCH_H

#include "guest.h"

#define IDT 0x4000
#define RECORDS 0x8000
#define RECORD 64
#define NO_VECTOR 256
#define CODE_64 8
#define DATA 16
#define FLAGS_FIXED 2
/* P, DPL 0, 64-bit interrupt gate: SDM vol. 3, "64-Bit Mode IDT". */
#define GATE 0x8e00

/* The vectors that push an error code: SDM vol. 3, "Error Code". */
.macro STUB number
.balign 16
.ifeq (\number == 8) || (\number >= 10 && \number <= 14) || \number == 17 || \number == 21
	push $0
.endif
	push $\number
	jmp caught
.endm

.macro REMEMBER
	mov record, %r15
	mov %rax, 32(%r15)
	mov %rbx, 40(%r15)
	mov %rcx, 48(%r15)
	mov %rdx, 56(%r15)
.endm

.macro GATES
	mov $IDT, %edi
	mov $stubs, %eax
	mov $256, %ecx
1:	mov %ax, (%rdi)
	movw $CODE_64, 2(%rdi)
	movw $GATE, 4(%rdi)
	mov %eax, %edx
	shr $16, %edx
	mov %dx, 6(%rdi)
	movq $0, 8(%rdi)
	add $16, %rdi
	add $16, %eax
	loop 1b
	lidt idtr
.endm

/* Where a guest begins: its own descriptors, and gates to all stubs. */
.macro PREPARE
	lgdt gdtr
	push $CODE_64
	push $prepared
	lretq
prepared:
	mov $DATA, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	GATES
.endm

.macro STEP number
	movq $RECORDS + \number * RECORD, record
	movq $begin_\number, begin
	movq $done_\number, resume
	mov %rsp, stack
begin_\number:
.endm

.macro DONE number
	pushfq
	call passed
done_\number:
.endm

/* Behind the last step. */
.macro CATCH_END
passed:
	REMEMBER
	movq $NO_VECTOR, (%r15)
	movq $0, 8(%r15)
	pop %rax
	sub begin, %rax
	mov %rax, 16(%r15)
	pop 24(%r15)
	jmp *resume

caught:
	REMEMBER
	pop (%r15)
	pop 8(%r15)
	mov (%rsp), %rax
	sub begin, %rax
	mov %rax, 16(%r15)
	mov 16(%rsp), %rax
	mov %rax, 24(%r15)
	mov stack, %rsp
	push $DATA
	pushq stack
	push $FLAGS_FIXED
	push $CODE_64
	pushq resume
	iretq
	TABLES
.balign 8
record:	.quad 0
begin:	.quad 0
resume:	.quad 0
stack:	.quad 0
.endm

/* The stubs of all vectors, and the descriptors. */
.macro TABLES
.balign 16
stubs:
.altmacro
.set vector, 0
.rept 256
	STUB %vector
	.set vector, vector + 1
.endr
.noaltmacro

.balign 8
gdt:	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0, 0, 0x00cf9b000000ffff
gdtr:	.word . - gdt - 1
	.quad gdt
idtr:	.word 256 * 16 - 1
	.quad IDT
.endm

#endif
