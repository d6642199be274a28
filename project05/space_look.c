// SPDX-License-Identifier: GPL-2.0
/*
 * Looking at slots and tables of a VM, also of others: VTXDRV_WALK, VTXDRV_MAP, VTXDRV_SLOT_INFO,
 * VTXDRV_MEMORY_INFO.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitmap.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "ept_bits.h"
#include "hv_ops.h"
#include "mem.h"
#include "space.h"
#include "vm.h"

/* Entries of one VTXDRV_MAP. */
#define MAP_MOST 4096U
/* Whose tables they are. */
enum walk_vendor { WALK_EPT, WALK_NPT };
/* The results of a walk. */
enum walk_result { WALK_MAPPED, WALK_NOT_PRESENT, WALK_MISCONFIGURED };

/* Nobody waits longer for the lock than the walk of this many leaves takes. */
#define LEAVES_AT_ONCE 1024

/* ---- one address ----------------------------------------------------------------------------- */

static void walk(struct vtx_vm *vm, struct vtx_walk *walk)
{
	const struct npt *npt = &vm->space.npt;
	struct npt_leaf leaf;

	walk->vendor = vtx_vendor_features() & VTX_FEATURE_SVM ? WALK_NPT : WALK_EPT;
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
	int err;

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
	err = mutex_lock_killable(&vm->space.lock);
	if (!err) {
		walk(vm, &ask);
		mutex_unlock(&vm->space.lock);
	}
	vtx_vm_put(vm);
	return err ?: copy_to_user(arg, &ask, sizeof(ask)) ? -EFAULT : 0;
}

/* Whether there is more behind *gpa; space.lock is held. */
static bool some_leaves(struct npt *npt, u64 *gpa, u64 end,
			bool (*see)(void *ctx, const struct npt_leaf *leaf), void *ctx)
{
	struct npt_leaf leaf;
	u32 left = LEAVES_AT_ONCE;

	for (; left && npt_next(npt, *gpa, end, &leaf); left--) {
		if (!see(ctx, &leaf))
			return false;
		*gpa = leaf.gpa + leaf.size;
	}
	return !left;
}

int space_leaves(struct vtx_vm *vm, u64 gpa, u64 end,
		 bool (*see)(void *ctx, const struct npt_leaf *leaf), void *ctx)
{
	bool more = vm->space.npt.root;

	while (more) {
		if (mutex_lock_killable(&vm->space.lock))
			return -EINTR;
		more = some_leaves(&vm->space.npt, &gpa, end, see, ctx);
		mutex_unlock(&vm->space.lock);
		cond_resched();
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return 0;
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

/* What is asked for, and what is found. */
struct map {
	struct vtx_map *ask;
	struct vtx_map_range *ranges;
};

static bool add_leaf(void *ctx, const struct npt_leaf *leaf)
{
	const struct map *map = ctx;
	struct vtx_map *ask = map->ask;
	struct vtx_map_range *last = map->ranges + ask->count - 1;
	struct vtx_map_range next = range_of(leaf);

	if (ask->count && continues(last, &next, ask->split)) {
		append(last, &next);
	} else if (ask->count < ask->size) {
		map->ranges[ask->count++] = next;
	} else {
		ask->gpa = leaf->gpa;
		return false;
	}
	return true;
}

static int map(struct vtx_vm *vm, struct vtx_map *ask, struct vtx_map_range *ranges)
{
	struct map map = { ask, ranges };
	u64 from = ask->gpa;

	ask->gpa = ~0ULL;
	return space_leaves(vm, from, 1ULL << vm->space.npt.format.width, add_leaf, &map);
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
	err = vm ? map(vm, &ask, ranges) : -ENOENT;
	if (vm)
		vtx_vm_put(vm);
	if (!err && (copy_to_user(u64_to_user_ptr(ask.ranges), ranges,
				  ask.count * sizeof(*ranges)) ||
		     copy_to_user(arg, &ask, sizeof(ask))))
		err = -EFAULT;
	vtx_free(ranges);
	return err;
}

/* ---- what is where --------------------------------------------------------------------------- */

/* The first used slot with this number or above. NULL: there is none. */
static const struct vtx_slot *used_slot(const struct vtx_slots *slots, u32 number)
{
	for (; number < slots->end; number++) {
		if (slots->slot[number].size)
			return &slots->slot[number];
	}
	return NULL;
}

static void describe_slot(struct vtx_space *space, const struct vtx_slot *slot,
			  struct vtx_slot_info *info)
{
	const unsigned long *log = space->dirty[slot->slot];

	info->slot = slot->slot;
	info->flags = slot->flags;
	info->gpa = slot->gpa;
	info->size = slot->size;
	info->offset = slot->offset;
	info->mapped = 0;
	info->dirty = log ? bitmap_weight(log, slot->size / GUEST_PAGE_SIZE) : 0;
}

static bool add_mapped(void *info, const struct npt_leaf *leaf)
{
	((struct vtx_slot_info *)info)->mapped += leaf->size;
	return true;
}

static int slot_info(struct vtx_vm *vm, struct vtx_slot_info *info)
{
	const struct vtx_slot *slot;

	if (mutex_lock_killable(&vm->space.lock))
		return -EINTR;
	slot = used_slot(&vm->space.slots, info->slot);
	if (slot)
		describe_slot(&vm->space, slot, info);
	mutex_unlock(&vm->space.lock);
	return slot ? space_leaves(vm, info->gpa, info->gpa + info->size, add_mapped, info) :
		      -ENOENT;
}

long space_ioctl_slot_info(struct vtx_file *file, void __user *arg)
{
	struct vtx_slot_info info;
	struct vtx_vm *vm;
	int err;

	if (copy_from_user(&info, arg, sizeof(info)))
		return -EFAULT;
	if (info.pad) {
		pr_notice("slot info: pad %#x, must be 0\n", info.pad);
		return -EINVAL;
	}
	vm = vtx_vm_find(file, info.vm);
	if (!vm)
		return -ENOENT;
	err = slot_info(vm, &info);
	vtx_vm_put(vm);
	return err ?: copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

/* ---- figures --------------------------------------------------------------------------------- */

long space_ioctl_info(struct vtx_file *file, void __user *arg)
{
	struct vtx_memory_info info;
	struct vtx_vm *vm;
	int err;

	if (copy_from_user(&info, arg, sizeof(info)))
		return -EFAULT;
	if (info.pad) {
		pr_notice("memory info: pad %#llx, must be 0\n", info.pad);
		return -EINVAL;
	}
	vm = vtx_vm_find(file, info.vm);
	if (!vm)
		return -ENOENT;
	err = mutex_lock_killable(&vm->space.lock);
	if (err)
		goto out;
	info = (struct vtx_memory_info){
		.vm = info.vm,
		.vpid = vm->vcpus[0]->address_tag,
		.populated = vm->memory.populated,
		.tables = vm->space.npt.tables * NPT_PAGE_SIZE,
		.faults = vm->space.faults,
		.flushes = atomic64_read(&vm->space.flushes),
	};
	mutex_unlock(&vm->space.lock);
out:
	vtx_vm_put(vm);
	return err ?: copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}
