/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cr_logic.h
 * @brief What a guest may write to CR0, CR4 and IA32_EFER, and what the registers become.
 *
 * Pure C. The guest sees one value of a control register, and the processor works with another: in
 * the bits that the guest does not own (guest/host mask) it reads the shadow.
 */
#ifndef CR_LOGIC_H
#define CR_LOGIC_H

#include "vtx_types.h"

/** What processor and driver allow; the same for all guests. */
struct cr_limits {
	u64 cr0_fixed0, cr0_fixed1; /**< bits that must be 1, that may be 1, while a guest runs */
	u64 cr4_fixed0, cr4_fixed1; /**< the same */
	u64 cr4_allowed; /**< bits that a guest may set, as its CPUID says; all others are #GP */
	u64 efer_allowed; /**< the same */
	bool unrestricted; /**< CR0.PE and CR0.PG may be 0, whatever cr0_fixed0 says */
};

/** The registers as the guest sees them. */
struct cr_state {
	u64 cr0, cr4, efer; /**< efer with LMA */
	bool code64; /**< it is in 64-bit mode: CS.L, with LMA */
	bool cs_l; /**< CS.L */
};

/** Answer of the functions below. */
struct cr_plan {
	u64 cr0, cr4, efer; /**< as the guest sees them: read shadows, and IA32_EFER */
	u64 real_cr0, real_cr4; /**< what the processor works with */
	bool pae; /**< PAE paging, and CR0 or CR4 has changed so that the PDPTEs are loaded anew */
};

/**
 * Bits of CR0 that the guest owns: it reads and writes them without an exit, because they mean
 * nothing to the host.
 */
u64 cr0_owned_by_guest(void);

/**
 * The same of CR4, among those that are allowed.
 */
u64 cr4_owned_by_guest(const struct cr_limits *limits);

/**
 * The guest writes CR0 (exercise 6.3).
 *
 * @param limits what processor and policy allow
 * @param state before
 * @param value all 64 bits
 * @param plan what becomes of all registers; only after 0
 * @return 0; -EPERM: #GP(0); -EINVAL: correct, but this processor cannot run a guest so;
 *	   -ENOSYS while the exercise is not done
 */
int cr0_write(const struct cr_limits *limits, const struct cr_state *state, u64 value,
	      struct cr_plan *plan);

/** The guest writes CR4 (exercise 6.3). See cr0_write(). */
int cr4_write(const struct cr_limits *limits, const struct cr_state *state, u64 value,
	      struct cr_plan *plan);

/** The guest writes IA32_EFER (exercise 6.3). See cr0_write(). */
int efer_write(const struct cr_limits *limits, const struct cr_state *state, u64 value,
	       struct cr_plan *plan);

/**
 * May this be one of the four entries that CR3 names with PAE paging?
 *
 * @param entry one of them
 * @param width bits of a physical address
 */
bool pdpte_is_valid(u64 entry, u32 width);

/** CR0 after CLTS; before, it is as the guest sees it. */
u64 cr0_after_clts(u64 cr0);
/** CR0 after LMSW: bits 3:0 of the operand count, and PE cannot be cleared. */
u64 cr0_after_lmsw(u64 cr0, u64 source);

#endif
