/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file svm_asid_logic.h
 * @brief Which address space identifier a vCPU runs with, and what VMRUN has to flush. Pure C.
 *
 * A CPU's TLB has entries of many ASIDs, and there are few of them. Each CPU gives out its own, one
 * after the other; when none is left, all are flushed and a new generation begins. Whoever has an
 * ASID of an older generation, or of another CPU, has none.
 */
#ifndef SVM_ASID_LOGIC_H
#define SVM_ASID_LOGIC_H

#include "vmcb.h"

/** The first one of a guest: 0 is the host's, and VMRUN refuses it. */
#define ASID_FIRST 1

/** What a CPU has given out. */
struct svm_asids {
	u64 generation; /**< from 1 on */
	u32 next; /**< to be given out; ASID 0 is the host's */
	u32 count; /**< ASIDs that there are, 0 included: CPUID 8000_000AH EBX */
	bool flush_by_asid; /**< the processor can flush one alone */
};

/** What a vCPU has. All zeros: none. */
struct svm_asid {
	u32 asid; /**< 0: none */
	int cpu; /**< that has given it out */
	u64 generation; /**< of that CPU's */
};

/**
 * A CPU is enabled: whatever has been given out is of no worth any more.
 *
 * @param asids of the CPU; its generation goes on
 * @param count ASIDs that the processor has, 0 included
 * @param flush_by_asid it can flush one alone
 */
void svm_asid_restart(struct svm_asids *asids, u32 count, bool flush_by_asid);

/**
 * The TLB may have anything with any ASID: whatever has been given out is of no worth any more. So
 * it is where VMRUN was refused, and may not have flushed what it was to flush.
 */
void svm_asid_forget(struct svm_asids *asids);

/**
 * Before VMRUN (exercise 7.7): find an ASID with which the TLB has nothing that is not to be used.
 *
 * @param asids of the CPU that the vCPU is about to run on
 * @param cpu its number
 * @param asid of the vCPU
 * @param stale translations of this vCPU may be in the TLB that must not be used
 * @return TLB_CONTROL for this VMRUN
 */
enum svm_tlb_control svm_asid_choose(struct svm_asids *asids, int cpu, struct svm_asid *asid,
				     bool stale);

#endif
