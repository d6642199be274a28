/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The instructions that check_emul.c does twice, natively and emulated: length and bytes of each,
 * 0 at the end. RBX is the middle of the memory, RSI and RDI are in it as well.
 */
.macro T insn:vararg
	.byte	2f - 1f
1:	\insn
2:
.endm

	.section .rodata
	.globl	emul_native
emul_native:
	/* MOV in all its forms */
	T mov	(%rbx), %al
	T mov	8(%rbx), %ah
	T mov	-8(%rbx), %r9b
	T mov	2(%rbx), %cx
	T mov	4(%rbx), %edx
	T mov	3(%rbx), %r15
	T mov	%al, (%rbx)
	T mov	%bh, 1(%rbx)
	T mov	%sil, 1(%rbx)
	T mov	%r14b, 1(%rbx)
	T mov	%cx, (%rbx)
	T mov	%r11d, (%rbx)
	T mov	%r10, -16(%rbx)
	T movb	$0x81, (%rbx)
	T movw	$0x8182, (%rbx)
	T movl	$0x81828384, (%rbx)
	T movq	$-2, (%rbx)
	T movq	$0x7fffffff, (%rbx)
	T mov	(%rbx,%rcx,1), %eax
	T mov	%eax, 8(%rbx,%rcx,8)
	T mov	(%rsi), %rax
	T mov	%rax, (%rdi,%rcx,2)
	T addr32 mov (%ebx), %eax
	T mov	%ds, (%rbx)
	T mov	%ss, 2(%rbx)
	T movnti %rax, (%rbx)
	T movnti %eax, (%rbx)
	T movbe	(%rbx), %eax
	T movbe	%rdx, (%rbx)
	T movbe	%dx, (%rbx)
	T movzbl (%rbx), %eax
	T movzbw (%rbx), %ax
	T movzbq (%rbx), %r8
	T movzwl (%rbx), %eax
	T movzwq (%rbx), %rax
	T movsbl (%rbx), %eax
	T movsbw (%rbx), %ax
	T movsbq (%rbx), %r8
	T movswl (%rbx), %eax
	T movswq (%rbx), %rax
	T movslq (%rbx), %rax
	/* arithmetic and logic */
.irp op, add, or, adc, sbb, and, sub, xor, cmp
	T \op	%al, (%rbx)
	T \op	%cx, (%rbx)
	T \op	%edx, (%rbx)
	T \op	%r8, (%rbx)
	T \op	(%rbx), %ah
	T \op	(%rbx), %cx
	T \op	(%rbx), %edx
	T \op	(%rbx), %r8
	T \op\()b	$0x7f, (%rbx)
	T \op\()w	$-3, (%rbx)
	T \op\()w	$0x1234, (%rbx)
	T \op\()l	$-3, (%rbx)
	T \op\()l	$0x12345678, (%rbx)
	T \op\()q	$-3, (%rbx)
	T \op\()q	$-0x12345678, (%rbx)
.endr
.irp op, add, or, adc, sbb, and, sub, xor
	T lock \op	%edx, (%rbx)
.endr
	T test	%al, (%rbx)
	T test	%cx, (%rbx)
	T test	%edx, (%rbx)
	T test	%r8, (%rbx)
	T testb	$0x80, (%rbx)
	T testw	$0x8000, (%rbx)
	T testl	$0x80000000, (%rbx)
	T testq	$-0x80000000, (%rbx)
.irp op, inc, dec, neg, not
	T \op\()b	(%rbx)
	T \op\()w	(%rbx)
	T \op\()l	(%rbx)
	T \op\()q	(%rbx)
.endr
	T xchg	%al, (%rbx)
	T xchg	%ch, (%rbx)
	T xchg	%cx, (%rbx)
	T xchg	%edx, (%rbx)
	T xchg	%r8, (%rbx)
	T xadd	%al, (%rbx)
	T xadd	%cx, (%rbx)
	T lock xadd	%edx, (%rbx)
	T xadd	%r8, (%rbx)
	T cmpxchg %cl, (%rbx)
	T cmpxchg %cx, (%rbx)
	T lock cmpxchg %edx, (%rbx)
	T cmpxchg %r8, (%rbx)
	/* equal, so that the exchange happens */
	T cmpxchg %r8, (%rdi)
.irp op, bt, bts, btr, btc
	T \op\()w	$5, (%rbx)
	T \op\()l	$37, (%rbx)
	T \op\()q	$61, (%rbx)
	T \op	%cx, (%rbx)
	T \op	%ecx, (%rbx)
	T \op	%rcx, (%rbx)
	T \op	%r12w, (%rbx)
	T \op	%r12d, (%rbx)
	T \op	%r12, (%rbx)
.endr
.irp cc, o, no, b, ae, e, ne, be, a, s, ns, p, np, l, ge, le, g
	T set\cc	(%rbx)
	T cmov\cc	(%rbx), %ax
	T cmov\cc	(%rbx), %r9d
	T cmov\cc	(%rbx), %rdx
.endr
	T push	(%rbx)
	T pushw	(%rbx)
	T pop	(%rbx)
	T popw	(%rbx)
	T push	%r13
	T push	$-5
	T pop	%r13
	T pop	8(%rsp)
	/* strings, forwards and backwards: RFLAGS.DF is drawn */
	T movsb
	T movsw
	T movsl
	T movsq
	T rep movsb
	T rep movsw
	T rep movsl
	T rep movsq
	T addr32 rep movsb
	T addr32 movsl
	T stosb
	T rep stosb
	T rep stosw
	T rep stosl
	T rep stosq
	T lodsb
	T lodsw
	T lodsl
	T lodsq
	T rep lodsb
	T cmpsb
	T cmpsl
	T repe cmpsb
	T repne cmpsb
	T repe cmpsw
	T repne cmpsq
	T scasb
	T scasq
	T repe scasb
	T repne scasb
	T repne scasw
	T repe scasl
	T addr32 repne scasb
	.byte	0

	.text
/* emul_run(registers, code): load RAX … R15 and RFLAGS, call the code, store all of them. */
	.globl	emul_run
emul_run:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rdi, saved(%rip)
	mov	%rsi, code(%rip)
	mov	%rsp, stack(%rip)
	pushq	136(%rdi)			/* vtx_regs.rflags */
	popfq
	mov	32(%rdi), %rsp
	mov	(%rdi), %rax
	mov	8(%rdi), %rcx
	mov	16(%rdi), %rdx
	mov	24(%rdi), %rbx
	mov	40(%rdi), %rbp
	mov	48(%rdi), %rsi
	mov	64(%rdi), %r8
	mov	72(%rdi), %r9
	mov	80(%rdi), %r10
	mov	88(%rdi), %r11
	mov	96(%rdi), %r12
	mov	104(%rdi), %r13
	mov	112(%rdi), %r14
	mov	120(%rdi), %r15
	mov	56(%rdi), %rdi
	jmp	*code(%rip)
/* The code ends in a jump to here. Moves and LEA leave the flags alone. */
	.globl	emul_back
emul_back:
	mov	%rdi, kept(%rip)
	mov	saved(%rip), %rdi
	mov	%rsp, 32(%rdi)
	mov	stack(%rip), %rsp
	mov	%rax, (%rdi)
	pushfq
	cld
	pop	%rax
	mov	%rax, 136(%rdi)
	mov	kept(%rip), %rax
	mov	%rax, 56(%rdi)
	mov	%rcx, 8(%rdi)
	mov	%rdx, 16(%rdi)
	mov	%rbx, 24(%rdi)
	mov	%rbp, 40(%rdi)
	mov	%rsi, 48(%rdi)
	mov	%r8, 64(%rdi)
	mov	%r9, 72(%rdi)
	mov	%r10, 80(%rdi)
	mov	%r11, 88(%rdi)
	mov	%r12, 96(%rdi)
	mov	%r13, 104(%rdi)
	mov	%r14, 112(%rdi)
	mov	%r15, 120(%rdi)
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

	.bss
	.balign	8
saved:	.skip	8
code:	.skip	8
stack:	.skip	8
kept:	.skip	8
	.section .note.GNU-stack, "", @progbits
