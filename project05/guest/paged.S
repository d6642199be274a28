/* SPDX-License-Identifier: GPL-2.0 */
/*
 * 32 bits with PAE paging (vtxctl run --mode paged paged). The driver's tables map the first 4 GiB
 * one to one, and lie in the guest's own memory: the guest changes one, and sees its page twice. It
 * could not do any harm with that: its entries name guest-physical addresses.
 */
#include "guest.h"
#include "guest_modes.h"

#define TWO_MIB 0x200000
#define ELSEWHERE 0x40000000			/* 1 GiB: the second directory's first page */
#define DIRECTORY_MASK 0xfffff000
#define LEAF 0xe3				/* present, writable, accessed, dirty, 2 MiB */

	.section .text.start, "ax"
	.code32
	.globl	start
start:
	mov	$hello, %edi
	mov	$hello_length, %esi
	hypercall VTX_CALL_WRITE

	mov	%cr3, %eax			/* four entries, 8 bytes each */
	mov	8(%eax), %ebx
	and	$DIRECTORY_MASK, %ebx
	movl	$TWO_MIB + LEAF, (%ebx)		/* linear 1 GiB is physical 2 MiB now */
	movl	$0, 4(%ebx)
	invlpg	ELSEWHERE

	movl	$0x55aa55aa, ELSEWHERE + 0x123000
	cmpl	$0x55aa55aa, TWO_MIB + 0x123000
	jne	wrong
	mov	$done, %edi
	mov	$done_length, %esi
	hypercall VTX_CALL_WRITE
	xor	%edi, %edi
	hypercall VTX_CALL_EXIT
wrong:
	mov	$1, %edi
	hypercall VTX_CALL_EXIT

	.section .rodata
hello:	.ascii	"Hello from protected mode with PAE paging!\n"
	.set	hello_length, . - hello
done:	.ascii	"one page, seen at 1 GiB and at 2 MiB\n"
	.set	done_length, . - done
