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

/** How many allocations are alive. 0 after the last unit's exit, or something leaks. */
int vtx_mem_alive(void);

#endif
