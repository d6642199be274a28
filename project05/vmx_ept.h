/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_ept.h
 * @brief What VMX's world switch and VMCS know of extended page tables and VPIDs.
 */
#ifndef VMX_EPT_H
#define VMX_EPT_H

#include "vmx_ept_logic.h"

struct vtx_vcpu;

/** See struct vmx_vcpu. */
struct vmx_tlb {
	int cpu; /**< the CPU that holds nothing of this VPID that is out of date; -1: none */
};

/**
 * Give the vCPU a VPID, if the processor has such and one is left: vcpu->address_tag. May sleep.
 * @return 0 or -ENOMEM
 */
int vmx_vpid_get(struct vtx_vcpu *vcpu);
/** Give it back. May sleep. */
void vmx_vpid_put(struct vtx_vcpu *vcpu);

/**
 * Have this CPU forget what it remembers of the vCPU's translations and that is out of date
 * (exercise 5.5). Loaded, interrupts off, before each entry.
 */
void vmx_tlb_before_entry(struct vtx_vcpu *vcpu);

/**
 * Is the exit about guest-physical memory? Then fill in vcpu->exit (exercise 5.6). Loaded,
 * interrupts off.
 */
bool vmx_decode_memory(struct vtx_vcpu *vcpu);

/**
 * The exit came while an event was being delivered to the guest, which has not got it: have the
 * next entry deliver it again. Loaded.
 */
void vmx_reinject(struct vtx_vcpu *vcpu);

/** User space has emulated an instruction: STI and MOV SS block events no longer. Loaded. */
void vmx_moved(struct vtx_vcpu *vcpu);

/* ---- vmx_invalidate.c: the instructions ------------------------------------------------------ */

/**
 * INVEPT. VMX operation, interrupts off.
 * @param type how much
 * @param eptp with VMX_INVALIDATE_SINGLE: whose; otherwise 0
 * @return 0; -EINVAL: VMfail; -EFAULT: exception
 */
int vmx_invept(enum vmx_invalidate type, u64 eptp);
/** INVVPID; @p vpid with VMX_INVALIDATE_SINGLE. Otherwise as vmx_invept(). */
int vmx_invvpid(enum vmx_invalidate type, u16 vpid);

#endif
