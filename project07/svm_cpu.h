/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file svm_cpu.h
 * @brief What SVM keeps for each CPU of the host.
 */
#ifndef SVM_CPU_H
#define SVM_CPU_H

#include <linux/percpu.h>

#include "svm_asid_logic.h"
#include "vmcb.h"

/** Of each CPU. */
struct svm_cpu {
	void *save_area; /**< where VMRUN puts the host's state: VM_HSAVE_PA */
	struct vmcb *host; /**< where VMSAVE puts what VMRUN leaves alone */
	u64 host_pa; /**< physical address of that one */
	struct vmcb *asked; /**< the guest's VMCB as it was before VMRUN: see svm_enter() */
	u64 old_save_area; /**< VM_HSAVE_PA as it was before us */
	struct svm_asids asids; /**< which have been given out */
	u32 clean_bits; /**< CLEAN_BITS of a VMCB that only RAX and RIP have changed of; 0: none */
};

/** What this CPU has; memory for each possible one. */
DECLARE_PER_CPU(struct svm_cpu, svm_cpu);

#endif
