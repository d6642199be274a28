/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cpuid_policy_logic.h
 * @brief What CPUID tells a guest: what passes, what is masked, and what is made up.
 *
 * Pure C. A policy is made once, from the host's own answers; an answer costs little then.
 */
#ifndef CPUID_POLICY_LOGIC_H
#define CPUID_POLICY_LOGIC_H

#include "vtx_types.h"
#include "vtxdrv.h"
#include "x86_bits.h"

/** Leaves that a guest has, from 0 on, and from 8000_0000H on. */
#define CPUID_BASIC_LEAVES (CPUID_LEAF_D + 1)
#define CPUID_EXTENDED_LEAVES (CPUID_LEAF_8000_0008 - CPUID_LEAF_8000_0000 + 1)
/** Subleaves of leaf 4 that are kept. */
#define CPUID_CACHES 8
/** Components of XSAVE that a guest may have: from x87, which is 0, to PKRU. */
#define CPUID_COMPONENTS 10

/** A component of the extended state: leaf 0DH, subleaf of its number. */
struct cpuid_component {
	u32 size; /**< bytes; 0: the guest does not have it */
	u32 offset; /**< in the standard format */
	bool aligned; /**< to 64 bytes, in the compacted format */
};

/** The answers for all guests. */
struct cpuid_policy {
	struct vtx_cpuid basic[CPUID_BASIC_LEAVES]; /**< subleaf 0 where a leaf has several */
	struct vtx_cpuid extended[CPUID_EXTENDED_LEAVES]; /**< the same */
	u32 max_basic, max_extended; /**< highest leaf of each kind */
	struct vtx_cpuid caches[CPUID_CACHES]; /**< leaf 4 */
	u64 xcr0; /**< bits that XSETBV may set; 0: there is no XSAVE */
	u32 xsave_features; /**< leaf 0DH, subleaf 1: EAX */
	struct cpuid_component component[CPUID_COMPONENTS]; /**< by number */
};

/** Who asks: what differs from vCPU to vCPU and from time to time. */
struct cpuid_asker {
	u32 apic_id; /**< number of the vCPU */
	u32 vcpus; /**< of its VM */
	bool osxsave; /**< its CR4.OSXSAVE */
	u64 xcr0; /**< its XCR0 */
};

/** Ask the processor. */
typedef void (*cpuid_host)(u32 leaf, u32 subleaf, struct vtx_cpuid *answer);

/** What a line of the table lets through of one leaf, and what it sets. */
struct cpuid_rule {
	u32 leaf; /**< its number; of a leaf with subleaves: subleaf 0 */
	struct vtx_cpuid pass; /**< bits that are the host's */
	struct vtx_cpuid set; /**< bits that are 1 whatever the host says */
};

/** The table, by leaf. A leaf that it does not have is all zeros. */
extern const struct cpuid_rule cpuid_rules[];
/** How many lines it has. */
extern const unsigned int cpuid_rule_count;

/**
 * Make the policy of a host (exercise 6.1).
 *
 * @param policy out
 * @param host asks CPUID of the host
 * @param host_xcr0 what the host has enabled; the guest's states are switched by it. 0: no XSAVE
 * @return 0; -ENOSYS while the exercise is not done: the policy answers zeros
 */
int cpuid_policy_make(struct cpuid_policy *policy, cpuid_host host, u64 host_xcr0);

/** Answer (exercise 6.1). */
void cpuid_policy_answer(const struct cpuid_policy *policy, const struct cpuid_asker *who, u32 leaf,
			 u32 subleaf, struct vtx_cpuid *answer);

/**
 * Bytes that XSAVE needs for these components.
 *
 * @param policy says how large each component is
 * @param xcr0 the components
 * @param compacted as XSAVEC lays them out
 */
u32 cpuid_xsave_size(const struct cpuid_policy *policy, u64 xcr0, bool compacted);

/** May XCR0 become this? SDM vol. 1, "Enabling the XSAVE Feature Set …". */
bool cpuid_xcr0_is_valid(const struct cpuid_policy *policy, u64 xcr0);

/**
 * XCR0 of a vCPU that begins.
 *
 * @param policy offers what a guest may set
 * @param host_xcr0 what the host has enabled; 0: no XSAVE, and then there is no XCR0
 * @param booted it begins as if somebody had booted it; otherwise it has what a reset leaves
 */
u64 cpuid_xcr0_at_start(const struct cpuid_policy *policy, u64 host_xcr0, bool booted);

/** Bits of CR4 that a guest with this policy may set. */
u64 cpuid_cr4_bits(const struct cpuid_policy *policy);

/** Bits of IA32_EFER that it may set. */
u64 cpuid_efer_bits(const struct cpuid_policy *policy);

#endif
