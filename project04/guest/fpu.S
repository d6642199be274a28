/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fills the registers of x87 and SSE, and of AVX where CPUID shows it, leaves again and again, and
 * looks whether they came back. In the host nearly every process uses them, vtxctl as well while it
 * answers hypercalls. Ends with 0; 1: x87 or SSE registers were lost, 2: AVX registers.
 */
#include "guest.h"

#define EXITS 200
#define OSXSAVE_AVX 0x18000000			/* CPUID 1 ECX: OSXSAVE and AVX */
#define XCR0_AVX 6				/* XCR0: SSE and AVX state */
#define FXSAVE_USED 416				/* bytes of the area that FXSAVE64 writes */
#define HALF 16					/* bytes of the upper half of a YMM register */

	.section .text.start, "ax"
	.globl	start
start:
	call	find_avx
	call	fill
	fxsave64 before
	mov	$EXITS, %ebx
1:	hypercall VTX_CALL_VCPUS
	dec	%ebx
	jnz	1b
	fxsave64 after
	mov	$before, %esi
	mov	$after, %edi
	mov	$FXSAVE_USED, %ecx
	repe	cmpsb
	jne	lost_sse
	cmpb	$0, avx
	je	2f
	call	check_avx
	jne	lost_avx
	say	"x87, SSE and AVX registers were kept\n"
	exit	0
2:	say	"x87 and SSE registers were kept; there is no AVX\n"
	exit	0
lost_sse:
	say	"x87 or SSE registers were lost\n"
	exit	1
lost_avx:
	say	"AVX registers were lost\n"
	exit	2

/* avx = 1 if the processor has AVX and XCR0 allows it. XGETBV does not exit. */
find_avx:
	mov	$1, %eax
	cpuid
	and	$OSXSAVE_AVX, %ecx
	cmp	$OSXSAVE_AVX, %ecx
	jne	1f
	xor	%ecx, %ecx
	xgetbv
	and	$XCR0_AVX, %eax
	cmp	$XCR0_AVX, %eax
	jne	1f
	movb	$1, avx
1:	ret

/* ST0 … ST7 and XMM0 … XMM15; with AVX also the upper halves of YMM0 … YMM15. */
fill:
	fninit
	fldpi
	fldl2e
	fldl2t
	fldlg2
	fldln2
	fld1
	fldz
	fildl	number
.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	mov	$(0x0101010101010101 * (\n + 1)), %rax
	movq	%rax, %xmm\n
	punpcklqdq %xmm\n, %xmm\n		/* the same in both halves */
.endr
	cmpb	$0, avx
	je	1f
.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vinsertf128 $1, halves + HALF * \n, %ymm\n, %ymm\n
.endr
1:	ret

/* ZF is 1 if the upper halves are what fill() has put there. */
check_avx:
.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vextractf128 $1, %ymm\n, seen + HALF * \n
.endr
	mov	$halves, %esi
	mov	$seen, %edi
	mov	$(HALF * 16), %ecx
	repe	cmpsb
	ret

	.data
	.balign	16
halves:
.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	.quad	0xf0f0f0f0f0f0f0f0 + \n, 0x0f0f0f0f0f0f0f0f + \n
.endr
number:	.long	20261122

	.bss
	.balign	16
before:	.skip	512
after:	.skip	512
seen:	.skip	HALF * 16
avx:	.skip	1
