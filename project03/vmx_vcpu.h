/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_vcpu.h
 * @brief What VMX keeps for each vCPU, and who moves a VMCS from CPU to CPU.
 */
#ifndef VMX_VCPU_H
#define VMX_VCPU_H

#include "vm.h"
#include "vmx_ctls_logic.h"
#include "vmx_region.h"
#if VTX_STAGE >= 4
#include "vmx_world.h"
#endif
#if VTX_STAGE >= 5
#include "vmx_ept.h"
#endif

/** VMX's part of a vCPU: vtx_vcpu.arch. */
struct vmx_vcpu {
	struct vmx_region vmcs; /**< the VMCS's memory */
	bool launched; /**< launch state: the next entry is a VMRESUME; VMCLEAR resets it */
	struct vmx_controls controls; /**< what is in the fields of the VMCS */
	u32 instruction_error; /**< VM_INSTRUCTION_ERROR before a dump's VMREADs wrote over it */
#if VTX_STAGE >= 4
	struct vmx_world world; /**< what the world switch remembers */
#endif
#if VTX_STAGE >= 5
	struct vmx_tlb tlb; /**< what CPUs remember of it */
#endif
};

/** VMX's part of a vCPU. Any context. */
static inline struct vmx_vcpu *vmx_of(struct vtx_vcpu *vcpu)
{
	return vcpu->arch;
}

/**
 * Take the VMCS away from the CPU that it is active on, if there is one (exercise 3.5): it is in
 * memory then, and may be freed or become active elsewhere. Not loaded; interrupts on; does not
 * sleep.
 */
void vmx_track_clear(struct vtx_vcpu *vcpu);

#endif
