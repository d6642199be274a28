/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What several guests need: texts and numbers on the console. Everything goes through hypercalls,
 * for a guest of this project has no device at all.
 */
#include "guest.h"

	.globl	guest_load
	.set	guest_load, VTX_GUEST_LOAD

	.text
/* print: the text at RDI, which ends with a zero byte. Changes RAX, RSI and RDI. */
	.globl	print
print:
	mov	$-1, %rsi
1:	inc	%rsi
	cmpb	$0, (%rdi,%rsi)
	jne	1b
	hypercall VTX_CALL_WRITE
	ret

/* print_hex: RDI as 0x and 16 digits. Changes RAX, RSI, RDI, RCX and RDX. */
	.globl	print_hex
print_hex:
	sub	$24, %rsp			/* room for 18 characters */
	movw	$0x7830, (%rsp)			/* "0x", the lower byte first */
	mov	$16, %ecx
1:	mov	%edi, %edx
	and	$15, %edx			/* the last digit */
	mov	digits(%rdx), %dl
	mov	%dl, 1(%rsp,%rcx)		/* the digits are made from right to left */
	shr	$4, %rdi
	loop	1b
	mov	%rsp, %rdi
	mov	$18, %esi
	hypercall VTX_CALL_WRITE
	add	$24, %rsp
	ret

/* print_decimal: RDI without leading zeros. Changes RAX, RSI, RDI, RCX and RDX. */
	.globl	print_decimal
print_decimal:
	sub	$24, %rsp			/* 2^64 has 20 digits */
	lea	24(%rsp), %rsi
	mov	%rdi, %rax
	mov	$10, %ecx
1:	xor	%edx, %edx
	div	%rcx				/* RAX: what is left, RDX: the last digit */
	add	$'0', %dl
	dec	%rsi
	mov	%dl, (%rsi)
	test	%rax, %rax
	jnz	1b
	mov	%rsi, %rdi
	lea	24(%rsp), %rsi
	sub	%rdi, %rsi
	hypercall VTX_CALL_WRITE
	add	$24, %rsp
	ret

	.section .rodata
digits:	.ascii	"0123456789abcdef"
