/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file x86_paging.h
 * @brief PAE paging: CR3 names four entries, which a processor may keep in registers. Intel SDM
 *        vol. 3, "PAE Paging"; AMD APM vol. 2, "Legacy-Mode Page Translation".
 */
#ifndef X86_PAGING_H
#define X86_PAGING_H

#include "vtx_types.h"
#include "x86_bits.h"

/** Entries that CR3 names. */
#define X86_PDPTES 4
/** Bits of CR3 with the address of the first one. */
#define X86_PDPT_ADDRESS GENMASK_ULL(31, 5)

/** Is it PAE paging that translates addresses with these registers? Any context. */
static inline bool x86_pae_paging(u64 cr0, u64 cr4, u64 efer)
{
	return cr0 & CR0_PG && cr4 & CR4_PAE && !(efer & IA32_EFER_LMA);
}

#endif
