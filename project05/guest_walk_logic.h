/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file guest_walk_logic.h
 * @brief The guest's own page tables: from a linear to a guest-physical address, as its processor
 *        would go. Pure C.
 */
#ifndef GUEST_WALK_LOGIC_H
#define GUEST_WALK_LOGIC_H

#include "vtx_types.h"
#include "vtxdrv.h"

/** Beside VTX_ACCESS_READ, _WRITE and _EXECUTE: the access is made with CPL 3. */
#define GUEST_ACCESS_USER 0x10000U

/** Most levels that a guest's tables have (CR4.LA57). */
#define GUEST_WALK_LEVELS 5

/** Where size bytes at gpa lie on this side; NULL if they are no memory, or not writable. */
typedef u8 *guest_ram(void *opaque, u64 gpa, u32 size, bool write);

/** What a walk depends on. */
struct guest_paging {
	const struct vtx_sregs *sregs; /**< CR0, CR3, CR4, EFER */
	bool ac; /**< RFLAGS.AC: with SMAP, the kernel may touch user pages */
	u8 width; /**< bits of a physical address */
	guest_ram *ram; /**< finds the tables */
	void *opaque; /**< for ram */
};

/** What came of a walk. */
enum guest_walk_result {
	GUEST_WALK_MAPPED = 0, /**< gpa is the address */
	GUEST_WALK_FAULT, /**< #PF with error_code */
	GUEST_WALK_LOST, /**< a table, at gpa, is not in memory */
};

/** One walk. */
struct guest_walk {
	u64 gpa; /**< see the result */
	u32 error_code; /**< of the #PF */
	u32 levels; /**< entries that were read; 0 without paging */
	u64 entries[GUEST_WALK_LEVELS]; /**< [0] is the root's */
	u8 *at[GUEST_WALK_LEVELS]; /**< where they lie */
	u32 entry_size; /**< bytes of each */
};

/** "none", "32-bit", "PAE", "4-level" or "5-level". */
const char *guest_paging_name(const struct vtx_sregs *sregs);

/**
 * Walk. A walk that succeeds sets accessed and dirty flags in the guest's tables.
 *
 * @param paging the vCPU
 * @param linear address, canonical where there are 64 bits
 * @param access VTX_ACCESS_* and GUEST_ACCESS_USER
 * @param walk out
 */
enum guest_walk_result guest_walk(const struct guest_paging *paging, u64 linear, u32 access,
				  struct guest_walk *walk);

#endif
