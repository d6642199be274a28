/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file svm_quirks.h
 * @brief What the emulators of the lab machine do otherwise than a processor, where the driver can
 *        make up for it.
 */
#ifndef SVM_QUIRKS_H
#define SVM_QUIRKS_H

#include "vtx_types.h"

struct vtx_vcpu;

/** The machine is QEMU's emulation (TCG): not KVM under QEMU. */
extern bool svm_host_is_tcg;

/** Which machine is this? At the module's start. */
void svm_quirks_init(void);

/** Before VMRUN. Interrupts off. */
void svm_quirks_before_entry(const struct vtx_vcpu *vcpu);

/** Behind a guest that has debug registers of its own, before the host's come back. */
void svm_quirks_debug_registers(const struct vtx_vcpu *vcpu);

/**
 * After a \#VMEXIT: what the VMCB says becomes what a processor would say. Loaded, interrupts off.
 */
void svm_quirks_after_exit(struct vtx_vcpu *vcpu);

#endif
