// SPDX-License-Identifier: GPL-2.0
/*
 * CPUID without the run loop: guests ask often, and answers do not change.
 */
#include <asm/asm.h>
#include <asm/msr.h>

#include "exits.h"
#include "run.h"
#include "vmcs_fields.h"
#include "vmx_entry_bits.h"
#include "vmx_exit_bits.h"
#include "vmx_exit_reasons.h"
#include "vmx_fast.h"
#include "vmx_vcpu.h"
#include "x86_bits.h"

/*
 * One instruction where vmcs_access.h takes twenty. What goes wrong is left to the run loop, which
 * will come upon it again and say so.
 */
/* clang-format off: it takes the labels apart. */
static __always_inline bool read_field(enum vmcs_field field, u64 *value)
{
	asm goto("1: vmread %[field], %[value]\n\t"
		 _ASM_EXTABLE(1b, %l[wrong])
		 "jbe %l[wrong]\n\t"
		 : : [field] "r" ((u64)field), [value] "m" (*value) : "cc", "memory" : wrong);
	return true;
wrong:
	return false;
}

static __always_inline bool write_field(enum vmcs_field field, u64 value)
{
	asm goto("1: vmwrite %[value], %[field]\n\t"
		 _ASM_EXTABLE(1b, %l[wrong])
		 "jbe %l[wrong]\n\t"
		 : : [field] "r" ((u64)field), [value] "rm" (value) : "cc", "memory" : wrong);
	return true;
wrong:
	return false;
}
/* clang-format on */

/*
 * Interrupts stay off from one answer to the next. A processor takes the guest out for one that
 * waits; Bochs 2.7 does not while the guest's RFLAGS.IF is 0.
 */
#define TURNS_AT_ONCE 64

/* Nobody wants to see each exit, and nothing blocks events until the next instruction. */
static __always_inline bool is_plain(const struct vtx_vcpu *vcpu)
{
	u64 blocking, flags;

	return vcpu->turn && !vcpu->turn->every_exit &&
	       read_field(VMCS_GUEST_INTERRUPTIBILITY_STATE, &blocking) && !blocking &&
	       read_field(VMCS_GUEST_RFLAGS, &flags) && !(flags & RFLAGS_TF);
}

static __always_inline bool skip(struct vmx_world *world)
{
	u64 rip, length;

	if (!read_field(VMCS_GUEST_RIP, &rip) ||
	    !read_field(VMCS_VM_EXIT_INSTRUCTION_LENGTH, &length))
		return false;
	/* At the end of 4 GiB it depends on the mode what comes next. */
	if ((rip + length) >> 32 != rip >> 32 || !write_field(VMCS_GUEST_RIP, rip + length))
		return false;
	world->guest_rip = rip + length;
	return true;
}

bool vmx_answered_fast(struct vtx_vcpu *vcpu)
{
	struct vtx_exit_count *count = &vcpu->stats->exits[VMX_EXIT_REASON_CPUID];
	struct vmx_vcpu *vmx = vmx_of(vcpu);
	u64 start = rdtsc();
	u64 reason;

	if (++vmx->world.fast_turns >= TURNS_AT_ONCE)
		return false;
	if (!read_field(VMCS_EXIT_REASON, &reason) || reason != VMX_EXIT_REASON_CPUID ||
	    !is_plain(vcpu) || !skip(&vmx->world))
		return false;
	vtx_cpuid_of(vcpu);
	vmx->launched = true;
	vcpu->exits++;
	vcpu->stats->entries++;
	count->count++;
	count->cycles += rdtsc() - start;
	return true;
}
