// SPDX-License-Identifier: GPL-2.0
/*
 * ASIDs in generations.
 */
#include "svm_asid_logic.h"
#include "vtx_todo.h"

void svm_asid_restart(struct svm_asids *asids, u32 count, bool flush_by_asid)
{
	asids->count = count;
	asids->flush_by_asid = flush_by_asid;
	svm_asid_forget(asids);
}

void svm_asid_forget(struct svm_asids *asids)
{
	asids->generation++;
	/* None is left: the first one that asks has all of them flushed. */
	asids->next = asids->count;
}

/*
 * EXERCISE 7.7 (10 points): Few ASIDs, and many vCPUs
 * Do:   svm_asid_choose(): a vCPU keeps its ASID as long as it is of this CPU and of its present
 *       generation. Otherwise it gets the next one; if there is none, a new generation begins with
 *       the first, and everything is flushed. If what a kept ASID has in the TLB is stale: with
 *       FlushByAsid this ASID is flushed, without it the vCPU gets another one.
 * Read: AMD APM vol. 2, "TLB Control" and "TLB Flush"; project07/README.md, "ASIDs"
 * Hint: an ASID that was not given out before in this generation has nothing in the TLB.
 */
#ifndef TODO_7_7
static enum svm_tlb_control take_next(struct svm_asids *asids, int cpu, struct svm_asid *asid)
{
	enum svm_tlb_control control = SVM_TLB_NOTHING;

	if (asids->next >= asids->count) {
		asids->generation++;
		asids->next = ASID_FIRST;
		control = SVM_TLB_ALL;
	}
	*asid = (struct svm_asid){
		.asid = asids->next++,
		.cpu = cpu,
		.generation = asids->generation,
	};
	return control;
}

enum svm_tlb_control svm_asid_choose(struct svm_asids *asids, int cpu, struct svm_asid *asid,
				     bool stale)
{
	if (!asid->asid || asid->cpu != cpu || asid->generation != asids->generation)
		return take_next(asids, cpu, asid);
	if (!stale)
		return SVM_TLB_NOTHING;
	return asids->flush_by_asid ? SVM_TLB_ASID : take_next(asids, cpu, asid);
}
#else
enum svm_tlb_control svm_asid_choose(struct svm_asids *asids, int cpu, struct svm_asid *asid,
				     bool stale)
{
	(void)VTX_TODO("7.7", "all vCPUs have one ASID, and each VMRUN flushes everything");
	asid->asid = ASID_FIRST;
	return SVM_TLB_ALL;
}
#endif
