/* SPDX-License-Identifier: GPL-2.0 */
/*
 * 16 bits: how every x86 processor wakes up (vtxctl run --mode real real). "Unrestricted guest"
 * lets the processor run this by itself. The image lies at VTX_GUEST_LOAD_REAL, although guest.ld
 * says otherwise, so addresses are counted from start.
 */
#include "guest.h"
#include "guest_modes.h"

#define AT(symbol) (symbol - start + VTX_GUEST_LOAD_REAL)
#define CR0_PE 1
#define SEGMENT 0x2000

	.section .text.start, "ax"
	.code16
	.globl	start
start:
	mov	$AT(hello), %edi
	mov	$hello_length, %esi
	hypercall VTX_CALL_WRITE

	smsw	%ax				/* CR0: protection must be off */
	test	$CR0_PE, %al
	jnz	wrong

	/* A segment begins at 16 times its selector: 2000:0010 is 20010. */
	mov	$SEGMENT, %ax
	mov	%ax, %es
	movw	$0x1234, %es:0x10
	mov	$SEGMENT + 1, %ax
	mov	%ax, %fs
	cmpw	$0x1234, %fs:0x0		/* 2001:0000 is the same byte */
	jne	wrong

	/* An interrupt finds its handler in the vector table at address 0. */
	movw	$AT(handler), 0x80 * 4
	movw	$0, 0x80 * 4 + 2
	xor	%bx, %bx
	int	$0x80
	cmp	$0x77, %bx
	jne	wrong

	mov	$AT(done), %edi
	mov	$done_length, %esi
	hypercall VTX_CALL_WRITE
	xor	%edi, %edi
	hypercall VTX_CALL_EXIT
wrong:
	mov	$1, %edi
	hypercall VTX_CALL_EXIT

handler:
	mov	$0x77, %bx
	iret

hello:	.ascii	"Hello from real mode, 16 bits!\n"
	.set	hello_length, . - hello
done:	.ascii	"segments and the vector table work\n"
	.set	done_length, . - done
