// SPDX-License-Identifier: GPL-2.0
/*
 * A frame when it is touched: by the guest, whose access exits, or by the owner's process, whose
 * access is a page fault.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/io.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/vmstat.h>

#include "mem.h"
#include "space.h"
#include "vm.h"
#include "vtx_todo.h"

#define PAGES_OF_BLOCK (GUEST_BLOCK_SIZE / GUEST_PAGE_SIZE)
/* 2 MiB as alloc_pages() counts: 2^9 pages. */
#define BLOCK_ORDER 9
/* Of the machine's memory, this part is for others than guests: a sixteenth. */
#define RESERVE_PART 16

/*
 * Guest memory is no process's, so the OOM killer would not find it, and kill whoever has most of
 * his own. The free pages are known without counting; what could be had beside them is asked for
 * only where they are few.
 */
bool space_memory_is_scarce(u64 pages)
{
	u64 needed = totalram_pages() / RESERVE_PART + pages;

	if (global_zone_page_state(NR_FREE_PAGES) > 2 * needed)
		return false;
	return si_mem_available() < (long)needed;
}

/*
 * The part of the address space that one large leaf would map: true if all of it is in the slot and
 * alike, and lies in the VM's memory as it lies in the address space.
 */
static bool __maybe_unused block_is_alike(struct vtx_vm *vm, const struct vtx_slot *slot, u64 gpa)
{
	u64 start = gpa & ~(GUEST_BLOCK_SIZE - 1);
	unsigned long page = start / GUEST_PAGE_SIZE;

	if (slot->flags & VTX_SLOT_LOG_DIRTY || (slot->gpa - slot->offset) % GUEST_BLOCK_SIZE)
		return false;
	if (start < slot->gpa || start + GUEST_BLOCK_SIZE > slot->gpa + slot->size)
		return false;
	return !mt_find(&vm->space.protections, &page, page + PAGES_OF_BLOCK - 1);
}

/*
 * EXERCISE 5.4 (20 points): A frame when it is touched
 * Do:   space_page(): find the page of an offset in mem->blocks; if there is none, get a contiguous
 *       block of 2 MiB where whole_block says that it may be one, the memory has all of it, and
 *       nothing of the block is there yet; where the host has none to give, a table of 512 pages
 *       (once) and a page. Not if space_memory_is_scarce(). Count the bytes in mem->populated.
 *       space_populate(): find the slot, see whether the access is allowed, get the page, and map
 *       it: as a whole block where the frame is one and block_is_alike(), else alone. Where dirty
 *       pages are logged, a page is mapped for writing when it is written, and then it is logged.
 * Read: project05/README.md, "A frame when it is touched"
 * Hint: slot_find(), space_allowed(), vtx_user_pages_alloc(), npt_map(), set_bit(). A page may be
 *       mapped already: another vCPU was faster, or the access wants more than the last one did.
 */
#ifndef TODO_5_4
static struct page *page_of(const struct guest_block *block, u64 i)
{
	if (block->huge)
		return block->huge + i;
	return block->pages ? block->pages[i] : NULL;
}

static void get_whole_block(struct guest_mem *mem, struct guest_block *block)
{
	if (space_memory_is_scarce(PAGES_OF_BLOCK))
		return;
	block->huge = vtx_user_pages_alloc(BLOCK_ORDER);
	if (block->huge)
		mem->populated += GUEST_BLOCK_SIZE;
}

static struct page *get_one(struct guest_mem *mem, struct guest_block *block, u64 i)
{
	if (space_memory_is_scarce(1))
		return NULL;
	if (!block->pages)
		block->pages = vtx_zalloc("table of a block",
					  PAGES_OF_BLOCK * sizeof(*block->pages));
	if (!block->pages)
		return NULL;
	block->pages[i] = vtx_user_pages_alloc(0);
	if (block->pages[i])
		mem->populated += GUEST_PAGE_SIZE;
	return block->pages[i];
}

struct page *space_page(struct guest_mem *mem, u64 offset, bool whole_block)
{
	struct guest_block *block = &mem->blocks[offset / GUEST_BLOCK_SIZE];
	u64 i = offset % GUEST_BLOCK_SIZE / GUEST_PAGE_SIZE;
	u64 end = (offset & ~(GUEST_BLOCK_SIZE - 1)) + GUEST_BLOCK_SIZE;
	struct page *page = page_of(block, i);

	if (page)
		return page;
	if (whole_block && !block->pages && end <= mem->size)
		get_whole_block(mem, block);
	return page_of(block, i) ?: get_one(mem, block, i) ?: ERR_PTR(-ENOMEM);
}

static int map_page(struct vtx_vm *vm, const struct vtx_slot *slot, u64 gpa, u32 allowed)
{
	enum npt_type type = slot->flags & VTX_SLOT_UNCACHEABLE ? NPT_UNCACHEABLE : NPT_WRITE_BACK;
	bool alike = block_is_alike(vm, slot, gpa);
	u64 offset = gpa - slot->gpa + slot->offset;
	struct page *page = space_page(&vm->memory, offset, alike);
	u64 size = GUEST_PAGE_SIZE;

	if (IS_ERR(page))
		return PTR_ERR(page);
	if (alike && guest_mem_is_huge(&vm->memory, offset)) {
		page -= gpa % GUEST_BLOCK_SIZE / GUEST_PAGE_SIZE;
		gpa &= ~(GUEST_BLOCK_SIZE - 1);
		size = GUEST_BLOCK_SIZE;
	}
	return npt_map(&vm->space.npt, gpa, page_to_phys(page), size, allowed, type);
}

int space_populate(struct vtx_vm *vm, u64 gpa, u32 access)
{
	struct vtx_space *space = &vm->space;
	const struct vtx_slot *slot = slot_find(&space->slots, gpa);
	u32 allowed;
	int err;

	if (!slot)
		return -ENOENT;
	gpa &= ~(GUEST_PAGE_SIZE - 1);
	allowed = space_allowed(vm, slot, gpa);
	if (access & ~allowed)
		return -EACCES;
	if (slot->flags & VTX_SLOT_LOG_DIRTY && !(access & VTX_PROT_WRITE))
		allowed &= ~VTX_PROT_WRITE;
	err = map_page(vm, slot, gpa, allowed);
	if (!err && slot->flags & VTX_SLOT_LOG_DIRTY && access & VTX_PROT_WRITE)
		set_bit((gpa - slot->gpa) / GUEST_PAGE_SIZE, space->dirty[slot->slot]);
	return err;
}
#else
struct page *space_page(struct guest_mem *mem, u64 offset, bool whole_block)
{
	return ERR_PTR(VTX_TODO("5.4", "guest memory has no frames"));
}

int space_populate(struct vtx_vm *vm, u64 gpa, u32 access)
{
	return VTX_TODO("5.4", "guest memory is not mapped");
}
#endif

vm_fault_t space_fault(struct vm_fault *vmf)
{
	struct vtx_vm *vm = container_of(vmf->vma->vm_private_data, struct vtx_vm, memory);
	u64 offset = (u64)vmf->pgoff * GUEST_PAGE_SIZE;
	struct page *page;

	if (offset >= vm->memory.mappable)
		return VM_FAULT_SIGBUS;
	mutex_lock(&vm->space.lock);
	page = space_page(&vm->memory, offset, true);
	if (!IS_ERR(page))
		get_page(page);
	mutex_unlock(&vm->space.lock);
	if (IS_ERR(page))
		return VM_FAULT_SIGBUS;
	vmf->page = page;
	return 0;
}

/* The few pages of the guest's tables: for an idle VM 2 MiB around them would be most of it. */
void space_touch(struct vtx_vm *vm, u64 offset)
{
	mutex_lock(&vm->space.lock);
	space_page(&vm->memory, offset, false);
	mutex_unlock(&vm->space.lock);
}
