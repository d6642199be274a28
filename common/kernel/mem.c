// SPDX-License-Identifier: GPL-2.0
/*
 * Counted memory and failures on demand.
 *
 * To walk every failure path: N = 1, 2, 3 …: echo N > /sys/module/vtxdrv/parameters/fail_nth, do
 * the thing, expect a clean error, until it succeeds because it has fewer than N steps that can
 * fail.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "mem.h"

static int fail_nth;
module_param(fail_nth, int, 0600);
MODULE_PARM_DESC(fail_nth, "fail the Nth step that can fail, once (0 = none; for tests)");

static atomic_t mem_alive = ATOMIC_INIT(0);

bool vtx_fail_here(const char *step)
{
	int left = READ_ONCE(fail_nth);

	if (left <= 0)
		return false;
	WRITE_ONCE(fail_nth, left - 1);
	if (left > 1)
		return false;
	pr_notice("fail_nth: %s fails on demand\n", step);
	return true;
}

/* What a guest makes us need: its owner pays, and where he may have no more, nobody is killed. */
#define GFP_NOBODY_IS_KILLED (GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

void *vtx_pages_alloc(size_t size)
{
	void *address;

	if (vtx_fail_here("page allocation"))
		return NULL;
	address = (void *)__get_free_pages(GFP_NOBODY_IS_KILLED | __GFP_ZERO, get_order(size));
	if (address)
		atomic_inc(&mem_alive);
	return address;
}

void vtx_pages_free(void *address, size_t size)
{
	if (!address)
		return;
	free_pages((unsigned long)address, get_order(size));
	atomic_dec(&mem_alive);
}

void *vtx_zalloc(const char *step, size_t size)
{
	void *address;

	if (step && vtx_fail_here(step))
		return NULL;
	address = kvzalloc(size, GFP_NOBODY_IS_KILLED);
	if (address)
		atomic_inc(&mem_alive);
	return address;
}

void vtx_free(void *address)
{
	if (!address)
		return;
	kvfree(address);
	atomic_dec(&mem_alive);
}

/*
 * A caller who asks for too much gets NULL: no warning, and no other process is killed for him.
 * Contiguous pages are a bonus, for which nobody's caches are to be emptied.
 */
static gfp_t user_pages_gfp(unsigned int order)
{
	return GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN |
	       (order ? __GFP_NORETRY : __GFP_RETRY_MAYFAIL);
}

struct page *vtx_user_pages_alloc(unsigned int order)
{
	struct page *page;

	if (vtx_fail_here("guest page allocation"))
		return NULL;
	page = alloc_pages(user_pages_gfp(order), order);
	if (!page)
		return NULL;
	if (order)
		split_page(page, order);
	atomic_add(1 << order, &mem_alive);
	return page;
}

void vtx_user_page_free(struct page *page)
{
	put_page(page);
	atomic_dec(&mem_alive);
}

void vtx_vma_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
#ifdef VTX_HAVE_VM_FLAGS_SET
	vm_flags_set(vma, flags);
#else
	vma->vm_flags |= flags;
#endif
}

void vtx_mem_note(int change)
{
	atomic_add(change, &mem_alive);
}

int vtx_mem_alive(void)
{
	return atomic_read(&mem_alive);
}
