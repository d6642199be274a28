// SPDX-License-Identifier: GPL-2.0
/*
 * The checks of a VM entry: host state but for the address-space size.
 */
#include "vmx_check_rules.h"

#define REGS "Checks on Host Control Registers, MSRs, and SSP"
#define SEGS "Checks on Host Segment and Descriptor-Table Registers"

static bool cr0_fixed(struct vmx_look *look)
{
	u64 wrong = look_fixed_bits(look, look_first(look), IA32_VMX_CR0_FIXED0,
				    IA32_VMX_CR0_FIXED1, CR0_NW | CR0_CD);

	return look_bits(look, VMCS_NR_HOST_CR0, wrong);
}

static bool efer_reserved(struct vmx_look *look)
{
	return look_bits(look, VMCS_NR_HOST_IA32_EFER, look_first(look) & look_efer_reserved(look));
}

/* LMA and LME must both say what the exit control says. */
static bool efer_mode(struct vmx_look *look)
{
	u64 mode = IA32_EFER_LMA | IA32_EFER_LME;
	u64 right = LOOK_CTL(look, EXIT, HOST_ADDRESS_SPACE_SIZE) ? mode : 0;

	return look_bits(look, VMCS_NR_HOST_IA32_EFER, (look_first(look) ^ right) & mode);
}

static bool ss_selector(struct vmx_look *look)
{
	return LOOK_CTL(look, EXIT, HOST_ADDRESS_SPACE_SIZE) || rule_not_0(look);
}

#define HOST(name, title, what, predicate, field)                                          \
	{                                                                                  \
		.id = "host." name, .kind = VMX_RULE_HOST, .section = title, .text = what, \
		.holds = predicate, RULE_FIELD(HOST_##field)                               \
	}
#define HOST_IF(name, what, predicate, group, control, value, ...)                        \
	{                                                                                 \
		.id = "host." name, .kind = VMX_RULE_HOST, .section = REGS, .text = what, \
		.holds = predicate, RULE_WHEN(group, control), .arg = value,              \
		RULE_FIELDS(__VA_ARGS__)                                                  \
	}
#define CANONICAL(name, title, field) \
	HOST(name ".canonical", title, "the address must be canonical", rule_canonical, field)
#define SELECTOR(name, field)                                                           \
	{                                                                               \
		.id = "host." name ".selector", .kind = VMX_RULE_HOST, .section = SEGS, \
		.text = "the selector's RPL (bits 1:0) and TI (bit 2) must be 0",       \
		.holds = rule_bits_0, .arg = SELECTOR_TI | GENMASK_ULL(1, 0),           \
		RULE_FIELD(HOST_##field##_SELECTOR)                                     \
	}
#define FRED(name, what, predicate, value, field) \
	HOST_IF("fred." name, what, predicate, EXIT2, LOAD_IA32_FRED, value, VMCS_NR_HOST_##field)

const struct vmx_rule vmx_rules_host[] = {
	HOST("cr0.fixed", REGS,
	     "bits must be 1 where IA32_VMX_CR0_FIXED0 has 1, and 0 where "
	     "IA32_VMX_CR0_FIXED1 has 0",
	     cr0_fixed, CR0),
	HOST("cr4.fixed", REGS,
	     "bits must be 1 where IA32_VMX_CR4_FIXED0 has 1, and 0 where "
	     "IA32_VMX_CR4_FIXED1 has 0",
	     rule_cr4_fixed, CR4),
	{ .id = "host.cr4.cet",
	  .kind = VMX_RULE_HOST,
	  .section = REGS,
	  .text = "CR4.CET needs CR0.WP",
	  .holds = rule_cet_needs_wp,
	  RULE_FIELDS(VMCS_NR_HOST_CR4, VMCS_NR_HOST_CR0) },
	HOST("cr3.width", REGS, "bits beyond the physical-address width must be 0", rule_cr3, CR3),
	CANONICAL("sysenter-esp", REGS, IA32_SYSENTER_ESP),
	CANONICAL("sysenter-eip", REGS, IA32_SYSENTER_EIP),
	HOST_IF("perf-global-ctrl", "bits of counters that the processor does not have must be 0",
		rule_perf_global, EXIT, LOAD_IA32_PERF_GLOBAL_CTRL, 0,
		VMCS_NR_HOST_IA32_PERF_GLOBAL_CTRL, EXIT_CONTROLS),
	HOST_IF("pat", "each of the 8 bytes must be a memory type: 0, 1, 4, 5, 6 or 7", rule_pat,
		EXIT, LOAD_IA32_PAT, 0, VMCS_NR_HOST_IA32_PAT, EXIT_CONTROLS),
	HOST_IF("efer.reserved", "bits that IA32_EFER does not have must be 0", efer_reserved, EXIT,
		LOAD_IA32_EFER, 0, VMCS_NR_HOST_IA32_EFER, EXIT_CONTROLS),
	HOST_IF("efer.mode", "LMA and LME must both equal the control host address-space size",
		efer_mode, EXIT, LOAD_IA32_EFER, 0, VMCS_NR_HOST_IA32_EFER, EXIT_CONTROLS),
	HOST_IF("s-cet", "bits 9:6 must be 0, bits 11 and 10 not both 1, the address canonical",
		rule_s_cet, EXIT, LOAD_CET_STATE, 0, VMCS_NR_HOST_IA32_S_CET, EXIT_CONTROLS),
	HOST_IF("ssp", "bits 1:0 must be 0", rule_bits_0, EXIT, LOAD_CET_STATE, GENMASK_ULL(1, 0),
		VMCS_NR_HOST_SSP, EXIT_CONTROLS),
	HOST_IF("ssp.canonical", "the address must be canonical", rule_canonical, EXIT,
		LOAD_CET_STATE, 0, VMCS_NR_HOST_SSP, EXIT_CONTROLS),
	HOST_IF("ssp-table", "the address must be canonical", rule_canonical, EXIT, LOAD_CET_STATE,
		0, VMCS_NR_HOST_IA32_INTERRUPT_SSP_TABLE_ADDR, EXIT_CONTROLS),
	HOST_IF("pkrs", "bits 63:32 must be 0", rule_bits_0, EXIT, LOAD_PKRS, UPPER_32,
		VMCS_NR_HOST_IA32_PKRS, EXIT_CONTROLS),
	FRED_RULES,

	SELECTOR("es", ES),
	SELECTOR("cs", CS),
	SELECTOR("ss", SS),
	SELECTOR("ds", DS),
	SELECTOR("fs", FS),
	SELECTOR("gs", GS),
	SELECTOR("tr", TR),
	HOST("cs.null", SEGS, "the selector must not be 0", rule_not_0, CS_SELECTOR),
	HOST("tr.null", SEGS, "the selector must not be 0", rule_not_0, TR_SELECTOR),
	{ .id = "host.ss.null",
	  .kind = VMX_RULE_HOST,
	  .section = SEGS,
	  .text = "the selector must not be 0 unless host address-space size is 1",
	  .holds = ss_selector,
	  RULE_FIELDS(VMCS_NR_HOST_SS_SELECTOR, EXIT_CONTROLS) },
	CANONICAL("fs-base", SEGS, FS_BASE),
	CANONICAL("gs-base", SEGS, GS_BASE),
	CANONICAL("gdtr-base", SEGS, GDTR_BASE),
	CANONICAL("idtr-base", SEGS, IDTR_BASE),
	CANONICAL("tr-base", SEGS, TR_BASE),
	{ 0 }
};
