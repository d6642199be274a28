// SPDX-License-Identifier: GPL-2.0
/*
 * What CPUID tells a guest: the host's answers through the table, and what depends on who asks.
 */
#include "cpuid_policy_logic.h"
#include "vtx_todo.h"

/* In EBX, ECX, EDX of leaf 4000_0000H, where every hypervisor has its own: VTXDRVVTXDRV. */
static const struct vtx_cpuid __maybe_unused signature = {
	.eax = CPUID_LEAF_4000_0000, /* the highest of these leaves */
	.ebx = 'V' | 'T' << 8 | 'X' << 16 | 'D' << 24,
	.ecx = 'R' | 'V' << 8 | 'V' << 16 | 'T' << 24,
	.edx = 'X' | 'D' << 8 | 'R' << 16 | 'V' << 24,
};

/* ---- extended states ------------------------------------------------------------------------- */

/* The legacy region, which has x87 and SSE, and the header: "XSAVE Area". */
#define XSAVE_LEGACY_BYTES 576U
#define XSAVE_FIRST_EXTENDED 2
#define XSAVE_ALIGNMENT 64U

#define XCR0_AVX512 (XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM)
/* MPX is gone, AMX wants a permission of the kernel's, and protection keys an own PKRU. */
#define XCR0_FOR_GUESTS (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512)

u32 cpuid_xsave_size(const struct cpuid_policy *policy, u64 xcr0, bool compacted)
{
	u32 end = XSAVE_LEGACY_BYTES;
	unsigned int i;

	for (i = XSAVE_FIRST_EXTENDED; i < CPUID_COMPONENTS; i++) {
		const struct cpuid_component *c = &policy->component[i];
		u32 start = c->offset;

		if (!(xcr0 >> i & 1))
			continue;
		if (compacted)
			start = c->aligned ? (end + XSAVE_ALIGNMENT - 1) & -XSAVE_ALIGNMENT : end;
		if (start + c->size > end)
			end = start + c->size;
	}
	return end;
}

bool cpuid_xcr0_is_valid(const struct cpuid_policy *policy, u64 xcr0)
{
	u64 avx512 = xcr0 & XCR0_AVX512;

	if (!(xcr0 & XCR0_X87) || xcr0 & ~policy->xcr0)
		return false;
	if (xcr0 & XCR0_AVX && !(xcr0 & XCR0_SSE))
		return false;
	return !avx512 || (avx512 == XCR0_AVX512 && xcr0 & XCR0_AVX);
}

/* Without a policy nothing is offered, and what a guest may have is all that is kept for it. */
u64 cpuid_xcr0_at_start(const struct cpuid_policy *policy, u64 host_xcr0, bool booted)
{
	if (!policy->xcr0)
		return host_xcr0 & XCR0_FOR_GUESTS;
	return booted ? policy->xcr0 : XCR0_X87;
}

/* ---- what CPUID allows elsewhere ------------------------------------------------------------- */

u64 cpuid_cr4_bits(const struct cpuid_policy *policy)
{
	const struct vtx_cpuid *one = &policy->basic[CPUID_LEAF_1];
	const struct vtx_cpuid *seven = &policy->basic[CPUID_LEAF_7];
	const struct {
		u64 has, cr4;
	} pairs[] = {
		{ one->edx & CPUID_1_EDX_VME, CR4_VME | CR4_PVI },
		{ one->edx & CPUID_1_EDX_TSC, CR4_TSD },
		{ one->edx & CPUID_1_EDX_DE, CR4_DE },
		{ one->edx & CPUID_1_EDX_PSE, CR4_PSE },
		{ one->edx & CPUID_1_EDX_PAE, CR4_PAE },
		{ one->edx & CPUID_1_EDX_PGE, CR4_PGE },
		{ one->edx & CPUID_1_EDX_MMX, CR4_PCE },
		{ one->edx & CPUID_1_EDX_FXSR, CR4_OSFXSR },
		{ one->edx & CPUID_1_EDX_SSE, CR4_OSXMMEXCPT },
		{ one->ecx & CPUID_1_ECX_XSAVE, CR4_OSXSAVE },
		{ seven->ebx & CPUID_7_EBX_FSGSBASE, CR4_FSGSBASE },
		{ seven->ebx & CPUID_7_EBX_SMEP, CR4_SMEP },
		{ seven->ebx & CPUID_7_EBX_SMAP, CR4_SMAP },
		{ seven->ecx & CPUID_7_ECX_UMIP, CR4_UMIP },
	};
	u64 bits = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(pairs); i++)
		bits |= pairs[i].has ? pairs[i].cr4 : 0;
	return bits;
}

static const struct vtx_cpuid *extended(const struct cpuid_policy *policy, u32 leaf)
{
	return &policy->extended[leaf - CPUID_LEAF_8000_0000];
}

u64 cpuid_efer_bits(const struct cpuid_policy *policy)
{
	u32 edx = extended(policy, CPUID_LEAF_8000_0001)->edx;
	u64 bits = 0;

	if (edx & CPUID_8000_0001_EDX_SYSCALL)
		bits |= IA32_EFER_SCE;
	if (edx & CPUID_8000_0001_EDX_LM)
		bits |= IA32_EFER_LME;
	if (edx & CPUID_8000_0001_EDX_NX)
		bits |= IA32_EFER_NXE;
	return bits;
}

/*
 * EXERCISE 6.1 (15 points): What a guest learns of the processor
 * Do:   cpuid_policy_make(): ask the host for each leaf in cpuid_rules[], and keep (answer & pass)
 *       | set; the highest leaves are those of policy->basic[] and extended[] at most; leaf 4 has
 *       subleaves; leaf 0DH comes from make_xsave(). cpuid_policy_answer(): the leaf; the signature
 *       at 4000_0000H, and zeros up to 4000_00FFH; what is above the highest leaf is answered as
 *       the highest basic leaf. Leaf 1 depends on who asks: APIC id, number of logical processors
 *       (HTT if there are several), OSXSAVE. Leaves 4, 0BH and 0DH come from answer_caches(),
 *       answer_topology() and answer_xsave().
 * Read: Intel SDM vol. 2, CPUID; project06/README.md, "CPUID"
 * Hint: a leaf above the host's highest must not be asked for: its answer is another leaf's.
 */
#ifndef TODO_6_1
static void make_xsave(struct cpuid_policy *policy, cpuid_host host, u64 host_xcr0)
{
	struct vtx_cpuid answer;
	unsigned int i;

	if (policy->max_basic < CPUID_LEAF_D ||
	    !(policy->basic[CPUID_LEAF_1].ecx & CPUID_1_ECX_XSAVE) || !host_xcr0)
		return;
	host(CPUID_LEAF_D, 0, &answer);
	policy->xcr0 = host_xcr0 & answer.eax & XCR0_FOR_GUESTS;
	for (i = XSAVE_FIRST_EXTENDED; i < CPUID_COMPONENTS; i++) {
		if (!(policy->xcr0 >> i & 1))
			continue;
		host(CPUID_LEAF_D, i, &answer);
		policy->component[i].size = answer.eax;
		policy->component[i].offset = answer.ebx;
		policy->component[i].aligned = answer.ecx & CPUID_D_ECX_ALIGNED;
	}
	host(CPUID_LEAF_D, 1, &answer);
	policy->xsave_features = answer.eax & (CPUID_D_1_EAX_XSAVEOPT | CPUID_D_1_EAX_XSAVEC |
					       CPUID_D_1_EAX_XGETBV_1);
}

static void apply(const struct cpuid_rule *rule, struct vtx_cpuid *answer)
{
	answer->eax = (answer->eax & rule->pass.eax) | rule->set.eax;
	answer->ebx = (answer->ebx & rule->pass.ebx) | rule->set.ebx;
	answer->ecx = (answer->ecx & rule->pass.ecx) | rule->set.ecx;
	answer->edx = (answer->edx & rule->pass.edx) | rule->set.edx;
}

static u32 highest(cpuid_host host, u32 kind, u32 ours)
{
	struct vtx_cpuid answer;

	host(kind, 0, &answer);
	if (answer.eax < kind || answer.eax > ours)
		return answer.eax < kind ? kind : ours;
	return answer.eax;
}

/* Where a leaf of the table is kept, or NULL: this host has no such leaf. */
static struct vtx_cpuid *place_of(struct cpuid_policy *policy, u32 leaf)
{
	if (leaf >= CPUID_LEAF_8000_0000)
		return leaf > policy->max_extended ? NULL :
			&policy->extended[leaf - CPUID_LEAF_8000_0000];
	return leaf > policy->max_basic ? NULL : &policy->basic[leaf];
}

static void make_leaf(struct cpuid_policy *policy, cpuid_host host, const struct cpuid_rule *rule)
{
	struct vtx_cpuid *place = place_of(policy, rule->leaf);
	u32 subleaf;

	if (!place)
		return;
	host(rule->leaf, 0, place);
	apply(rule, place);
	for (subleaf = 0; rule->leaf == CPUID_LEAF_4 && subleaf < CPUID_CACHES; subleaf++) {
		host(rule->leaf, subleaf, &policy->caches[subleaf]);
		apply(rule, &policy->caches[subleaf]);
	}
}

/* Without XSAVE nobody can enable AVX; with less of XCR0 there is less of AVX-512. */
static void follow_xcr0(struct cpuid_policy *policy)
{
	struct vtx_cpuid *one = &policy->basic[CPUID_LEAF_1];
	struct vtx_cpuid *seven = &policy->basic[CPUID_LEAF_7];

	if (!policy->xcr0)
		one->ecx &= ~CPUID_1_ECX_XSAVE;
	if (!(policy->xcr0 & XCR0_AVX)) {
		one->ecx &= ~(CPUID_1_ECX_AVX | CPUID_1_ECX_FMA | CPUID_1_ECX_F16C);
		seven->ebx &= ~CPUID_7_EBX_AVX2;
		seven->ecx &= ~(CPUID_7_ECX_VAES | CPUID_7_ECX_VPCLMULQDQ);
	}
	if ((policy->xcr0 & XCR0_AVX512) == XCR0_AVX512)
		return;
	seven->ebx &= ~(CPUID_7_EBX_AVX512F | CPUID_7_EBX_AVX512DQ | CPUID_7_EBX_AVX512_IFMA |
			CPUID_7_EBX_AVX512CD | CPUID_7_EBX_AVX512BW | CPUID_7_EBX_AVX512VL);
	seven->ecx &= ~(CPUID_7_ECX_AVX512_VBMI | CPUID_7_ECX_AVX512_VBMI2 |
			CPUID_7_ECX_AVX512_VNNI | CPUID_7_ECX_AVX512_BITALG |
			CPUID_7_ECX_AVX512_VPOPCNTDQ);
}

int cpuid_policy_make(struct cpuid_policy *policy, cpuid_host host, u64 host_xcr0)
{
	unsigned int i;

	memset(policy, 0, sizeof(*policy));
	policy->max_basic = highest(host, CPUID_LEAF_0, CPUID_LEAF_D);
	policy->max_extended = highest(host, CPUID_LEAF_8000_0000, CPUID_LEAF_8000_0008);
	for (i = 0; i < cpuid_rule_count; i++)
		make_leaf(policy, host, &cpuid_rules[i]);
	policy->basic[CPUID_LEAF_0].eax = policy->max_basic;
	policy->extended[0].eax = policy->max_extended;
	make_xsave(policy, host, host_xcr0);
	follow_xcr0(policy);
	return 0;
}

/* ---- answers --------------------------------------------------------------------------------- */

/* Leaf 1: where in EBX the asker is. */
#define LEAF_1_EBX_PROCESSORS 16
#define LEAF_1_EBX_APIC_ID 24
#define LEAF_1_PROCESSORS_MAX 255U

static void ask_features(const struct cpuid_asker *who, struct vtx_cpuid *answer)
{
	u32 processors = who->vcpus < LEAF_1_PROCESSORS_MAX ? who->vcpus : LEAF_1_PROCESSORS_MAX;

	answer->ebx |= processors << LEAF_1_EBX_PROCESSORS;
	answer->ebx |= who->apic_id << LEAF_1_EBX_APIC_ID;
	if (processors > 1)
		answer->edx |= CPUID_1_EDX_HTT;
	if (who->osxsave)
		answer->ecx |= CPUID_1_ECX_OSXSAVE;
}

static u32 bits_for(u32 count)
{
	u32 bits = 0;

	while (count > 1U << bits)
		bits++;
	return bits;
}

/* Leaf 0BH: cores of one thread each in one package. ECX: type of the level, and its number. */
#define LEVEL_TYPE_LOW 8
#define LEVEL_THREADS 1U
#define LEVEL_CORES 2U

static void answer_topology(const struct cpuid_asker *who, u32 subleaf, struct vtx_cpuid *answer)
{
	*answer = (struct vtx_cpuid){ .ecx = (u8)subleaf, .edx = who->apic_id };
	if (subleaf == 0) {
		answer->ebx = 1;
		answer->ecx |= LEVEL_THREADS << LEVEL_TYPE_LOW;
	} else if (subleaf == 1) {
		answer->eax = bits_for(who->vcpus);
		answer->ebx = who->vcpus;
		answer->ecx |= LEVEL_CORES << LEVEL_TYPE_LOW;
	}
}

/* Leaf 4, EAX of a cache: cores in the package, less one, in which leaf 0BH has to agree. */
#define LEAF_4_EAX_TYPE 0x1fU /* 0: there is no such cache */
#define LEAF_4_EAX_CORES 26
#define LEAF_4_CORES_MAX 64U

static void answer_caches(const struct cpuid_policy *policy, const struct cpuid_asker *who,
			  u32 subleaf, struct vtx_cpuid *answer)
{
	u32 cores = 1U << bits_for(who->vcpus);

	*answer = policy->caches[subleaf < CPUID_CACHES ? subleaf : CPUID_CACHES - 1];
	if (answer->eax & LEAF_4_EAX_TYPE)
		answer->eax |= (cores < LEAF_4_CORES_MAX ? cores - 1 : LEAF_4_CORES_MAX - 1)
			       << LEAF_4_EAX_CORES;
}

static void answer_xsave(const struct cpuid_policy *policy, const struct cpuid_asker *who,
			 u32 subleaf, struct vtx_cpuid *answer)
{
	const struct cpuid_component *component;

	*answer = (struct vtx_cpuid){};
	if (!policy->xcr0 || subleaf >= CPUID_COMPONENTS)
		return;
	component = &policy->component[subleaf];
	if (subleaf == 0) {
		answer->eax = policy->xcr0;
		answer->ebx = cpuid_xsave_size(policy, who->xcr0, false);
		answer->ecx = cpuid_xsave_size(policy, policy->xcr0, false);
	} else if (subleaf == 1) {
		answer->eax = policy->xsave_features;
		if (policy->xsave_features & CPUID_D_1_EAX_XSAVEC)
			answer->ebx = cpuid_xsave_size(policy, who->xcr0, true);
	} else if (component->size) {
		answer->eax = component->size;
		answer->ebx = component->offset;
		answer->ecx = component->aligned ? CPUID_D_ECX_ALIGNED : 0;
	}
}

static void answer_basic(const struct cpuid_policy *policy, const struct cpuid_asker *who, u32 leaf,
			 u32 subleaf, struct vtx_cpuid *answer)
{
	*answer = policy->basic[leaf];
	switch (leaf) {
	case CPUID_LEAF_1:
		ask_features(who, answer);
		break;
	case CPUID_LEAF_4:
		answer_caches(policy, who, subleaf, answer);
		break;
	case CPUID_LEAF_7:
		if (subleaf)
			*answer = (struct vtx_cpuid){};
		break;
	case CPUID_LEAF_B:
		answer_topology(who, subleaf, answer);
		break;
	case CPUID_LEAF_D:
		answer_xsave(policy, who, subleaf, answer);
		break;
	default:
		break;
	}
}

static bool is_hypervisors(u32 leaf)
{
	return leaf >= CPUID_LEAF_4000_0000 && leaf <= CPUID_LEAF_4000_00FF;
}

void cpuid_policy_answer(const struct cpuid_policy *policy, const struct cpuid_asker *who, u32 leaf,
			 u32 subleaf, struct vtx_cpuid *answer)
{
	if (leaf <= policy->max_basic)
		answer_basic(policy, who, leaf, subleaf, answer);
	else if (leaf >= CPUID_LEAF_8000_0000 && leaf <= policy->max_extended)
		*answer = *extended(policy, leaf);
	else if (is_hypervisors(leaf))
		*answer = leaf == CPUID_LEAF_4000_0000 ? signature : (struct vtx_cpuid){};
	else
		answer_basic(policy, who, policy->max_basic, subleaf, answer);
}
#else
int cpuid_policy_make(struct cpuid_policy *policy, cpuid_host host, u64 host_xcr0)
{
	memset(policy, 0, sizeof(*policy));
	return VTX_TODO("6.1", "CPUID tells a guest nothing");
}

void cpuid_policy_answer(const struct cpuid_policy *policy, const struct cpuid_asker *who, u32 leaf,
			 u32 subleaf, struct vtx_cpuid *answer)
{
	memset(answer, 0, sizeof(*answer));
}
#endif
