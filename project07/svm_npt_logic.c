// SPDX-License-Identifier: GPL-2.0
/*
 * AMD's entries as data for npt_logic.c, and the exit that misses one.
 */
#include "svm_npt_logic.h"

#include "vmcb.h"
#include "vtx_todo.h"
#include "x86_bits.h"

/* A guest-physical address has 48 bits where the tables have four levels. */
#define NPT_WIDTH 48

/*
 * The entries are those of 4-level paging, and for them every access of a guest comes from user
 * mode. What is present can be read; memory needs no type, for the guest's PAT decides.
 */
static const struct npt_format nested_format = {
	.present = PAGING_P,
	.read = PAGING_P | PAGING_US,
	.write = PAGING_RW,
	.no_execute = PAGING_XD,
	.table = PAGING_P | PAGING_RW | PAGING_US,
	.large = PAGING_PS,
	.address = GENMASK_ULL(51, 12),
	.type = { [NPT_UNCACHEABLE] = PAGING_PCD | PAGING_PWT },
	.type_mask = PAGING_PCD | PAGING_PWT,
	.accessed = PAGING_A,
	.dirty = PAGING_D,
	.width = NPT_WIDTH,
};

void svm_npt_format(bool page_1g, struct npt_format *format)
{
	*format = nested_format;
	format->largest = page_1g ? 3 : 2;
}

/*
 * EXERCISE 7.6 (15 points): Nested paging
 * Do:   svm_npt_decode(): VTX_EXIT_NOT_PRESENT with the address and VTX_ACCESS_*, or
 *       VTX_EXIT_MISCONFIGURED if a reserved bit was found to be 1. svm_npt_flush() in svm_npt.c:
 *       the tables have changed, so count up space.generation.
 * Read: AMD APM vol. 2, "Nested Paging" and "Nested versus Guest Page Faults, Fault Ordering";
 *       project07/README.md, "Nested paging"
 * Hint: SVM_NPF_… in vmcb.h. What is neither a write nor a fetch is a read. The walk of the guest's
 *       own tables is made of accesses, too: VTX_ACCESS_WALK.
 */
#ifndef TODO_7_6
static u32 access_of(u64 info1)
{
	u32 access = VTX_ACCESS_READ;

	if (info1 & SVM_NPF_FETCH)
		access = VTX_ACCESS_EXECUTE;
	if (info1 & SVM_NPF_WRITE)
		access = VTX_ACCESS_WRITE;
	if (info1 & SVM_NPF_WALK)
		access |= VTX_ACCESS_WALK;
	return access;
}

void svm_npt_decode(u64 info1, u64 info2, bool in_delivery, struct vtx_exit *exit)
{
	exit->kind = info1 & SVM_NPF_RESERVED ? VTX_EXIT_MISCONFIGURED : VTX_EXIT_NOT_PRESENT;
	exit->gpa = info2;
	if (exit->kind == VTX_EXIT_NOT_PRESENT)
		exit->memory_access = access_of(info1) | (in_delivery ? VTX_ACCESS_EVENT : 0);
}
#else
/* What is there can be read: enough for a guest to begin. */
void svm_npt_decode(u64 info1, u64 info2, bool in_delivery, struct vtx_exit *exit)
{
	(void)VTX_TODO("7.6", "every access is taken for a read");
	exit->kind = VTX_EXIT_NOT_PRESENT;
	exit->gpa = info2;
	exit->memory_access = VTX_ACCESS_READ;
}
#endif
