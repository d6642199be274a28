/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file svm_try.h
 * @brief A trial of a VMRUN, VTXDRV_TRY_ENTRY: what its two files share.
 */
#ifndef SVM_TRY_H
#define SVM_TRY_H

#include "svm_check_logic.h"
#include "vm.h"
#include "vmcb_table_logic.h"

/** What has to be as it was, and room for what is too large for the stack. */
struct svm_trial {
	struct vtx_vcpu *vcpu; /**< that enters */
	struct vtx_try_entry *try; /**< what was asked, and the answer */
	void *tables; /**< an empty page: nested tables that lead nowhere */
	struct vtx_cpu_facts facts; /**< of this CPU */
	u8 before[VMCB_SIZE]; /**< the VMCB as it was */
	struct svm_state state; /**< that is entered with */
	bool certain; /**< the processor refuses it, whatever else there is */
	bool wrong[VMCB_FIELDS]; /**< a rule that is violated blames this field */
	struct vtx_regs regs; /**< of the vCPU, as they were */
	u64 dr[ARRAY_SIZE(((struct vtx_vcpu *)NULL)->dr)]; /**< the same */
	u32 pkru; /**< the same */
};

/** Bits of N_CR3 that the trial's own tables have, and no case. */
u64 svm_try_table_bits(const struct svm_trial *t);

/**
 * Would the host survive the entry, and does the guest execute nothing? The rules have been run.
 *
 * @return 0; -EINVAL: not, or nobody knows; the log says which field it is
 */
int svm_try_survives(const struct svm_trial *t);

#endif
