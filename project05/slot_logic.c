// SPDX-License-Identifier: GPL-2.0
/*
 * What is where in the guest-physical address space.
 */
#include "slot_logic.h"
#include "vtx_todo.h"

#define SLOT_ALIGNMENT 4096
#define SLOT_FLAGS (VTX_SLOT_READ_ONLY | VTX_SLOT_LOG_DIRTY | VTX_SLOT_UNCACHEABLE)

/*
 * EXERCISE 5.3 (15 points): Memory slots
 * Do:   slot_check(): which of VTXDRV_SET_SLOT's errnos does a request deserve? EINVAL: the slot's
 *       number, unknown flags, pad, or an address, size or offset that is no multiple of 4096;
 *       ENOENT: size 0 and the slot is not used; ERANGE: it ends behind limits->end, or its piece
 *       behind the VM's memory; EEXIST: it overlaps another slot (the one with its own number is
 *       replaced). slot_set() and slot_find().
 * Read: project05/README.md, "Slots"
 * Hint: sums overflow: compare gpa with end - size. slot_find() is called at each access to a
 *       device: keep slots->end small.
 */
#ifndef TODO_5_3
/* Do [offset, offset + size) and [0, end) have a number of bytes to share? Nothing overflows. */
static bool fits(u64 offset, u64 size, u64 end)
{
	return size <= end && offset <= end - size;
}

static bool overlap(const struct vtx_slot *a, const struct vtx_slot *b)
{
	return a->gpa < b->gpa + b->size && b->gpa < a->gpa + a->size;
}

int slot_check(const struct vtx_slots *slots, const struct vtx_slot *wanted,
	       const struct vtx_slot_limits *limits)
{
	u32 i;

	if (wanted->slot >= VTX_MAX_SLOTS || wanted->flags & ~SLOT_FLAGS || wanted->pad)
		return -EINVAL;
	if ((wanted->gpa | wanted->size | wanted->offset) % SLOT_ALIGNMENT)
		return -EINVAL;
	if (!wanted->size)
		return slots->slot[wanted->slot].size ? 0 : -ENOENT;
	if (!fits(wanted->gpa, wanted->size, limits->end) ||
	    !fits(wanted->offset, wanted->size, limits->memory))
		return -ERANGE;
	for (i = 0; i < slots->end; i++) {
		if (i != wanted->slot && slots->slot[i].size && overlap(&slots->slot[i], wanted))
			return -EEXIST;
	}
	return 0;
}

void slot_set(struct vtx_slots *slots, const struct vtx_slot *wanted)
{
	slots->slot[wanted->slot] = *wanted;
	if (wanted->slot >= slots->end)
		slots->end = wanted->slot + 1;
	while (slots->end && !slots->slot[slots->end - 1].size)
		slots->end--;
}

const struct vtx_slot *slot_find(const struct vtx_slots *slots, u64 gpa)
{
	u32 i;

	for (i = 0; i < slots->end; i++) {
		if (gpa - slots->slot[i].gpa < slots->slot[i].size)
			return &slots->slot[i];
	}
	return NULL;
}
#else
int slot_check(const struct vtx_slots *slots, const struct vtx_slot *wanted,
	       const struct vtx_slot_limits *limits)
{
	return VTX_TODO("5.3", "no slot can be set, so a VM has no memory");
}

void slot_set(struct vtx_slots *slots, const struct vtx_slot *wanted)
{
}

const struct vtx_slot *slot_find(const struct vtx_slots *slots, u64 gpa)
{
	return NULL;
}
#endif
