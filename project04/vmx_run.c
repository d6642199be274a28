// SPDX-License-Identifier: GPL-2.0
/*
 * hv->enter for VMX: everything around the stub. Loaded, interrupts off throughout.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/special_insns.h>
#include <linux/context_tracking.h>
#include <linux/printk.h>
#include <linux/smp.h>

#if VTX_STAGE >= 6
#include "exits.h"
#include "vmx_fast.h"
#include "vmx_fpu.h"
#endif
#include "hv_ops.h"
#include "vmcs_access.h"
#include "vmx_exit_bits.h"
#include "vmx_exit_reasons.h"
#include "vmx_msrs.h"
#include "vmx_run.h"
#include "x86_exceptions.h"

/* ---- before the entry: what of the VMCS is out of date --------------------------------------- */

#define write_changed(field, in_vmcs, value) \
	do { \
		u64 value_ = (value); \
		if (*(in_vmcs) != value_) { \
			vmcs_write_natural(field, value_); \
			*(in_vmcs) = value_; \
		} \
	} while (0)

/*
 * CR3 and CR4 of the host change between two entries: with PCID the same task may get another CR3,
 * and perf and the FPU code set bits of CR4. To compare costs less than to write.
 */
static void refresh_host_state(struct vmx_world *world)
{
	if (world->host_cpu != smp_processor_id()) {
		vmx_host_state_cpu();
		world->host_cr3 = 0;
		world->host_cr4 = 0;
		world->host_cpu = smp_processor_id();
	}
	write_changed(VMCS_HOST_CR3, &world->host_cr3, __read_cr3());
	write_changed(VMCS_HOST_CR4, &world->host_cr4, __read_cr4());
}

static void refresh_guest_state(struct vmx_world *world, const struct vtx_regs *regs)
{
	write_changed(VMCS_GUEST_RIP, &world->guest_rip, regs->rip);
	write_changed(VMCS_GUEST_RSP, &world->guest_rsp, regs->rsp);
	write_changed(VMCS_GUEST_RFLAGS, &world->guest_rflags, regs->rflags);
}

void vmx_primary_change(struct vmx_vcpu *vmx, u32 mask, bool on)
{
	u32 controls = on ? vmx->world.primary | mask : vmx->world.primary & ~mask;

	if (controls == vmx->world.primary)
		return;
	vmx->world.primary = controls;
	vmcs_write32(VMCS_PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, controls);
}

/* From its first use of the debug registers on, a guest has them for itself. */
static void refresh_dr_exiting(struct vmx_vcpu *vmx, bool dr_used)
{
	if (vmx->world.dr_exiting != dr_used)
		return;
	vmx->world.dr_exiting = !dr_used;
	vmx_primary_change(vmx, VMX_PRIMARY_MOV_DR_EXITING, !dr_used);
}

/* ---- what neither the VMCS nor the stub switches --------------------------------------------- */

static void swap_in(const struct vtx_vcpu *vcpu, struct host_switched *host)
{
	host->debugctl = __rdmsr(IA32_DEBUGCTL);
	host_switch_in(vcpu, host);
	native_write_cr2(vcpu->cr2);
}

static void swap_out(struct vtx_vcpu *vcpu, const struct host_switched *host)
{
	vcpu->cr2 = native_read_cr2();
	host_switch_out(vcpu, host);
	/* An exit leaves IA32_DEBUGCTL 0. */
	if (host->debugctl)
		wrmsrl(IA32_DEBUGCTL, host->debugctl);
}

/*
 * For RCU a guest is what user mode is: while it runs, this CPU holds no reference to anything.
 * Nothing that could be traced or uses RCU may stand in here.
 */
static noinstr int switch_worlds(struct vtx_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	int outcome;

	context_tracking_guest_enter();
	outcome = vmx_world_switch(&vcpu->regs, vmx->launched, &vmx->world.host_rsp);
	context_tracking_guest_exit();
	return outcome;
}

/* ---- after the exit -------------------------------------------------------------------------- */

static bool is_event(u32 information, unsigned int type, unsigned int vector)
{
	return information & VMX_INTERRUPTION_VALID &&
	       VMX_EXIT_GET(information, INTERRUPTION_TYPE) == type &&
	       VMX_EXIT_GET(information, INTERRUPTION_VECTOR) == vector;
}

/*
 * An exit that an NMI or a machine check has caused consumes the event: nobody else will tell the
 * host. NMIs stay blocked until an IRET, which is the one at the end of the host's handler. The
 * entries in the IDT use stacks of their own, so the handlers are called as the processor does.
 */
static void deliver_to_host(const struct vmx_world *world)
{
	if (is_event(world->interruption, VMX_EVENT_NMI, X86_EXCEPTION_NMI))
		asm volatile("int $2");
	else if (is_event(world->interruption, VMX_EVENT_HARDWARE_EXCEPTION, X86_EXCEPTION_MC) ||
		 VMX_EXIT_GET(world->exit_reason, EXIT_REASON_BASIC) ==
			 VMX_EXIT_REASON_ENTRY_MACHINE_CHECK)
		asm volatile("int $18");
	/* The reason of the last #NM stays in this MSR, and the host would take it for its own. */
	else if (is_event(world->interruption, VMX_EVENT_HARDWARE_EXCEPTION, X86_EXCEPTION_NM) &&
		 cpu_feature_enabled(X86_FEATURE_XFD))
		wrmsrl(IA32_XFD_ERR, 0);
}

static void note_exit(struct vtx_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	struct vmx_world *world = &vmx->world;

	if (VMX_EXIT_GET(world->exit_reason, EXIT_REASON_BASIC) == VMX_EXIT_REASON_EXCEPTION_OR_NMI)
		world->interruption = vmcs_read32(VMCS_VM_EXIT_INTERRUPTION_INFORMATION);
	if (!(world->exit_reason & VMX_EXIT_REASON_ENTRY_FAILURE))
		vmx->launched = true;
	vcpu->regs.rip = vmcs_read_natural(VMCS_GUEST_RIP);
	vcpu->regs.rsp = vmcs_read_natural(VMCS_GUEST_RSP);
	vcpu->regs.rflags = vmcs_read_natural(VMCS_GUEST_RFLAGS);
	world->guest_rip = vcpu->regs.rip;
	world->guest_rsp = vcpu->regs.rsp;
	world->guest_rflags = vcpu->regs.rflags;
	deliver_to_host(world);
}

static int outcome_error(const struct vtx_vcpu *vcpu, enum vmx_outcome outcome)
{
	switch (outcome) {
	case VMX_OUTCOME_EXIT:
	case VMX_OUTCOME_FAIL_VALID:
		return 0;
	case VMX_OUTCOME_UNDONE:
		return -ENOSYS; /* the stub has said so */
	case VMX_OUTCOME_FAIL_INVALID:
		pr_err_ratelimited("VM %u, vCPU %u: VM entry: VMfailInvalid, no current VMCS\n",
				   vcpu->vm->id, vcpu->id);
		return -EIO;
	default:
		pr_err_ratelimited("VM %u, vCPU %u: VM entry: exception, expected VMX operation\n",
				   vcpu->vm->id, vcpu->id);
		return -EIO;
	}
}

/* From project06 on a few exits are answered right here. */
static bool answered_fast(struct vtx_vcpu *vcpu, struct vmx_world *world)
{
	world->exit_reason = vmcs_read32(VMCS_EXIT_REASON);
#if VTX_STAGE >= 6
	return vmx_may_be_fast(world->exit_reason) && vmx_answered_fast(vcpu);
#else
	return false;
#endif
}

int vmx_enter_prepare(struct vtx_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);

	vmx_world_begin(vcpu);
	refresh_host_state(&vmx->world);
	refresh_guest_state(&vmx->world, &vcpu->regs);
	refresh_dr_exiting(vmx, vcpu->dr_used);
#if VTX_STAGE >= 6
	vmx_fpu_before_entry(vcpu, vmx);
#endif
#if VTX_STAGE >= 5
	/* Whoever flushes looks for vCPUs behind the generation: see space_flush(). */
	smp_mb();
	vmx_tlb_before_entry(vcpu);
	if (vcpu->moved)
		vmx_moved(vcpu);
#endif
	return vmcs_error() ? -EIO : 0;
}

int vmx_enter(struct vtx_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);
	struct vmx_world *world = &vmx->world;

	if (vmx_enter_prepare(vcpu))
		return -EIO;
	world->interruption = 0;
#if VTX_STAGE >= 6
	world->fast_turns = 0;
#endif
	swap_in(vcpu, &world->host);
	do {
		world->outcome = switch_worlds(vcpu, vmx);
	} while (world->outcome == VMX_OUTCOME_EXIT && answered_fast(vcpu, world));
	swap_out(vcpu, &world->host);
	if (world->outcome == VMX_OUTCOME_EXIT)
		note_exit(vcpu, vmx);
	if (vmcs_error())
		return -EIO;
	return outcome_error(vcpu, world->outcome);
}
