/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One program on several vCPUs (vtxctl run smp --vcpus N). Each adds (id + 1)^2 to a sum in shared
 * memory, waits until all have done so, and notes that it has seen the whole sum. The last one to
 * do that checks it against the formula n (n + 1) (2n + 1) / 6 and ends the guest; the others halt.
 */
#include "guest.h"

	.section .text.start, "ax"
	.globl	start
start:
	mov	%rdi, %rbx			/* our number */
	hypercall VTX_CALL_VCPUS
	mov	%rax, %r12			/* how many we are */

	lea	1(%rbx), %rax
	imul	%rax, %rax
	mov	%rax, VTX_GUEST_RESULT(,%rbx,8)	/* our share, in a place of our own */
	lock add %rax, sum			/* without LOCK shares get lost */

	lock incq arrived			/* the barrier: come, and wait for all */
1:	pause
	cmp	%r12, arrived
	jb	1b

	mov	sum, %r13			/* it does not change any more */
	mov	%ebx, %eax
	call	say_line			/* one hypercall, so that lines stay whole */
	mov	$1, %eax
	lock xadd %rax, finished
	inc	%rax
	cmp	%r12, %rax
	je	last
2:	hlt					/* nothing can wake us: this vCPU is done */
	jmp	2b

last:
	lea	1(%r12), %rax			/* n (n + 1) (2n + 1) / 6 */
	imul	%r12, %rax
	lea	1(%r12,%r12), %rcx
	imul	%rcx, %rax
	xor	%edx, %edx
	mov	$6, %ecx
	div	%rcx
	cmp	%rax, %r13
	jne	wrong
	say	"all vCPUs have met; the sum is "
	mov	%r13, %rdi
	call	print_decimal
	say	"\n"
	exit	0
wrong:
	say	"the sum is wrong\n"
	exit	1

/* "vCPU 07\n" for number EAX, built on the stack, for the memory is shared. */
say_line:
	xor	%edx, %edx
	mov	$10, %ecx
	div	%ecx
	add	$'0', %al
	add	$'0', %dl
	sub	$24, %rsp
	movabs	$0x2055504376, %rcx		/* "vCPU " from the lowest byte on */
	mov	%rcx, (%rsp)
	mov	%al, 5(%rsp)
	mov	%dl, 6(%rsp)
	movb	$'\n', 7(%rsp)
	mov	%rsp, %rdi
	mov	$8, %esi
	hypercall VTX_CALL_WRITE
	add	$24, %rsp
	ret

	.bss
	.balign	64
sum:	.quad	0
arrived: .quad	0
finished: .quad	0
