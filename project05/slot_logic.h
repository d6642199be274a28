/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file slot_logic.h
 * @brief Memory slots: which piece of a VM's memory is at which guest-physical address. Pure C.
 */
#ifndef SLOT_LOGIC_H
#define SLOT_LOGIC_H

#include "vtx_types.h"
#include "vtxdrv.h"

/** The slots of a VM; one of size 0 is not used. */
struct vtx_slots {
	struct vtx_slot slot[VTX_MAX_SLOTS]; /**< by number */
	u32 end; /**< no slot with this number or above is used */
};

/** What a slot may be. */
struct vtx_slot_limits {
	u64 memory; /**< bytes of the VM's memory */
	u64 end; /**< first guest-physical address that no guest can name */
};

/**
 * May this slot be set (exercise 5.3)?
 *
 * @param slots what there is
 * @param wanted as VTXDRV_SET_SLOT has it from the user: nothing of it is trusted
 * @param limits of the VM
 * @return 0, or one of the errnos of VTXDRV_SET_SLOT: EINVAL, ERANGE, EEXIST, ENOENT; -ENOSYS while
 *         the exercise is not done
 */
int slot_check(const struct vtx_slots *slots, const struct vtx_slot *wanted,
	       const struct vtx_slot_limits *limits);

/** Set it, or with size 0 unmap it (exercise 5.3): slot_check() has returned 0. */
void slot_set(struct vtx_slots *slots, const struct vtx_slot *wanted);

/**
 * The slot that a guest-physical address is in (exercise 5.3).
 * @return NULL: none, it is MMIO
 */
const struct vtx_slot *slot_find(const struct vtx_slots *slots, u64 gpa);

#endif
