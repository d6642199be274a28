// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory: got in blocks of 2 MiB, found by guest-physical address, mapped, given back.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/io.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "guest_mem.h"
#include "mem.h"
#if VTX_STAGE >= 5
#include "space.h"
#endif
#include "vtx_todo.h"

#define PAGES_OF_BLOCK (GUEST_BLOCK_SIZE / GUEST_PAGE_SIZE)
/* 2 MiB as alloc_pages() counts: 2^9 pages. */
#define BLOCK_ORDER 9

/* How many pages block number i has: the last block may be shorter than the others. */
static u64 __maybe_unused pages_of_block(const struct guest_mem *mem, u64 i)
{
	return min(PAGES_OF_BLOCK, mem->size / GUEST_PAGE_SIZE - i * PAGES_OF_BLOCK);
}

int guest_mem_reserve(struct guest_mem *mem, u64 size)
{
	u64 blocks = DIV_ROUND_UP_ULL(size, GUEST_BLOCK_SIZE);

	*mem = (struct guest_mem){};
	mem->blocks = vtx_zalloc("table of blocks", blocks * sizeof(*mem->blocks));
	if (!mem->blocks)
		return -ENOMEM;
	mem->size = size;
	mem->mappable = size;
	mem->nr_blocks = blocks;
	return 0;
}

/*
 * EXERCISE 3.2 (20 points): Guest memory
 * Do:   guest_mem_alloc(): guest_mem_reserve() makes the table of blocks; get each of them as one
 *       contiguous piece of 2 MiB; where the host has none to give, and for a last block that is
 *       shorter, as single pages.
 *       Whoever is killed meanwhile need not wait for the end: -EINTR. A failure leaves *mem all
 *       zeros and nothing allocated. guest_mem_free(): everything back, each page once.
 *       guest_mem_page(): the page at a guest-physical address. guest_mem_fault(): a process has
 *       touched its mapping; find the page of vmf->pgoff, take a reference for the mapping, and put
 *       it into vmf->page; an address that is not below mem->mappable (which is all of the memory,
 *       in this project) is VM_FAULT_SIGBUS.
 * Read: project03/README.md, "Guest memory"
 * Hint: vtx_user_pages_alloc() and vtx_user_page_free() (the pages of a piece are given back one by
 *       one), vtx_zalloc() for tables, pages_of_block(), fatal_signal_pending(), cond_resched().
 */
#ifndef TODO_3_2
static void block_free(struct guest_block *block, u64 pages)
{
	u64 i;

	for (i = 0; i < pages && (block->huge || block->pages); i++) {
		if (block->huge)
			vtx_user_page_free(block->huge + i);
		else if (block->pages && block->pages[i])
			vtx_user_page_free(block->pages[i]);
	}
	vtx_free(block->pages);
	*block = (struct guest_block){};
}

static int block_alloc_small(struct guest_block *block, u64 pages)
{
	u64 i;

	block->pages = vtx_zalloc("table of a block", pages * sizeof(*block->pages));
	if (!block->pages)
		return -ENOMEM;
	for (i = 0; i < pages; i++) {
		block->pages[i] = vtx_user_pages_alloc(0);
		if (!block->pages[i])
			return -ENOMEM;
	}
	return 0;
}

static int block_alloc(struct guest_block *block, u64 pages)
{
	if (fatal_signal_pending(current))
		return -EINTR;
	cond_resched();
	if (pages == PAGES_OF_BLOCK)
		block->huge = vtx_user_pages_alloc(BLOCK_ORDER);
	return block->huge ? 0 : block_alloc_small(block, pages);
}

void guest_mem_free(struct guest_mem *mem)
{
	u64 i;

	for (i = 0; i < mem->nr_blocks; i++) {
		block_free(&mem->blocks[i], pages_of_block(mem, i));
		cond_resched();
	}
	vtx_free(mem->blocks);
	*mem = (struct guest_mem){};
}

int guest_mem_alloc(struct guest_mem *mem, u64 size)
{
	int err = guest_mem_reserve(mem, size);
	u64 i;

	for (i = 0; i < mem->nr_blocks && !err; i++)
		err = block_alloc(&mem->blocks[i], pages_of_block(mem, i));
	if (err)
		guest_mem_free(mem);
	else
		mem->populated = size;
	return err;
}

struct page *guest_mem_page(const struct guest_mem *mem, u64 gpa)
{
	const struct guest_block *block = &mem->blocks[gpa / GUEST_BLOCK_SIZE];
	u64 i = gpa % GUEST_BLOCK_SIZE / GUEST_PAGE_SIZE;

	if (block->huge)
		return block->huge + i;
	return block->pages ? block->pages[i] : NULL;
}

static vm_fault_t __maybe_unused guest_mem_fault(struct vm_fault *vmf)
{
	const struct guest_mem *mem = vmf->vma->vm_private_data;
	u64 gpa = (u64)vmf->pgoff * GUEST_PAGE_SIZE;

	if (gpa >= mem->mappable)
		return VM_FAULT_SIGBUS;
	vmf->page = guest_mem_page(mem, gpa);
	get_page(vmf->page);
	return 0;
}
#else
int guest_mem_alloc(struct guest_mem *mem, u64 size)
{
	*mem = (struct guest_mem){};
	return VTX_TODO("3.2", "there is no guest memory, so no VM can be created");
}

void guest_mem_free(struct guest_mem *mem)
{
}

struct page *guest_mem_page(const struct guest_mem *mem, u64 gpa)
{
	return NULL;
}

static vm_fault_t __maybe_unused guest_mem_fault(struct vm_fault *vmf)
{
	return VM_FAULT_SIGBUS;
}
#endif

static const struct vm_operations_struct guest_mem_vm_ops = {
#if VTX_STAGE >= 5
	.fault = space_fault,
#else
	.fault = guest_mem_fault,
#endif
};

int guest_mem_mmap(struct guest_mem *mem, struct vm_area_struct *vma)
{
	u64 pages = mem->size / GUEST_PAGE_SIZE;

	if (!(vma->vm_flags & VM_SHARED)) {
		pr_notice("mmap of guest memory: expected MAP_SHARED, a private copy is no use\n");
		return -EINVAL;
	}
	if (vma->vm_pgoff >= pages || vma_pages(vma) > pages - vma->vm_pgoff) {
		pr_notice("mmap of guest memory: %lu pages from page %lu, must end at page %llu\n",
			  vma_pages(vma), vma->vm_pgoff, pages);
		return -EINVAL;
	}
	vtx_vma_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &guest_mem_vm_ops;
	vma->vm_private_data = mem;
	return 0;
}

bool guest_mem_is_huge(const struct guest_mem *mem, u64 gpa)
{
	return mem->blocks[gpa / GUEST_BLOCK_SIZE].huge;
}

u64 guest_mem_frame(const struct guest_mem *mem, u64 gpa)
{
	struct page *page = guest_mem_page(mem, gpa);

	return page ? page_to_phys(page) : 0;
}

void *guest_mem_at(const struct guest_mem *mem, u64 gpa)
{
	struct page *page = guest_mem_page(mem, gpa);

	return page ? page_address(page) + gpa % GUEST_PAGE_SIZE : NULL;
}

u64 guest_mem_huge_blocks(const struct guest_mem *mem)
{
	u64 count = 0;
	u64 i;

	for (i = 0; i < mem->nr_blocks; i++)
		count += !!mem->blocks[i].huge;
	return count;
}

u64 guest_mem_small_blocks(const struct guest_mem *mem)
{
	return mem->populated / GUEST_PAGE_SIZE - guest_mem_huge_blocks(mem) * PAGES_OF_BLOCK;
}
