/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file svm_quirks.h
 * @brief What the emulators of the lab machine do otherwise than a processor, where the driver can
 *        make up for it.
 */
#ifndef SVM_QUIRKS_H
#define SVM_QUIRKS_H

#include "vtx_types.h"

struct vmcb;
struct vtx_vcpu;

/** The machine is QEMU's emulation (TCG): not KVM under QEMU. */
extern bool svm_host_is_tcg;

/** Which machine is this? At the module's start. */
void svm_quirks_init(void);

/** Of QEMU, for the functions below that have the same names. */
void svm_tcg_tss(struct vmcb *vmcb);
/** The same. */
void svm_tcg_breakpoints_in(struct vtx_vcpu *vcpu);
/** The same. */
void svm_tcg_breakpoints_out(const struct vtx_vcpu *vcpu);
/** The same. */
void svm_tcg_mov_to_dr(struct vtx_vcpu *vcpu);

/** Before VMRUN. Interrupts off. */
void svm_quirks_before_entry(struct vtx_vcpu *vcpu);

/**
 * TR right before VMRUN; svm_quirks_after_exit() undoes it. On anything but TCG these do nothing,
 * and cost no call. Interrupts off, as for all that follow.
 */
static inline void svm_quirks_tss(struct vmcb *vmcb)
{
	if (unlikely(svm_host_is_tcg))
		svm_tcg_tss(vmcb);
}

/** DR0 to DR3 are the guest's, and VMRUN comes next: its breakpoints, if MOV has to set them. */
static inline void svm_quirks_breakpoints_in(struct vtx_vcpu *vcpu)
{
	if (unlikely(svm_host_is_tcg))
		svm_tcg_breakpoints_in(vcpu);
}

/** Behind \#VMEXIT, before DR0 to DR3 are the host's: none of the guest's breakpoints is left. */
static inline void svm_quirks_breakpoints_out(const struct vtx_vcpu *vcpu)
{
	if (unlikely(svm_host_is_tcg))
		svm_tcg_breakpoints_out(vcpu);
}

/** A guest's MOV to a debug register has to exit, also where the registers are its own. */
static inline bool svm_quirks_dr_writes_exit(void)
{
	return svm_host_is_tcg;
}

/**
 * Execute the MOV to a debug register that has exited for svm_quirks_dr_writes_exit() only. The
 * registers are those of the exit.
 */
static inline void svm_quirks_mov_to_dr(struct vtx_vcpu *vcpu)
{
	if (unlikely(svm_host_is_tcg))
		svm_tcg_mov_to_dr(vcpu);
}

/**
 * After a \#VMEXIT: what the VMCB says becomes what a processor would say. Loaded, interrupts off.
 */
void svm_quirks_after_exit(struct vtx_vcpu *vcpu);

#endif
