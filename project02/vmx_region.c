// SPDX-License-Identifier: GPL-2.0
/*
 * VMXON and VMCS regions: size, alignment, memory type and revision identifier.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/io.h>
#include <asm/set_memory.h>
#include <linux/mm.h>
#include <linux/printk.h>

#include "mem.h"
#include "vmx_cap_bits.h"
#include "vmx_caps_logic.h"
#include "vmx_region.h"
#include "vtx_todo.h"

static int __maybe_unused basic_check(const struct vmx_basic *basic)
{
	if (basic->region_size == 0 || basic->region_size > PAGE_SIZE) {
		pr_err("IA32_VMX_BASIC asks for a region of %u bytes, expected 1 to %lu\n",
		       basic->region_size, PAGE_SIZE);
		return -EPROTO;
	}
	if (basic->memory_type != VMX_MEMORY_TYPE_WB && basic->memory_type != VMX_MEMORY_TYPE_UC) {
		pr_err("IA32_VMX_BASIC asks for memory type %u, expected %u (WB) or %u (UC)\n",
		       basic->memory_type, VMX_MEMORY_TYPE_WB, VMX_MEMORY_TYPE_UC);
		return -EPROTO;
	}
	return 0;
}

/*
 * IA32_VMX_BASIC[48] would limit the address to 32 bits; it is always 0 on processors with Intel 64
 * (A.1), so the page may lie anywhere.
 */

/* A failure leaves the page write-back, as it came from the allocator. */
static int __maybe_unused make_uncached(struct vmx_region *region)
{
	int err = set_memory_uc((unsigned long)region->address, 1);

	region->uncached = !err;
	return err;
}

/*
 * EXERCISE 2.1 (15 points): The VMXON region
 * Do:   get zeroed memory that is aligned to 4096 bytes and contiguous in physical memory, write
 *       the revision identifier into its first four bytes with bit 31 clear, and fill in *region.
 *       Use vmx_decode_basic() for what the processor asks for; refuse what basic_check() refuses;
 *       make the page uncacheable where the memory type is UC. A failure leaves *region all zeros
 *       and nothing allocated.
 * Read: Intel SDM vol. 3, "The VMXON Region", A.1; project02/README.md, "The VMXON region"
 * Hint: vtx_pages_alloc() returns whole pages; virt_to_phys() gives the address that VMXON takes.
 */
#ifndef TODO_2_1
int vmx_region_alloc(struct vmx_region *region, u64 value)
{
	struct vmx_basic basic;
	int err;

	*region = (struct vmx_region){};
	err = vmx_decode_basic(value, &basic) ?: basic_check(&basic);
	if (err)
		return err;
	region->size = basic.region_size;
	region->revision_id = basic.revision_id;
	region->address = vtx_pages_alloc(PAGE_SIZE);
	if (!region->address) {
		err = -ENOMEM;
		goto err_clear;
	}
	if (basic.memory_type == VMX_MEMORY_TYPE_UC) {
		err = make_uncached(region);
		if (err)
			goto err_free;
	}
	region->pa = virt_to_phys(region->address);
	*(u32 *)region->address = region->revision_id;
	return 0;

err_free:
	vtx_pages_free(region->address, PAGE_SIZE);
err_clear:
	*region = (struct vmx_region){};
	return err;
}
#else
int vmx_region_alloc(struct vmx_region *region, u64 value)
{
	*region = (struct vmx_region){};
	return VTX_TODO("2.1", "there is no VMXON region, so VMXON cannot be tried");
}
#endif

void vmx_region_free(struct vmx_region *region)
{
	if (region->uncached)
		set_memory_wb((unsigned long)region->address, 1);
	vtx_pages_free(region->address, PAGE_SIZE);
	*region = (struct vmx_region){};
}
