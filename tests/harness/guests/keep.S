/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Keeps values in every register of the processor, leaves through exits of several kinds, and
 * compares. Ends with 0, or with what was lost (harness/guests.py has the names).
 *
 *	RSI	bits 7:0: WHAT_*, what to keep; from bit 8 on: rounds
 *	VALUES	sixteen numbers, drawn for the run
 *	QUIET	never leave: nothing but interrupts takes it out. What was lost is at RESULT, and
 *		the rounds are counted at COUNTER, for ever
 */
#include "guest.h"

#define WHAT_GPR 1
#define WHAT_CR2 2
#define WHAT_DR 4
#define WHAT_FPU 8
#define WHAT_FLAGS 16
#define WHAT_GS 32
#define WHAT_AVX 64

#define LOST_CR2 32
#define LOST_DR 33
#define LOST_X87 34
#define LOST_SSE 35
#define LOST_AVX 36
#define LOST_FLAGS 37
#define LOST_GS 38

#define RESULT 0x8000
#define COUNTER 0x8100
#define SPINS 20000
/* CF, PF, AF, ZF, SF, DF and OF, beside the bit that is always 1; no TF, IOPL. IF where nothing but
 * the host's interrupts takes it out: under SVM, Bochs 2.7 lets none of them through without. */
#ifdef QUIET
#define FLAGS 0xed7
#else
#define FLAGS 0xcd7
#endif
#define OSXSAVE_AVX 0x18000000
#define XCR0_AVX 6

.macro LOAD_ALL
	mov values + 8 * 0, %rax
	mov values + 8 * 1, %rcx
	mov values + 8 * 2, %rdx
	mov values + 8 * 3, %rbx
	mov values + 8 * 4, %rsp
	mov values + 8 * 5, %rbp
	mov values + 8 * 6, %rsi
	mov values + 8 * 7, %rdi
	mov values + 8 * 8, %r8
	mov values + 8 * 9, %r9
	mov values + 8 * 10, %r10
	mov values + 8 * 11, %r11
	mov values + 8 * 12, %r12
	mov values + 8 * 13, %r13
	mov values + 8 * 14, %r14
	mov values + 8 * 15, %r15
.endm

.macro KEPT register, number
	cmp values + 8 * \number, \register
	jne lost_\number
.endm

.macro KEPT_UPPER
	KEPT %rsp, 4
	KEPT %rbp, 5
	KEPT %rsi, 6
	KEPT %rdi, 7
	KEPT %r8, 8
	KEPT %r9, 9
	KEPT %r11, 11
	KEPT %r12, 12
	KEPT %r13, 13
	KEPT %r14, 14
	KEPT %r15, 15
.endm

.macro SPIN
	movq $SPINS, counter
1:	pause
	decq counter
	jnz 1b
.endm

/* An exit that is answered with -1 and changes nothing else. */
.macro LEAVE
#ifdef QUIET
	mov $-1, %rax
#else
	mov $CALL_UNKNOWN, %eax
	vmcall
#endif
.endm

.macro LOST code
	mov $\code, %edi
	jmp fail
.endm

start:
#ifdef QUIET
	sti
#endif
	mov %esi, what
	shr $8, %rsi
	mov %rsi, rounds
	call prepare
again:
	testb $WHAT_GPR, what
	jz 1f
	call keep_gpr
1:	testb $WHAT_FLAGS, what
	jz 1f
	call keep_flags
1:	LEAVE
	SPIN
	call compare
#ifdef QUIET
	incq COUNTER
	jmp again
fail:
	mov %edi, RESULT
	jmp .
#else
	decq rounds
	jnz again
	EXIT 0
fail:
	mov $CALL_EXIT, %eax
	vmcall
	jmp fail
#endif

/* ---- general registers: nothing but memory may be used here --------------------------------- */

keep_gpr:
	mov %rsp, stack
	LOAD_ALL
	LEAVE
	cmp $-1, %rax
	jne lost_0
	KEPT %rcx, 1
	KEPT %rdx, 2
	KEPT %rbx, 3
	KEPT %r10, 10
	KEPT_UPPER
#ifndef QUIET
	LOAD_ALL
	mov $0x40000000, %eax
	xor %ecx, %ecx
	cpuid
	KEPT %r10, 10
	KEPT_UPPER
	LOAD_ALL
	mov %cr0, %r10
	mov %r10, %cr0
	KEPT %rax, 0
	KEPT %rcx, 1
	KEPT %rdx, 2
	KEPT %rbx, 3
	KEPT_UPPER
#endif
	LOAD_ALL
	SPIN
	KEPT %rax, 0
	KEPT %rcx, 1
	KEPT %rdx, 2
	KEPT %rbx, 3
	KEPT %r10, 10
	KEPT_UPPER
	mov stack, %rsp
	ret

.irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
lost_\number:
	LOST \number + 1
.endr

keep_flags:
	mov $SPINS, %ecx
	push $FLAGS
	popf
	LEAVE
#ifdef QUIET
	push $FLAGS
	popf
1:	loop 1b /* changes no flag */
#endif
	pushf
	pop %rax
	cld
	cmp $FLAGS, %rax
	je 1f
	LOST LOST_FLAGS
1:	ret

/* ---- what is loaded once, and compared after each round ------------------------------------- */

prepare:
	testb $WHAT_CR2, what
	jz 1f
	mov values, %rax
	mov %rax, %cr2
1:	testb $WHAT_DR, what
	jz 1f
	call load_dr
1:	testb $WHAT_GS, what
	jz 1f
	swapgs
1:	testb $WHAT_FPU, what
	jz 1f
	call load_fpu
1:	ret

compare:
	testb $WHAT_CR2, what
	jz 1f
	mov %cr2, %rax
	cmp values, %rax
	je 1f
	LOST LOST_CR2
1:	testb $WHAT_DR, what
	jz 1f
	call compare_dr
1:	testb $WHAT_GS, what
	jz 1f
	call compare_gs
1:	testb $WHAT_FPU, what
	jz 1f
	call compare_fpu
1:	ret

load_dr:
	mov values + 8 * 1, %eax
	mov %rax, %dr0
	mov values + 8 * 2, %eax
	mov %rax, %dr1
	mov values + 8 * 3, %eax
	mov %rax, %dr2
	mov values + 8 * 4, %eax
	mov %rax, %dr3
	ret

.macro COMPARE_DR number
	mov %dr\number, %rax
	mov values + 8 * (\number + 1), %ecx
	cmp %rcx, %rax
	jne lost_dr
.endm

compare_dr:
	COMPARE_DR 0
	COMPARE_DR 1
	COMPARE_DR 2
	COMPARE_DR 3
	ret
lost_dr:
	LOST LOST_DR

/* IA32_KERNEL_GS_BASE has been the base of GS that the test has set. */
compare_gs:
	swapgs
	mov %gs:0, %rax
	swapgs
	cmp values, %rax
	je 1f
	LOST LOST_GS
1:	ret

load_fpu:
	fninit
	fildll values + 8 * 5
	fildll values + 8 * 6
.irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14
	movdqu values + 8 * \number, %xmm\number
.endr
	movdqu values + 8 * 3, %xmm15
	call has_avx
	jz 1f
	vmovdqu values + 8 * 9, %ymm7
	vmovdqu values + 8 * 10, %ymm14
1:	ret

compare_fpu:
	fistpll found + 8
	fistpll found
	fildll values + 8 * 5
	fildll values + 8 * 6
	mov found, %rax
	cmp values + 8 * 5, %rax
	jne lost_x87
	mov found + 8, %rax
	cmp values + 8 * 6, %rax
	jne lost_x87
	call has_avx
	jz 1f
	vmovdqu %ymm7, found
	mov $9, %ecx
	mov $4, %edx
	call same
	jne lost_avx
	vmovdqu %ymm14, found
	mov $10, %ecx
	mov $4, %edx
	call same
	jne lost_avx
	jmp 2f
1:	movdqu %xmm7, found
	mov $7, %ecx
	mov $2, %edx
	call same
	jne lost_sse
2:
.irp number, 0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13
	movdqu %xmm\number, found
	mov $\number, %ecx
	mov $2, %edx
	call same
	jne lost_sse
.endr
	movdqu %xmm15, found
	mov $3, %ecx
	mov $2, %edx
	call same
	jne lost_sse
	ret

/* Are EDX numbers at `found` those from values[ECX] on? ZF: yes. */
same:
	xor %eax, %eax
1:	mov found(, %rax, 8), %r8
	lea (%rcx, %rax), %r9d
	cmp values(, %r9, 8), %r8
	jne 2f
	inc %eax
	cmp %edx, %eax
	jne 1b
2:	ret

lost_x87:
	LOST LOST_X87
lost_sse:
	LOST LOST_SSE
lost_avx:
	LOST LOST_AVX

/* ZF: no, or not enabled by the host. CPUID is an exit as well: the quiet one is told. */
has_avx:
#ifdef QUIET
	testb $WHAT_AVX, what
	ret
#endif
	mov $1, %eax
	xor %ecx, %ecx
	cpuid
	and $OSXSAVE_AVX, %ecx
	cmp $OSXSAVE_AVX, %ecx
	jne 1f
	xor %ecx, %ecx
	xgetbv
	and $XCR0_AVX, %eax
	cmp $XCR0_AVX, %eax
	jne 1f
	or $1, %eax /* clears ZF */
	ret
1:	xor %eax, %eax
	ret

.balign 8
what:	.quad 0
rounds:	.quad 0
stack:	.quad 0
counter: .quad 0
found:	.quad 0, 0, 0, 0
values:	.quad VALUES
