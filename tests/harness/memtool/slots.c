// SPDX-License-Identifier: GPL-2.0
/*
 * The stage's slot_logic.c.
 *
 *	S SLOT FLAGS GPA SIZE OFFSET PAD MEMORY END: slot_check(), and slot_set() if it says 0
 *	G GPA: slot_find()
 */
#include <inttypes.h>
#include <stdio.h>

#include "memtool.h"
#include "slot_logic.h"

static struct vtx_slots slots;

static void set(const u64 *w)
{
	struct vtx_slot wanted = { .slot = (u32)w[0], .flags = (u32)w[1], .gpa = w[2],
				   .size = w[3], .offset = w[4], .pad = w[5] };
	struct vtx_slot_limits limits = { .memory = w[6], .end = w[7] };
	int err = slot_check(&slots, &wanted, &limits);

	if (!err)
		slot_set(&slots, &wanted);
	printf("S %d\n", err);
}

static void find(u64 gpa)
{
	const struct vtx_slot *found = slot_find(&slots, gpa);

	if (found)
		printf("G %u %" PRIu64 " %" PRIu64 " %" PRIu64 " %u\n", found->slot,
		       (u64)found->gpa, (u64)found->size, (u64)found->offset, found->flags);
	else
		printf("G\n");
}

void slot_step(char what, const u64 *words)
{
	if (what == 'S')
		set(words);
	else if (what == 'G')
		find(words[0]);
}
