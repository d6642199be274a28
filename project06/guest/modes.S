/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest that changes the mode of its processor: 64-bit mode, compatibility mode, protected mode
 * without paging, PAE paging with tables of its own, and all the way back. Each MOV to CR0 on the
 * way exits; some are not allowed, and are a #GP. Ends with 0, or with the number of the first try
 * that came out otherwise. HLT means that a register was not what it should be.
 */
#include "try.h"

#define PG_BIT 31
#define NW (1 << 29)
#define PAE (1 << 5)
#define VMXE (1 << 13)
#define EFER 0xc0000080
#define LME_BIT 8
#define LMA_BIT 10
#define SELECTOR_CODE32 0x18
#define SELECTOR_DATA32 0x10
#define DESCRIPTOR_CODE32 0x00cf9b000000ffff
#define PDPT 0x40000				/* four entries; the directories follow */
#define PAGE 0x1000
#define DIRECTORY_ENTRIES 2048			/* of four directories: 4 GiB, one to one */
#define PRESENT 1
#define LARGE_PAGE 0xe3				/* present, writable, accessed, dirty, 2 MiB */
#define MIB2 0x200000

	.section .text.start, "ax"
	.globl	start
start:
	LOAD_TABLES
	lgdt	own_gdt_pointer
	mov	%cr0, %rbx
	mov	%cr4, %rdx

	mov	%rbx, %rax			/* what 64-bit mode does not allow */
	btr	$PG_BIT, %rax
	TRY	TRY_GP, mov %rax, %cr0
	lea	NW(%rbx), %rax
	TRY	TRY_GP, mov %rax, %cr0
	mov	%rdx, %rax
	and	$~PAE, %rax
	TRY	TRY_GP, mov %rax, %cr4
	mov	%rdx, %rax
	or	$VMXE, %rax
	TRY	TRY_GP, mov %rax, %cr4

	mov	$DIRECTORY_ENTRIES, %ecx
	mov	$LARGE_PAGE, %eax
	mov	$PDPT + PAGE, %edi
1:	mov	%rax, (%rdi)
	add	$MIB2, %rax
	add	$8, %rdi
	loop	1b
	movq	$PDPT + 1 * PAGE + PRESENT, PDPT
	movq	$PDPT + 2 * PAGE + PRESENT, PDPT + 8
	movq	$PDPT + 3 * PAGE + PRESENT, PDPT + 16
	movq	$PDPT + 4 * PAGE + PRESENT, PDPT + 24
	mov	%cr3, %rsi
	pushq	$SELECTOR_CODE32
	pushq	$compatibility
	lretq

	.code32
compatibility:
	mov	$SELECTOR_DATA32, %eax
	mov	%eax, %ss
	mov	%ebx, %eax			/* paging off: LMA goes with it */
	btr	$PG_BIT, %eax
	mov	%eax, %cr0
	mov	$EFER, %ecx
	rdmsr
	bt	$LMA_BIT, %eax
	jc	stuck
	mov	%eax, %ebp
	btr	$LME_BIT, %eax
	wrmsr
	mov	$PDPT, %eax
	mov	%eax, %cr3
	mov	%ebx, %cr0			/* PAE paging: the four entries are read */
	mov	%cr0, %eax
	cmp	%eax, %ebx
	jne	stuck
	incl	in_pae
	btr	$PG_BIT, %eax			/* and back */
	mov	%eax, %cr0
	mov	%ebp, %eax
	wrmsr
	mov	%esi, %cr3
	mov	%ebx, %cr0
	rdmsr
	bt	$LMA_BIT, %eax
	jnc	stuck
	ljmp	$SELECTOR_CODE, $long_again
stuck:	hlt

	.code64
long_again:
	cmpl	$1, in_pae
	jne	stuck64
	say	"64-bit mode, PAE paging, and back\n"
	exit	0
stuck64:
	exit	100

	.data
	.balign	8
in_pae:	.long	0
	.balign	8
own_gdt:
	.quad	0, DESCRIPTOR_CODE64, DESCRIPTOR_DATA, DESCRIPTOR_CODE32
own_gdt_pointer:
	.word	own_gdt_pointer - own_gdt - 1
	.quad	own_gdt
	TRY_HANDLER
