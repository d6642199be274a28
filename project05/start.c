// SPDX-License-Identifier: GPL-2.0
/*
 * How a guest may begin in modes other than 64-bit: addresses, and the tables of VTX_MODE_PAGED.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/mm.h>
#include <linux/printk.h>

#include "space.h"
#include "vm.h"
#include "x86_bits.h"
#include "x86_paging.h"

/* Addresses that 16 and 32 bits can name. */
#define END_OF_REAL 0x10000ULL
#define END_OF_32 0x100000000ULL
/* Where a stack is if nobody says: below the results of the course's guests. */
#define REAL_STACK 0x7000ULL
/*
 * PAE paging: pages 1 to 5 of the guest's memory hold four entries that lead to four page
 * directories, whose entries of 2 MiB map linear to guest-physical addresses one to one.
 */
#define PDPT_AT 0x1000ULL
#define PD_AT(i) (PDPT_AT + ((i) + 1) * GUEST_PAGE_SIZE)
#define PD_ENTRIES 512

static int write_directory(struct vtx_vm *vm, u32 number)
{
	u64 *pd;
	u32 i;

	space_touch(vm, PD_AT(number));
	pd = guest_mem_at(&vm->memory, PD_AT(number));
	if (!pd)
		return -ENOMEM;
	for (i = 0; i < PD_ENTRIES; i++)
		pd[i] = (number * PD_ENTRIES + i) * GUEST_BLOCK_SIZE | PAGING_P | PAGING_RW |
			PAGING_A | PAGING_D | PAGING_PS;
	return 0;
}

static int write_tables(struct vtx_vm *vm)
{
	u64 *pdpt;
	u32 i;
	int err = 0;

	if (vm->memory.size < PD_AT(X86_PDPTES))
		return -EINVAL;
	space_touch(vm, PDPT_AT);
	pdpt = guest_mem_at(&vm->memory, PDPT_AT);
	if (!pdpt)
		return -ENOMEM;
	for (i = 0; i < X86_PDPTES && !err; i++) {
		vm->paged_pdpte[i] = PD_AT(i) | PAGING_P;
		pdpt[i] = vm->paged_pdpte[i];
		err = write_directory(vm, i);
	}
	vm->paged_root = PDPT_AT;
	return err;
}

/* Memory that nobody has touched is zero: four entries that are not present. */
int space_read_pdptes(struct vtx_vm *vm, u64 cr3, u64 *pdptes)
{
	u64 gpa = cr3 & X86_PDPT_ADDRESS;
	const struct vtx_slot *slot;
	struct page *page;
	u64 offset;
	int err = -EPERM;

	mutex_lock(&vm->space.lock);
	slot = slot_find(&vm->space.slots, gpa);
	if (slot) {
		offset = gpa - slot->gpa + slot->offset;
		page = space_page(&vm->memory, offset, false);
		err = PTR_ERR_OR_ZERO(page);
		if (!err)
			memcpy(pdptes, page_address(page) + offset_in_page(offset),
			       X86_PDPTES * sizeof(*pdptes));
	}
	mutex_unlock(&vm->space.lock);
	return err;
}

/* The first address that the mode cannot name; 0: it has one way to begin. */
static u64 end_of(u32 mode)
{
	switch (mode) {
	case VTX_MODE_REAL:
		return END_OF_REAL;
	case VTX_MODE_PROTECTED:
	case VTX_MODE_PAGED:
		return END_OF_32;
	default:
		return 0;
	}
}

int space_check_init(struct vtx_vm *vm, struct vtx_vcpu_init *init)
{
	u64 end = end_of(init->mode);
	bool reset = init->mode == VTX_MODE_RESET;

	init->usable = min(vm->memory.size, VTX_LOW_MEMORY_END);
	if (!init->rsp && !reset)
		init->rsp = REAL_STACK;
	if (init->mode >= VTX_VCPU_MODES || (reset ? init->rip || init->rsp :
						     init->rip >= end || init->rsp > end)) {
		pr_notice("init: mode %u (of %u), RIP %#llx, RSP %#llx (below %#llx; reset: 0)\n",
			  init->mode, VTX_VCPU_MODES, init->rip, init->rsp, end);
		return -EINVAL;
	}
	return init->mode == VTX_MODE_PAGED ? write_tables(vm) : 0;
}
