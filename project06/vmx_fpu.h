/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_fpu.h
 * @brief Lazy switching of the FPU in the VMCS: CR0.TS that the guest does not see.
 *
 * While the first use of the FPU is to exit, four fields of the VMCS are not what they were:
 * GUEST_CR0, its mask and shadow, and the exception bitmap. Whoever writes one of them, and whoever
 * shows them, takes that back first.
 */
#ifndef VMX_FPU_H
#define VMX_FPU_H

#include "vmx_vcpu.h"

/** Have the first use of the FPU exit, or not. Loaded. */
void vmx_fpu_exiting(struct vmx_vcpu *vmx, bool on);

/** Before an entry: as vcpu->fpu_inside says. Loaded, interrupts off. */
static inline void vmx_fpu_before_entry(struct vtx_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	if (unlikely(vmx->world.fpu_exiting == vcpu->fpu_inside))
		vmx_fpu_exiting(vmx, !vcpu->fpu_inside);
}

/** The four fields become what they were. Loaded. */
static inline void vmx_fpu_fields(struct vmx_vcpu *vmx)
{
	if (vmx->world.fpu_exiting)
		vmx_fpu_exiting(vmx, false);
}

#endif
