/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Keeps values in the debug registers across exits. The first MOV DR exits; from then on the driver
 * switches DR0 to DR3 and DR6, and the processor DR7. DR0 is an armed breakpoint, on code that
 * never runs: the host must not trip over it. Ends with 0, or with what was lost: 1 DR0 … 4 DR3,
 * 5 DR6, 6 DR7.
 */
#include "guest.h"

#define EXITS 50
#define DR7_RESERVED_1 0x400
#define DR7_L0 1				/* breakpoint 0 is on, for instructions */

	.section .text.start, "ax"
	.globl	start
start:
	mov	$never, %eax
	mov	%rax, %db0
	mov	$0x1111, %eax
	mov	%rax, %db1
	mov	$0x2222, %eax
	mov	%rax, %db2
	mov	$0x3333, %eax
	mov	%rax, %db3
	mov	%db6, %r12			/* as it is; most of its bits are fixed */
	mov	$(DR7_RESERVED_1 | DR7_L0), %r13d
	mov	%r13, %db7

	mov	$EXITS, %ebx
again:
	hypercall VTX_CALL_VCPUS
	mov	$1, %edi			/* what has been lost, should it be so */
	mov	%db0, %rax
	cmp	$never, %rax
	jne	lost
.irp n, 1, 2, 3
	inc	%edi
	mov	%db\n, %rax
	cmp	$(0x1111 * \n), %rax
	jne	lost
.endr
	inc	%edi
	mov	%db6, %rax
	cmp	%r12, %rax
	jne	lost
	inc	%edi
	mov	%db7, %rax
	cmp	%r13, %rax
	jne	lost
	dec	%ebx
	jnz	again
	xor	%eax, %eax
	mov	%rax, %db7
	say	"the debug registers were kept\n"
	exit	0
lost:
	hypercall VTX_CALL_EXIT
never:
	nop
