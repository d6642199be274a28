// SPDX-License-Identifier: GPL-2.0
/* Physical memory as it is, and how much of it is in use. */
#include "probe.h"

#include <linux/ioport.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmstat.h>

#define PHYS_MAX 4096

static int copy_phys(u8 *to, u64 addr, size_t len)
{
	while (len) {
		size_t part = min_t(size_t, len, PAGE_SIZE - offset_in_page(addr));

		/* RAM only: reading a device's registers has side effects. */
		if (!pfn_valid(PHYS_PFN(addr)))
			return -EFAULT;
		if (copy_from_kernel_nofault(to, __va(addr), part))
			return -EFAULT;
		to += part;
		addr += part;
		len -= part;
	}
	return 0;
}

int probe_phys(struct probe_query *q)
{
	u64 addr = q->arg[0], len = q->arg[1];
	u8 *data;
	int err, out = 0;

	if (!len || len > PHYS_MAX || addr + len < addr)
		return -EINVAL;
	data = kmalloc(len, GFP_KERNEL);
	if (!data)
		return -ENOMEM;
	err = copy_phys(data, addr, len);
	for (u64 i = 0; !err && i < len; i++)
		out += scnprintf(q->out + out, PROBE_ANSWER - out, "%02x", data[i]);
	if (!err)
		out += scnprintf(q->out + out, PROBE_ANSWER - out, "\n");
	kfree(data);
	return err ?: out;
}

int probe_poke(struct probe_query *q)
{
	u64 addr = q->arg[0];
	u8 old;

	if (q->arg[1] > 0xff)
		return -EINVAL;
	/* RAM that can be read; a page that is write-protected is the test's own fault. */
	if (copy_phys(&old, addr, 1))
		return -EFAULT;
	*(u8 *)__va(addr) = q->arg[1];
	return scnprintf(q->out, PROBE_ANSWER, "ok\n");
}

/* SDM vol. 3, "4-Level Paging": bits 51:12 of an entry are a frame, bit 0 says that it counts. */
#define ENTRY_FRAME 0x000ffffffffff000ULL
#define ENTRY_PRESENT 1ULL
#define ENTRIES 512
#define NAMES_MAX 64

/* Page tables that nobody tells the address of are found by what their entries must be. */
int probe_names(struct probe_query *q)
{
	unsigned long end = PHYS_PFN(__pa(high_memory)), pfn;
	int found = 0, out = 0;
	u64 entry;

	if (q->arg[1] >= ENTRIES)
		return -EINVAL;
	for (pfn = 1; pfn < end && found < NAMES_MAX; pfn++) {
		if (!pfn_valid(pfn) ||
		    copy_from_kernel_nofault(&entry, (u64 *)__va(PFN_PHYS(pfn)) + q->arg[1],
					     sizeof(entry)))
			continue;
		if (!(entry & ENTRY_PRESENT) || (entry & ENTRY_FRAME) != q->arg[0])
			continue;
		out += scnprintf(q->out + out, PROBE_ANSWER - out, "%#llx ", PFN_PHYS(pfn));
		found++;
	}
	return out + scnprintf(q->out + out, PROBE_ANSWER - out, "\n");
}

/*
 * Each CPU keeps hundreds of the pages that it has freed in lists of its own, which no counter of
 * free pages knows; and what it adds to a counter is folded into the sum now and then only.
 */
static unsigned long free_pages_of(struct zone *zone)
{
	unsigned long count = zone_page_state_snapshot(zone, NR_FREE_PAGES);
	int cpu;

	for_each_online_cpu(cpu)
		count += READ_ONCE(per_cpu_ptr(zone->per_cpu_pageset, cpu)->count);
	return count;
}

static unsigned long all_free_pages(void)
{
	unsigned long count = 0;
	int node, i;

	for_each_online_node(node) {
		for (i = 0; i < MAX_NR_ZONES; i++) {
			if (populated_zone(&NODE_DATA(node)->node_zones[i]))
				count += free_pages_of(&NODE_DATA(node)->node_zones[i]);
		}
	}
	return count;
}

/** Those of slabs are counted per CPU and summed up now and then: compare with a tolerance. */
int probe_pages(struct probe_query *q)
{
	unsigned long slab = global_node_page_state_pages(NR_SLAB_RECLAIMABLE_B) +
			     global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B);

	return scnprintf(q->out, PROBE_ANSWER, "%lu %lu\n", all_free_pages(), slab);
}
