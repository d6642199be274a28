/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file space.h
 * @brief The guest-physical address space of a VM: slots, frames, tables. Unit `space`.
 *
 * Locks: vtx_vcpu.lock, or a process's mmap_lock → space.lock → space.slots_lock. Who changes slots
 * or tables has space.lock; an exit that only asks whether there is a slot has slots_lock.
 */
#ifndef SPACE_H
#define SPACE_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/maple_tree.h>
#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>

#include "npt_logic.h"
#include "slot_logic.h"
#include "unit.h"

struct guest_mem;
struct page;
struct vm_fault;
struct vtx_vm;
struct vtx_vcpu;

/** VTXDRV_SET_SLOT and its like, and exits that are about memory. */
extern const struct vtx_unit space_unit;

/** A VM's address space: vtx_vm.space. */
struct vtx_space {
	struct mutex lock; /**< of slots, protections, frames and tables */
	spinlock_t slots_lock; /**< of slots: held in addition by who changes them */
	struct vtx_slots slots; /**< what is where */
	struct vtx_slot_limits limits; /**< of the slots */
	struct maple_tree protections; /**< VTXDRV_PROTECT: page number → VTX_PROT_* as a value */
	unsigned long *dirty[VTX_MAX_SLOTS]; /**< logs: a bit a page, or NULL */
	struct npt npt; /**< the tables */
	struct list_head garbage; /**< tables that some processor may still use: page.lru */
	bool execute_only; /**< the processor takes entries that allow nothing else */
	u64 pointer; /**< the vendor's: EPTP without the root */
	atomic64_t generation; /**< counts hv->npt_flush() */
	u64 __percpu *flushed; /**< the generation that a CPU has forgotten all before of */
	atomic64_t flushes; /**< how many a CPU has executed */
	u64 faults; /**< exits that were answered with a frame */
};

/* ---- populate.c: a frame when it is touched -------------------------------------------------- */

/**
 * The page of an offset of a VM's memory; it is got if there is none yet (exercise 5.4).
 * space.lock is held. May sleep.
 *
 * @param mem of the VM
 * @param offset below mem->size
 * @param whole_block all of the 2 MiB around it may be got at once
 * @return the page; an ERR_PTR: -ENOMEM, -ENOSYS while the exercise is not done
 */
struct page *space_page(struct guest_mem *mem, u64 offset, bool whole_block);

/**
 * Map the page at a guest-physical address for this kind of access (exercise 5.4). space.lock is
 * held. May sleep.
 *
 * @param vm whose memory
 * @param gpa guest-physical address
 * @param access VTX_PROT_*, what the guest wanted to do
 * @return 0; -ENOENT: no slot is there; -EACCES: it is not allowed; -ENOMEM; -ENOSYS while the
 *         exercise is not done
 */
int space_populate(struct vtx_vm *vm, u64 gpa, u32 access);

/** Would the host have too little left for others if a VM took this many pages? */
bool space_memory_is_scarce(u64 pages);

/** A process has touched its mapping of guest memory. */
vm_fault_t space_fault(struct vm_fault *vmf);

/* ---- slots.c --------------------------------------------------------------------------------- */

/** Set a slot as VTXDRV_SET_SLOT does. space.lock is held. May sleep. */
int space_set_slot(struct vtx_vm *vm, const struct vtx_slot *slot);

/** What a guest may do with a page of a slot: VTX_PROT_*. space.lock is held. */
u32 space_allowed(struct vtx_vm *vm, const struct vtx_slot *slot, u64 gpa);

/** Guest-physical address of an offset in the slots that VTXDRV_CREATE_VM makes. */
u64 space_gpa(u64 offset);

/** VTXDRV_SET_SLOT. */
long space_ioctl_set_slot(struct vtx_file *file, void __user *arg);
/** VTXDRV_PROTECT. */
long space_ioctl_protect(struct vtx_file *file, void __user *arg);
/** VTXDRV_DIRTY_LOG. */
long space_ioctl_dirty_log(struct vtx_file *file, void __user *arg);

/* ---- space_look.c ---------------------------------------------------------------------------- */

/**
 * Show somebody each leaf of [gpa, end), until see() returns false. Others get at the lock now and
 * then, and what they change meanwhile is seen or not. May sleep.
 * @return 0; -EINTR: a fatal signal came
 */
int space_leaves(struct vtx_vm *vm, u64 gpa, u64 end,
		 bool (*see)(void *ctx, const struct npt_leaf *leaf), void *ctx);

/** VTXDRV_WALK. */
long space_ioctl_walk(struct vtx_file *file, void __user *arg);
/** VTXDRV_MAP. */
long space_ioctl_map(struct vtx_file *file, void __user *arg);
/** VTXDRV_SLOT_INFO. */
long space_ioctl_slot_info(struct vtx_file *file, void __user *arg);
/** VTXDRV_MEMORY_INFO. */
long space_ioctl_info(struct vtx_file *file, void __user *arg);

/* ---- space.c --------------------------------------------------------------------------------- */

/**
 * Entries have lost something: no vCPU uses what a processor remembers of them any more when this
 * returns, and tables that were given back are free. space.lock is held. May sleep.
 */
void space_flush(struct vtx_vm *vm);

/** The exits that this project answers. */
extern const struct vtx_exit_answer space_exits[];

/** Fill in the shared page for who emulates the instruction. Loaded. */
void space_show_registers(struct vtx_vcpu *vcpu);

/** Get the page of an offset of the VM's memory alone, if it has none yet. May sleep. */
void space_touch(struct vtx_vm *vm, u64 offset);

/* ---- start.c --------------------------------------------------------------------------------- */

struct vtx_vcpu_init;

/**
 * Check what VTXDRV_INIT_VCPU asks for in a mode other than VTX_MODE_LONG, fill in what is 0, and
 * make what the mode needs. May sleep. 0; -EINVAL; -ENOMEM.
 */
int space_check_init(struct vtx_vm *vm, struct vtx_vcpu_init *init);

/**
 * Read the four entries that CR3 names with PAE paging, from the guest's memory. May sleep.
 *
 * @param vm whose memory
 * @param cr3 names them in its bits 31:5
 * @param pdptes out: four
 * @return 0; -EPERM: there is no memory; -ENOMEM: the host has no frame for it
 */
int space_read_pdptes(struct vtx_vm *vm, u64 cr3, u64 *pdptes);

#endif
