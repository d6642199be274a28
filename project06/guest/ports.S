/* SPDX-License-Identifier: GPL-2.0 */
/*
 * IN and OUT of 1, 2 and 4 bytes, INS and OUTS with REP and both directions. A port that nobody has
 * reads all ones, and an IN of 1 or 2 bytes leaves the rest of RAX alone. The text goes to the
 * serial port in one OUTSB, the status to the debug exit. Ends with 0, or with the number of the
 * check that failed.
 */
#include "idt.h"

#define NOBODY 0x2f0				/* no device is there */
#define MARK 0x1122334455667788
#define ONES 0xffffffff
#define COUNT 5

/* The debug exit ends the guest with what is in AL. */
.macro EXPECT number, value
	movabs	$\value, %rbx
	mov	$\number, %esi
	cmp	%rbx, %rax
	jne	failed
.endm

	.section .text.start, "ax"
	.globl	start
start:
	mov	$NOBODY, %edx
	movabs	$MARK, %rax
	in	%dx, %al
	EXPECT	1, 0x11223344556677ff
	movabs	$MARK, %rax
	in	%dx, %ax
	EXPECT	2, 0x112233445566ffff
	movabs	$MARK, %rax
	in	%dx, %eax
	EXPECT	3, ONES
	out	%al, %dx
	out	%ax, %dx
	out	%eax, %dx
	EXPECT	4, ONES

	mov	$room + 8, %edi			/* INSW downwards: five words, up to room */
	mov	$COUNT, %ecx
	std
	rep insw
	cld
	mov	%rdi, %rax
	EXPECT	5, room-2
	mov	%rcx, %rax
	EXPECT	6, 0
	mov	room + 2, %rax
	EXPECT	7, 0xffffffffffffffff
	movzwl	room + 10, %eax
	EXPECT	8, 0

	mov	$PC_PORT_UART, %edx
	mov	$text, %esi
	mov	$text_end - text, %ecx
	rep outsb
	mov	%rsi, %rax
	EXPECT	9, text_end
	xor	%esi, %esi
failed:
	mov	%esi, %eax
	out	%al, $PC_PORT_DEBUG_EXIT

	.section .rodata
text:	.ascii	"a text in one instruction\n"
text_end:
	.bss
	.balign	8
room:	.skip	16
