/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Asks the processor who it is. CPUID always exits in VMX non-root operation, and the driver
 * answers: as the host's processor would, but there is a hypervisor, and no VMX. Ends with 0;
 * 1: the hypervisor bit is missing, 2: VMX is not hidden, 3: another hypervisor has answered.
 */
#include "guest.h"

#define HYPERVISOR 31				/* CPUID 1 ECX */
#define VMX 5					/* CPUID 1 ECX */
#define LEAF_HYPERVISOR 0x40000000

	.section .text.start, "ax"
	.globl	start
start:
	say	"processor "
	xor	%eax, %eax
	cpuid
	mov	%ebx, name			/* the name is in EBX, EDX, ECX … */
	mov	%edx, name + 4
	mov	%ecx, name + 8
	mov	$name, %edi
	call	print
	say	", hypervisor "
	mov	$LEAF_HYPERVISOR, %eax
	cpuid
	mov	%ebx, name			/* … and here in EBX, ECX, EDX */
	mov	%ecx, name + 4
	mov	%edx, name + 8
	mov	$name, %edi
	call	print
	say	"\n"

	mov	$1, %eax
	cpuid
	bt	$HYPERVISOR, %ecx
	jnc	no_hypervisor
	bt	$VMX, %ecx
	jc	has_vmx
	mov	$name, %esi
	mov	$ours, %edi
	mov	$12, %ecx
	repe	cmpsb
	jne	somebody_else
	exit	0
no_hypervisor:
	exit	1
has_vmx:
	exit	2
somebody_else:
	exit	3

	.data
ours:	.ascii	"VTXDRVVTXDRV"

	.bss
name:	.skip	13				/* 12 characters and a zero */
