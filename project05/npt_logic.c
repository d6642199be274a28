// SPDX-License-Identifier: GPL-2.0
/*
 * Four levels of tables, whatever their entries look like.
 */
#include "npt_logic.h"
#include "vtx_todo.h"

#define PAGE_BITS 12
#define LEVEL_BITS 9
/* The tables are never deeper than this: what the processors' 4-level tables translate. */
#define MOST_ADDRESS_BITS (PAGE_BITS + VTX_NPT_LEVELS * LEVEL_BITS)
#define END_OF_TABLES (1ULL << MOST_ADDRESS_BITS)

u64 npt_level_size(unsigned int level)
{
	return NPT_PAGE_SIZE << (level - 1) * LEVEL_BITS;
}

/* ---- entries --------------------------------------------------------------------------------- */

static bool is_present(const struct npt *npt, u64 entry)
{
	return entry & npt->format.present;
}

static bool is_leaf(const struct npt *npt, u64 entry, unsigned int level)
{
	return level == 1 || entry & npt->format.large;
}

static u64 address_of(const struct npt *npt, u64 entry)
{
	return entry & npt->format.address;
}

static u64 *entry_of(const struct npt *npt, u64 table, u64 gpa, unsigned int level)
{
	u64 index = gpa / npt_level_size(level) % NPT_ENTRIES;

	return npt->at(npt->ctx, table) + index;
}

/* One read: the processor may set a flag meanwhile. */
static u64 read_entry(const u64 *entry)
{
	return __atomic_load_n(entry, __ATOMIC_RELAXED);
}

/* If it is still what it was: then all of it changes at once. */
static bool __maybe_unused change_entry(u64 *entry, u64 was, u64 becomes)
{
	return __atomic_compare_exchange_n(entry, &was, becomes, false, __ATOMIC_RELEASE,
					   __ATOMIC_RELAXED);
}

static void __maybe_unused write_entry(u64 *entry, u64 value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

static u64 __maybe_unused access_bits(const struct npt_format *format, u32 access)
{
	return (access & VTX_PROT_READ ? format->read : 0) |
	       (access & VTX_PROT_WRITE ? format->write : 0) |
	       (access & VTX_PROT_EXECUTE ? format->execute : format->no_execute);
}

static u32 access_of(const struct npt_format *format, u64 entry)
{
	bool execute = format->no_execute ? !(entry & format->no_execute) :
					    !!(entry & format->execute);

	return (entry & format->read ? VTX_PROT_READ : 0) |
	       (entry & format->write ? VTX_PROT_WRITE : 0) | (execute ? VTX_PROT_EXECUTE : 0);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static u64 table_new(struct npt *npt)
{
	u64 table = npt->alloc(npt->ctx);

	npt->tables += !!table;
	return table;
}

static void table_free(struct npt *npt, u64 table)
{
	npt->free(npt->ctx, table);
	npt->tables--;
}

/* A table and all that hangs on it. The depth is that of the tables. */
static void tree_free(struct npt *npt, u64 table, unsigned int level)
{
	const u64 *entry = npt->at(npt->ctx, table);
	unsigned int i;

	for (i = 0; level > 1 && i < NPT_ENTRIES; i++) {
		if (is_present(npt, entry[i]) && !is_leaf(npt, entry[i], level))
			tree_free(npt, address_of(npt, entry[i]), level - 1);
	}
	table_free(npt, table);
}

int npt_create(struct npt *npt)
{
	npt->tables = 0;
	npt->root = table_new(npt);
	return npt->root ? 0 : -ENOMEM;
}

void npt_destroy(struct npt *npt)
{
	if (npt->root)
		tree_free(npt, npt->root, VTX_NPT_LEVELS);
	npt->root = 0;
}

/*
 * EXERCISE 5.1 (20 points): Four levels of tables
 * Do:   npt_map(), npt_unmap(), npt_protect(), as npt_logic.h describes them, and npt_walk(). A
 *       range may begin or end in the middle of a large leaf, which is then split: into leaves one
 *       level below that map the same, with the same flags. Whatever needs memory is done first, so
 *       that -ENOMEM leaves the guest everything as it was. A table that is not needed any more is
 *       given back.
 * Read: Intel SDM vol. 3, "The Extended Page Table Mechanism (EPT)"; AMD APM vol. 2, "Nested
 *       Paging"; project05/README.md, "The tables"
 * Hint: the helpers above. change_entry() fails if the processor has set a flag since you read the
 *       entry: read it again. A leaf of level 1 has no bit "large". tree_free() gives back a table
 *       with all below it; take it out of its entry before.
 */
#ifndef TODO_5_1
/* ---- before anything changes: tables for what will ------------------------------------------- */

/* A table whose 512 leaves map what one leaf above maps now. */
static u64 split_table(struct npt *npt, u64 leaf, unsigned int level)
{
	u64 table = table_new(npt);
	u64 step = npt_level_size(level - 1);
	u64 entry = level == 2 ? leaf & ~npt->format.large : leaf;
	unsigned int i;
	u64 *at;

	if (!table)
		return 0;
	at = npt->at(npt->ctx, table);
	for (i = 0; i < NPT_ENTRIES; i++)
		at[i] = entry + i * step;
	return table;
}

static int split(struct npt *npt, u64 *entry, unsigned int level)
{
	u64 leaf, table;

	do {
		leaf = read_entry(entry);
		table = split_table(npt, leaf, level);
		if (!table)
			return -ENOMEM;
		if (change_entry(entry, leaf, table | npt->format.table))
			return 0;
		table_free(npt, table);
	} while (true);
}

/* Have no leaf reach across an address. */
static int split_at(struct npt *npt, u64 gpa)
{
	u64 table = npt->root;
	unsigned int level;

	for (level = VTX_NPT_LEVELS; gpa % npt_level_size(level); level--) {
		u64 *entry = entry_of(npt, table, gpa, level);

		if (!is_present(npt, read_entry(entry)))
			return 0;
		if (is_leaf(npt, *entry, level) && split(npt, entry, level))
			return -ENOMEM;
		table = address_of(npt, read_entry(entry));
	}
	return 0;
}

/* The entry of a level, with the tables above it; NULL: no memory. */
static u64 *entry_make(struct npt *npt, u64 gpa, unsigned int at_level)
{
	u64 table = npt->root;
	unsigned int level;

	for (level = VTX_NPT_LEVELS; level > at_level; level--) {
		u64 *entry = entry_of(npt, table, gpa, level);

		if (!is_present(npt, read_entry(entry))) {
			table = table_new(npt);
			if (!table)
				return NULL;
			write_entry(entry, table | npt->format.table);
		} else {
			if (is_leaf(npt, *entry, level) && split(npt, entry, level))
				return NULL;
			table = address_of(npt, read_entry(entry));
		}
	}
	return entry_of(npt, table, gpa, at_level);
}

/* The largest leaf that may begin here, and ends in the range. */
static unsigned int leaf_level(const struct npt *npt, u64 gpa, u64 hpa, u64 size)
{
	unsigned int level = npt->format.largest;

	while (level > 1 && ((gpa | hpa) % npt_level_size(level) || size < npt_level_size(level)))
		level--;
	return level;
}

/* ---- then the change, which cannot fail ------------------------------------------------------ */

/* In the place of what was there, a leaf or a table with all below it. value 0: nothing. */
static void put_leaf(struct npt *npt, u64 *entry, unsigned int level, u64 value)
{
	u64 was = __atomic_exchange_n(entry, value, __ATOMIC_ACQ_REL);

	if (is_present(npt, was) && !is_leaf(npt, was, level))
		tree_free(npt, address_of(npt, was), level - 1);
}

static void protect_leaf(const struct npt *npt, u64 *entry, u32 access)
{
	const struct npt_format *format = &npt->format;
	u64 all = format->read | format->write | format->execute | format->no_execute;
	u64 was;

	do {
		was = read_entry(entry);
	} while (!change_entry(entry, was, (was & ~all) | access_bits(format, access)));
}

/* No leaf reaches across gpa or end. access 0: nothing is to be mapped. */
static void change_range(struct npt *npt, u64 table, unsigned int level, u64 gpa, u64 end,
			 u32 access)
{
	u64 size = npt_level_size(level);
	u64 next;

	for (; gpa < end; gpa = next) {
		u64 *entry = entry_of(npt, table, gpa, level);
		u64 value = read_entry(entry);

		next = gpa / size * size + size;
		if (!is_present(npt, value))
			continue;
		if (!access && !(gpa % size) && next <= end)
			put_leaf(npt, entry, level, 0);
		else if (is_leaf(npt, value, level))
			protect_leaf(npt, entry, access);
		else
			change_range(npt, address_of(npt, value), level - 1, gpa, min(next, end),
				     access);
	}
}

int npt_map(struct npt *npt, u64 gpa, u64 hpa, u64 size, u32 access, enum npt_type type)
{
	const struct npt_format *format = &npt->format;
	unsigned int level;
	u64 done;

	for (done = 0; done < size; done += npt_level_size(level)) {
		level = leaf_level(npt, gpa + done, hpa + done, size - done);
		if (!entry_make(npt, gpa + done, level))
			return -ENOMEM;
	}
	for (done = 0; done < size; done += npt_level_size(level)) {
		level = leaf_level(npt, gpa + done, hpa + done, size - done);
		put_leaf(npt, entry_make(npt, gpa + done, level), level,
			 (hpa + done) | access_bits(format, access) | format->type[type] |
				 (level > 1 ? format->large : 0));
	}
	return 0;
}

int npt_protect(struct npt *npt, u64 gpa, u64 size, u32 access)
{
	if (split_at(npt, gpa) || split_at(npt, gpa + size))
		return -ENOMEM;
	change_range(npt, npt->root, VTX_NPT_LEVELS, gpa, gpa + size, access);
	return 0;
}

int npt_unmap(struct npt *npt, u64 gpa, u64 size)
{
	return npt_protect(npt, gpa, size, 0);
}

u32 npt_walk(const struct npt *npt, u64 gpa, struct vtx_walk_step steps[VTX_NPT_LEVELS])
{
	u64 table = npt->root;
	u32 count = 0;
	unsigned int level;
	u64 entry;

	for (level = VTX_NPT_LEVELS; level; level--) {
		entry = read_entry(entry_of(npt, table, gpa, level));
		steps[count++] = (struct vtx_walk_step){ .table = table, .entry = entry };
		if (!is_present(npt, entry) || is_leaf(npt, entry, level))
			break;
		table = address_of(npt, entry);
	}
	return count;
}
#else
int npt_map(struct npt *npt, u64 gpa, u64 hpa, u64 size, u32 access, enum npt_type type)
{
	return VTX_TODO("5.1", "nothing can be mapped, so the guest has no memory");
}

int npt_unmap(struct npt *npt, u64 gpa, u64 size)
{
	return VTX_TODO("5.1", "nothing can be unmapped");
}

int npt_protect(struct npt *npt, u64 gpa, u64 size, u32 access)
{
	return VTX_TODO("5.1", "nothing can be protected");
}

u32 npt_walk(const struct npt *npt, u64 gpa, struct vtx_walk_step steps[VTX_NPT_LEVELS])
{
	(void)VTX_TODO("5.1", "there is nothing to walk");
	return 0;
}
#endif

/* ---- looking --------------------------------------------------------------------------------- */

static void describe(const struct npt *npt, u64 entry, unsigned int level, u64 gpa,
		     struct npt_leaf *leaf)
{
	const struct npt_format *format = &npt->format;
	u64 size = npt_level_size(level);

	*leaf = (struct npt_leaf){
		.gpa = gpa / size * size,
		.hpa = address_of(npt, entry),
		.size = size,
		.entry = entry,
		.access = access_of(format, entry),
		.accessed = entry & format->accessed,
		.dirty = entry & format->dirty,
	};
	while (leaf->type + 1 < NPT_TYPES &&
	       (entry & format->type_mask) != format->type[leaf->type])
		leaf->type++;
}

/*
 * The leaf of gpa; or, where there is none, *next is the first address behind what the missing
 * entry would have mapped.
 */
static bool look(const struct npt *npt, u64 gpa, struct npt_leaf *leaf, u64 *next)
{
	u64 table = npt->root;
	unsigned int level;
	u64 entry, size;

	for (level = VTX_NPT_LEVELS; level; level--) {
		size = npt_level_size(level);
		*next = gpa / size * size + size;
		entry = read_entry(entry_of(npt, table, gpa, level));
		if (!is_present(npt, entry))
			return false;
		if (is_leaf(npt, entry, level)) {
			describe(npt, entry, level, gpa, leaf);
			return true;
		}
		table = address_of(npt, entry);
	}
	return false;
}

bool npt_find(const struct npt *npt, u64 gpa, struct npt_leaf *leaf)
{
	u64 next;

	return gpa < END_OF_TABLES && look(npt, gpa, leaf, &next);
}

bool npt_next(const struct npt *npt, u64 gpa, u64 end, struct npt_leaf *leaf)
{
	u64 next;

	for (end = min(end, END_OF_TABLES); gpa < end; gpa = next) {
		if (look(npt, gpa, leaf, &next))
			return true;
	}
	return false;
}
