/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_region.h
 * @brief The piece of memory that VMXON wants; project03 uses the same for each VMCS.
 */
#ifndef VMX_REGION_H
#define VMX_REGION_H

#include "vtx_types.h"

/** A VMXON region or a VMCS region: the processor owns what is in it, beyond the first word. */
struct vmx_region {
	void *address; /**< kernel virtual address, NULL while there is no region */
	u64 pa; /**< physical address, aligned to 4096, as VMXON takes it */
	u32 size; /**< bytes, 1 to 4096, as IA32_VMX_BASIC asks for */
	u32 revision_id; /**< bits 30:0 of the first word; bit 31 of that word is clear */
	bool uncached; /**< mapped uncacheable because IA32_VMX_BASIC asks for it */
};

/**
 * Get a region as IA32_VMX_BASIC asks for it (exercise 2.1). May sleep.
 *
 * @param region filled in; all zeros on failure
 * @param basic value of IA32_VMX_BASIC (SDM vol. 3, A.1)
 * @return 0; -EPROTO: a size of 0 or above 4096, or a memory type that is neither write-back nor
 *         uncacheable; -ENOMEM; -ENOSYS while the exercise is not done
 */
int vmx_region_alloc(struct vmx_region *region, u64 basic);

/** Give a region back; one that was never allocated is all zeros and is ignored. May sleep. */
void vmx_region_free(struct vmx_region *region);

#endif
