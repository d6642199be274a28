// SPDX-License-Identifier: GPL-2.0
/*
 * What VTXDRV_SET_SLOT, VTXDRV_PROTECT and VTXDRV_DIRTY_LOG do, also while the guest runs.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "mem.h"
#include "space.h"
#include "vm.h"

#define BITS_OF_WORD 64
#define ALL_ACCESS (VTX_PROT_READ | VTX_PROT_WRITE | VTX_PROT_EXECUTE)

/* ---- slots ----------------------------------------------------------------------------------- */

u64 space_gpa(u64 offset)
{
	return offset < VTX_LOW_MEMORY_END ? offset :
					     offset - VTX_LOW_MEMORY_END + VTX_HIGH_MEMORY_START;
}

u32 space_allowed(struct vtx_vm *vm, const struct vtx_slot *slot, u64 gpa)
{
	void *protection = mtree_load(&vm->space.protections, gpa / GUEST_PAGE_SIZE);
	u32 access = slot->flags & VTX_SLOT_READ_ONLY ? ALL_ACCESS & ~VTX_PROT_WRITE : ALL_ACCESS;

	return protection ? access & xa_to_value(protection) : access;
}

static u64 log_bytes(u64 size)
{
	return DIV_ROUND_UP_ULL(size / GUEST_PAGE_SIZE, BITS_OF_WORD) * sizeof(u64);
}

static int new_log(const struct vtx_slot *slot, unsigned long **log)
{
	*log = NULL;
	if (!slot->size || !(slot->flags & VTX_SLOT_LOG_DIRTY))
		return 0;
	if (space_memory_is_scarce(log_bytes(slot->size) / GUEST_PAGE_SIZE))
		return -ENOMEM;
	*log = vtx_zalloc("dirty log", log_bytes(slot->size));
	return *log ? 0 : -ENOMEM;
}

/* Pages of the slot's range are as the slot says. */
static int forget_protections(struct vtx_space *space, const struct vtx_slot *slot)
{
	unsigned long first = slot->gpa / GUEST_PAGE_SIZE;

	return mtree_store_range(&space->protections, first,
				 first + slot->size / GUEST_PAGE_SIZE - 1, NULL, GFP_KERNEL);
}

/*
 * The tables have nothing of the slot any more: what it becomes will be touched again. If it fails
 * the slot stays as it is: unmapped pages come back when they are touched, protections would not,
 * so they go last.
 */
static int unmap_slot(struct vtx_space *space, const struct vtx_slot *slot)
{
	int err;

	if (!slot->size)
		return 0;
	err = npt_unmap(&space->npt, slot->gpa, slot->size);
	return err ?: forget_protections(space, slot);
}

static void explain_slot(const struct vtx_slot *wanted, const struct vtx_slot_limits *limits,
			 int err)
{
	pr_notice("set slot: error %d: slot %u (below %u), flags %#x, pad %#llx\n", err,
		  wanted->slot, VTX_MAX_SLOTS, wanted->flags, wanted->pad);
	pr_notice("  address %#llx (end at most %#llx), size %#llx, offset %#llx (of %#llx)\n",
		  wanted->gpa, limits->end, wanted->size, wanted->offset, limits->memory);
}

int space_set_slot(struct vtx_vm *vm, const struct vtx_slot *wanted)
{
	struct vtx_space *space = &vm->space;
	struct vtx_slot was;
	unsigned long *log;
	int err;

	err = slot_check(&space->slots, wanted, &space->limits);
	if (err) {
		if (err != -ENOSYS)
			explain_slot(wanted, &space->limits, err);
		return err;
	}
	err = new_log(wanted, &log);
	if (err)
		return err;
	was = space->slots.slot[wanted->slot];
	/* Where the new one goes, only the old one can have protections. */
	err = unmap_slot(space, &was);
	if (err) {
		space_flush(vm);
		vtx_free(log);
		return err;
	}
	spin_lock_irq(&space->slots_lock);
	slot_set(&space->slots, wanted);
	spin_unlock_irq(&space->slots_lock);
	space_flush(vm);
	swap(space->dirty[wanted->slot], log);
	vtx_free(log);
	return 0;
}

/* Lock the address space of the file's VM. NULL, and *err: there is none, or a signal came. */
static struct vtx_vm *lock_own(struct vtx_file *file, const char *what, int *err)
{
	struct vtx_vm *vm = vtx_file_vm(file);

	*err = 0;
	if (!vm) {
		pr_notice("%s: this file has no VM\n", what);
		*err = -ENOENT;
	} else if (mutex_lock_killable(&vm->space.lock)) {
		*err = -EINTR;
	}
	return *err ? NULL : vm;
}

long space_ioctl_set_slot(struct vtx_file *file, void __user *arg)
{
	struct vtx_slot slot;
	struct vtx_vm *vm;
	int err;

	if (copy_from_user(&slot, arg, sizeof(slot)))
		return -EFAULT;
	vm = lock_own(file, "set slot", &err);
	if (!vm)
		return err;
	err = space_set_slot(vm, &slot);
	mutex_unlock(&vm->space.lock);
	return err;
}

/* ---- protection ------------------------------------------------------------------------------ */

static int check_protect(struct vtx_space *space, const struct vtx_protect *protect)
{
	const struct vtx_slot *slot;

	if (protect->access & ~ALL_ACCESS || protect->pad || !protect->size ||
	    (protect->gpa | protect->size) % GUEST_PAGE_SIZE ||
	    (protect->access & VTX_PROT_WRITE && !(protect->access & VTX_PROT_READ)))
		return -EINVAL;
	if (protect->access == VTX_PROT_EXECUTE && !space->execute_only)
		return -EINVAL;
	slot = slot_find(&space->slots, protect->gpa);
	if (!slot || protect->size > slot->size ||
	    protect->gpa - slot->gpa > slot->size - protect->size)
		return -ERANGE;
	return 0;
}

static void explain_protect(const struct vtx_protect *protect)
{
	pr_notice("protect: access %#x (within %#x), pad %#x, %#llx bytes from %#llx\n",
		  protect->access, ALL_ACCESS, protect->pad, protect->size, protect->gpa);
	pr_notice("  expected: whole pages of one slot, no WRITE without READ\n");
	pr_notice("  and no EXECUTE alone where the processor lacks it\n");
}

/* Have no large leaf reach across an address. */
static int split_at(struct npt *npt, u64 gpa)
{
	struct npt_leaf leaf;

	if (!npt_find(npt, gpa, &leaf) || leaf.gpa == gpa)
		return 0;
	return npt_protect(npt, gpa, GUEST_PAGE_SIZE, leaf.access);
}

/* Not all of the machine's memory goes where nobody looks for it: the kernel counts none of it. */
static int store_protection(struct vtx_space *space, const struct vtx_protect *protect)
{
	unsigned long first = protect->gpa / GUEST_PAGE_SIZE;

	if (space_memory_is_scarce(1) || vtx_fail_here("protection of pages"))
		return -ENOMEM;
	return mtree_store_range(&space->protections, first,
				 first + protect->size / GUEST_PAGE_SIZE - 1,
				 xa_mk_value(protect->access),
				 GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
}

/*
 * What is mapped, and what will be: the tables do not say what is not mapped yet. What needs memory
 * comes first, so that an error leaves both as they were.
 */
static int protect_range(struct vtx_vm *vm, const struct vtx_protect *protect)
{
	struct vtx_space *space = &vm->space;
	const struct vtx_slot *slot = slot_find(&space->slots, protect->gpa);
	u32 access = protect->access;
	int err;

	err = split_at(&space->npt, protect->gpa) ?:
	      split_at(&space->npt, protect->gpa + protect->size) ?:
	      store_protection(space, protect);
	if (err)
		return err;
	/* A page that is logged becomes writable when it is written. */
	if (slot->flags & (VTX_SLOT_READ_ONLY | VTX_SLOT_LOG_DIRTY))
		access &= ~VTX_PROT_WRITE;
	err = npt_protect(&space->npt, protect->gpa, protect->size, access);
	space_flush(vm);
	return err;
}

long space_ioctl_protect(struct vtx_file *file, void __user *arg)
{
	struct vtx_protect protect;
	struct vtx_vm *vm;
	int err;

	if (copy_from_user(&protect, arg, sizeof(protect)))
		return -EFAULT;
	vm = lock_own(file, "protect", &err);
	if (!vm)
		return err;
	err = check_protect(&vm->space, &protect);
	if (err)
		explain_protect(&protect);
	else
		err = protect_range(vm, &protect);
	mutex_unlock(&vm->space.lock);
	return err;
}

/* ---- the dirty log --------------------------------------------------------------------------- */

static int check_log(struct vtx_space *space, const struct vtx_dirty_log *want)
{
	const struct vtx_slot *slot = &space->slots.slot[want->slot % VTX_MAX_SLOTS];
	u64 pages = slot->size / GUEST_PAGE_SIZE;

	if (want->slot >= VTX_MAX_SLOTS || !space->dirty[want->slot])
		return -ENOENT;
	if (want->clear > 1 || want->first_page % BITS_OF_WORD)
		return -EINVAL;
	if (want->pages > pages || want->first_page > pages - want->pages)
		return -ERANGE;
	if (want->pages % BITS_OF_WORD && want->first_page + want->pages != pages)
		return -EINVAL;
	return 0;
}

static bool is_in_log(const u64 *bits, u64 page)
{
	return bits[page / BITS_OF_WORD] & BIT_ULL(page % BITS_OF_WORD);
}

/*
 * From now on a write to one of these pages exits again. The log forgets them when that is so for
 * all of them: the caller gets none of them with an error.
 */
static int log_anew(struct vtx_vm *vm, const struct vtx_dirty_log *want, const u64 *bits)
{
	const struct vtx_slot *slot = &vm->space.slots.slot[want->slot];
	unsigned long *log = vm->space.dirty[want->slot];
	u64 page, gpa;
	int err = 0;

	for (page = 0; page < want->pages && !err; page++) {
		if (!is_in_log(bits, page))
			continue;
		gpa = slot->gpa + (want->first_page + page) * GUEST_PAGE_SIZE;
		err = npt_protect(&vm->space.npt, gpa, GUEST_PAGE_SIZE,
				  space_allowed(vm, slot, gpa) & ~VTX_PROT_WRITE);
		if (fatal_signal_pending(current))
			err = -EINTR;
		cond_resched();
	}
	for (page = 0; page < want->pages && !err; page++) {
		if (is_in_log(bits, page))
			clear_bit(want->first_page + page, log);
	}
	space_flush(vm);
	return err;
}

static int read_log(struct vtx_vm *vm, struct vtx_dirty_log *want, u64 *bits)
{
	const unsigned long *log = vm->space.dirty[want->slot] + want->first_page / BITS_OF_WORD;

	memcpy(bits, log, log_bytes(want->pages * GUEST_PAGE_SIZE));
	want->count = bitmap_weight((unsigned long *)bits, want->pages);
	return want->clear && want->count ? log_anew(vm, want, bits) : 0;
}

/* The caller has not got them: they are not lost. */
static void put_back(struct vtx_vm *vm, const struct vtx_dirty_log *want, const u64 *bits)
{
	unsigned long *log;
	u64 i;

	mutex_lock(&vm->space.lock);
	log = check_log(&vm->space, want) ? NULL : vm->space.dirty[want->slot];
	for (i = 0; log && i < DIV_ROUND_UP_ULL(want->pages, BITS_OF_WORD); i++)
		log[want->first_page / BITS_OF_WORD + i] |= bits[i];
	mutex_unlock(&vm->space.lock);
}

static long copy_log(struct vtx_vm *vm, struct vtx_dirty_log *want, void __user *arg,
		     const u64 *bits)
{
	if (!copy_to_user(u64_to_user_ptr(want->bitmap), bits,
			  log_bytes(want->pages * GUEST_PAGE_SIZE)) &&
	    !copy_to_user(arg, want, sizeof(*want)))
		return 0;
	if (want->clear)
		put_back(vm, want, bits);
	return -EFAULT;
}

long space_ioctl_dirty_log(struct vtx_file *file, void __user *arg)
{
	struct vtx_dirty_log want;
	struct vtx_vm *vm;
	u64 *bits = NULL;
	int err;

	if (copy_from_user(&want, arg, sizeof(want)))
		return -EFAULT;
	vm = lock_own(file, "dirty log", &err);
	if (!vm)
		return err;
	err = check_log(&vm->space, &want);
	if (err)
		pr_notice("dirty log: slot %u, clear %u, %llu pages from %llu: error %d\n",
			  want.slot, want.clear, want.pages, want.first_page, err);
	if (!err) {
		bits = vtx_zalloc("copy of a dirty log",
				  log_bytes(want.pages * GUEST_PAGE_SIZE) ?: sizeof(u64));
		err = bits ? read_log(vm, &want, bits) : -ENOMEM;
	}
	mutex_unlock(&vm->space.lock);
	if (!err)
		err = copy_log(vm, &want, arg, bits);
	vtx_free(bits);
	return err;
}
