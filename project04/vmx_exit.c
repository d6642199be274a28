// SPDX-License-Identifier: GPL-2.0
/*
 * What happened? From the VM-exit information fields to a struct vtx_exit, which has no vendor.
 * Runs with interrupts off right after hv->enter, so the VMCS is still current.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "hv_ops.h"
#include "vmcs_access.h"
#include "vmx_entry_bits.h"
#include "vmx_exit_bits.h"
#include "vmx_exit_reasons.h"
#if VTX_STAGE >= 6
#include "vmx_exits.h"
#include "vmx_inject.h"
#endif
#include "vmx_run.h"
#include "vtx_todo.h"
#include "x86_bits.h"
#include "x86_exceptions.h"

static u32 __maybe_unused basic_reason(const struct vtx_exit *exit)
{
	return VMX_EXIT_GET(exit->reason, EXIT_REASON_BASIC);
}

/*
 * EXERCISE 4.6 (15 points): What happened?
 * Do:   decode(): set exit->kind, and what belongs to the kind, from exit->reason,
 *       exit->qualification, the interruption information and the guest's registers. An entry that
 *       failed is VTX_EXIT_ENTRY_FAILED, a machine check or NMI VTX_EXIT_NMI, and what has no kind
 *       of its own VTX_EXIT_UNHANDLED. instruction_length is for the exits that an instruction has
 *       caused.
 * Read: Intel SDM vol. 3, "VM-Exit Information Fields" and "Basic VM-Exit Information"; appendix C;
 *       project04/README.md, "Exits"
 * Hint: VMX_EXIT_GET() and VMX_QUAL_CR_… in vmx_exit_bits.h. CR2 of a #PF is not written by an
 *       exit: the exit qualification has it. Registers in the qualification have the numbers in
 *       which struct vtx_regs lists them. The VMX-preemption timer is the host's turn, as an
 *       external interrupt is.
 */
#ifndef TODO_4_6
/* Indexed by a register's number, SDM vol. 3, table "Exit Qualification for Control-Register …". */
static u64 general_register(const struct vtx_regs *regs, unsigned int number)
{
	return (&regs->rax)[number];
}

static void decode_event(struct vtx_exit *exit, u32 information)
{
	bool nmi = VMX_EXIT_GET(information, INTERRUPTION_TYPE) == VMX_EVENT_NMI;

	exit->vector = VMX_EXIT_GET(information, INTERRUPTION_VECTOR);
	exit->kind = nmi || exit->vector == X86_EXCEPTION_MC ? VTX_EXIT_NMI : VTX_EXIT_EXCEPTION;
	if (information & VMX_INTERRUPTION_ERROR_CODE)
		exit->error_code = vmcs_read32(VMCS_VM_EXIT_INTERRUPTION_ERROR_CODE);
	if (exit->kind == VTX_EXIT_EXCEPTION && exit->vector == X86_EXCEPTION_PF)
		exit->address = exit->qualification;
}

/* Bits 3:0 of CR0, of which LMSW writes all; it can set PE and not clear it. */
#define LMSW_BITS (CR0_PE | CR0_MP | CR0_EM | CR0_TS)

static u64 lmsw_value(const struct vtx_exit *exit)
{
	u64 cr0 = vmcs_read_natural(VMCS_CR0_READ_SHADOW);
	u64 source = VMX_EXIT_GET(exit->qualification, QUAL_CR_LMSW_SOURCE);

	return (cr0 & ~(LMSW_BITS & ~CR0_PE)) | (source & LMSW_BITS);
}

static void decode_cr(struct vtx_exit *exit, const struct vtx_regs *regs)
{
	exit->kind = VTX_EXIT_CR;
	exit->cr = VMX_EXIT_GET(exit->qualification, QUAL_CR_NUMBER);
	exit->access = VMX_EXIT_GET(exit->qualification, QUAL_CR_ACCESS);
	switch (exit->access) {
	case VTX_CR_WRITE:
		exit->gpr = VMX_EXIT_GET(exit->qualification, QUAL_CR_GPR);
		exit->value = general_register(regs, exit->gpr);
		break;
	case VTX_CR_READ:
		exit->gpr = VMX_EXIT_GET(exit->qualification, QUAL_CR_GPR);
		break;
	case VTX_CR_CLTS:
		exit->value = vmcs_read_natural(VMCS_CR0_READ_SHADOW) & ~CR0_TS;
		break;
	default:
		exit->value = lmsw_value(exit);
	}
}

static void decode_hypercall(struct vtx_exit *exit, const struct vtx_regs *regs)
{
	exit->kind = VTX_EXIT_HYPERCALL;
	exit->nr = regs->rax;
	exit->args[0] = regs->rdi;
	exit->args[1] = regs->rsi;
	exit->args[2] = regs->rdx;
	exit->args[3] = regs->rcx;
}

static bool by_instruction(const struct vtx_exit *exit)
{
	switch (basic_reason(exit)) {
	case VMX_EXIT_REASON_EXCEPTION_OR_NMI:
	case VMX_EXIT_REASON_EXTERNAL_INTERRUPT:
	case VMX_EXIT_REASON_TRIPLE_FAULT:
	case VMX_EXIT_REASON_INIT_SIGNAL:
	case VMX_EXIT_REASON_SIPI:
	case VMX_EXIT_REASON_PREEMPTION_TIMER:
		return false;
	default:
		return true;
	}
}

static void decode(struct vtx_vcpu *vcpu, const struct vmx_world *world)
{
	struct vtx_exit *exit = &vcpu->exit;

	if (world->outcome == VMX_OUTCOME_FAIL_VALID ||
	    exit->reason & VMX_EXIT_REASON_ENTRY_FAILURE) {
		exit->kind = VTX_EXIT_ENTRY_FAILED;
		return;
	}
	if (by_instruction(exit))
		exit->instruction_length = vmcs_read32(VMCS_VM_EXIT_INSTRUCTION_LENGTH);
	switch (basic_reason(exit)) {
	case VMX_EXIT_REASON_EXCEPTION_OR_NMI:
		decode_event(exit, world->interruption);
		break;
	case VMX_EXIT_REASON_EXTERNAL_INTERRUPT:
	case VMX_EXIT_REASON_PREEMPTION_TIMER:
		exit->kind = VTX_EXIT_INTERRUPT;
		break;
	case VMX_EXIT_REASON_TRIPLE_FAULT:
		exit->kind = VTX_EXIT_TRIPLE_FAULT;
		break;
	case VMX_EXIT_REASON_CPUID:
		exit->kind = VTX_EXIT_CPUID;
		break;
	case VMX_EXIT_REASON_HLT:
		exit->kind = VTX_EXIT_HLT;
		break;
	case VMX_EXIT_REASON_VMCALL:
		decode_hypercall(exit, &vcpu->regs);
		break;
	case VMX_EXIT_REASON_CR_ACCESS:
		decode_cr(exit, &vcpu->regs);
		break;
	case VMX_EXIT_REASON_MOV_DR:
		exit->kind = VTX_EXIT_DR;
		break;
	default:
		exit->kind = VTX_EXIT_UNHANDLED;
	}
}
#else
/* The host's turn is decoded for you, so that a run loop can be tried without the rest. */
static void decode(struct vtx_vcpu *vcpu, const struct vmx_world *world)
{
	u32 reason = basic_reason(&vcpu->exit);

	if (reason == VMX_EXIT_REASON_EXTERNAL_INTERRUPT ||
	    reason == VMX_EXIT_REASON_PREEMPTION_TIMER) {
		vcpu->exit.kind = VTX_EXIT_INTERRUPT;
		return;
	}
	vcpu->exit.kind = VTX_EXIT_UNHANDLED;
	(void)VTX_TODO("4.6", "every exit is one that nobody handles");
}
#endif

void vmx_exit_decode(struct vtx_vcpu *vcpu)
{
	const struct vmx_world *world = &vmx_of(vcpu)->world;

	vcpu->exit = (struct vtx_exit){ .rip = vcpu->regs.rip };
	if (world->outcome == VMX_OUTCOME_FAIL_VALID) {
		vcpu->exit.instruction_error = vmcs_read32(VMCS_VM_INSTRUCTION_ERROR);
	} else {
		vcpu->exit.reason = world->exit_reason;
		vcpu->exit.qualification = vmcs_read_natural(VMCS_EXIT_QUALIFICATION);
	}
	decode(vcpu, world);
#if VTX_STAGE >= 6
	if (vcpu->exit.kind == VTX_EXIT_UNHANDLED)
		vmx_decode_more(vcpu);
#endif
#if VTX_STAGE >= 5
	if (vcpu->exit.kind == VTX_EXIT_UNHANDLED)
		vmx_decode_memory(vcpu);
#endif
#if VTX_STAGE >= 6
	vmx_note_vectoring(vcpu);
#endif
}

/* EIP wraps around at 4 GiB, and an entry refuses more. */
static u64 behind_instruction(const struct vtx_vcpu *vcpu)
{
	u64 rip = vcpu->regs.rip;
	u64 next = rip + vcpu->exit.instruction_length;

	if ((rip ^ next) >> 32 && !(vmcs_read32(VMCS_GUEST_CS_ACCESS_RIGHTS) & ACCESS_RIGHTS_L))
		next = (u32)next;
	return next;
}

void vmx_single_step(struct vtx_vcpu *vcpu)
{
	if (!(vcpu->regs.rflags & RFLAGS_TF) ||
	    vmcs_read64(VMCS_GUEST_IA32_DEBUGCTL) & DEBUGCTL_BTF)
		return;
	vmcs_write_natural(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS,
			   vmcs_read_natural(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS) |
				   PENDING_DEBUG_BS);
}

/* STI, MOV SS and POP SS block events until the next instruction, which is the skipped one. */
int vmx_skip_instruction(struct vtx_vcpu *vcpu)
{
	u32 blocking;

	vcpu->regs.rip = behind_instruction(vcpu);
	vmx_single_step(vcpu);
	blocking = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_STATE);
	if (blocking & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS))
		vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_STATE,
			     blocking & ~(INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS));
	return vmcs_error() ? -EIO : 0;
}
