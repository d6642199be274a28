/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Looks at the control registers. Reading CR0 and CR4 does not exit: the processor gives the read
 * shadow, where CR4.VMXE is 0. Writing exits only if a bit is to differ from the shadow, for the
 * guest/host masks are all ones. With --arg 1 it also tries to clear CR0.WP, with --arg 2 to load
 * another CR3: either would let it write its page tables, so this must be the end. Ends with 0;
 * 1: a register has changed that should not, 2: VMXE shows, 3 and 4: it got through.
 */
#include "guest.h"

#define CR0_WP 16
#define CR4_VMXE 13

	.section .text.start, "ax"
	.globl	start
start:
	mov	%rsi, %r15
	say	"CR0 "
	mov	%cr0, %rbx
	mov	%rbx, %rdi
	call	print_hex
	say	" CR4 "
	mov	%cr4, %r12
	mov	%r12, %rdi
	call	print_hex
	say	"\n"
	bt	$CR4_VMXE, %r12
	jc	shows

	mov	%rbx, %cr0			/* none of these changes anything */
	mov	%r12, %cr4
	clts
	smsw	%rax
	lmsw	%ax
	mov	%cr0, %rax
	cmp	%rax, %rbx
	jne	changed
	mov	%cr4, %rax
	cmp	%rax, %r12
	jne	changed

	cmp	$1, %r15
	je	clear_wp
	cmp	$2, %r15
	je	load_cr3
	exit	0
changed:
	exit	1
shows:
	exit	2

clear_wp:
	btr	$CR0_WP, %rbx
	mov	%rbx, %cr0			/* must not come back */
	exit	3
load_cr3:
	mov	$VTX_GUEST_LOAD, %eax
	mov	%rax, %cr3			/* must not come back */
	exit	4
