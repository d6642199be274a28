/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file guest.h
 * @brief What guests and vtxctl run agree on. Read by the assembler and by the C compiler.
 *
 * A guest starts at its first byte, in 64-bit mode, with interrupts off, at supervisor level:
 *
 *	RDI	number of the vCPU
 *	RSI	the number of vtxctl run --arg
 *	RDX	how many bytes of memory it can write, from address 0 on; the page tables lie above
 *	RSP	a stack of its own
 *
 * It may use all memory from one page on. Page 0 is not there: a null pointer is a page fault.
 */
#ifndef GUEST_H
#define GUEST_H

/** Where the image is loaded, and where every vCPU starts. */
#define VTX_GUEST_LOAD 0x10000
/** Where a guest leaves a number for whoever looks at its memory; the first of VTX_GUEST_SLOTS. */
#define VTX_GUEST_RESULT 0x8000
/** How many such numbers there are, 8 bytes each: one for each vCPU. */
#define VTX_GUEST_SLOTS 64

/*
 * Hypercalls: VMCALL with a number in RAX, arguments in RDI and RSI. RAX is the answer, -1 if there
 * is no such hypercall; every other register stays as it is.
 */
/** exit(RDI: status, 0 to 255): the end of all vCPUs. Does not return. */
#define VTX_CALL_EXIT 0
/** putchar(DIL: byte). */
#define VTX_CALL_PUTCHAR 1
/** write(RDI: address, RSI: bytes) -> bytes written. */
#define VTX_CALL_WRITE 2
/** argument(RDI: index) -> value; 0 is --arg. */
#define VTX_CALL_ARGUMENT 3
/** vcpus() -> how many there are. */
#define VTX_CALL_VCPUS 4

#ifdef __ASSEMBLER__
/* The formatter takes assembler for C. */
/* clang-format off */

/** A hypercall; its arguments are in place. Changes RAX only. */
.macro hypercall number
	mov	$\number, %eax
	vmcall
.endm

/** End with a status. */
.macro exit status
	mov	$\status, %edi
	hypercall VTX_CALL_EXIT
.endm

/** Print a text. Changes what print changes (lib.S). */
.macro say text
	.pushsection .rodata
9:	.asciz	"\text"
	.popsection
	lea	9b(%rip), %rdi
	call	print
.endm

#endif
#endif
