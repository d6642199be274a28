/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a guest does not have: VMX, SMX, MONITOR, performance counters, RDTSCP. CPUID names none of
 * them, and each of their instructions is the exception that the manual promises for a processor
 * without it. What only touches caches is done. Ends with 0, or the number of the first try that
 * came out otherwise.
 */
#include "try.h"

#define SPARE 0x8100				/* memory for an operand */

	.section .text.start, "ax"
	.globl	start
start:
	LOAD_TABLES
	TRY	TRY_UD, vmxon SPARE
	TRY	TRY_UD, vmxoff
	TRY	TRY_UD, vmclear SPARE
	TRY	TRY_UD, vmptrld SPARE
	TRY	TRY_UD, vmptrst SPARE
	TRY	TRY_UD, vmlaunch
	TRY	TRY_UD, vmresume
	TRY	TRY_UD, vmread %rax, %rbx
	TRY	TRY_UD, vmwrite %rax, %rbx
	xor	%eax, %eax
	TRY	TRY_UD, invept SPARE, %rax
	TRY	TRY_UD, invvpid SPARE, %rax
	TRY	TRY_UD, getsec
	TRY	TRY_UD, rsm
	mov	$SPARE, %eax
	xor	%ecx, %ecx
	xor	%edx, %edx
	TRY	TRY_UD, monitor
	TRY	TRY_UD, mwait
	TRY	TRY_UD, rdtscp
	TRY	TRY_GP, rdpmc
	TRY	TRY_NOTHING, rdtsc
	TRY	TRY_NOTHING, invd
	TRY	TRY_NOTHING, wbinvd
	TRY	TRY_NOTHING, invlpg SPARE
	TRY	TRY_NOTHING, pause
	say	"nothing is there that CPUID does not name\n"
	exit	0
	TRY_HANDLER
