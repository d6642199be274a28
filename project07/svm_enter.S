/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The world switch: int svm_world_switch(regs, vmcb_pa, host_pa), see svm_run.h.
 *
 * VMRUN and #VMEXIT switch RIP, RSP, RAX, RFLAGS, the control registers and CS, SS, DS, ES. VMLOAD
 * and VMSAVE do it for FS, GS, TR, LDTR and the MSRs of system calls, and have to be executed on
 * both sides. The other 14 general registers are left to us.
 */
#include <asm/asm.h>
#include <asm/nospec-branch.h>
#include <asm/unwind_hints.h>
#include <linux/linkage.h>

#include "svm_offsets.h"
#include "vtx_todo.h"

/* As in vmx_enter.S. */
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
/* Of its branches, on processors where returns may follow them: clobbers RAX, RCX, RDX. */
#ifdef UNTRAIN_RET_VM
#define FORGET_BRANCHES UNTRAIN_RET_VM
#else
#define FORGET_BRANCHES UNTRAIN_RET
#endif

/*
 * EXERCISE 7.3 (15 points): VMRUN
 * Do:   svm_world_switch(): save what the ABI says is the caller's, and what the way back needs;
 *       load the guest's registers, with the VMCB's address in RAX. FORGET_HOST, VMLOAD, VMRUN,
 *       and behind the #VMEXIT VMSAVE: RAX and RSP are the host's again. Store the guest's
 *       registers, VMLOAD what is the host's before anything else needs GS, FORGET_GUEST,
 *       FORGET_BRANCHES, clear registers that hold a value of the guest's, and return
 *       OUTCOME_EXIT.
 *       From CLGI on nothing interrupts this CPU, not even an NMI, until STGI. In between RFLAGS.IF
 *       has to be 1 while the guest runs: with V_INTR_MASKING it is the host's flag that says
 *       whether the host's interrupts end the guest's turn.
 *       CLGI, VMLOAD and VMRUN may fault, and have an _ASM_EXTABLE each: where GS may be the
 *       guest's by then, CLI, VMLOAD of the host's, STGI; return OUTCOME_FAULT.
 * Read: AMD APM vol. 2, "VMRUN Instruction", "#VMEXIT", "VMSAVE and VMLOAD Instructions" and
 *       "Global Interrupt Flag, STGI and CLGI Instructions"; project07/README.md, "VMRUN"
 * Hint: RDI = regs, RSI = vmcb_pa, RDX = host_pa. STI with the global flag clear lets nothing in.
 *       The offsets are in svm_offsets.h, which is made of svm_offsets.c.
 */
#ifndef TODO_7_3
SYM_FUNC_START(svm_world_switch)
	push %rbp
	push %r15
	push %r14
	push %r13
	push %r12
	push %rbx
	push %rdx
	push %rdi

	mov %rsi, %rax
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

.Lclgi:
	clgi
	sti
	FORGET_HOST
.Lvmload:
	vmload %rax
.Lvmrun:
	vmrun %rax
	vmsave %rax
	cli

	push %rdi
	mov 8(%rsp), %rdi
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
	mov 8(%rsp), %rax
	vmload %rax
	FORGET_GUEST(%rcx)
	FORGET_BRANCHES
	stgi
	mov $OUTCOME_EXIT, %eax

.Lreturn:
	/* What the guest has put into registers must not steer what comes. */
	xor %ecx, %ecx
	xor %edx, %edx
	xor %esi, %esi
	xor %r8d, %r8d
	xor %r9d, %r9d
	xor %r10d, %r10d
	xor %r11d, %r11d
	pop %rdi
	add $8, %rsp
	pop %rbx
	pop %r12
	pop %r13
	pop %r14
	pop %r15
	pop %rbp
	RET

	/* VMLOAD has changed nothing, or VMRUN has not begun: GS may be the guest's by then. */
.Lfault:
	cli
	mov 8(%rsp), %rax
	vmload %rax
	stgi
.Lno_svm:
	mov $OUTCOME_FAULT, %eax
	jmp .Lreturn

	_ASM_EXTABLE(.Lclgi, .Lno_svm)
	_ASM_EXTABLE(.Lvmload, .Lfault)
	_ASM_EXTABLE(.Lvmrun, .Lfault)
SYM_FUNC_END(svm_world_switch)
#else
SYM_FUNC_START(svm_world_switch)
	VTX_TODO("7.3", "no guest is entered")
	mov $OUTCOME_UNDONE, %eax
	RET
SYM_FUNC_END(svm_world_switch)
#endif
