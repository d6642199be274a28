/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file mem.h
 * @brief Memory that is counted, and failures on demand.
 *
 * Every allocation of the driver goes through here, so that a leak shows when the module is
 * unloaded, and so that each failure path can be walked: Debian's kernels have no fault injection.
 */
#ifndef MEM_H
#define MEM_H

#include "vtx_types.h"

struct page;
struct vm_area_struct;

/**
 * Is this the step that the fail_nth parameter asked to fail? Counts down by one.
 * Any context. @p step is for the message.
 */
bool vtx_fail_here(const char *step);

/**
 * Pages that are zeroed and physically contiguous, @p size rounded up to a power of two of pages,
 * so aligned to their size. May sleep.
 * @return the address, or NULL: no memory, or fail_nth.
 */
void *vtx_pages_alloc(size_t size);
/** Free what vtx_pages_alloc() returned for the same @p size; NULL is ignored. May sleep. */
void vtx_pages_free(void *address, size_t size);

/**
 * Memory that is zeroed, physically contiguous or not as its size allows, and charged to the memory
 * cgroup of the caller. May sleep.
 * @param step names it for fail_nth; NULL: not one of the steps that can be made to fail
 * @param size bytes
 * @return the address, or NULL: no memory, or fail_nth.
 */
void *vtx_zalloc(const char *step, size_t size);
/** Free what vtx_zalloc() returned; NULL is ignored. May sleep. */
void vtx_free(void *address);

/**
 * 2^@p order pages for a user: zeroed, physically contiguous, charged to the memory cgroup of the
 * caller, and each with a reference count of its own. Never has a process killed to get them.
 * May sleep.
 * @return the first one, or NULL: no memory, or fail_nth.
 */
struct page *vtx_user_pages_alloc(unsigned int order);
/** Give one of these pages back; whoever has it mapped or pinned keeps it. May sleep. */
void vtx_user_page_free(struct page *page);

/**
 * Add to the flags of a mapping, by every kernel's idea of how. The caller holds mmap_lock for
 * writing, as a file's mmap does.
 */
void vtx_vma_flags_set(struct vm_area_struct *vma, unsigned long flags);

/** Count @p change allocations that the kernel has made for us, or freed. Any context. */
void vtx_mem_note(int change);

/** How many allocations are alive. 0 after the last unit's exit, or something leaks. */
int vtx_mem_alive(void);

#endif
