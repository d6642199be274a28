/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file ept_bits.h
 * @brief Entries of Intel's extended page tables: SDM vol. 3, "The Extended Page Table Mechanism
 *        (EPT)", tables "Format of an EPT …".
 */
#ifndef EPT_BITS_H
#define EPT_BITS_H

#define EPT_READ BIT_ULL(0) /**< reads are allowed */
#define EPT_WRITE BIT_ULL(1) /**< writes are allowed */
#define EPT_EXECUTE BIT_ULL(2) /**< fetches are allowed */
/** Bits 5:3 of a leaf: memory type, as in the MTRRs. */
#define EPT_MEMORY_TYPE_SHIFT 3
#define EPT_MEMORY_TYPE (7ULL << EPT_MEMORY_TYPE_SHIFT)
/** The leaf's memory type is not combined with the guest's PAT. */
#define EPT_IGNORE_PAT BIT_ULL(6)
/** An entry of a page directory or page-directory-pointer table that maps a page. */
#define EPT_LARGE BIT_ULL(7)
/** Set by the processor where EPTP has bit 6. */
#define EPT_ACCESSED BIT_ULL(8)
#define EPT_DIRTY BIT_ULL(9)
/** Bits 51:12: host-physical address. */
#define EPT_ADDRESS GENMASK_ULL(51, 12)
/** Bits of a guest-physical address that 4 levels translate. */
#define EPT_WIDTH 48

/** Memory types: SDM vol. 3, "Memory Types that can be Encoded with PAT" and the MTRRs. */
#define MEMORY_TYPE_UC 0ULL
#define MEMORY_TYPE_WB 6ULL

#endif
