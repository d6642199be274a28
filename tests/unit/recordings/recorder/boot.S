/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Boot sector of the recorder: loads the sectors after it to 0x8000, enters 32-bit protected mode
 * and calls record(). Behind it, in the same image: the stubs that survive a faulting RDMSR.
 */
	.code16
	.section .boot, "ax"
	.globl _start
_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$0x7c00, %sp
	movw	$packet, %si
	movb	$0x42, %ah			/* LBA read; the BIOS left the drive in DL */
	int	$0x13
	jc	halt
	inb	$0x92, %al			/* fast A20 gate */
	orb	$2, %al
	andb	$0xfe, %al
	outb	%al, $0x92
	lgdtl	gdt_pointer
	movl	%cr0, %eax
	orl	$1, %eax
	movl	%eax, %cr0
	ljmpl	$0x08, $protected
halt:	hlt
	jmp	halt

packet:	.byte	16, 0
	.word	RECORDER_SECTORS
	.word	0x8000, 0			/* offset, segment */
	.quad	1				/* first sector */

	.balign	8
gdt:	.quad	0
	.quad	0x00cf9a000000ffff		/* 0x08: flat 32-bit code */
	.quad	0x00cf92000000ffff		/* 0x10: flat data */
gdt_pointer:
	.word	. - gdt - 1
	.long	gdt

	.code32
protected:
	movw	$0x10, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movl	$0x7c00, %esp
	call	record
1:	hlt
	jmp	1b

	.org	510
	.word	0xaa55

/* int read_msr(u32 index, u32 value[2]): 0, or 1 if RDMSR raised #GP */
	.text
	.globl	read_msr
read_msr:
	pushl	%ebx
	movl	8(%esp), %ecx
	movl	12(%esp), %ebx
	movl	%esp, fault_stack
	rdmsr
	movl	%eax, (%ebx)
	movl	%edx, 4(%ebx)
	xorl	%eax, %eax
	popl	%ebx
	ret

/* #GP: back into the caller of read_msr(), with the stack of its RDMSR */
	.globl	general_protection
general_protection:
	movl	fault_stack, %esp
	movl	$1, %eax
	popl	%ebx
	ret

	.bss
fault_stack:
	.long	0
