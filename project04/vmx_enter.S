/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The world switch: int vmx_world_switch(regs, launched, host_rsp), see vmx_run.h.
 *
 * VM entry and VM exit switch RIP, RSP, RFLAGS, the control and segment registers. The other 15
 * general registers are left to us: at the exit all of them are the guest's.
 */
#include <asm/asm.h>
#include <asm/nospec-branch.h>
#include <asm/unwind_hints.h>
#include <linux/linkage.h>

#include "vmx_offsets.h"
#include "vtx_todo.h"

/*
 * What a processor remembers beside its registers, if the kernel has found that this one leaks it:
 * FORGET_HOST overwrites buffers in which data of the host may be left (VERW; it changes ZF, not
 * CF), FORGET_GUEST the predictions of where RETs go, and needs a register for it.
 */
#if defined(VM_CLEAR_CPU_BUFFERS)
#define FORGET_HOST VM_CLEAR_CPU_BUFFERS
#elif defined(CLEAR_CPU_BUFFERS)
#define FORGET_HOST CLEAR_CPU_BUFFERS
#else
#define FORGET_HOST
#endif
#if defined(X86_FEATURE_RSB_VMEXIT) && defined(X86_FEATURE_RSB_VMEXIT_LITE)
#define FORGET_GUEST(reg) \
	FILL_RETURN_BUFFER reg, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT, X86_FEATURE_RSB_VMEXIT_LITE
#else
#define FORGET_GUEST(reg)
#endif

/*
 * EXERCISE 4.4 (20 points): The world switch
 * Do:   vmx_world_switch(): save what the ABI says is the caller's (RBX, RBP, R12 to R15) and the
 *       pointer to the registers on the stack, write RSP to HOST_RSP unless *host_rsp says that it
 *       is there, load the guest's registers, FORGET_HOST, VMLAUNCH or VMRESUME. Behind it: the
 *       ways in which that fails. At vmx_exited: store the guest's registers, FORGET_GUEST, clear
 *       registers that hold a value of his, restore the caller's, return OUTCOME_EXIT.
 * Read: Intel SDM vol. 3, "Loading Host State", and VMLAUNCH/VMRESUME in "VMX Instruction
 *       Reference"; project04/README.md, "Launch or resume" and "The world switch"
 * Hint: RDI = regs, SIL = launched, RDX = host_rsp. MOV, PUSH and POP change no flags. The offsets
 *       are in vmx_offsets.h, which is made of vmx_offsets.c. Keep the exception-table entries: a
 *       CPU that is not in VMX operation raises #UD.
 */
#ifndef TODO_4_4
SYM_FUNC_START(vmx_world_switch)
	push %rbp
	push %r15
	push %r14
	push %r13
	push %r12
	push %rbx
	push %rdi

	cmp %rsp, (%rdx)
	je .Lhost_rsp_known
	mov $FIELD_HOST_RSP, %eax
.Lwrite:
	vmwrite %rsp, %rax
	jbe .Lfailed
	mov %rsp, (%rdx)

.Lhost_rsp_known:
	/* The answer stays in CF until the jump below. */
	bt $0, %esi

	mov REGS_RAX(%rdi), %rax
	mov REGS_RCX(%rdi), %rcx
	mov REGS_RDX(%rdi), %rdx
	mov REGS_RBX(%rdi), %rbx
	mov REGS_RBP(%rdi), %rbp
	mov REGS_RSI(%rdi), %rsi
	mov REGS_R8(%rdi), %r8
	mov REGS_R9(%rdi), %r9
	mov REGS_R10(%rdi), %r10
	mov REGS_R11(%rdi), %r11
	mov REGS_R12(%rdi), %r12
	mov REGS_R13(%rdi), %r13
	mov REGS_R14(%rdi), %r14
	mov REGS_R15(%rdi), %r15
	mov REGS_RDI(%rdi), %rdi

	FORGET_HOST
	UNWIND_HINT_SAVE
	jnc .Llaunch
.Lresume:
	vmresume
	jmp .Lfailed
.Llaunch:
	vmlaunch

	/* Still here: nothing was switched, and RAX is free. Flags as in "Conventions". */
.Lfailed:
	mov $OUTCOME_FAIL_INVALID, %eax
	jc .Lreturn
	mov $OUTCOME_FAIL_VALID, %eax
	jmp .Lreturn

.Lfault:
	mov $OUTCOME_FAULT, %eax
	jmp .Lreturn

	_ASM_EXTABLE(.Lwrite, .Lfault)
	_ASM_EXTABLE(.Lresume, .Lfault)
	_ASM_EXTABLE(.Llaunch, .Lfault)

SYM_INNER_LABEL_ALIGN(vmx_exited, SYM_L_GLOBAL)
	/* RSP is HOST_RSP: the stack is as it was at the entry. */
	UNWIND_HINT_RESTORE
	ENDBR
	push %rdi
	mov 8(%rsp), %rdi
	mov %rax, REGS_RAX(%rdi)
	mov %rcx, REGS_RCX(%rdi)
	mov %rdx, REGS_RDX(%rdi)
	mov %rbx, REGS_RBX(%rdi)
	mov %rbp, REGS_RBP(%rdi)
	mov %rsi, REGS_RSI(%rdi)
	mov %r8, REGS_R8(%rdi)
	mov %r9, REGS_R9(%rdi)
	mov %r10, REGS_R10(%rdi)
	mov %r11, REGS_R11(%rdi)
	mov %r12, REGS_R12(%rdi)
	mov %r13, REGS_R13(%rdi)
	mov %r14, REGS_R14(%rdi)
	mov %r15, REGS_R15(%rdi)
	popq REGS_RDI(%rdi)
	FORGET_GUEST(%rcx)
	mov $OUTCOME_EXIT, %eax

.Lreturn:
	/*
	 * What the guest has put into registers must not steer what the processor does
	 * speculatively; the caller's own come from the stack.
	 */
	xor %ecx, %ecx
	xor %edx, %edx
	xor %esi, %esi
	xor %r8d, %r8d
	xor %r9d, %r9d
	xor %r10d, %r10d
	xor %r11d, %r11d
	pop %rdi
	pop %rbx
	pop %r12
	pop %r13
	pop %r14
	pop %r15
	pop %rbp
	RET
SYM_FUNC_END(vmx_world_switch)
#else
SYM_FUNC_START(vmx_world_switch)
	VTX_TODO("4.4", "no guest is entered")
	mov $OUTCOME_UNDONE, %eax
SYM_INNER_LABEL(vmx_exited, SYM_L_GLOBAL)
	ENDBR
	RET
SYM_FUNC_END(vmx_world_switch)
#endif
