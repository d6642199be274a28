// SPDX-License-Identifier: GPL-2.0
/*
 * Looking at the tables of a VM, also of others: VTXDRV_WALK, VTXDRV_MAP, VTXDRV_MEMORY_INFO.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "ept_bits.h"
#include "hv_ops.h"
#include "mem.h"
#include "space.h"
#include "vm.h"

/* Entries of one VTXDRV_MAP. */
#define MAP_MOST 4096U
/* The results of a walk. */
enum walk_result { WALK_MAPPED, WALK_NOT_PRESENT, WALK_MISCONFIGURED };

/* ---- one address ----------------------------------------------------------------------------- */

static void walk(struct vtx_vm *vm, struct vtx_walk *walk)
{
	const struct npt *npt = &vm->space.npt;
	struct npt_leaf leaf;

	walk->pointer = vm->space.pointer | npt->root;
	walk->levels = npt->root ? npt_walk(npt, walk->gpa, walk->steps) : 0;
	walk->result = WALK_NOT_PRESENT;
	if (!npt->root || !npt_find(npt, walk->gpa, &leaf))
		return;
	walk->result = WALK_MAPPED;
	walk->page_size = leaf.size;
	walk->hpa = leaf.hpa + walk->gpa % leaf.size;
	/* What an entry must not be: "EPT Misconfigurations", first rule. */
	if (leaf.access & VTX_PROT_WRITE && !(leaf.access & VTX_PROT_READ))
		walk->result = WALK_MISCONFIGURED;
}

long space_ioctl_walk(struct vtx_file *file, void __user *arg)
{
	struct vtx_walk ask;
	struct vtx_vm *vm;

	if (copy_from_user(&ask, arg, sizeof(ask)))
		return -EFAULT;
	if (ask.pad[0] || ask.pad[1]) {
		pr_notice("walk: pad, must be 0\n");
		return -EINVAL;
	}
	if (ask.gpa >> EPT_WIDTH) {
		pr_notice("walk: address %#llx, must be below 2^%d\n", ask.gpa, EPT_WIDTH);
		return -ERANGE;
	}
	vm = vtx_vm_find(file, ask.vm);
	if (!vm)
		return -ENOENT;
	ask = (struct vtx_walk){ .vm = ask.vm, .gpa = ask.gpa };
	mutex_lock(&vm->space.lock);
	walk(vm, &ask);
	mutex_unlock(&vm->space.lock);
	vtx_vm_put(vm);
	return copy_to_user(arg, &ask, sizeof(ask)) ? -EFAULT : 0;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static struct vtx_map_range range_of(const struct npt_leaf *leaf)
{
	return (struct vtx_map_range){
		.gpa = leaf->gpa,
		.size = leaf->size,
		.hpa = leaf->hpa,
		.page_size = leaf->size,
		.access = leaf->access,
		.memory_type = leaf->type == NPT_UNCACHEABLE ? MEMORY_TYPE_UC : MEMORY_TYPE_WB,
		.accessed = leaf->accessed,
		.dirty = leaf->dirty,
		.contiguous = 1,
	};
}

static bool continues(const struct vtx_map_range *range, const struct vtx_map_range *next,
		      bool split)
{
	return range->gpa + range->size == next->gpa && range->page_size == next->page_size &&
	       range->access == next->access && range->memory_type == next->memory_type &&
	       (!split || range->hpa + range->size == next->hpa);
}

static void append(struct vtx_map_range *range, const struct vtx_map_range *next)
{
	if (range->hpa + range->size != next->hpa)
		range->contiguous = 0;
	range->size += next->size;
	range->accessed |= next->accessed;
	range->dirty |= next->dirty;
}

static void map(struct vtx_vm *vm, struct vtx_map *ask, struct vtx_map_range *ranges)
{
	u64 end = 1ULL << vm->space.npt.format.width;
	struct vtx_map_range next;
	struct npt_leaf leaf;

	while (vm->space.npt.root && npt_next(&vm->space.npt, ask->gpa, end, &leaf)) {
		next = range_of(&leaf);
		if (ask->count && continues(&ranges[ask->count - 1], &next, ask->split)) {
			append(&ranges[ask->count - 1], &next);
		} else {
			if (ask->count == ask->size) {
				ask->gpa = leaf.gpa;
				return;
			}
			ranges[ask->count++] = next;
		}
		ask->gpa = leaf.gpa + leaf.size;
		cond_resched();
	}
	ask->gpa = ~0ULL;
}

static int check_map(const struct vtx_map *ask)
{
	if (ask->split > 1 || ask->pad) {
		pr_notice("map: split %u, must be 0 or 1; pad %#llx, must be 0\n", ask->split,
			  ask->pad);
		return -EINVAL;
	}
	if (!ask->size || ask->size > MAP_MOST) {
		pr_notice("map: room for %u ranges, expected 1 to %u\n", ask->size, MAP_MOST);
		return -E2BIG;
	}
	return 0;
}

long space_ioctl_map(struct vtx_file *file, void __user *arg)
{
	struct vtx_map_range *ranges;
	struct vtx_map ask;
	struct vtx_vm *vm;
	int err;

	if (copy_from_user(&ask, arg, sizeof(ask)))
		return -EFAULT;
	err = check_map(&ask);
	if (err)
		return err;
	ask.count = 0;
	ranges = vtx_zalloc("ranges of a map", ask.size * sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	vm = vtx_vm_find(file, ask.vm);
	if (vm) {
		mutex_lock(&vm->space.lock);
		map(vm, &ask, ranges);
		mutex_unlock(&vm->space.lock);
		vtx_vm_put(vm);
	}
	err = vm ? 0 : -ENOENT;
	if (vm && (copy_to_user(u64_to_user_ptr(ask.ranges), ranges,
				ask.count * sizeof(*ranges)) ||
		   copy_to_user(arg, &ask, sizeof(ask))))
		err = -EFAULT;
	vtx_free(ranges);
	return err;
}

/* ---- figures --------------------------------------------------------------------------------- */

long space_ioctl_info(struct vtx_file *file, void __user *arg)
{
	struct vtx_memory_info info;
	struct vtx_vm *vm;

	if (copy_from_user(&info, arg, sizeof(info)))
		return -EFAULT;
	if (info.pad) {
		pr_notice("memory info: pad %#llx, must be 0\n", info.pad);
		return -EINVAL;
	}
	vm = vtx_vm_find(file, info.vm);
	if (!vm)
		return -ENOENT;
	mutex_lock(&vm->space.lock);
	info = (struct vtx_memory_info){
		.vm = info.vm,
		.vpid = vm->vcpus[0]->address_tag,
		.populated = vm->memory.populated,
		.tables = vm->space.npt.tables * NPT_PAGE_SIZE,
		.faults = vm->space.faults,
		.flushes = atomic64_read(&vm->space.flushes),
	};
	mutex_unlock(&vm->space.lock);
	vtx_vm_put(vm);
	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}
