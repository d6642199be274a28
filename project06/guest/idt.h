/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file idt.h
 * @brief What a guest needs to receive events: descriptor tables, 256 entries, and a frame.
 *
 * @code
 *	start:	LOAD_TABLES
 *		...
 *	handle:	...                     called for each event; RDI: its frame; may change all
 *		ret                     registers but RSP; then the guest goes on at FRAME_RIP
 *		EVENT_TABLES
 * @endcode
 */
#ifndef IDT_H
#define IDT_H

#include "guest.h"
#include "pc_devices.h"

#define SELECTOR_CODE 0x08 /**< of the second entry */
#define SELECTOR_DATA 0x10 /**< of the third */
/** Descriptors: SDM vol. 3, "Segment Descriptors"; 64-bit code and data, present, for level 0. */
#define DESCRIPTOR_CODE64 0x00af9b000000ffff
#define DESCRIPTOR_DATA 0x00cf93000000ffff
/** A gate: SDM vol. 3, "64-Bit Mode IDT"; interrupt gate, present, for level 0. */
#define GATE_INTERRUPT 0x8e00
#define GATE_SIZE 16 /**< bytes */
#define VECTORS 256 /**< all that there are */
/** Room for one of the pieces of code that the gates lead to. */
#define ENTRY_SIZE 16

/** What handle finds at RDI. */
#define FRAME_RAX 0
#define FRAME_VECTOR 120 /**< which one */
#define FRAME_CODE 128 /**< the error code; 0 for an event without one */
#define FRAME_RIP 136
#define FRAME_CS 144
#define FRAME_RFLAGS 152
#define FRAME_RSP 160

/** Control word: counter 0, both bytes of the count, mode 2. */
#define PIT_RATE_GENERATOR \
	(PIT_ACCESS_BOTH << PIT_ACCESS_SHIFT | PIT_MODE_RATE << PIT_MODE_SHIFT)

#define RFLAGS_TF 0x100 /**< single step */
#define RFLAGS_IF 0x200 /**< interrupts are let in */

/** Vectors of the guest's choice for the first interrupt controller and the second. */
#define VECTOR_PIC_MASTER 0x20
#define VECTOR_PIC_SLAVE 0x28

#ifdef __ASSEMBLER__
/* The formatter takes assembler for C. */
/* clang-format off */

/** Fill in the IDT, and load GDT and IDT. Changes RAX, RCX and RDI. */
.macro LOAD_TABLES
	lgdt	gdt_pointer
	mov	$entries, %eax
	mov	$idt, %edi
	mov	$VECTORS, %ecx
8:	mov	%ax, (%rdi)			/* bits 15:0 of the address */
	movw	$SELECTOR_CODE, 2(%rdi)
	movw	$GATE_INTERRUPT, 4(%rdi)
	shr	$16, %eax
	mov	%eax, 6(%rdi)			/* bits 31:16; what is above is 0 */
	shl	$16, %eax
	mov	(%rdi), %ax
	add	$ENTRY_SIZE, %eax
	add	$GATE_SIZE, %rdi
	loop	8b
	lidt	idt_pointer
.endm

/** Both interrupt controllers, with all inputs masked but those in the two masks. Changes AL. */
.macro INIT_PICS master, slave
	OUT_BYTE PC_PORT_PIC_MASTER, PIC_ICW1 | PIC_ICW1_ICW4
	OUT_BYTE PC_PORT_PIC_MASTER + 1, VECTOR_PIC_MASTER
	OUT_BYTE PC_PORT_PIC_MASTER + 1, 1 << PC_IRQ_SLAVE
	OUT_BYTE PC_PORT_PIC_MASTER + 1, PIC_ICW4_8086
	OUT_BYTE PC_PORT_PIC_SLAVE, PIC_ICW1 | PIC_ICW1_ICW4
	OUT_BYTE PC_PORT_PIC_SLAVE + 1, VECTOR_PIC_SLAVE
	OUT_BYTE PC_PORT_PIC_SLAVE + 1, PC_IRQ_SLAVE
	OUT_BYTE PC_PORT_PIC_SLAVE + 1, PIC_ICW4_8086
	OUT_BYTE PC_PORT_PIC_MASTER + 1, ~(\master) & 0xff
	OUT_BYTE PC_PORT_PIC_SLAVE + 1, ~(\slave) & 0xff
.endm

/** So many interrupts of the interval timer in a second. Changes AL. */
.macro INIT_PIT hertz
	OUT_BYTE PC_PORT_PIT + PIT_CONTROL, PIT_RATE_GENERATOR
	OUT_BYTE PC_PORT_PIT, (PC_PIT_HERTZ / \hertz) & 0xff
	OUT_BYTE PC_PORT_PIT, (PC_PIT_HERTZ / \hertz) >> 8
.endm

/** The interrupt of the first controller is served. Changes AL. */
.macro END_OF_INTERRUPT
	OUT_BYTE PC_PORT_PIC_MASTER, PIC_OCW2_EOI
.endm

/** A byte to a port below 100H. Changes AL. */
.macro OUT_BYTE port, value
	mov	$\value, %al
	out	%al, $\port
.endm

/** Entries, tables and the way to handle and back. At the end of a guest. */
.macro EVENT_TABLES
	.text
	.balign	ENTRY_SIZE
entries:
	.set	vector, 0
.rept VECTORS
	.balign	ENTRY_SIZE
	/* The processor pushes an error code for #DF, #TS to #PF, #AC and #CP; others get a 0. */
.if vector != 8 && (vector < 10 || vector > 14) && vector != 17 && vector != 21
	push	$0
.endif
	push	$vector
	jmp	enter
	.set	vector, vector + 1
.endr

enter:
.irp register, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax
	push	%\register
.endr
	mov	%rsp, %rdi
	cld
	call	handle
.irp register, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
	pop	%\register
.endr
	add	$16, %rsp			/* vector and error code */
	iretq

	.data
	.balign	8
gdt:	.quad	0, DESCRIPTOR_CODE64, DESCRIPTOR_DATA
gdt_pointer:
	.word	gdt_pointer - gdt - 1
	.quad	gdt
	.balign	8
idt_pointer:
	.word	VECTORS * GATE_SIZE - 1
	.quad	idt

	.bss
	.balign	GATE_SIZE
idt:	.skip	VECTORS * GATE_SIZE
	.text
.endm

#endif
#endif
