/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Talks to the board, a device that is only there because vtxctl answers: each access is a VM exit,
 * and vtxctl does the instruction. With --arg N it reads the counter N times and says nothing.
 */
#include "guest.h"
#include "guest_modes.h"
#include "map4g.h"

#define SCRATCH VTX_BOARD_SCRATCH

/** Compare and go on, or end with the number of the check. */
.macro expect value, register, number
	mov	$\number, %ebp
	mov	$\value, %rax
	cmp	%rax, \register
	jne	wrong
.endm

	.section .text.start, "ax"
	.globl	start
start:
	mov	%rsi, %r12			/* --arg */
	map_first_4g
	mov	$VTX_BOARD, %ebx
	test	%r12, %r12
	jnz	count

	mov	VTX_BOARD_ID(%rbx), %eax
	mov	%rax, %r8
	expect	VTX_BOARD_NAME, %r8, 1

	lea	text(%rip), %rsi		/* a string, one byte at a time */
	lea	VTX_BOARD_CONSOLE(%rbx), %rdi
1:	movsb
	dec	%rdi				/* the register stays where it is */
	cmpb	$0, (%rsi)
	jne	1b

	movabs	$0x1122334455667788, %rax	/* MOV: 8, 4, 2 and 1 byte, and both halves of AX */
	mov	%rax, SCRATCH(%rbx)
	mov	SCRATCH + 4(%rbx), %r8d
	expect	0x11223344, %r8, 2
	movb	$0x99, SCRATCH + 1(%rbx)
	movzwl	SCRATCH(%rbx), %r8d
	expect	0x9988, %r8, 3
	movsbq	SCRATCH + 1(%rbx), %r8
	expect	0xffffffffffffff99, %r8, 4
	mov	SCRATCH(%rbx), %ch
	movzbl	%ch, %edx
	mov	%rdx, %r8
	expect	0x88, %r8, 5

	movl	$0xf0f0, SCRATCH(%rbx)		/* what reads, changes and writes */
	andl	$0xff00, SCRATCH(%rbx)
	orl	$0x000f, SCRATCH(%rbx)
	xorl	$0xffff, SCRATCH(%rbx)
	mov	SCRATCH(%rbx), %r8d
	expect	0x0ff0, %r8, 6
	testl	$0xf000, SCRATCH(%rbx)
	mov	$7, %ebp
	jnz	wrong
	mov	$0x77, %r8d
	xchg	%r8d, SCRATCH(%rbx)
	expect	0x0ff0, %r8, 8
	lock incl SCRATCH(%rbx)
	mov	SCRATCH(%rbx), %r8d
	expect	0x78, %r8, 9

	lea	text(%rip), %rsi		/* strings: there, and back again backwards */
	lea	SCRATCH + 64(%rbx), %rdi
	mov	$16, %ecx
	rep movsb
	lea	SCRATCH + 64 + 15(%rbx), %rsi
	lea	copy + 15(%rip), %rdi
	mov	$16, %ecx
	std
	rep movsb
	cld
	lea	text(%rip), %rsi
	lea	copy(%rip), %rdi
	mov	$16, %ecx
	repe cmpsb
	mov	$10, %ebp
	jne	wrong
	exit	0

wrong:
	say	"this check failed: "
	mov	%rbp, %rdi
	call	print_decimal
	say	"\n"
	exit	1

count:
	mov	VTX_BOARD_COUNTER(%rbx), %rax
	dec	%r12
	jnz	count
	exit	0

	.section .rodata
text:	.asciz	"Hello through a register of the board!\n"

	.bss
copy:	.skip	16
