// SPDX-License-Identifier: GPL-2.0
/*
 * Which MSRs a guest has, and what becomes of an access to one.
 */
#include "msr_policy_logic.h"
#include "vmx_msrs.h"
#include "vtx_todo.h"
#include "x86_bits.h"

/* Values of those that only remember. */
enum {
	KEPT_PLATFORM_ID,
	KEPT_FEATURE_CONTROL,
	KEPT_BIOS_SIGN_ID,
	KEPT_MISC_ENABLE,
	KEPT_P5_MC_ADDR,
	KEPT_P5_MC_TYPE,
	KEPT_MSRS
};
_Static_assert(KEPT_MSRS <= MSR_KEPT_MAX, "struct vtx_vcpu_policy.kept has no room");

#define PASS(msr) { msr, MSR_WAY_PASS, MSR_WAY_PASS, 0, 0, 0, 0 }
#define VENDOR(msr) { msr, MSR_WAY_VENDOR, MSR_WAY_VENDOR, 0, 0, 0, 0 }
#define DRIVER(msr) { msr, MSR_WAY_DRIVER, MSR_WAY_DRIVER, 0, 0, 0, 0 }
#define KEPT(ident, reset, writable, ignored) \
	{ IA32_##ident, MSR_WAY_KEPT, MSR_WAY_KEPT, KEPT_##ident, reset, writable, ignored }
#define READ_ONLY(ident, reset) \
	{ IA32_##ident, MSR_WAY_KEPT, MSR_WAY_FAULT, KEPT_##ident, reset, 0, 0 }

/* A processor without debug stores, and with the rest as a reset leaves it. */
#define MISC_ENABLE_RESET \
	(MISC_ENABLE_FAST_STRINGS | MISC_ENABLE_BTS_UNAVAILABLE | MISC_ENABLE_PEBS_UNAVAILABLE)

/*
 * In the order of their numbers, for msr_rule_find(). What passes is switched with the guest: by
 * the VMCS or VMCB, or by the world switch. EFER is the guest's own as well, but a write may change
 * the mode it is in. FEATURE_CONTROL is locked, and nothing is enabled in it: no VMX, no SMX.
 */
const struct msr_rule msr_rules[] = {
	KEPT(P5_MC_ADDR, 0, 0, ~0ULL),
	KEPT(P5_MC_TYPE, 0, 0, ~0ULL),
	DRIVER(IA32_TIME_STAMP_COUNTER),
	READ_ONLY(PLATFORM_ID, 0),
	READ_ONLY(FEATURE_CONTROL, FEATURE_CONTROL_LOCK),
	DRIVER(IA32_TSC_ADJUST),
	KEPT(BIOS_SIGN_ID, 0, 0, ~0ULL),
	PASS(IA32_SYSENTER_CS),
	PASS(IA32_SYSENTER_ESP),
	PASS(IA32_SYSENTER_EIP),
	KEPT(MISC_ENABLE, MISC_ENABLE_RESET, MISC_ENABLE_FAST_STRINGS, 0),
	VENDOR(IA32_DEBUGCTL),
	PASS(IA32_PAT),
	{ IA32_EFER, MSR_WAY_PASS, MSR_WAY_VENDOR, 0, 0, 0, 0 },
	VENDOR(IA32_STAR),
	VENDOR(IA32_LSTAR),
	VENDOR(IA32_CSTAR),
	VENDOR(IA32_FMASK),
	PASS(IA32_FS_BASE),
	PASS(IA32_GS_BASE),
	PASS(IA32_KERNEL_GS_BASE),
};
const unsigned int msr_rule_count = ARRAY_SIZE(msr_rules);

const struct msr_rule *msr_rule_find(u32 msr)
{
	unsigned int low = 0;
	unsigned int high = ARRAY_SIZE(msr_rules);

	while (low < high) {
		unsigned int middle = (low + high) / 2;

		if (msr_rules[middle].msr == msr)
			return &msr_rules[middle];
		if (msr_rules[middle].msr < msr)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* ---- what user space wants otherwise --------------------------------------------------------- */

static void range_remove(struct msr_ranges *ranges, u32 at)
{
	for (ranges->count--; at < ranges->count; at++)
		ranges->range[at] = ranges->range[at + 1];
}

static void range_forget(struct msr_ranges *ranges, u32 first, u32 last)
{
	u32 i = ranges->count;

	while (i--) {
		if (ranges->range[i].first == first && ranges->range[i].last == last)
			range_remove(ranges, i);
	}
}

int msr_ranges_set(struct msr_ranges *ranges, const struct vtx_msr_policy *policy)
{
	u32 last = policy->first + policy->count - 1;

	if (policy->action > VTX_MSR_FAULT)
		return -EINVAL;
	if (!policy->count) {
		ranges->unknown = policy->action;
		return 0;
	}
	if (policy->count > MSR_RANGE_COUNT_MAX)
		return -E2BIG;
	if (last < policy->first)
		return -EINVAL;
	range_forget(ranges, policy->first, last);
	if (ranges->count == MSR_RANGES_MAX)
		return -ENOSPC;
	ranges->range[ranges->count].first = policy->first;
	ranges->range[ranges->count].last = last;
	ranges->range[ranges->count++].action = policy->action;
	return 0;
}

/*
 * EXERCISE 6.2 (15 points): MSRs by bitmap and table
 * Do:   msr_way(): the last of the ranges that has the MSR decides, unless its action is
 *       VTX_MSR_DEFAULT: that is the table's word. What neither has is ranges->unknown's, where
 *       VTX_MSR_DEFAULT is a #GP. msr_kept_write(): bits of rule->writable change, those of
 *       rule->ignored stay as they are, and if any other would change nothing does.
 *       vmx_msr_bit() in vmx_bitmap_logic.c: where the MSR has its bit.
 * Read: project06/README.md, "MSRs"; Intel SDM vol. 3, "MSR-Bitmap Address"
 * Hint: msr_rule_find(). The bitmap has room for two ranges of 8,192 MSRs, and all others exit.
 */
#ifndef TODO_6_2
static enum msr_way way_of_action(u32 action, enum msr_way otherwise)
{
	switch (action) {
	case VTX_MSR_USER:
		return MSR_WAY_USER;
	case VTX_MSR_FAULT:
		return MSR_WAY_FAULT;
	default:
		return otherwise;
	}
}

static u32 range_action(const struct msr_ranges *ranges, u32 msr)
{
	u32 i = ranges->count;

	while (i--) {
		if (msr >= ranges->range[i].first && msr <= ranges->range[i].last)
			return ranges->range[i].action;
	}
	return VTX_MSR_DEFAULT;
}

enum msr_way msr_way(const struct msr_ranges *ranges, u32 msr, bool write)
{
	const struct msr_rule *rule = msr_rule_find(msr);
	enum msr_way way = MSR_WAY_FAULT;

	if (rule)
		way = write ? rule->write : rule->read;
	else if (ranges)
		way = way_of_action(ranges->unknown, MSR_WAY_FAULT);
	return ranges ? way_of_action(range_action(ranges, msr), way) : way;
}

int msr_kept_write(const struct msr_rule *rule, u64 *value, u64 wanted)
{
	u64 changed = *value ^ wanted;

	if (changed & ~(rule->writable | rule->ignored))
		return -EPERM;
	*value ^= changed & rule->writable & ~rule->ignored;
	return 0;
}
#else
enum msr_way msr_way(const struct msr_ranges *ranges, u32 msr, bool write)
{
	(void)VTX_TODO("6.2", "every MSR is one that the guest does not have");
	return MSR_WAY_FAULT;
}

int msr_kept_write(const struct msr_rule *rule, u64 *value, u64 wanted)
{
	return VTX_TODO("6.2", "an MSR that remembers does not");
}
#endif
