// SPDX-License-Identifier: GPL-2.0
/*
 * hv->enter for SVM: everything around the stub. Loaded, interrupts off throughout.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/asm.h>
#include <asm/msr.h>
#include <asm/special_insns.h>
#include <linux/context_tracking.h>
#include <linux/printk.h>
#include <linux/smp.h>

#include "hv_ops.h"
#include "svm_codes.h"
#include "svm_cpu.h"
#include "svm_quirks.h"
#include "svm_run.h"
#include "vmx_msrs.h"
#include "x86_bits.h"
#include "x86_exceptions.h"

/* ---- before the entry ------------------------------------------------------------------------ */

/*
 * What VMRUN does not save of the host changes between two entries: it is saved each time. False:
 * #UD, because somebody else has cleared EFER.SVME.
 */
static bool save_host(const struct svm_cpu *here)
{
	asm goto("1: vmsave %0\n" _ASM_EXTABLE(1b, %l[fault])
		 : : "a"(here->host_pa) : "memory" : fault);
	return true;
fault:
	return false;
}

/*
 * Without LBR virtualization the guest runs with the host's DEBUGCTL, where a bit of the host's
 * would change what the guest's single-stepping does.
 */
static void debugctl_in(struct svm_vcpu *svm)
{
	bool switched = svm->vmcb->VIRT_EXT & SVM_VIRT_EXT_LBR;

	svm->host.debugctl = switched ? 0 : __rdmsr(IA32_DEBUGCTL);
	if (svm->host.debugctl)
		wrmsrl(IA32_DEBUGCTL, 0);
}

static void debugctl_out(const struct svm_vcpu *svm)
{
	if (svm->host.debugctl)
		wrmsrl(IA32_DEBUGCTL, svm->host.debugctl);
}

/* From its first use of the debug registers on, a guest has them for itself. */
static void refresh_debug_registers(struct vtx_vcpu *vcpu)
{
	struct vmcb *vmcb = vmcb_of(vcpu);
	bool all = !vcpu->dr_used;

	vmcb->INTERCEPT_DR_READ = all ? U16_MAX : 0;
	vmcb->INTERCEPT_DR_WRITE = all || svm_quirks_dr_writes_exit() ? U16_MAX : 0;
	vmcb->DR6 = vcpu->dr[6];
}

/* User space has executed an instruction for the guest. */
static void after_move(struct vtx_vcpu *vcpu)
{
	vcpu->moved = false;
	vmcb_of(vcpu)->INTERRUPT_STATE &= ~(u64)SVM_INTERRUPT_STATE_SHADOW;
	if (vcpu->regs.rip != vcpu->exit.rip)
		svm_single_step(vcpu);
}

void svm_enter_prepare(struct vtx_vcpu *vcpu)
{
	struct vmcb *vmcb = vmcb_of(vcpu);

	svm_fpu_before_entry(vcpu);
	refresh_debug_registers(vcpu);
	vmcb->RIP = vcpu->regs.rip;
	vmcb->RSP = vcpu->regs.rsp;
	vmcb->RAX = vcpu->regs.rax;
	vmcb->RFLAGS = vcpu->regs.rflags;
	vmcb->CR2 = vcpu->cr2;
	svm_step_before_entry(vcpu);
	svm_quirks_before_entry(vcpu);
	/* Whoever flushes looks for vCPUs behind the generation: see space_flush(). */
	smp_mb();
	svm_tlb_before_entry(vcpu);
}

/* As in vmx_run.c: nothing that could be traced or uses RCU may stand in here. */
static noinstr int switch_worlds(struct vtx_vcpu *vcpu, struct svm_vcpu *svm, u64 host_pa)
{
	int outcome;

	context_tracking_guest_enter();
	outcome = svm_world_switch(&vcpu->regs, svm->vmcb_pa, host_pa);
	context_tracking_guest_exit();
	return outcome;
}

/* ---- after the exit -------------------------------------------------------------------------- */

/*
 * Interrupts and NMIs that have taken the guest out are still pending: the host takes NMIs at STGI,
 * and interrupts when it enables them. A machine check that was intercepted is not.
 */
static void deliver_to_host(const struct vmcb *vmcb)
{
	if (vmcb->EXITCODE == VMEXIT_EXCP0 + X86_EXCEPTION_MC)
		asm volatile("int $18");
}

static void take_registers(struct vtx_vcpu *vcpu)
{
	struct vmcb *vmcb = vmcb_of(vcpu);

	vcpu->regs.rip = vmcb->RIP;
	vcpu->regs.rsp = vmcb->RSP;
	vcpu->regs.rax = vmcb->RAX;
	vcpu->regs.rflags = vmcb->RFLAGS;
	vcpu->cr2 = vmcb->CR2;
	if (vcpu->dr_used)
		vcpu->dr[6] = vmcb->DR6;
	vmcb->TLB_CONTROL = SVM_TLB_NOTHING;
	vmcb->EVENTINJ = 0;
	svm_delivering(vcpu, false);
	svm_step_after_exit(vcpu);
}

static int outcome_error(const struct vtx_vcpu *vcpu, enum svm_outcome outcome)
{
	switch (outcome) {
	case SVM_OUTCOME_EXIT:
		return 0;
	case SVM_OUTCOME_UNDONE:
		return -ENOSYS; /* the stub has said so */
	default:
		pr_err_ratelimited("VM %u, vCPU %u: VMRUN: exception, expected EFER.SVME to be 1\n",
				   vcpu->vm->id, vcpu->id);
		return -EIO;
	}
}

/* VMRUN has loaded the guest's, and no #VMEXIT puts the host's back, which is clear. */
static void forget_dr6(const struct vmcb *vmcb)
{
	if (vmcb->DR6 != DR6_RESERVED)
		set_debugreg(DR6_RESERVED, 6);
}

static bool answered_fast(struct vtx_vcpu *vcpu)
{
	u64 code = vmcb_of(vcpu)->EXITCODE;

	return (code == VMEXIT_CPUID || code == VMEXIT_MSR) && svm_answered_fast(vcpu);
}

int svm_enter_as_is(struct vtx_vcpu *vcpu)
{
	struct svm_cpu *here = this_cpu_ptr(&svm_cpu);
	struct svm_vcpu *svm = svm_of(vcpu);
	int outcome;

	svm->fast_turns = 0;
	if (!save_host(here))
		return outcome_error(vcpu, SVM_OUTCOME_FAULT);
	debugctl_in(svm);
	host_switch_in(vcpu, &svm->host);
	svm_quirks_breakpoints_in(vcpu);
	svm->vmcb->CLEAN_BITS = 0;
	for (;;) {
		outcome = switch_worlds(vcpu, svm, here->host_pa);
		if (outcome != SVM_OUTCOME_EXIT || !answered_fast(vcpu))
			break;
		svm->vmcb->CLEAN_BITS = here->clean_bits;
	}
	svm_quirks_breakpoints_out(vcpu);
	host_switch_out(vcpu, &svm->host);
	debugctl_out(svm);
	forget_dr6(svm->vmcb);
	if (outcome == SVM_OUTCOME_EXIT)
		deliver_to_host(svm->vmcb);
	return outcome_error(vcpu, outcome);
}

/* ---- a VMRUN that is refused ----------------------------------------------------------------- */

/*
 * What is saved then is not laid down, and an emulator that refuses early saves what it has not
 * loaded: the host's registers, and a V_INTR of 0. So the VMCB is kept where somebody else than the
 * guest has written what VMRUN checks, and is as it was after a refusal: here->asked. All modules
 * together have 8 KiB for variables of each CPU; a page of it is too much.
 */
static bool may_be_refused(const struct svm_vcpu *svm)
{
	u64 event = svm->vmcb->EVENTINJ;

	/* Of an interrupt every vector is allowed: AMD APM vol. 2, "Event Injection". */
	return svm->stale ||
	       (event & SVM_EVENT_VALID && SVM_GET(event, EVENT_TYPE) != SVM_EVENT_TYPE_INTR);
}

static void put_back(struct svm_vcpu *svm)
{
	struct vmcb *vmcb = svm->vmcb;
	u64 code = vmcb->EXITCODE;

	*vmcb = *this_cpu_ptr(&svm_cpu)->asked;
	vmcb->EXITCODE = code;
	vmcb->EXITINFO1 = 0;
	vmcb->EXITINFO2 = 0;
	vmcb->EXITINTINFO = 0;
}

/* VMRUN was refused: nothing has become right by it, nor need the TLB have been flushed. */
static void after_refusal(struct svm_vcpu *svm, bool kept)
{
	if (kept)
		put_back(svm);
	svm->stale = true;
	svm_asid_forget(&this_cpu_ptr(&svm_cpu)->asids);
}

/*
 * The #DB behind an instruction that was executed for the guest comes before the next instruction,
 * and exits as any #DB does; what this entry was to deliver is cut short by it. An exception that
 * somebody wants delivered takes its place.
 */
static bool trap_exits(struct vtx_vcpu *vcpu)
{
	struct svm_vcpu *svm = svm_of(vcpu);
	struct vmcb *vmcb = svm->vmcb;

	svm->trap = false;
	if (svm->delivering)
		return false;
	svm->stepping = false;
	svm->stepped = false;
	vmcb->EXITCODE = VMEXIT_EXCP0 + X86_EXCEPTION_DB;
	vmcb->EXITINFO1 = 0;
	vmcb->EXITINTINFO = vmcb->EVENTINJ;
	vmcb->EVENTINJ = 0;
	vmcb->DR6 = vcpu->dr[6] | DR6_BS;
	return true;
}

/* Interrupts are off: nobody else comes to this CPU's copy. */
int svm_enter(struct vtx_vcpu *vcpu)
{
	struct vmcb *vmcb = vmcb_of(vcpu);
	bool kept = may_be_refused(svm_of(vcpu));
	int err;

	if (vcpu->moved)
		after_move(vcpu);
	if (unlikely(svm_of(vcpu)->trap) && trap_exits(vcpu))
		return 0;
	svm_enter_prepare(vcpu);
	if (kept)
		*this_cpu_ptr(&svm_cpu)->asked = *vmcb;
	svm_quirks_tss(vmcb);
	err = svm_enter_as_is(vcpu);
	if (err) {
		after_refusal(svm_of(vcpu), false);
		return err;
	}
	svm_quirks_after_exit(vcpu);
	if ((u32)vmcb->EXITCODE == (u32)VMEXIT_INVALID)
		after_refusal(svm_of(vcpu), kept);
	take_registers(vcpu);
	svm_quirks_mov_to_dr(vcpu);
	return 0;
}
