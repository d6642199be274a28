// SPDX-License-Identifier: GPL-2.0
/*
 * What the emulators do otherwise than a processor. Each is seen by a guest of the tests.
 */
#include <asm/cpufeature.h>
#include <asm/processor.h>
#include <asm/special_insns.h>

#include "hv_ops.h"
#include "svm_codes.h"
#include "svm_quirks.h"
#include "svm_run.h"
#include "x86_bits.h"
#include "x86_exceptions.h"

bool svm_host_is_tcg;

/* The signature of QEMU without KVM, in the leaf where every hypervisor has its own. */
void svm_quirks_init(void)
{
	struct vtx_cpuid leaf;

	if (!boot_cpu_has(X86_FEATURE_HYPERVISOR))
		return;
	cpuid(CPUID_LEAF_4000_0000, &leaf.eax, &leaf.ebx, &leaf.ecx, &leaf.edx);
	svm_host_is_tcg = !memcmp(&leaf.ebx, "TCGTCGTCGTCG", 3 * sizeof(u32));
}

/* The VMRUN of Bochs 2.7 reads CR2 from the VMCB, and forgets it. */
void svm_quirks_before_entry(struct vtx_vcpu *vcpu)
{
	native_write_cr2(vcpu->cr2);
	svm_of(vcpu)->shadow = vmcb_of(vcpu)->INTERRUPT_STATE & SVM_INTERRUPT_STATE_SHADOW;
}

#define TSS_KIND (SVM_SEGMENT_S | 5U)
#define TSS_AVAILABLE 1U /* of 16 bits; 8 is the bit for 32 and 64 */
#define TSS_BUSY 2U

static bool is_tss(const struct vmcb *vmcb)
{
	return (vmcb->TR.attributes & TSS_KIND) == TSS_AVAILABLE;
}

/* In QEMU's own TR a TSS is not busy, and one that is ends QEMU when a guest changes its CPL. */
void svm_tcg_tss(struct vmcb *vmcb)
{
	if (is_tss(vmcb))
		vmcb->TR.attributes &= ~TSS_BUSY;
}

/* As a processor's LTR leaves it. */
static void follow_tss(struct vmcb *vmcb)
{
	if (is_tss(vmcb))
		vmcb->TR.attributes |= TSS_BUSY;
}

/*
 * QEMU's VMRUN does not load the interrupt shadow: where nothing was executed it is there still.
 * What was stepped over, with its own address behind it, was executed: a JMP to itself.
 */
static void follow_shadow(struct vtx_vcpu *vcpu)
{
	const struct svm_vcpu *svm = svm_of(vcpu);
	struct vmcb *vmcb = svm->vmcb;
	bool stepped = svm->stepping && vmcb->EXITCODE == VMEXIT_EXCP1;

	if (svm->shadow && vmcb->RIP == vcpu->regs.rip && !stepped)
		vmcb->INTERRUPT_STATE |= SVM_INTERRUPT_STATE_SHADOW;
}

/*
 * Bochs 2.7 clears LMA for a MOV to CR0 before it finds out that this exits; and whoever asks in
 * which mode the guest is asks LMA.
 */
static void follow_lma(struct vmcb *vmcb)
{
	if (vmcb->EFER & IA32_EFER_LME && vmcb->CR0 & CR0_PG)
		vmcb->EFER |= IA32_EFER_LMA;
}

/* Of the host: RIP of a guest that was never entered. */
static bool is_kernel(u64 rip)
{
	return rip >> 63;
}

/*
 * A MOV to CR3 that a processor answers with #GP, for a reserved bit, ends the guest under QEMU
 * with the exit code of a refused VMRUN.
 */
static bool is_bad_cr3(struct vtx_vcpu *vcpu)
{
	const struct vmcb *vmcb = vmcb_of(vcpu);

	if ((u32)vmcb->EXITCODE != (u32)VMEXIT_INVALID ||
	    vmcb->EVENTINJ & SVM_EVENT_VALID || is_kernel(vmcb->RIP))
		return false;
	vcpu->regs.rip = vmcb->RIP;
	return !svm_fetch(vcpu, VMEXIT_CR3_WRITE);
}

/* QEMU does not know INT1: it is a #UD there. */
static bool is_int1(struct vtx_vcpu *vcpu)
{
	if (vmcb_of(vcpu)->EXITCODE != VMEXIT_EXCP6)
		return false;
	vcpu->regs.rip = vmcb_of(vcpu)->RIP;
	return !svm_fetch(vcpu, VMEXIT_ICEBP);
}

/* Of QEMU. */
static void follow_tcg(struct vtx_vcpu *vcpu)
{
	struct vmcb *vmcb = vmcb_of(vcpu);

	follow_tss(vmcb);
	follow_shadow(vcpu);
	if (is_int1(vcpu))
		vmcb->EXITCODE = VMEXIT_ICEBP;
	if (is_bad_cr3(vcpu)) {
		vmcb->EXITCODE = VMEXIT_EXCP0 + X86_EXCEPTION_GP;
		vmcb->EXITINFO1 = 0;
	}
}

void svm_quirks_after_exit(struct vtx_vcpu *vcpu)
{
	follow_lma(vmcb_of(vcpu));
	if (unlikely(svm_host_is_tcg))
		follow_tcg(vcpu);
}
