/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_exits.h
 * @brief VMX's part of project06's exits: what the VM-exit information says of them.
 *
 * Everything here is called loaded, with interrupts off.
 */
#ifndef VMX_EXITS_H
#define VMX_EXITS_H

#include "vm.h"

/**
 * Fill in vcpu->exit for the exit reasons that project06 knows.
 *
 * @return whether the reason was one of them
 */
bool vmx_decode_more(struct vtx_vcpu *vcpu);

/**
 * From now on the guest owns the bits of CR0 and CR4 that mean nothing to the host. After whoever
 * has given them their first values.
 */
void vmx_cr_masks(struct vtx_vcpu *vcpu);

/** hv->set_cr for IA32_EFER. The same errors. */
int vmx_set_efer(struct vtx_vcpu *vcpu, u64 value);

/** Fill in the exit of an I/O instruction from its qualification (exercise 6.4). */
void vmx_decode_io(struct vtx_exit *exit, const struct vtx_regs *regs);

#endif
