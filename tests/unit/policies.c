// SPDX-License-Identifier: GPL-2.0
/*
 * The policies of project06 as functions that take plain numbers, for test_exit_policies.py.
 */
#include "cpuid_policy_logic.h"
#include "cr_logic.h"
#include "msr_policy_logic.h"
#include "vmx_bitmap_logic.h"

static struct cpuid_policy policy;
static struct msr_ranges ranges;

int policy_make(cpuid_host host, u64 host_xcr0);
int policy_make(cpuid_host host, u64 host_xcr0)
{
	return cpuid_policy_make(&policy, host, host_xcr0);
}

void policy_answer(const struct cpuid_asker *who, u32 leaf, u32 subleaf, struct vtx_cpuid *answer);
void policy_answer(const struct cpuid_asker *who, u32 leaf, u32 subleaf, struct vtx_cpuid *answer)
{
	cpuid_policy_answer(&policy, who, leaf, subleaf, answer);
}

int policy_xcr0(u64 xcr0);
int policy_xcr0(u64 xcr0)
{
	return cpuid_xcr0_is_valid(&policy, xcr0);
}

u64 policy_xcr0_at_start(u64 host_xcr0, int booted);
u64 policy_xcr0_at_start(u64 host_xcr0, int booted)
{
	return cpuid_xcr0_at_start(&policy, host_xcr0, booted);
}

u64 policy_bits(int efer);
u64 policy_bits(int efer)
{
	return efer ? cpuid_efer_bits(&policy) : cpuid_cr4_bits(&policy);
}

void ranges_clear(void);
void ranges_clear(void)
{
	memset(&ranges, 0, sizeof(ranges));
}

int ranges_set(u32 first, u32 count, u32 action);
int ranges_set(u32 first, u32 count, u32 action)
{
	struct vtx_msr_policy wish = { .first = first, .count = count, .action = action };

	return msr_ranges_set(&ranges, &wish);
}

int ranges_way(u32 msr, int write);
int ranges_way(u32 msr, int write)
{
	return msr_way(&ranges, msr, write);
}

u32 rule_msr(u32 index);
u32 rule_msr(u32 index)
{
	return index < msr_rule_count ? msr_rules[index].msr : ~0U;
}
