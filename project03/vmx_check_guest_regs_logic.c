// SPDX-License-Identifier: GPL-2.0
/*
 * The checks of a VM entry: guest control registers, debug registers and MSRs.
 */
#include "vmx_check_rules.h"

#define SECTION "Checks on Guest Control Registers, Debug Registers, and MSRs"

static bool unrestricted(struct vmx_look *look)
{
	return LOOK_CTL(look, SECONDARY, UNRESTRICTED_GUEST);
}

static bool ia32e(struct vmx_look *look)
{
	return LOOK_CTL(look, ENTRY, IA32E_MODE_GUEST);
}

static bool cr0_fixed(struct vmx_look *look)
{
	u64 exempt = CR0_NW | CR0_CD;

	if (unrestricted(look))
		exempt |= CR0_PE | CR0_PG;
	return look_bits(look, VMCS_NR_GUEST_CR0,
			 look_fixed_bits(look, look_first(look), IA32_VMX_CR0_FIXED0,
					 IA32_VMX_CR0_FIXED1, exempt));
}

static bool paging_is_protected(struct vmx_look *look)
{
	u64 cr0 = look_first(look);

	return !(cr0 & CR0_PG) || look_bits(look, VMCS_NR_GUEST_CR0, ~cr0 & CR0_PE);
}

static bool pcide(struct vmx_look *look)
{
	return ia32e(look) || look_bits(look, VMCS_NR_GUEST_CR4, look_first(look) & CR4_PCIDE);
}

/* Bits that depend on features which the facts do not hold cannot be decided. */
static bool debugctl(struct vmx_look *look)
{
	u64 value = look_first(look);

	if (value & DEBUGCTL_RESERVED)
		return look_bits(look, VMCS_NR_GUEST_IA32_DEBUGCTL, value & DEBUGCTL_RESERVED);
	return !(value & ~(u64)DEBUGCTL_ALWAYS) || look_unknown(look);
}

static bool efer_reserved(struct vmx_look *look)
{
	return look_bits(look, VMCS_NR_GUEST_IA32_EFER,
			 look_first(look) & look_efer_reserved(look));
}

static bool efer_lma(struct vmx_look *look)
{
	u64 right = ia32e(look) ? IA32_EFER_LMA : 0;

	return look_bits(look, VMCS_NR_GUEST_IA32_EFER, (look_first(look) ^ right) & IA32_EFER_LMA);
}

static bool efer_lme(struct vmx_look *look)
{
	u64 efer = look_first(look);

	if (!(LOOK(look, GUEST_CR0) & CR0_PG) || !(efer & IA32_EFER_LMA) == !(efer & IA32_EFER_LME))
		return true;
	return look_bits(look, VMCS_NR_GUEST_IA32_EFER, IA32_EFER_LME);
}

static bool bndcfgs(struct vmx_look *look)
{
	u64 value = look_first(look);

	return look_bits(look, VMCS_NR_GUEST_IA32_BNDCFGS, value & BNDCFGS_RESERVED) &&
	       look_fine(look, look_canonical(look, value & ~PAGE_OFFSET_BITS));
}

/* Which bits there are is in CPUID leaf 14H (28 for LBRs), which the facts do not hold. */
static bool known_by_cpuid(struct vmx_look *look)
{
	u64 value = look_first(look);
	u64 reserved = look->rule->arg;

	if (value & reserved)
		return look_bits(look, look->rule->fields[0], value & reserved);
	return !value || look_unknown(look);
}

#define GUEST(name, what, predicate, ...)                                                      \
	{                                                                                      \
		.id = "guest." name, .kind = VMX_RULE_GUEST, .section = SECTION, .text = what, \
		.holds = predicate, RULE_FIELDS(__VA_ARGS__)                                   \
	}
#define GUEST_IF(name, what, predicate, control, value, ...)                                   \
	{                                                                                      \
		.id = "guest." name, .kind = VMX_RULE_GUEST, .section = SECTION, .text = what, \
		.holds = predicate, RULE_WHEN(ENTRY, control), .arg = value,                   \
		RULE_FIELDS(__VA_ARGS__, ENTRY_CONTROLS)                                       \
	}
#define FRED(name, what, predicate, value, field) \
	GUEST_IF("fred." name, what, predicate, LOAD_IA32_FRED, value, VMCS_NR_GUEST_##field)

const struct vmx_rule vmx_rules_guest_regs[] = {
	GUEST("cr0.fixed",
	      "bits must be 1 where IA32_VMX_CR0_FIXED0 has 1, and 0 where "
	      "IA32_VMX_CR0_FIXED1 has 0; PE and PG are free with unrestricted guest",
	      cr0_fixed, VMCS_NR_GUEST_CR0, SECONDARY_CONTROLS),
	GUEST("cr0.pg", "CR0.PG needs CR0.PE", paging_is_protected, VMCS_NR_GUEST_CR0),
	GUEST("cr4.fixed",
	      "bits must be 1 where IA32_VMX_CR4_FIXED0 has 1, and 0 where "
	      "IA32_VMX_CR4_FIXED1 has 0",
	      rule_cr4_fixed, VMCS_NR_GUEST_CR4),
	GUEST("cr4.cet", "CR4.CET needs CR0.WP", rule_cet_needs_wp, VMCS_NR_GUEST_CR4,
	      VMCS_NR_GUEST_CR0),
	GUEST_IF("debugctl", "bits that IA32_DEBUGCTL does not have must be 0", debugctl,
		 LOAD_DEBUG_CONTROLS, 0, VMCS_NR_GUEST_IA32_DEBUGCTL),
	GUEST_IF("ia32e.pg", "IA-32e mode guest needs CR0.PG", rule_needs_control, IA32E_MODE_GUEST,
		 CR0_PG, VMCS_NR_GUEST_CR0),
	GUEST_IF("ia32e.pae", "IA-32e mode guest needs CR4.PAE", rule_needs_control,
		 IA32E_MODE_GUEST, CR4_PAE, VMCS_NR_GUEST_CR4),
	GUEST("cr4.pcide", "CR4.PCIDE needs IA-32e mode guest", pcide, VMCS_NR_GUEST_CR4,
	      ENTRY_CONTROLS),
	GUEST("cr3.width", "bits beyond the physical-address width must be 0", rule_cr3,
	      VMCS_NR_GUEST_CR3),
	GUEST_IF("dr7", "bits 63:32 must be 0", rule_bits_0, LOAD_DEBUG_CONTROLS, UPPER_32,
		 VMCS_NR_GUEST_DR7),
	GUEST("sysenter-esp.canonical", "the address must be canonical", rule_canonical,
	      VMCS_NR_GUEST_IA32_SYSENTER_ESP),
	GUEST("sysenter-eip.canonical", "the address must be canonical", rule_canonical,
	      VMCS_NR_GUEST_IA32_SYSENTER_EIP),
	GUEST_IF("s-cet", "bits 9:6 must be 0, bits 11 and 10 not both 1, the address canonical",
		 rule_s_cet, LOAD_CET_STATE, 0, VMCS_NR_GUEST_IA32_S_CET),
	GUEST_IF("ssp-table", "the address must be canonical", rule_canonical, LOAD_CET_STATE, 0,
		 VMCS_NR_GUEST_IA32_INTERRUPT_SSP_TABLE_ADDR),
	GUEST_IF("perf-global-ctrl", "bits of counters that the processor does not have must be 0",
		 rule_perf_global, LOAD_IA32_PERF_GLOBAL_CTRL, 0,
		 VMCS_NR_GUEST_IA32_PERF_GLOBAL_CTRL),
	GUEST_IF("pat", "each of the 8 bytes must be a memory type: 0, 1, 4, 5, 6 or 7", rule_pat,
		 LOAD_IA32_PAT, 0, VMCS_NR_GUEST_IA32_PAT),
	GUEST_IF("efer.reserved", "bits that IA32_EFER does not have must be 0", efer_reserved,
		 LOAD_IA32_EFER, 0, VMCS_NR_GUEST_IA32_EFER),
	GUEST_IF("efer.lma", "LMA must equal the control IA-32e mode guest", efer_lma,
		 LOAD_IA32_EFER, 0, VMCS_NR_GUEST_IA32_EFER),
	GUEST_IF("efer.lme", "with CR0.PG, LME must equal LMA", efer_lme, LOAD_IA32_EFER, 0,
		 VMCS_NR_GUEST_IA32_EFER, VMCS_NR_GUEST_CR0),
	GUEST_IF("bndcfgs", "bits 11:2 must be 0, the address (bits 63:12) canonical", bndcfgs,
		 LOAD_IA32_BNDCFGS, 0, VMCS_NR_GUEST_IA32_BNDCFGS),
	GUEST_IF("rtit-ctl", "bits that IA32_RTIT_CTL does not have must be 0", known_by_cpuid,
		 LOAD_IA32_RTIT_CTL, GENMASK_ULL(63, 62), VMCS_NR_GUEST_IA32_RTIT_CTL),
	GUEST_IF("uinv", "bits 15:8 must be 0", rule_bits_0, LOAD_UINV, GENMASK_ULL(15, 8),
		 VMCS_NR_GUEST_UINV),
	GUEST_IF("lbr-ctl", "bits that IA32_LBR_CTL does not have must be 0", known_by_cpuid,
		 LOAD_GUEST_IA32_LBR_CTL, LBR_CTL_RESERVED, VMCS_NR_GUEST_IA32_LBR_CTL),
	GUEST_IF("pkrs", "bits 63:32 must be 0", rule_bits_0, LOAD_PKRS, UPPER_32,
		 VMCS_NR_GUEST_IA32_PKRS),
	FRED_RULES,
	{ 0 }
};
