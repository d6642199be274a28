/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file guest_mem.h
 * @brief The memory of a guest: from guest-physical address 0 on, in blocks of 2 MiB.
 *
 * A block is one contiguous piece of 2 MiB where the host has one to give, and 512 pages of 4 KiB
 * where it does not. The last block may be shorter, and is then of 4 KiB pages.
 */
#ifndef GUEST_MEM_H
#define GUEST_MEM_H

#include "vtx_types.h"

struct page;
struct vm_area_struct;

/** Bytes of a page of the guest. */
#define GUEST_PAGE_SIZE 4096ULL
/** Bytes of a block: what one entry of a page directory maps. */
#define GUEST_BLOCK_SIZE (512 * GUEST_PAGE_SIZE)

/** A block; all zeros: not allocated. */
struct guest_block {
	struct page *huge; /**< the first of 512 contiguous pages, or NULL */
	struct page **pages; /**< else an array of the pages, or NULL */
};

/** Guest memory; all zeros: none. */
struct guest_mem {
	u64 size; /**< bytes, a multiple of 4096 */
	u64 mappable; /**< bytes that the owner may touch; from project04 on tables lie above */
	u64 nr_blocks; /**< how many of the next there are */
	struct guest_block *blocks; /**< by address */
	u64 populated; /**< bytes that have a frame; from project05 on not all of them */
};

/**
 * Get the memory of a guest, zeroed and charged to the memory cgroup of the caller (exercise 3.2).
 * May sleep, and takes a while where it is much.
 *
 * @param mem filled in; all zeros on failure
 * @param size bytes, a multiple of 4096, not 0
 * @return 0; -ENOMEM; -EINTR: a fatal signal came first; -ENOSYS while the exercise is not done
 */
int guest_mem_alloc(struct guest_mem *mem, u64 size);

/**
 * The same, but no page is got yet: project05 gets each when it is touched.
 * @return 0; -ENOMEM
 */
int guest_mem_reserve(struct guest_mem *mem, u64 size);

/**
 * Give everything back, once (exercise 3.2). May sleep.
 *
 * @param mem all zeros afterwards; memory that is all zeros is ignored
 */
void guest_mem_free(struct guest_mem *mem);

/** The page at a guest-physical address below mem->size (exercise 3.2). Any context. */
struct page *guest_mem_page(const struct guest_mem *mem, u64 gpa);

/** Is the address in a contiguous block of 2 MiB? @p gpa is below mem->size. Any context. */
bool guest_mem_is_huge(const struct guest_mem *mem, u64 gpa);

/** Host-physical address of the 4-KiB page that holds @p gpa, below mem->size. Any context. */
u64 guest_mem_frame(const struct guest_mem *mem, u64 gpa);

/**
 * Kernel address of the byte at @p gpa, below mem->size. What lies behind it is contiguous up to
 * the end of its page of 4 KiB. Any context.
 * @return NULL while exercise 3.2 is not done
 */
void *guest_mem_at(const struct guest_mem *mem, u64 gpa);

/**
 * Map a range of guest memory into a process; vma->vm_pgoff counts pages from guest-physical
 * address 0. The pages come one by one, when they are touched. May sleep; the caller holds
 * mmap_lock for writing, and keeps @p mem as long as vma->vm_file is open.
 *
 * @return 0; -EINVAL: the mapping is not shared, or reaches beyond the memory
 */
int guest_mem_mmap(struct guest_mem *mem, struct vm_area_struct *vma);

/** How many blocks are contiguous ones. Any context. */
u64 guest_mem_huge_blocks(const struct guest_mem *mem);

/** How many pages of 4 KiB the other blocks are made of. Any context. */
u64 guest_mem_small_blocks(const struct guest_mem *mem);

#endif
