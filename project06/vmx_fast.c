// SPDX-License-Identifier: GPL-2.0
/*
 * CPUID and RDMSR without the run loop: guests ask often, and nothing of the host is needed for the
 * answer.
 */
#include <asm/msr.h>

#include "exits.h"
#include "run.h"
#include "vmcs_access.h"
#include "vmx_exit_reasons.h"
#include "vmx_fast.h"
#include "vmx_vcpu.h"
#include "x86_bits.h"

/*
 * Interrupts stay off from one answer to the next. A processor takes the guest out for one that
 * waits; Bochs 2.7 does not while the guest's RFLAGS.IF is 0.
 */
#define TURNS_AT_ONCE 64

/* Nobody wants to see each exit, and nothing blocks events until the next instruction. */
static __always_inline bool is_plain(const struct vtx_vcpu *vcpu)
{
	return vcpu->turn && !vcpu->turn->every_exit &&
	       !vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_STATE) &&
	       !(vmcs_read_natural(VMCS_GUEST_RFLAGS) & RFLAGS_TF);
}

/* At the end of 4 GiB it depends on the mode what comes next: not here. */
static __always_inline bool skip(struct vmx_world *world)
{
	u64 rip = vmcs_read_natural(VMCS_GUEST_RIP);
	u64 next = rip + vmcs_read32(VMCS_VM_EXIT_INSTRUCTION_LENGTH);

	if ((rip ^ next) >> 32)
		return false;
	vmcs_write_natural(VMCS_GUEST_RIP, next);
	world->guest_rip = next;
	return true;
}

static __always_inline bool answer(struct vtx_vcpu *vcpu, u32 reason)
{
	u64 value;

	if (reason == VMX_EXIT_REASON_CPUID) {
		if (!skip(&vmx_of(vcpu)->world))
			return false;
		vtx_cpuid_of(vcpu);
		return true;
	}
	if (!vtx_msr_at_hand(vcpu, vcpu->regs.rcx, &value) || !skip(&vmx_of(vcpu)->world))
		return false;
	vtx_set_edx_eax(&vcpu->regs, value);
	return true;
}

bool vmx_answered_fast(struct vtx_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);
	u32 reason = vmx->world.exit_reason;
	struct vtx_exit_count *count = &vcpu->stats->exits[reason];
	u64 start = rdtsc();

	if (++vmx->world.fast_turns >= TURNS_AT_ONCE)
		return false;
	if (!is_plain(vcpu) || !answer(vcpu, reason))
		return false;
	vmx->launched = true;
	vcpu->exits++;
	vcpu->stats->entries++;
	count->count++;
	count->cycles += rdtsc() - start;
	return true;
}
