// SPDX-License-Identifier: GPL-2.0
/*
 * CPUID, and XSETBV, which goes by what CPUID says.
 */
#include <asm/cpufeature.h>
#include <linux/types.h>

#include <asm/fpu/xcr.h>
#include <asm/processor.h>

#include "cpuid_policy_logic.h"
#include "events.h"
#include "exits.h"
#include "hv_ops.h"
#include "run.h"
#include "x86_exceptions.h"

/* The same for all guests, and for all CPUs, so that a vCPU may move. */
static struct cpuid_policy policy __ro_after_init;

u64 vtx_host_xcr0 __ro_after_init;

static void ask_host(u32 leaf, u32 subleaf, struct vtx_cpuid *answer)
{
	cpuid_count(leaf, subleaf, &answer->eax, &answer->ebx, &answer->ecx, &answer->edx);
}

void vtx_cpuid_init(void)
{
	if (boot_cpu_has(X86_FEATURE_OSXSAVE))
		vtx_host_xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);
	cpuid_policy_make(&policy, ask_host, vtx_host_xcr0);
}

u64 vtx_guest_cr4_bits(void)
{
	return cpuid_cr4_bits(&policy);
}

u64 vtx_guest_efer_bits(void)
{
	return cpuid_efer_bits(&policy);
}

/* The answer depends on nothing but these: as long as they are the same, so is it. */
static bool is_known(const struct vtx_cpuid_known *known, const struct vtx_vcpu *vcpu, u32 leaf,
		     u32 subleaf)
{
	return known->valid && known->leaf == leaf && known->subleaf == subleaf &&
	       known->osxsave == vcpu->policy.osxsave && known->xcr0 == vcpu->policy.xcr0;
}

static void find_out(struct vtx_cpuid_known *known, const struct vtx_vcpu *vcpu, u32 leaf,
		     u32 subleaf)
{
	struct cpuid_asker who = {
		.apic_id = vcpu->id,
		.vcpus = vcpu->vm->nr_vcpus,
		.osxsave = vcpu->policy.osxsave,
		.xcr0 = vcpu->policy.xcr0,
	};

	*known = (struct vtx_cpuid_known){
		.valid = true,
		.osxsave = who.osxsave,
		.leaf = leaf,
		.subleaf = subleaf,
		.xcr0 = who.xcr0,
	};
	cpuid_policy_answer(&policy, &who, leaf, subleaf, &known->answer);
}

void vtx_cpuid_of(struct vtx_vcpu *vcpu)
{
	struct vtx_regs *regs = &vcpu->regs;
	struct vtx_cpuid_known *known;
	u32 leaf = regs->rax;
	u32 subleaf = regs->rcx;

	known = &vcpu->policy.cpuids[leaf % VTX_CPUIDS_KNOWN];
	if (!is_known(known, vcpu, leaf, subleaf))
		find_out(known, vcpu, leaf, subleaf);
	regs->rax = known->answer.eax;
	regs->rbx = known->answer.ebx;
	regs->rcx = known->answer.ecx;
	regs->rdx = known->answer.edx;
}

enum vtx_next vtx_answer_cpuid(struct vtx_vcpu *vcpu)
{
	vtx_cpuid_of(vcpu);
	return vtx_answered(vcpu);
}

/* ---- XCR0 ------------------------------------------------------------------------------------ */

/*
 * A flat 64-bit guest starts as if somebody had booted it, with all that CPUID offers it, and not
 * with what else the host has enabled: by XRSTOR a guest would change the host's PKRU. In the other
 * modes XCR0 is what a reset leaves. A guest without XSAVE has no XCR0 to switch.
 */
void vtx_xcr0_reset(struct vtx_vcpu *vcpu, u32 mode)
{
	vcpu->policy.xcr0 = cpuid_xcr0_at_start(&policy, vtx_host_xcr0, mode == VTX_MODE_LONG);
}

/* The privilege level has been looked at before the exit; CR4.OSXSAVE, too. */
enum vtx_next vtx_answer_xsetbv(struct vtx_vcpu *vcpu)
{
	const struct vtx_regs *regs = &vcpu->regs;
	u64 value = (u64)(u32)regs->rdx << 32 | (u32)regs->rax;

	if ((u32)regs->rcx != XCR_XFEATURE_ENABLED_MASK || !cpuid_xcr0_is_valid(&policy, value))
		return vtx_raise(vcpu, X86_EXCEPTION_GP, 0);
	vcpu->policy.xcr0 = value;
	return vtx_answered(vcpu);
}
