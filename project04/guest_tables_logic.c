// SPDX-License-Identifier: GPL-2.0
/*
 * Page tables that name host frames. Four levels; a table of level N has 512 entries, each of which
 * translates LEVEL_SPAN(N) bytes: 4 KiB at level 1, 2 MiB at level 2, 1 GiB at level 3.
 */
#include "guest_tables_logic.h"
#include "vtx_todo.h"
#include "x86_bits.h"

/*
 * EXERCISE 4.1 (15 points): Page tables that name host frames
 * Do:   guest_tables_build(): find out how many tables it takes, put them at the top of guest
 *       memory, and fill them, so that guest-linear address x is byte x of guest memory. Page 0
 *       stays unmapped, the pages of the tables are mapped without PAGING_RW, everything else with
 *       it; nothing gets PAGING_US. A 2-MiB region that is one piece, does not hold page 0 and
 *       lies below the tables takes a single entry with PAGING_PS.
 * Read: Intel SDM vol. 3, "4-Level Paging and 5-Level Paging"; project04/README.md,
 *       "Page tables that name host frames"
 * Hint: more tables make less usable memory, and that can take one more table: repeat until nothing
 *       changes. Setting PAGING_A and PAGING_D saves the processor from doing it.
 */
#ifndef TODO_4_1
#define PAGE_BYTES 4096ULL
#define TABLE_ENTRIES 512
#define LEVEL_SPAN(level) (PAGE_BYTES << (9 * ((level)-1)))
#define LEVELS 4

#define TABLE_FLAGS (PAGING_P | PAGING_RW | PAGING_A)
#define READ_FLAGS (PAGING_P | PAGING_A)
#define WRITE_FLAGS (PAGING_P | PAGING_RW | PAGING_A | PAGING_D)

struct builder {
	const struct guest_tables *t;
	u64 usable;
	u64 next; /* where the next table goes */
	u64 *table[LEVELS + 1]; /* by level: the one that translates the address at hand */
};

static bool takes_page_table(const struct guest_tables *t, u64 region, u64 usable)
{
	return !region || region + LEVEL_SPAN(2) > usable || !t->is_huge(t->ctx, region);
}

static u64 spans(u64 bytes, u64 span)
{
	return (bytes + span - 1) / span;
}

static u64 tables_needed(const struct guest_tables *t, u64 usable)
{
	u64 count = 1 + spans(t->size, LEVEL_SPAN(4)) + spans(t->size, LEVEL_SPAN(3));
	u64 region;

	for (region = 0; region < t->size; region += LEVEL_SPAN(2))
		count += takes_page_table(t, region, usable);
	return count;
}

/* Usable only ever shrinks, so this ends. */
static int find_usable(const struct guest_tables *t, u64 *usable)
{
	u64 found = t->size;
	u64 bytes;

	do {
		*usable = found;
		bytes = tables_needed(t, found) * PAGE_BYTES;
		if (bytes + 2 * PAGE_BYTES > t->size)
			return -ENOSPC;
		found = t->size - bytes;
	} while (found != *usable);
	return 0;
}

static unsigned int entry_of(u64 address, int level)
{
	return address / LEVEL_SPAN(level) % TABLE_ENTRIES;
}

/* An empty table, from the ones that were counted; returns its host-physical address. */
static u64 new_table(struct builder *b, int level)
{
	u64 gpa = b->next;

	b->next += PAGE_BYTES;
	b->table[level] = b->t->page(b->t->ctx, gpa);
	memset(b->table[level], 0, PAGE_BYTES);
	return b->t->frame(b->t->ctx, gpa);
}

static void link_table(struct builder *b, int level, u64 address)
{
	u64 *entry = &b->table[level][entry_of(address, level)];

	*entry = new_table(b, level - 1) | TABLE_FLAGS;
}

static void fill_page_table(struct builder *b, u64 region)
{
	const struct guest_tables *t = b->t;
	u64 end = region + LEVEL_SPAN(2) < t->size ? region + LEVEL_SPAN(2) : t->size;
	u64 address;

	for (address = region ? region : PAGE_BYTES; address < end; address += PAGE_BYTES)
		b->table[1][entry_of(address, 1)] =
			t->frame(t->ctx, address) |
			(address < b->usable ? WRITE_FLAGS : READ_FLAGS);
}

static void map_region(struct builder *b, u64 region)
{
	const struct guest_tables *t = b->t;
	int level;

	for (level = LEVELS; level > 2; level--) {
		if (region % LEVEL_SPAN(level) == 0)
			link_table(b, level, region);
	}
	if (takes_page_table(t, region, b->usable)) {
		link_table(b, 2, region);
		fill_page_table(b, region);
	} else {
		b->table[2][entry_of(region, 2)] = t->frame(t->ctx, region) | WRITE_FLAGS |
						   PAGING_PS;
	}
}

int guest_tables_build(struct guest_tables *t)
{
	struct builder b = { .t = t };
	u64 region;
	int err;

	t->usable = 0;
	t->root = 0;
	if (t->size > GUEST_TABLES_LIMIT)
		return -EFBIG;
	err = find_usable(t, &b.usable);
	if (err)
		return err;
	b.next = b.usable;
	t->root = new_table(&b, LEVELS);
	for (region = 0; region < t->size; region += LEVEL_SPAN(2))
		map_region(&b, region);
	t->usable = b.usable;
	return 0;
}
#else
int guest_tables_build(struct guest_tables *t)
{
	t->usable = 0;
	t->root = 0;
	return VTX_TODO("4.1", "a guest has no page tables, so no vCPU can be initialised");
}
#endif
