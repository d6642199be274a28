/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file npt_logic.h
 * @brief Four levels of tables from guest-physical to host-physical addresses, for any vendor.
 *
 * What an entry looks like is data (struct npt_format), so that Intel's extended page tables and
 * AMD's nested ones need no code of their own. Pure C: where tables come from is the caller's.
 *
 * A processor may read the tables, and set accessed and dirty flags in them, at any time. So each
 * entry changes in one step, and a table is given back by a callback that keeps it until no
 * processor can use it any more. One caller at a time changes the tables.
 */
#ifndef NPT_LOGIC_H
#define NPT_LOGIC_H

#include "vtx_types.h"
#include "vtxdrv.h"

/** Entries of a table. */
#define NPT_ENTRIES 512U
/** Bytes that an entry of level 1 maps. */
#define NPT_PAGE_SIZE 4096ULL

/** How the guest's accesses are cached. */
enum npt_type {
	NPT_WRITE_BACK, /**< memory */
	NPT_UNCACHEABLE, /**< the window of a device */
	NPT_TYPES /**< how many there are */
};

/** What an entry looks like. */
struct npt_format {
	u64 present; /**< an entry without any of these bits maps nothing */
	u64 read, write, execute; /**< set in a leaf where this is allowed */
	u64 no_execute; /**< set in a leaf where EXECUTE is not allowed; 0: no such bit */
	u64 table; /**< set in an entry that leads to a table, besides its address */
	u64 large; /**< set in a leaf above level 1, and nowhere else */
	u64 address; /**< bits of a host-physical address */
	u64 type[NPT_TYPES]; /**< set in a leaf for this memory type */
	u64 type_mask; /**< all bits that are about the memory type */
	u64 accessed, dirty; /**< set by the processor; 0: it has no such flags */
	u32 largest; /**< the highest level that may have leaves: 1 4 KiB, 2 2 MiB, 3 1 GiB */
	u32 width; /**< bits of a guest-physical address */
};

/** A set of tables. */
struct npt {
	struct npt_format format; /**< of its entries */
	u64 root; /**< host-physical address of the table of level 4; 0: there is none */
	u64 tables; /**< how many there are */
	void *ctx; /**< for the callbacks */
	u64 (*alloc)(void *ctx); /**< a zeroed table: its host-physical address; 0: no memory */
	void (*free)(void *ctx, u64 table); /**< give it back; a processor may still read it */
	u64 *(*at)(void *ctx, u64 table); /**< where this side can reach it */
};

/** What a guest-physical address is mapped to. */
struct npt_leaf {
	u64 gpa; /**< first address that it maps */
	u64 hpa; /**< host-physical address of that one */
	u64 size; /**< bytes: 4096, 2 MiB, 1 GiB */
	u64 entry; /**< as it is in the table */
	u32 access; /**< VTX_PROT_* */
	enum npt_type type; /**< memory type */
	bool accessed, dirty; /**< the processor's flags */
};

/** Bytes that an entry of a level (1 to 4) maps. */
u64 npt_level_size(unsigned int level);

/**
 * Begin with an empty root. May sleep if alloc does.
 * @return 0 or -ENOMEM
 */
int npt_create(struct npt *npt);

/** Give every table back. */
void npt_destroy(struct npt *npt);

/**
 * Map a range, in the place of what was there, with the largest leaves that format and alignment
 * allow (exercise 5.1).
 *
 * @param npt the tables
 * @param gpa guest-physical address, a multiple of 4096
 * @param hpa host-physical address, a multiple of 4096
 * @param size bytes, a multiple of 4096
 * @param access VTX_PROT_*, not 0
 * @param type memory type
 * @return 0; -ENOMEM: nothing has changed for the guest; -ENOSYS while the exercise is not done
 */
int npt_map(struct npt *npt, u64 gpa, u64 hpa, u64 size, u32 access, enum npt_type type);

/** Map nothing in a range (exercise 5.1). Otherwise as npt_map(). */
int npt_unmap(struct npt *npt, u64 gpa, u64 size);

/**
 * Change what is allowed in a range, where it is mapped; with @p access 0 it is not any more
 * (exercise 5.1). Flags of the processor's are kept. Otherwise as npt_map().
 */
int npt_protect(struct npt *npt, u64 gpa, u64 size, u32 access);

/**
 * Read the entries that translate an address, from the root on (exercise 5.1).
 *
 * @param npt the tables
 * @param gpa guest-physical address
 * @param steps filled in, from level 4 down
 * @return how many entries were read: the last one is a leaf, or not present
 */
u32 npt_walk(const struct npt *npt, u64 gpa, struct vtx_walk_step steps[VTX_NPT_LEVELS]);

/**
 * Find what an address is mapped to.
 * @return false: to nothing
 */
bool npt_find(const struct npt *npt, u64 gpa, struct npt_leaf *leaf);

/**
 * Find the first leaf that maps an address of [gpa, end).
 * @return false: there is none
 */
bool npt_next(const struct npt *npt, u64 gpa, u64 end, struct npt_leaf *leaf);

#endif
