/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_try.h
 * @brief A trial of a VM entry, VTXDRV_TRY_ENTRY: what its two files share.
 */
#ifndef VMX_TRY_H
#define VMX_TRY_H

#include "vm.h"
#include "vmcs_table_logic.h"
#include "vmx_check_logic.h"

/** What has to be as it was, and room for what is too large for the stack. */
struct trial {
	struct vtx_vcpu *vcpu; /**< that enters */
	struct vtx_try_entry *try; /**< what was asked, and the answer */
	void *ept; /**< an empty page: EPT tables that lead nowhere */
	struct vtx_cpu_facts facts; /**< of this CPU */
	struct vtx_field before[VMCS_FIELDS]; /**< the VMCS as it was */
	struct vmx_state state; /**< that is entered with */
	bool live; /**< nothing but guest state and harmless controls */
	u32 violated[VMX_RULE_KINDS]; /**< how many rules of each kind */
	struct vtx_regs regs; /**< of the vCPU, as they were */
	struct vtx_exit exit; /**< the same */
	u64 exits; /**< the same */
	struct vtx_vcpu_stats stats; /**< the same */
	u64 fs_base, sysenter_cs, sysenter_esp, sysenter_eip; /**< of the host */
};

/** Does the case change nothing but guest state, and controls that do no harm? */
bool vmx_try_is_harmless(const struct trial *t);

/** Is EPT in use? */
bool vmx_try_uses_ept(const struct trial *t);

/**
 * Would host and guest survive the entry? The rules have been run.
 *
 * @return 0; -EINVAL: not, or nobody knows; the log says which field it is
 */
int vmx_try_survives(const struct trial *t);

#endif
