// SPDX-License-Identifier: GPL-2.0
/*
 * The checks of VMRUN: the state-save area. It is much less than VMX looks at: no segment register
 * but CS, and no address; those are sign-extended instead.
 */
#include "svm_check_rules.h"

/* ---- what of a register this processor has --------------------------------------------------- */

/* Bits of a register, and the CPUID bit without which they must be 0. */
struct supported {
	u64 bits;
	u32 has; /* the register of CPUID */
	u32 feature; /* bit of it */
};

static u64 supported_bits(const struct supported *list, unsigned int count)
{
	u64 bits = 0;
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (list[i].has & list[i].feature)
			bits |= list[i].bits;
	}
	return bits;
}

/* Fine, forbidden, or nobody knows: a bit that the host has on is one that the processor has. */
static bool only_bits(struct svm_look *look, u64 supported, u64 unknown, u64 host)
{
	u64 value = svm_look_first(look) & ~(supported | host);

	if (value & ~unknown)
		return svm_look_bits(look, look->rule->fields[0], value & ~unknown);
	return !value || svm_look_unknown(look, look->rule->fields[0]);
}

/* Leaf 7 tells, which the facts do not hold. */
#define CR4_OF_LEAF_7 (CR4_UMIP | CR4_LA57 | CR4_FSGSBASE | CR4_SMEP | CR4_SMAP | CR4_PKE | CR4_CET)
#define LEAF_7 7U

static bool cr4_reserved(struct svm_look *look)
{
	const struct vtx_cpu_facts *facts = look->state->facts;
	u32 edx = facts->leaf1.edx;
	u32 ecx = facts->leaf1.ecx;
	const struct supported list[] = {
		{ CR4_VME | CR4_PVI, edx, CPUID_1_EDX_VME },
		{ CR4_TSD, edx, CPUID_1_EDX_TSC },
		{ CR4_DE, edx, CPUID_1_EDX_DE },
		{ CR4_PSE, edx, CPUID_1_EDX_PSE },
		{ CR4_PAE, edx, CPUID_1_EDX_PAE },
		{ CR4_MCE, edx, CPUID_1_EDX_MCE },
		{ CR4_PGE, edx, CPUID_1_EDX_PGE },
		{ CR4_OSFXSR, edx, CPUID_1_EDX_FXSR },
		{ CR4_OSXMMEXCPT, edx, CPUID_1_EDX_SSE },
		{ CR4_PCIDE, ecx, CPUID_1_ECX_PCID },
		{ CR4_OSXSAVE, ecx, CPUID_1_ECX_XSAVE },
	};
	u64 unknown = facts->max_leaf < LEAF_7 ? 0 : CR4_OF_LEAF_7;

	if (!edx)
		unknown = ~0ULL;
	return only_bits(look, CR4_PCE | supported_bits(list, ARRAY_SIZE(list)), unknown,
			 facts->cr4);
}

/* AMD APM vol. 2, "Extended Feature Enable Register (EFER)": bits 7:1 read as zero. */
#define EFER_RAZ GENMASK_ULL(7, 1)
/* CPUID leaf of the upper ones: EAX has UpperAddressIgnore and AutomaticIBRS. */
#define LEAF_8000_0021 0x80000021U

static bool efer_reserved(struct svm_look *look)
{
	const struct vtx_cpu_facts *facts = look->state->facts;
	u32 edx = facts->ext1.edx;
	u32 ebx = facts->ext_addr.ebx;
	const struct supported list[] = {
		{ IA32_EFER_SCE, edx, CPUID_8000_0001_EDX_SYSCALL },
		{ IA32_EFER_NXE, edx, CPUID_8000_0001_EDX_NX },
		{ IA32_EFER_LMSLE, ~ebx, CPUID_8000_0008_EBX_NO_LMSLE },
		{ IA32_EFER_FFXSR, edx, CPUID_8000_0001_EDX_FFXSR },
		{ IA32_EFER_TCE, facts->ext1.ecx, CPUID_8000_0001_ECX_TCE },
		{ IA32_EFER_MCOMMIT, ebx, CPUID_8000_0008_EBX_MCOMMIT },
		{ IA32_EFER_INTWB, ebx, CPUID_8000_0008_EBX_INT_WBINVD },
	};
	/* About these there are rules of their own. */
	u64 fine = IA32_EFER_LME | IA32_EFER_LMA | IA32_EFER_SVME;
	u64 unknown = EFER_RAZ;

	if (facts->max_ext_leaf >= LEAF_8000_0021)
		unknown |= IA32_EFER_UAIE | IA32_EFER_AIBRSE;
	if (!edx)
		unknown = ~0ULL;
	return only_bits(look, fine | supported_bits(list, ARRAY_SIZE(list)), unknown, facts->efer);
}

/* ---- what does not go together --------------------------------------------------------------- */

static bool cr0_caches(struct svm_look *look)
{
	u64 cr0 = svm_look_first(look);

	return cr0 & CR0_CD || svm_look_bits(look, VMCB_NR_CR0, cr0 & CR0_NW);
}

/* Outside of long mode CR3 has 32 bits, and the manual does not say what becomes of the others. */
static bool cr3_reserved(struct svm_look *look)
{
	u64 wrong = svm_look_first(look) & svm_look_beyond_width(look);

	if (svm_look_long_mode(look))
		return svm_look_bits(look, VMCB_NR_CR3, wrong);
	return !(svm_look_first(look) & SVM_UPPER_32) || svm_look_unknown(look, VMCB_NR_CR3);
}

static bool processor_has_long_mode(struct svm_look *look)
{
	const struct vtx_cpu_facts *facts = look->state->facts;
	u64 wrong = svm_look_first(look) & (IA32_EFER_LME | IA32_EFER_LMA);

	if (facts->ext1.edx & CPUID_8000_0001_EDX_LM)
		return true;
	if (wrong && !facts->ext1.edx)
		return svm_look_unknown(look, VMCB_NR_EFER);
	return svm_look_bits(look, VMCB_NR_EFER, wrong);
}

static bool long_mode_has_pae(struct svm_look *look)
{
	return !svm_look_long_mode(look) ||
	       svm_look_bits(look, VMCB_NR_CR4, ~SVM_LOOK(look, CR4) & CR4_PAE);
}

static bool long_mode_is_protected(struct svm_look *look)
{
	return !svm_look_long_mode(look) ||
	       svm_look_bits(look, VMCB_NR_CR0, ~SVM_LOOK(look, CR0) & CR0_PE);
}

static bool long_code_has_no_d(struct svm_look *look)
{
	u64 attributes;

	if (!svm_look_long_mode(look) || !(SVM_LOOK(look, CR4) & CR4_PAE))
		return true;
	attributes = svm_look_first(look);
	return !(attributes & SVM_SEGMENT_L) ||
	       svm_look_bits(look, VMCB_NR_CS_attributes, attributes & SVM_SEGMENT_DB);
}

/* ---- shadow stacks --------------------------------------------------------------------------- */

static bool cet_needs_wp(struct svm_look *look)
{
	return !(svm_look_first(look) & CR4_CET) ||
	       svm_look_bits(look, VMCB_NR_CR0, ~SVM_LOOK(look, CR0) & CR0_WP);
}

/* U_CET is an MSR of the processor then, not a field. */
static bool cet_in_v86(struct svm_look *look)
{
	return !(svm_look_first(look) & CR4_CET) || !(SVM_LOOK(look, RFLAGS) & RFLAGS_VM) ||
	       svm_look_unknown(look, VMCB_NR_CR4);
}

/* AMD APM vol. 2, "S_CET MSR": SH_STK_EN and WR_SHSTK_EN. */
#define S_CET_RESERVED GENMASK_ULL(63, 2)

static bool s_cet_reserved(struct svm_look *look)
{
	const struct vtx_cpu_facts *facts = look->state->facts;
	u64 wrong = svm_look_first(look) & S_CET_RESERVED;

	if (!wrong || (facts->max_leaf && facts->max_leaf < LEAF_7))
		return true;
	if (!(facts->cr4 & CR4_CET))
		return svm_look_unknown(look, VMCB_NR_S_CET);
	return svm_look_bits(look, VMCB_NR_S_CET, wrong);
}

/* ---- the rules ------------------------------------------------------------------------------- */

#define GUEST(name, what, predicate, value, ...)                                           \
	{                                                                                  \
		.id = "guest." name, .kind = SVM_RULE_GUEST, .section = SVM_SECTION_VMRUN, \
		.text = what, .holds = predicate, .arg = value, SVM_FIELDS(__VA_ARGS__)    \
	}

const struct svm_rule svm_rules_guest[] = {
	{ .id = "guest.efer.svme",
	  .kind = SVM_RULE_GUEST,
	  .section = SVM_SECTION_VMRUN,
	  .text = "EFER.SVME must be 1, as it is in the host",
	  .holds = svm_rule_bits_1,
	  .arg = IA32_EFER_SVME,
	  .certain = true,
	  SVM_FIELD(EFER) },
	GUEST("cr0.nw", "CR0.NW needs CR0.CD", cr0_caches, 0, VMCB_NR_CR0),
	GUEST("cr0.upper", "bits 63:32 of CR0 must be 0", svm_rule_bits_0, SVM_UPPER_32,
	      VMCB_NR_CR0),
	GUEST("cr3.reserved",
	      "in long mode bits of CR3 beyond the physical-address width must be 0", cr3_reserved,
	      0, VMCB_NR_CR3, VMCB_NR_EFER, VMCB_NR_CR0),
	GUEST("cr4.reserved", "CR4 must have no bit that this processor does not have",
	      cr4_reserved, 0, VMCB_NR_CR4),
	GUEST("dr6.upper", "bits 63:32 of DR6 must be 0", svm_rule_bits_0, SVM_UPPER_32,
	      VMCB_NR_DR6),
	GUEST("dr7.upper", "bits 63:32 of DR7 must be 0", svm_rule_bits_0, SVM_UPPER_32,
	      VMCB_NR_DR7),
	GUEST("efer.reserved", "EFER must have no bit that this processor does not have",
	      efer_reserved, 0, VMCB_NR_EFER),
	GUEST("efer.long-mode", "EFER.LMA and EFER.LME need a processor with long mode",
	      processor_has_long_mode, 0, VMCB_NR_EFER),
	GUEST("long-mode.pae", "with EFER.LME and CR0.PG, CR4.PAE must be 1", long_mode_has_pae, 0,
	      VMCB_NR_CR4, VMCB_NR_EFER, VMCB_NR_CR0),
	GUEST("long-mode.pe", "with EFER.LME and CR0.PG, CR0.PE must be 1", long_mode_is_protected,
	      0, VMCB_NR_CR0, VMCB_NR_EFER),
	GUEST("long-mode.cs", "with EFER.LME, CR0.PG and CR4.PAE, CS.L and CS.D must not both be 1",
	      long_code_has_no_d, 0, VMCB_NR_CS_attributes, VMCB_NR_EFER, VMCB_NR_CR0, VMCB_NR_CR4),
	GUEST("s-cet.reserved", "bits 63:2 of S_CET must be 0 where there are shadow stacks",
	      s_cet_reserved, 0, VMCB_NR_S_CET),
	GUEST("cet.wp", "CR4.CET needs CR0.WP", cet_needs_wp, 0, VMCB_NR_CR4, VMCB_NR_CR0),
	GUEST("cet.v86", "with CR4.CET and RFLAGS.VM, the MSR U_CET must not enable shadow stacks",
	      cet_in_v86, 0, VMCB_NR_CR4, VMCB_NR_RFLAGS),
	{ 0 }
};
