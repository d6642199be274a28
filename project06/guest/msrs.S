/* SPDX-License-Identifier: GPL-2.0 */
/*
 * MSRs: those that pass, those that the driver keeps, and those that no guest has. Then SYSCALL,
 * which takes its target from one of them, and comes back by SYSRET. Ends with 0, or with the
 * number of the first try that came out otherwise; 100: a value was lost; 101: SYSCALL went
 * somewhere else; 102: time does not begin with the VM.
 */
#include "try.h"

#define IA32_TSC 0x10
#define IA32_FEATURE_CONTROL 0x3a
#define IA32_TSC_ADJUST 0x3b
#define IA32_SYSENTER_EIP 0x176
#define IA32_VMX_BASIC_MSR 0x480
#define IA32_EFER_MSR 0xc0000080
#define IA32_STAR_MSR 0xc0000081
#define IA32_LSTAR_MSR 0xc0000082
#define IA32_KERNEL_GS 0xc0000102
#define NO_SUCH_MSR 0x12345
#define SCE 1
#define SVME 0x1000
#define NON_CANONICAL_HIGH 0x80000000
#define A_VALUE 0x1234560
/* A minute of a counter that runs at 4 GHz. */
#define LONG_TIME 240000000000

/* A value whose upper half is 0. */
.macro WRITE msr, value
	mov	$\msr, %ecx
	mov	$\value, %eax
	xor	%edx, %edx
	TRY	TRY_NOTHING, wrmsr
.endm

.macro READS msr, value
	mov	$\msr, %ecx
	TRY	TRY_NOTHING, rdmsr
	cmp	$\value, %eax
	jne	lost
	test	%edx, %edx
	jnz	lost
.endm

	.section .text.start, "ax"
	.globl	start
start:
	LOAD_TABLES
	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	movabs	$LONG_TIME, %rbx
	cmp	%rbx, %rax
	ja	time

	WRITE	IA32_SYSENTER_EIP, A_VALUE
	WRITE	IA32_KERNEL_GS, A_VALUE + 8
	READS	IA32_SYSENTER_EIP, A_VALUE
	READS	IA32_KERNEL_GS, A_VALUE + 8
	READS	IA32_FEATURE_CONTROL, 1		/* locked, without VMX */
	READS	IA32_TSC_ADJUST, 0
	WRITE	IA32_TSC_ADJUST, A_VALUE
	READS	IA32_TSC_ADJUST, A_VALUE

	mov	$IA32_FEATURE_CONTROL, %ecx
	mov	$5, %eax
	TRY	TRY_GP, wrmsr
	mov	$NO_SUCH_MSR, %ecx
	TRY	TRY_GP, rdmsr
	TRY	TRY_GP, wrmsr
	mov	$IA32_VMX_BASIC_MSR, %ecx
	TRY	TRY_GP, rdmsr
	mov	$IA32_EFER_MSR, %ecx
	rdmsr
	mov	%eax, %ebx
	or	$SVME, %eax
	TRY	TRY_GP, wrmsr
	mov	$IA32_LSTAR_MSR, %ecx
	mov	$NON_CANONICAL_HIGH, %edx
	TRY	TRY_GP, wrmsr

	mov	%ebx, %eax
	or	$SCE, %eax
	xor	%edx, %edx
	mov	$IA32_EFER_MSR, %ecx
	TRY	TRY_NOTHING, wrmsr
	mov	$IA32_STAR_MSR, %ecx
	xor	%eax, %eax
	mov	$SELECTOR_CODE, %edx
	TRY	TRY_NOTHING, wrmsr
	WRITE	IA32_LSTAR_MSR, called
	syscall
	jmp	elsewhere
called:
	say	"SYSCALL has come to LSTAR\n"
	exit	0
lost:
	exit	100
elsewhere:
	exit	101
time:
	exit	102
	TRY_HANDLER
