/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file unit.h
 * @brief A unit is one thing that a stage adds to the driver.
 *
 * stage.c lists the units of its stage. Loading the module walks the list forward and calls init;
 * unloading it, or a failed init, walks back and calls exit of those whose init succeeded.
 */
#ifndef UNIT_H
#define UNIT_H

#include "vtx_types.h"

struct vtx_file;
struct vtx_vcpu;
struct vtx_vm;
struct vm_area_struct;

/** One ioctl that a unit answers. */
struct vtx_ioctl {
	unsigned int cmd; /**< as in vtxdrv.h; 0 ends the list */
	/**
	 * May sleep. @p file is the open file that asks; @p arg is the user's argument, mostly a
	 * pointer, not checked. Returns 0 or a negative errno.
	 */
	long (*handle)(struct vtx_file *file, void __user *arg);
};

/** What the run loop does next (project04). */
enum vtx_next {
	VTX_NEXT_GUEST, /**< enter the guest again */
	VTX_NEXT_ASIDE, /**< put the vCPU, let others have CPU and vCPU, and come back */
	VTX_NEXT_USER, /**< return to user space: vcpu->exit says why */
};

/** Who answers an exit of one kind (project04). */
struct vtx_exit_answer {
	u32 kind; /**< enum vtx_exit_kind; 0 ends the list */
	/**
	 * Answer vcpu->exit and set exit.handled, or leave it to user space. Loaded, interrupts
	 * off: short, and nothing that sleeps. What has to sleep is left to vtx_sleep_on().
	 */
	enum vtx_next (*answer)(struct vtx_vcpu *vcpu);
};

/** What a unit offers; every pointer may be NULL. */
struct vtx_unit {
	const char *name; /**< for messages */
	u64 features; /**< VTX_FEATURE_*: what VTXDRV_GET_INFO reports */
	int (*init)(void); /**< may sleep; 0 or a negative errno, then nothing may be left behind */
	void (*exit)(void); /**< may sleep; nobody has the device open any more */
	const struct vtx_ioctl *ioctls; /**< ends with cmd 0 */

	/**
	 * This CPU is about to leave VMX operation: let go of it. Runs on the CPU, interrupts off.
	 */
	void (*cpu_leaves)(void);
	/** The last reference to an open file goes. May sleep. In reverse order of the units. */
	void (*file_closes)(struct vtx_file *file);
	/**
	 * mmap() on the device. May sleep. -ENXIO: not my offset, ask the next unit; 0; or another
	 * errno, which ends the search.
	 */
	int (*mmap)(struct vtx_file *file, struct vm_area_struct *vma);
	/**
	 * What a unit keeps for each vCPU: called when a VM is created, in the order of the units,
	 * after hv->vcpu_alloc(). May sleep; 0 or a negative errno, then nothing is left behind.
	 */
	int (*vcpu_create)(struct vtx_vcpu *vcpu);
	/** The other way round, before hv->vcpu_free(), in reverse order. May sleep. */
	void (*vcpu_destroy)(struct vtx_vcpu *vcpu);
	/**
	 * VTXDRV_INIT_VCPU has given the vCPU its first state, in this enum vtx_vcpu_mode: what the
	 * unit keeps for it becomes as new. In the order of the units. Loaded; does not sleep. 0 or
	 * -EIO.
	 */
	int (*vcpu_reset)(struct vtx_vcpu *vcpu, u32 mode);
	/**
	 * What a unit keeps for each VM: called when it is created, in the order of the units,
	 * before there is any vCPU. May sleep; 0 or a negative errno, then nothing is left behind.
	 */
	int (*vm_create)(struct vtx_vm *vm);
	/** The other way round, when no vCPU is left, in reverse order. May sleep. */
	void (*vm_destroy)(struct vtx_vm *vm);
	/**
	 * Exits that it answers, in the place of earlier units if they know the kind as well; ends
	 * with kind 0.
	 */
	const struct vtx_exit_answer *exits;
};

/** The units of this stage in the order of their init, NULL at the end. Defined by stage.c. */
extern const struct vtx_unit *const vtx_units[];

/** Call init of every unit in order; on failure undo the earlier ones and return the errno. */
int vtx_units_init(void);
/** Call exit of every unit in reverse order. */
void vtx_units_exit(void);
/** All VTX_FEATURE_* bits of the units of this stage. */
u64 vtx_units_features(void);
/** Have every unit let go of this CPU, the last unit first. Interrupts off. */
void vtx_units_cpu_leaves(void);
/** Tell every unit that @p file closes, the last unit first. May sleep. */
void vtx_units_file_closes(struct vtx_file *file);
/** mmap(): the first unit that knows the offset answers. May sleep; -ENXIO: nobody knows it. */
int vtx_units_mmap(struct vtx_file *file, struct vm_area_struct *vma);
/** Call vcpu_create of every unit in order; on failure undo the earlier ones. May sleep. */
int vtx_units_vcpu_create(struct vtx_vcpu *vcpu);
/** Call vcpu_destroy of every unit in reverse order. May sleep. */
void vtx_units_vcpu_destroy(struct vtx_vcpu *vcpu);
/** Call vcpu_reset of every unit in order, up to the first that fails. Loaded. 0 or -EIO. */
int vtx_units_vcpu_reset(struct vtx_vcpu *vcpu, u32 mode);
/** Call vm_create of every unit in order; on failure undo the earlier ones. May sleep. */
int vtx_units_vm_create(struct vtx_vm *vm);
/** Call vm_destroy of every unit in reverse order. May sleep. */
void vtx_units_vm_destroy(struct vtx_vm *vm);
/** The unit's handler for @p cmd, or NULL if no unit of this stage has one. */
const struct vtx_ioctl *vtx_units_ioctl(unsigned int cmd);

#endif
