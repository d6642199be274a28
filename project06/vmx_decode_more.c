// SPDX-License-Identifier: GPL-2.0
/*
 * What happened, for the exit reasons that project06 adds: from the VM-exit information to a
 * struct vtx_exit.
 */
#include "vmx_exit_bits.h"
#include "vmx_exit_reasons.h"
#include "vmx_exits.h"
#include "vtx_types.h"

/*
 * The kind of most reasons says all. 0: not one of this project's. GETSEC and the VMX instructions
 * exit whatever the controls say; SDM vol. 3, "Instructions That Cause VM Exits Unconditionally".
 */
static const u8 kinds[] = {
	[VMX_EXIT_REASON_INTERRUPT_WINDOW] = VTX_EXIT_IRQ_WINDOW,
	[VMX_EXIT_REASON_NMI_WINDOW] = VTX_EXIT_NMI_WINDOW,
	[VMX_EXIT_REASON_TASK_SWITCH] = VTX_EXIT_TASK_SWITCH,
	[VMX_EXIT_REASON_GETSEC] = VTX_EXIT_FORBIDDEN,
	[VMX_EXIT_REASON_INVD] = VTX_EXIT_INVALIDATE,
	[VMX_EXIT_REASON_INVLPG] = VTX_EXIT_INVALIDATE,
	[VMX_EXIT_REASON_RDPMC] = VTX_EXIT_COUNTER,
	[VMX_EXIT_REASON_RDTSC] = VTX_EXIT_COUNTER,
	[VMX_EXIT_REASON_RSM] = VTX_EXIT_FORBIDDEN,
	[VMX_EXIT_REASON_VMCLEAR] = VTX_EXIT_FORBIDDEN,
	[VMX_EXIT_REASON_VMLAUNCH] = VTX_EXIT_FORBIDDEN,
	[VMX_EXIT_REASON_VMPTRLD] = VTX_EXIT_FORBIDDEN,
	[VMX_EXIT_REASON_VMPTRST] = VTX_EXIT_FORBIDDEN,
	[VMX_EXIT_REASON_VMREAD] = VTX_EXIT_FORBIDDEN,
	[VMX_EXIT_REASON_VMRESUME] = VTX_EXIT_FORBIDDEN,
	[VMX_EXIT_REASON_VMWRITE] = VTX_EXIT_FORBIDDEN,
	[VMX_EXIT_REASON_VMXOFF] = VTX_EXIT_FORBIDDEN,
	[VMX_EXIT_REASON_VMXON] = VTX_EXIT_FORBIDDEN,
	[VMX_EXIT_REASON_IO_INSTRUCTION] = VTX_EXIT_IO,
	[VMX_EXIT_REASON_RDMSR] = VTX_EXIT_RDMSR,
	[VMX_EXIT_REASON_WRMSR] = VTX_EXIT_WRMSR,
	[VMX_EXIT_REASON_MWAIT] = VTX_EXIT_MONITOR,
	[VMX_EXIT_REASON_MONITOR] = VTX_EXIT_MONITOR,
	[VMX_EXIT_REASON_PAUSE] = VTX_EXIT_PAUSE,
	[VMX_EXIT_REASON_GDTR_IDTR_ACCESS] = VTX_EXIT_DESCRIPTOR_TABLE,
	[VMX_EXIT_REASON_LDTR_TR_ACCESS] = VTX_EXIT_DESCRIPTOR_TABLE,
	[VMX_EXIT_REASON_INVEPT] = VTX_EXIT_FORBIDDEN,
	[VMX_EXIT_REASON_RDTSCP] = VTX_EXIT_COUNTER,
	[VMX_EXIT_REASON_INVVPID] = VTX_EXIT_FORBIDDEN,
	[VMX_EXIT_REASON_WBINVD] = VTX_EXIT_INVALIDATE,
	[VMX_EXIT_REASON_XSETBV] = VTX_EXIT_XSETBV,
	[VMX_EXIT_REASON_INVPCID] = VTX_EXIT_INVALIDATE,
	[VMX_EXIT_REASON_VMFUNC] = VTX_EXIT_FORBIDDEN,
	[VMX_EXIT_REASON_ENCLS] = VTX_EXIT_FORBIDDEN,
	[VMX_EXIT_REASON_PCONFIG] = VTX_EXIT_FORBIDDEN,
	[VMX_EXIT_REASON_LOADIWKEY] = VTX_EXIT_FORBIDDEN,
	[VMX_EXIT_REASON_ENCLV] = VTX_EXIT_FORBIDDEN,
	[VMX_EXIT_REASON_SEAMCALL] = VTX_EXIT_FORBIDDEN,
	[VMX_EXIT_REASON_TDCALL] = VTX_EXIT_FORBIDDEN,
};

/* EDX:EAX, where MSRs and counters are. */
static u64 edx_eax(const struct vtx_regs *regs)
{
	return (u64)(u32)regs->rdx << 32 | (u32)regs->rax;
}

static enum vtx_counter counter_of(u32 reason)
{
	switch (reason) {
	case VMX_EXIT_REASON_RDTSC:
		return VTX_COUNTER_TSC;
	case VMX_EXIT_REASON_RDTSCP:
		return VTX_COUNTER_TSCP;
	default:
		return VTX_COUNTER_PMC;
	}
}

static enum vtx_invalidate invalidate_of(u32 reason)
{
	bool caches = reason == VMX_EXIT_REASON_INVD || reason == VMX_EXIT_REASON_WBINVD;

	return caches ? VTX_INVALIDATE_CACHES : VTX_INVALIDATE_TLB;
}

bool vmx_decode_more(struct vtx_vcpu *vcpu)
{
	struct vtx_exit *exit = &vcpu->exit;
	u32 reason = VMX_EXIT_GET(exit->reason, EXIT_REASON_BASIC);

	if (reason >= ARRAY_SIZE(kinds) || !kinds[reason])
		return false;
	exit->kind = kinds[reason];
	switch (exit->kind) {
	case VTX_EXIT_IO:
		vmx_decode_io(exit, &vcpu->regs);
		break;
	case VTX_EXIT_WRMSR:
		exit->data = edx_eax(&vcpu->regs);
		fallthrough;
	case VTX_EXIT_RDMSR:
		exit->msr = vcpu->regs.rcx;
		break;
	case VTX_EXIT_TASK_SWITCH:
		exit->value = exit->qualification;
		break;
	case VTX_EXIT_COUNTER:
		exit->nr = counter_of(reason);
		break;
	case VTX_EXIT_INVALIDATE:
		exit->nr = invalidate_of(reason);
		break;
	default:
		break;
	}
	return true;
}
