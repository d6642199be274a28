/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file policy_state.h
 * @brief What the policies of project06 keep for each vCPU and each VM: struct vtx_vcpu.policy,
 *        struct vtx_vm.policy.
 */
#ifndef POLICY_STATE_H
#define POLICY_STATE_H

#include "msr_policy_logic.h"
#include "vtx_types.h"
#include "vtxdrv.h"

/** What the next VTXDRV_RUN_VCPU finds in vtx_run.data. */
enum vtx_awaits {
	VTX_AWAITS_NOTHING = 0,
	VTX_AWAITS_IN, /**< what IN reads */
	VTX_AWAITS_RDMSR, /**< what RDMSR reads, or VTX_RUN_FAULT */
	VTX_AWAITS_WRMSR, /**< nothing, or VTX_RUN_FAULT */
	VTX_AWAITS_VECTOR, /**< the vector that VTX_EXIT_INTA has asked for */
};

/** Answers of CPUID that a vCPU remembers. */
#define VTX_CPUIDS_KNOWN 16

/** One of them: what was asked, when, and the answer. */
struct vtx_cpuid_known {
	bool valid; /**< there is one */
	bool osxsave; /**< CR4.OSXSAVE then */
	u32 leaf, subleaf; /**< EAX and ECX */
	u64 xcr0; /**< XCR0 then */
	struct vtx_cpuid answer; /**< to be given */
};

/** Of each vCPU. */
struct vtx_vcpu_policy {
	enum vtx_awaits awaits; /**< since the last exit to user space */
	u32 await_bytes; /**< of IN: 1, 2 or 4; of RDMSR and WRMSR: the instruction's length */
	u64 cr8; /**< task priority, 0 to 15 */
	bool osxsave; /**< its CR4.OSXSAVE */
	u64 xcr0; /**< of the guest */
	u64 tsc_offset; /**< what RDTSC adds to the host's counter */
	u64 tsc_adjust; /**< IA32_TSC_ADJUST */
	bool pdptes_ready; /**< the next ones are those that CR3 names */
	u64 pdptes[4]; /**< of PAE paging that begins: see hv->set_cr */
	u64 cr3; /**< that names them */
	struct vtx_cpuid_known cpuids[VTX_CPUIDS_KNOWN]; /**< by leaf modulo their number */
	u64 kept[MSR_KEPT_MAX]; /**< of MSRs that only remember; see msr_policy_logic.h */
};

/** Of each VM. */
struct vtx_vm_policy {
	void *intercepts; /**< the vendor's bitmaps of ports and MSRs */
	u64 tsc_start; /**< the host's counter when the VM was created: its own starts at 0 */
	struct msr_ranges __rcu *msr_ranges; /**< what VTXDRV_MSR_POLICY has changed, or NULL */
};

#endif
