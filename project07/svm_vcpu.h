/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file svm_vcpu.h
 * @brief What SVM keeps for each vCPU: a VMCB, and what is not in it.
 *
 * A VMCB is memory like any other while the guest does not run: it is read and written by its
 * members, on any CPU, and no instruction makes it current. Where it says "loaded", that is true
 * all the same of who calls: vcpu->lock is held, and preemption is off.
 */
#ifndef SVM_VCPU_H
#define SVM_VCPU_H

#include "host_switch.h"
#include "svm_asid_logic.h"
#include "svm_insn_logic.h"
#include "vm.h"
#include "vmcb.h"

/** SVM's part of a vCPU: vtx_vcpu.arch. */
struct svm_vcpu {
	struct vmcb *vmcb; /**< what VMRUN reads */
	u64 vmcb_pa; /**< physical address of it */
	u64 *level5; /**< the top of the nested tables where the host's have five levels, or NULL */

	struct svm_asid asid; /**< of the CPU that it ran on last */
	u64 tables_seen; /**< space.generation that asid knows of */
	bool stale; /**< asid may have translations in the TLB that must not be used */

	u64 cr0, cr4, efer; /**< as the guest sees them; the VMCB has what the processor has */
	bool fpu_exiting; /**< the guest's first use of the FPU exits */
	u32 exceptions; /**< that exit, but for those of fpu_exiting and delivering */
	bool delivering; /**< the next entry delivers an exception: see svm_inject.c */

	bool nmi_inside; /**< an NMI was injected, and its IRET has not been executed yet */
	bool nmi_returns; /**< that IRET has exited, and is to be executed next */
	u64 nmi_iret; /**< RIP of it, with nmi_returns */
	bool stepping; /**< the next entry is for one instruction: RFLAGS.TF is ours */
	bool stepped; /**< the last exit was the end of such a step */
	bool shadow; /**< the last entry was to hold interrupts back: see svm_quirks.c */
	bool trap; /**< with RFLAGS.TF the guest's instruction was executed for it: #DB is due */

	u32 fast_turns; /**< exits that were answered since hv->enter was called */
	struct svm_insn insn; /**< the instruction that has exited, where it was looked at */
	struct host_switched host; /**< during hv->enter */
};

/** SVM's part of a vCPU. Any context. */
static inline struct svm_vcpu *svm_of(struct vtx_vcpu *vcpu)
{
	return vcpu->arch;
}

/** Its VMCB. Any context. */
static inline struct vmcb *vmcb_of(struct vtx_vcpu *vcpu)
{
	return svm_of(vcpu)->vmcb;
}

/** Does this exit code's event exit? */
static inline bool vmcb_intercepts(const struct vmcb *vmcb, u32 code)
{
	return ((const u32 *)vmcb)[code / 32] & BIT(code % 32);
}

/**
 * Intercept what has this exit code, or not: the intercepts are bits in the order of the codes.
 * AMD APM vol. 2, appendix B and C.
 */
static inline void vmcb_intercept(struct vmcb *vmcb, u32 code, bool on)
{
	u32 *word = (u32 *)vmcb + code / 32;

	*word = on ? *word | BIT(code % 32) : *word & ~(u32)BIT(code % 32);
}

#endif
