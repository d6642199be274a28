/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file msr_policy_logic.h
 * @brief Which MSRs a guest has, and what becomes of an access to one.
 *
 * Pure C. The table in msr_policy_logic.c is all that is known; what user space has asked for with
 * VTXDRV_MSR_POLICY comes before it, and an MSR that neither knows is a #GP.
 */
#ifndef MSR_POLICY_LOGIC_H
#define MSR_POLICY_LOGIC_H

#include "vtx_types.h"
#include "vtxdrv.h"

/** What becomes of one access. */
enum msr_way {
	MSR_WAY_FAULT = 0, /**< #GP */
	MSR_WAY_PASS, /**< the guest has the register itself: no exit */
	MSR_WAY_VENDOR, /**< hv->get_msr, hv->set_msr: what the vendor's structures keep */
	MSR_WAY_DRIVER, /**< the driver keeps it in a place of its own, and it does something */
	MSR_WAY_KEPT, /**< the driver remembers it, and it does nothing: msr_kept_write() */
	MSR_WAY_USER, /**< user space answers */
};

/** One MSR. */
struct msr_rule {
	u32 msr; /**< its number */
	u8 read, write; /**< enum msr_way */
	u8 kept; /**< MSR_WAY_KEPT: index of its value, below MSR_KEPT_MAX */
	u64 reset; /**< MSR_WAY_KEPT: the value of a new vCPU */
	u64 writable; /**< MSR_WAY_KEPT: bits that may change */
	u64 ignored; /**< MSR_WAY_KEPT: bits that keep their value whatever is written */
};

/** MSRs that only remember, at most. */
#define MSR_KEPT_MAX 8

/** The table, by number. */
extern const struct msr_rule msr_rules[];
/** How many lines it has. */
extern const unsigned int msr_rule_count;

/** Find an MSR in the table; NULL: a guest has none. */
const struct msr_rule *msr_rule_find(u32 msr);

/** Ranges that VTXDRV_MSR_POLICY can set. */
#define MSR_RANGES_MAX 64
/** MSRs that one call can set. */
#define MSR_RANGE_COUNT_MAX 64

/** What user space wants otherwise; of ranges that overlap the last one counts. */
struct msr_ranges {
	u32 unknown; /**< enum vtx_msr_action of what the table does not know */
	u32 count; /**< how many of the next there are */
	struct {
		u32 first, last; /**< numbers of MSRs, both included */
		u32 action; /**< enum vtx_msr_action */
	} range[MSR_RANGES_MAX]; /**< in the order in which they were set */
};

/**
 * Add a range, or change it if the very same one is there.
 *
 * @return 0; -EINVAL: action, or beyond the last MSR; -E2BIG: count; -ENOSPC: too many ranges
 */
int msr_ranges_set(struct msr_ranges *ranges, const struct vtx_msr_policy *policy);

/**
 * Which way does an access go (exercise 6.2)?
 *
 * @param ranges what user space has asked for, or NULL: nothing
 * @param msr its number
 * @param write WRMSR; otherwise RDMSR
 */
enum msr_way msr_way(const struct msr_ranges *ranges, u32 msr, bool write);

/**
 * Write an MSR that only remembers (exercise 6.2).
 *
 * @param rule the line of the table
 * @param value what it has, and will have
 * @param wanted what is written
 * @return 0; -EPERM: a bit would change that may not, which is a #GP
 */
int msr_kept_write(const struct msr_rule *rule, u64 *value, u64 wanted);

#endif
