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
#include <linux/module.h>

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

void *vtx_pages_alloc(size_t size)
{
	void *address;

	if (vtx_fail_here("page allocation"))
		return NULL;
	address = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, get_order(size));
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

int vtx_mem_alive(void)
{
	return atomic_read(&mem_alive);
}
