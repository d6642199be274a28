// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's own page tables. Sections of the Intel SDM vol. 3: "32-Bit Paging", "PAE Paging",
 * "4-Level Paging and 5-Level Paging", "Access Rights", "Accessed and Dirty Flags".
 *
 * vtxctl walks for who emulates an instruction, and project07 for who reads one. Not here:
 * protection keys, which the processor keeps in registers that vtxctl does not see.
 */
#include "guest_walk_logic.h"

#include "x86_bits.h"

#define FRAME_SHIFT 12
#define OFFSET_MASK 0xfffULL
#define LOW_32 0xffffffffULL
#define PAE_LEVELS 3
/* The four PDPTEs of PAE paging lie on a boundary of 32 bytes. */
#define PAE_ROOT_MASK 0xffffffe0ULL
/* They have no rights; bits 2:1 and 8:6 are reserved, and so is 5, but QEMU sets it: accessed. */
#define PAE_ROOT_RESERVED 0x1c6ULL
/* A 4-MByte page of 32-bit paging: bits 20:13 are bits 39:32 of its address; 21 is reserved. */
#define PSE_HIGH 20
#define PSE_LOW 13
#define PSE_HIGH_SHIFT 32
#define LARGEST_LEAF_LEVEL 3

/* One of the formats. */
struct format {
	const char *name;
	u32 levels;
	u32 entry_size;
	u32 index_bits;
};

static const struct format formats[] = {
	{ "none", 0, 0, 0 },
	{ "32-bit", 2, sizeof(u32), 10 },
	{ "PAE", PAE_LEVELS, sizeof(u64), 9 },
	{ "4-level", 4, sizeof(u64), 9 },
	{ "5-level", 5, sizeof(u64), 9 },
};

static const struct format *find_format(const struct vtx_sregs *sregs)
{
	u32 which = 1;

	if (!(sregs->cr0 & CR0_PG))
		which = 0;
	else if (sregs->efer & IA32_EFER_LMA)
		which = sregs->cr4 & CR4_LA57 ? 4 : 3;
	else if (sregs->cr4 & CR4_PAE)
		which = 2;
	return &formats[which];
}

const char *guest_paging_name(const struct vtx_sregs *sregs)
{
	return find_format(sregs)->name;
}

/* A walk on its way down. */
struct steps {
	const struct guest_paging *paging;
	const struct format *format;
	u64 linear;
	u32 access;
	u32 level; /* that the entry belongs to: levels is the root, 1 the last */
	u64 entry;
	u8 *at; /* of the entry */
	u64 rights; /* PAGING_RW and PAGING_US of all entries, ANDed; PAGING_XD, ORed */
};

static u64 root(const struct steps *steps)
{
	u64 cr3 = steps->paging->sregs->cr3;

	if (steps->format->entry_size == sizeof(u32))
		return cr3 & ~OFFSET_MASK & LOW_32;
	if (steps->format->levels == PAE_LEVELS)
		return cr3 & PAE_ROOT_MASK;
	return cr3 & GENMASK_ULL(steps->paging->width - 1, FRAME_SHIFT);
}

static u32 shift_of(const struct steps *steps)
{
	return FRAME_SHIFT + (steps->level - 1) * steps->format->index_bits;
}

static bool read_entry(struct steps *steps, u64 table, u64 *gpa)
{
	u64 index = steps->linear >> shift_of(steps) & ((1U << steps->format->index_bits) - 1);
	u32 size = steps->format->entry_size;

	*gpa = table + index * size;
	steps->at = steps->paging->ram(steps->paging->opaque, *gpa, size, false);
	if (!steps->at)
		return false;
	steps->entry = 0;
	memcpy(&steps->entry, steps->at, size);
	return true;
}

static bool is_pae_root(const struct steps *steps)
{
	return steps->format->levels == PAE_LEVELS && steps->level == PAE_LEVELS;
}

static bool is_leaf(const struct steps *steps)
{
	if (steps->level == 1)
		return true;
	if (!(steps->entry & PAGING_PS) || steps->level > LARGEST_LEAF_LEVEL || is_pae_root(steps))
		return false;
	return steps->format->entry_size == sizeof(u64) || steps->paging->sregs->cr4 & CR4_PSE;
}

static u64 reserved_of_large(const struct steps *steps)
{
	if (steps->format->entry_size == sizeof(u32))
		return PAGING_PSE_RESERVED;
	return GENMASK_ULL(shift_of(steps) - 1, FRAME_SHIFT) & ~(u64)PAGING_LARGE_PAT;
}

/* Bits of an entry that must be 0. */
static u64 reserved(const struct steps *steps)
{
	const struct guest_paging *paging = steps->paging;
	u64 bits = steps->level > 1 && is_leaf(steps) ? reserved_of_large(steps) : 0;

	if (steps->format->entry_size == sizeof(u32))
		return bits;
	bits |= GENMASK_ULL(51, 0) & ~GENMASK_ULL(paging->width - 1, 0);
	if (!(paging->sregs->efer & IA32_EFER_NXE) || is_pae_root(steps))
		bits |= PAGING_XD;
	if (is_pae_root(steps))
		bits |= PAE_ROOT_RESERVED;
	if (steps->format->levels == PAE_LEVELS)
		bits |= GENMASK_ULL(62, 52);
	if (steps->level > LARGEST_LEAF_LEVEL)
		bits |= PAGING_PS;
	return bits;
}

static void take_rights(struct steps *steps)
{
	if (is_pae_root(steps))
		return;
	steps->rights &= steps->entry | PAGING_XD;
	steps->rights |= steps->entry & PAGING_XD;
}

static u64 frame(const struct steps *steps)
{
	u64 mask = GENMASK_ULL(steps->paging->width - 1, shift_of(steps));

	if (steps->format->entry_size == sizeof(u64))
		return steps->entry & mask;
	if (steps->level == 1)
		return steps->entry & ~OFFSET_MASK;
	return (steps->entry & mask & LOW_32) | VTX_FIELD(steps->entry, PSE_HIGH, PSE_LOW)
							    << PSE_HIGH_SHIFT;
}

/* SDM vol. 3, "Access Rights": what the page's rights make of this access. */
static bool allowed(const struct steps *steps)
{
	const struct vtx_sregs *sregs = steps->paging->sregs;
	bool user_page = steps->rights & PAGING_US;
	bool user = steps->access & GUEST_ACCESS_USER;

	if (user && !user_page)
		return false;
	if (steps->access & VTX_ACCESS_EXECUTE)
		return !(steps->rights & PAGING_XD) &&
		       (user || !user_page || !(sregs->cr4 & CR4_SMEP));
	if (!user && user_page && sregs->cr4 & CR4_SMAP && !steps->paging->ac)
		return false;
	if (!(steps->access & VTX_ACCESS_WRITE) || steps->rights & PAGING_RW)
		return true;
	return !user && !(sregs->cr0 & CR0_WP);
}

static u32 error_code(const struct steps *steps, u32 cause)
{
	const struct vtx_sregs *sregs = steps->paging->sregs;
	u32 code = cause;

	if (steps->access & VTX_ACCESS_WRITE)
		code |= PFEC_W;
	if (steps->access & GUEST_ACCESS_USER)
		code |= PFEC_U;
	if (steps->access & VTX_ACCESS_EXECUTE &&
	    (sregs->efer & IA32_EFER_NXE || sregs->cr4 & CR4_SMEP))
		code |= PFEC_I;
	return code;
}

/* Other vCPUs may change the same entry: only the flag is set. */
static void mark(const struct steps *steps, u8 *at, u32 flags)
{
	if ((*at & flags) != flags)
		__atomic_fetch_or(at, flags, __ATOMIC_SEQ_CST);
}

static void mark_all(const struct steps *steps, const struct guest_walk *walk)
{
	u32 i;

	for (i = 0; i < walk->levels; i++) {
		bool leaf = i == walk->levels - 1;
		bool flags_there = steps->format->levels != PAE_LEVELS || i > 0;

		if (flags_there)
			mark(steps, walk->at[i],
			     leaf && steps->access & VTX_ACCESS_WRITE ? PAGING_A | PAGING_D :
									PAGING_A);
	}
}

static enum guest_walk_result fault(const struct steps *steps, u32 cause, struct guest_walk *walk)
{
	walk->error_code = error_code(steps, cause);
	return GUEST_WALK_FAULT;
}

static enum guest_walk_result arrive(const struct steps *steps, struct guest_walk *walk)
{
	if (!allowed(steps))
		return fault(steps, PFEC_P, walk);
	mark_all(steps, walk);
	walk->gpa = frame(steps) | (steps->linear & (GENMASK_ULL(shift_of(steps) - 1, 0)));
	return GUEST_WALK_MAPPED;
}

enum guest_walk_result guest_walk(const struct guest_paging *paging, u64 linear, u32 access,
				  struct guest_walk *walk)
{
	struct steps steps = {
		.paging = paging,
		.format = find_format(paging->sregs),
		.linear = linear,
		.access = access,
		.rights = PAGING_RW | PAGING_US,
	};
	u64 table = root(&steps);

	walk->levels = 0;
	walk->entry_size = steps.format->entry_size;
	walk->gpa = linear & LOW_32;
	for (steps.level = steps.format->levels; steps.level; steps.level--) {
		if (!read_entry(&steps, table, &walk->gpa))
			return GUEST_WALK_LOST;
		walk->at[walk->levels] = steps.at;
		walk->entries[walk->levels++] = steps.entry;
		if (!(steps.entry & PAGING_P))
			return fault(&steps, 0, walk);
		if (steps.entry & reserved(&steps))
			return fault(&steps, PFEC_P | PFEC_RSVD, walk);
		take_rights(&steps);
		if (is_leaf(&steps))
			return arrive(&steps, walk);
		table = steps.format->entry_size == sizeof(u32) ?
				steps.entry & ~OFFSET_MASK :
				steps.entry & GENMASK_ULL(paging->width - 1, FRAME_SHIFT);
	}
	return GUEST_WALK_MAPPED;
}
