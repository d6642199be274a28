/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For 64-bit guests of this project: page tables of their own, which map the first 4 GiB one to
 * one, so that the board can be reached as well. Those that a guest starts with name its memory.
 */
#ifndef MAP4G_H
#define MAP4G_H

/** Where the tables lie: PML4, PDPT and four page directories. */
#define MAP4G_AT 0x100000
/** Present and writable; in the directories a page of 2 MiB as well. */
#define MAP4G_TABLE 0x03
#define MAP4G_LEAF 0x83

#ifdef __ASSEMBLER__
/* clang-format off */

/** Make the tables and use them. Changes RAX, RCX and RDI. */
.macro map_first_4g
	movl	$MAP4G_AT + 0x1000 + MAP4G_TABLE, MAP4G_AT
	mov	$MAP4G_AT + 0x2000 + MAP4G_TABLE, %eax
	mov	$MAP4G_AT + 0x1000, %edi
	mov	$4, %ecx
1:	mov	%rax, (%rdi)			/* a directory for each GiB */
	add	$0x1000, %eax
	add	$8, %edi
	loop	1b
	mov	$MAP4G_LEAF, %eax
	mov	$MAP4G_AT + 0x2000, %edi
	mov	$4 * 512, %ecx
1:	mov	%rax, (%rdi)			/* 2 MiB each */
	add	$0x200000, %rax
	add	$8, %edi
	loop	1b
	mov	$MAP4G_AT, %eax
	mov	%rax, %cr3
.endm

#endif
#endif
