/* SPDX-License-Identifier: GPL-2.0 */
/*
 * 32 bits without paging (vtxctl run --mode protected protected): every address is guest-physical,
 * and EPT still keeps the guest inside its memory.
 */
#include "guest.h"
#include "guest_modes.h"

#define CR0_PE 1
#define CR0_PG 0x80000000
#define FAR_AWAY 0x300000

	.section .text.start, "ax"
	.code32
	.globl	start
start:
	mov	$hello, %edi
	mov	$hello_length, %esi
	hypercall VTX_CALL_WRITE

	mov	%cr0, %eax
	test	$CR0_PE, %eax
	jz	wrong
	test	$CR0_PG, %eax
	jnz	wrong

	movl	$0x11223344, FAR_AWAY		/* a page that nobody has touched: it comes now */
	cmpl	$0x11223344, FAR_AWAY
	jne	wrong
	cmpl	$0, FAR_AWAY + 4		/* and it is zeroed */
	jne	wrong

	cmpl	$VTX_BOARD_NAME, VTX_BOARD + VTX_BOARD_ID
	jne	wrong
	movb	$'!', VTX_BOARD + VTX_BOARD_CONSOLE
	movb	$'\n', VTX_BOARD + VTX_BOARD_CONSOLE
	xor	%edi, %edi
	hypercall VTX_CALL_EXIT
wrong:
	mov	$1, %edi
	hypercall VTX_CALL_EXIT

	.section .rodata
hello:	.ascii	"Hello from protected mode without paging"
	.set	hello_length, . - hello
