/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Puts a value of its own into every general register, RSP included, leaves through exits, and
 * compares. All registers are in use, so the code needs no other memory than rounds. Ends with 0,
 * or with the number of the first register that came back changed, plus 1: 1 is RAX … 16 is R15.
 */
#include "guest.h"

#define ROUNDS 100
#define LEAF_VENDOR 0x40000000

/* The registers that CPUID does not change, with their numbers. */
.macro for_each_but_abcd macro
	\macro	%rsp, 4
	\macro	%rbp, 5
	\macro	%rsi, 6
	\macro	%rdi, 7
	\macro	%r8, 8
	\macro	%r9, 9
	\macro	%r10, 10
	\macro	%r11, 11
	\macro	%r12, 12
	\macro	%r13, 13
	\macro	%r14, 14
	\macro	%r15, 15
.endm

.macro fill register, number
	mov	$(0x1111111111111 * (\number + 1)), \register
.endm

.macro check register, number
	cmp	values + 8 * \number, \register
	jne	lost_\number
.endm

	.section .text.start, "ax"
	.globl	start
start:
	fill	%rcx, 1
	fill	%rdx, 2
	fill	%rbx, 3
	for_each_but_abcd fill
again:
	hypercall VTX_CALL_VCPUS		/* an exit to user space: the answer is in RAX */
	cmp	$0, %rax
	jle	lost_0
	check	%rcx, 1
	check	%rdx, 2
	check	%rbx, 3
	for_each_but_abcd check
	mov	$LEAF_VENDOR, %eax		/* an exit that the driver answers */
	cpuid					/* it changes RAX, RBX, RCX, RDX */
	for_each_but_abcd check
	fill	%rcx, 1
	fill	%rdx, 2
	fill	%rbx, 3
	decl	rounds
	jnz	again

	mov	$stack_end, %esp
	say	"all registers were kept\n"
	exit	0

.irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
lost_\number:
	exit	\number + 1
.endr

	.data
	.balign	8
values:
.irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	.quad	0x1111111111111 * (\number + 1)
.endr
rounds:	.long	ROUNDS

	.bss
	.balign	16
	.skip	1024
stack_end:
