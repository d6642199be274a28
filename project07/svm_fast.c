// SPDX-License-Identifier: GPL-2.0
/*
 * CPUID and RDMSR without the run loop: see vmx_fast.c.
 */
#include <asm/msr.h>

#include "exits.h"
#include "hv_ops.h"
#include "run.h"
#include "svm_codes.h"
#include "svm_run.h"
#include "x86_bits.h"

/* Interrupts stay off from one answer to the next; one that waits takes the guest out. */
#define TURNS_AT_ONCE 64

/* The rest of what hv->enter does at an exit and an entry has to be of no matter. */
static bool is_plain(const struct vtx_vcpu *vcpu, const struct vmcb *vmcb)
{
	return vcpu->turn && !vcpu->turn->every_exit && !vmcb->INTERRUPT_STATE &&
	       !(vmcb->RFLAGS & RFLAGS_TF) && vmcb->NRIP;
}

/* At the end of 4 GiB it depends on the mode what comes next: not here. */
static bool ends_at_4g(const struct vmcb *vmcb)
{
	return (vmcb->RIP ^ vmcb->NRIP) >> 32;
}

static bool answer(struct vtx_vcpu *vcpu, struct vmcb *vmcb)
{
	u64 value;

	if (vmcb->EXITCODE == VMEXIT_MSR &&
	    (vmcb->EXITINFO1 || !vtx_msr_at_hand(vcpu, vcpu->regs.rcx, &value)))
		return false;
	vcpu->regs.rax = vmcb->RAX;
	if (vmcb->EXITCODE == VMEXIT_CPUID)
		vtx_cpuid_of(vcpu);
	else
		vtx_set_edx_eax(&vcpu->regs, value);
	vmcb->RAX = vcpu->regs.rax;
	vmcb->RIP = vmcb->NRIP;
	vmcb->TLB_CONTROL = SVM_TLB_NOTHING;
	vmcb->EVENTINJ = 0;
	return true;
}

bool svm_answered_fast(struct vtx_vcpu *vcpu)
{
	struct svm_vcpu *svm = svm_of(vcpu);
	struct vtx_exit_count *count = &vcpu->stats->exits[svm->vmcb->EXITCODE];
	u64 start = rdtsc();

	if (++svm->fast_turns >= TURNS_AT_ONCE)
		return false;
	if (!is_plain(vcpu, svm->vmcb) || ends_at_4g(svm->vmcb) || !answer(vcpu, svm->vmcb))
		return false;
	vcpu->exits++;
	vcpu->stats->entries++;
	count->count++;
	count->cycles += rdtsc() - start;
	return true;
}
