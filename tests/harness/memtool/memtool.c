// SPDX-License-Identifier: GPL-2.0
/*
 * Drives the stage's npt_logic.c and vmx_ept_logic.c, step by step as standard input says, in
 * memory of its own. What comes out is judged by the one who has drawn the steps, not here.
 *
 *	F NUMBER…			the format (FORMAT_WORDS), and empty tables
 *	C CAPABILITIES			what vmx_ept_caps() makes of an MSR
 *	A NTH				the NTH table from now on cannot be had; 0: all can
 *	M GPA HPA SIZE ACCESS TYPE	npt_map()
 *	U GPA SIZE			npt_unmap()
 *	P GPA SIZE ACCESS		npt_protect()
 *	W GPA				npt_walk(), npt_find()
 *	N GPA END			every leaf by npt_next()
 *	B GPA BITS			the processor sets flags in an entry
 *	D				every table that is in use
 *	X				npt_destroy()
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memtool.h"
#include "npt_logic.h"
#include "vmx_ept_logic.h"

#define TABLES 8192
#define TABLE_BYTES (NPT_ENTRIES * sizeof(u64))
/* Where tables pretend to be; an odd number of pages apart, so that nobody guesses. */
#define FIRST_TABLE 0x123000ULL
#define APART (3 * NPT_PAGE_SIZE)
#define POISON 0x5a

static u64 *pool[TABLES]; /* by number; never used twice */
static u64 *told[TABLES]; /* as it was when it was last printed */
static bool live[TABLES];
static unsigned int used;
static u64 fail_in;
static struct npt npt;

static void die(const char *what, u64 value)
{
	printf("broken %s %#" PRIx64 "\n", what, value);
	fflush(stdout);
	_Exit(3);
}

static unsigned int number_of(u64 table)
{
	u64 n = (table - FIRST_TABLE) / APART;

	if (table < FIRST_TABLE || (table - FIRST_TABLE) % APART || n >= used)
		die("no table there:", table);
	return (unsigned int)n;
}

static u64 table_alloc(void *ctx)
{
	if (ctx != pool)
		die("ctx:", (uintptr_t)ctx);
	if (fail_in && !--fail_in)
		return 0;
	if (used == TABLES)
		die("too many tables:", used);
	pool[used] = calloc(1, TABLE_BYTES);
	live[used] = true;
	return FIRST_TABLE + APART * used++;
}

/* A processor may still read it: it stays, and who follows it sees what nobody has written. */
static void table_free(void *ctx, u64 table)
{
	unsigned int n = number_of(table);

	(void)ctx;
	if (!live[n])
		die("freed twice:", table);
	live[n] = false;
	memset(pool[n], POISON, TABLE_BYTES);
}

static u64 *table_at(void *ctx, u64 table)
{
	unsigned int n = number_of(table);

	(void)ctx;
	if (!live[n])
		die("used after it was freed:", table);
	return pool[n];
}

static void begin(const u64 *w)
{
	memset(live, 0, sizeof(live)); /* what was there before is none of this one's */
	npt = (struct npt){ .ctx = pool, .alloc = table_alloc, .free = table_free, .at = table_at };
	npt.format = (struct npt_format){
		.present = w[0], .read = w[1], .write = w[2], .execute = w[3], .no_execute = w[4],
		.table = w[5], .large = w[6], .address = w[7], .type = { w[8], w[9] },
		.type_mask = w[10], .accessed = w[11], .dirty = w[12], .largest = (u32)w[13],
		.width = (u32)w[14],
	};
	printf("F %d\n", npt_create(&npt));
}

static void caps(const u64 *w)
{
	struct vmx_ept_caps caps = { 0 };
	int err = vmx_ept_caps(w[0], &caps);
	const struct npt_format *f = &caps.format;

	printf("C %d %" PRIu64 " %d %d", err, caps.pointer, caps.invept, caps.invvpid);
	printf(" %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
	       " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %u %u\n",
	       f->present, f->read, f->write, f->execute, f->no_execute, f->table, f->large,
	       f->address, f->type[0], f->type[1], f->type_mask, f->accessed, f->dirty, f->largest,
	       f->width);
}

static void print_leaf(const struct npt_leaf *leaf)
{
	printf("L %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %u %d %d %d\n", leaf->gpa,
	       leaf->hpa, leaf->size, leaf->entry, leaf->access, (int)leaf->type, leaf->accessed,
	       leaf->dirty);
}

static void walk(u64 gpa)
{
	struct vtx_walk_step steps[VTX_NPT_LEVELS] = { { 0 } };
	struct npt_leaf leaf = { 0 };
	u32 count = npt_walk(&npt, gpa, steps);

	printf("W %u", count);
	for (u32 i = 0; i < count && i < VTX_NPT_LEVELS; i++)
		printf(" %llu %llu", steps[i].table, steps[i].entry);
	printf("\n");
	if (npt_find(&npt, gpa, &leaf))
		print_leaf(&leaf);
	else
		printf("L\n");
}

static void leaves(u64 gpa, u64 end)
{
	struct npt_leaf leaf;

	while (npt_next(&npt, gpa, end, &leaf)) {
		print_leaf(&leaf);
		gpa = leaf.gpa + leaf.size;
	}
	printf("N\n");
}

/* The processor's walk, as far as the entry that maps an address. */
static void set_flags(u64 gpa, u64 bits)
{
	struct vtx_walk_step steps[VTX_NPT_LEVELS] = { { 0 } };
	u32 count = npt_walk(&npt, gpa, steps);
	unsigned int level = VTX_NPT_LEVELS + 1 - count;

	if (!count || count > VTX_NPT_LEVELS || !(steps[count - 1].entry & npt.format.present))
		return;
	table_at(NULL, steps[count - 1].table)[gpa / npt_level_size(level) % NPT_ENTRIES] |= bits;
}

/* INDEX=ENTRY:COUNT:STEP, entries that follow each other in even steps being told as one. */
static void print_table(const u64 *entries)
{
	unsigned int i, count;

	for (i = 0; i < NPT_ENTRIES; i += count) {
		count = 1;
		if (!entries[i])
			continue;
		while (i + count < NPT_ENTRIES && entries[i + count] &&
		       entries[i + count] - entries[i] == count * (entries[i + 1] - entries[i]))
			count++;
		printf(" %u=%" PRIu64 ":%u:%" PRIu64, i, entries[i], count,
		       count > 1 ? entries[i + 1] - entries[i] : 0);
	}
}

/* Once more only if it has changed. */
static void tell_table(unsigned int n)
{
	if (told[n] && !memcmp(told[n], pool[n], TABLE_BYTES)) {
		printf(" s%" PRIu64, (u64)(FIRST_TABLE + APART * n));
		return;
	}
	if (!told[n])
		told[n] = malloc(TABLE_BYTES);
	memcpy(told[n], pool[n], TABLE_BYTES);
	printf(" t%" PRIu64, (u64)(FIRST_TABLE + APART * n));
	print_table(pool[n]);
}

static void dump(void)
{
	printf("D %" PRIu64 " %" PRIu64, npt.root, npt.tables);
	for (unsigned int n = 0; n < used; n++) {
		if (live[n])
			tell_table(n);
	}
	printf("\n");
}

static void step(char what, const u64 *w)
{
	switch (what) {
	case 'F':
		begin(w);
		break;
	case 'C':
		caps(w);
		break;
	case 'A':
		fail_in = w[0];
		break;
	case 'M':
		printf("M %d\n", npt_map(&npt, w[0], w[1], w[2], (u32)w[3], (enum npt_type)w[4]));
		break;
	case 'U':
		printf("U %d\n", npt_unmap(&npt, w[0], w[1]));
		break;
	case 'P':
		printf("P %d\n", npt_protect(&npt, w[0], w[1], (u32)w[2]));
		break;
	case 'W':
		walk(w[0]);
		break;
	case 'N':
		leaves(w[0], w[1]);
		break;
	case 'B':
		set_flags(w[0], w[1]);
		break;
	case 'D':
		dump();
		break;
	case 'X':
		npt_destroy(&npt);
		dump();
		break;
	default:
		slot_step(what, w);
	}
}

int main(void)
{
	char line[1024];

	while (fgets(line, sizeof(line), stdin)) {
		u64 words[WORDS] = { 0 };
		char *at = line + 1;

		for (unsigned int i = 0; i < WORDS; i++)
			words[i] = strtoull(at, &at, 0);
		step(line[0], words);
	}
	return 0;
}
