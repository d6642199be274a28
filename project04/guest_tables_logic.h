/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file guest_tables_logic.h
 * @brief Page tables of a flat guest: they lie in guest memory, and name frames of the host.
 *
 * Pure C: whoever calls says where guest memory is, so that the tables can be built, and walked, on
 * any machine.
 */
#ifndef GUEST_TABLES_LOGIC_H
#define GUEST_TABLES_LOGIC_H

#include "vtx_types.h"

/** Guest memory as the tables need to know it. Addresses (gpa) are below size. */
struct guest_tables {
	u64 size; /**< in: bytes of guest memory, a multiple of 4096 */
	void *ctx; /**< in: first argument of the functions */
	/** in: host-physical address of the 4-KiB page at @p gpa */
	u64 (*frame)(void *ctx, u64 gpa);
	/** in: are the 2 MiB at @p gpa one aligned piece of host memory? */
	bool (*is_huge)(void *ctx, u64 gpa);
	/** in: where the 4-KiB page at @p gpa can be written */
	u64 *(*page)(void *ctx, u64 gpa);

	u64 usable; /**< out: bytes below the tables, which the guest can write */
	u64 root; /**< out: host-physical address of the PML4 table, for CR3 */
};

/** Guest memory that one PML4 table maps without leaving the lower canonical half. */
#define GUEST_TABLES_LIMIT 0x800000000000ULL

/**
 * Build the tables at the top of guest memory (exercise 4.1).
 *
 * Guest-linear address 0 is the first byte of guest memory. Page 0 is not mapped; everything below
 * @p t->usable can be read, written and executed at supervisor level, and what lies above only be
 * read. 2-MiB leaves where is_huge() allows. SDM vol. 3, "4-Level Paging and 5-Level Paging".
 *
 * @param t in and out, see there; usable and root are 0 after an error
 * @return 0; -ENOSPC: the memory is too small for its tables and a page to use; -EFBIG: above
 *	   GUEST_TABLES_LIMIT; -ENOSYS while the exercise is not done
 */
int guest_tables_build(struct guest_tables *t);

#endif
