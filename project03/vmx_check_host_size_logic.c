// SPDX-License-Identifier: GPL-2.0
/*
 * The checks of a VM entry: what the size of the host's address space demands.
 */
#include "vmx_check_rules.h"

#define SECTION "Checks Related to Address-Space Size"

static bool host_is_64bit(struct vmx_look *look)
{
	return LOOK_CTL(look, EXIT, HOST_ADDRESS_SPACE_SIZE);
}

/* The processor that enters is the one whose EFER the facts hold. */
static bool enters_from_64bit(struct vmx_look *look)
{
	return look->state->facts->efer & IA32_EFER_LMA;
}

static bool size_control(struct vmx_look *look)
{
	if (host_is_64bit(look) == enters_from_64bit(look))
		return true;
	return look_bits(look, EXIT_CONTROLS, VMX_EXIT_HOST_ADDRESS_SPACE_SIZE);
}

static bool guest_mode(struct vmx_look *look)
{
	return host_is_64bit(look) || look_bits(look, ENTRY_CONTROLS, VMX_ENTRY_IA32E_MODE_GUEST);
}

static bool pcide(struct vmx_look *look)
{
	return host_is_64bit(look) ||
	       look_bits(look, VMCS_NR_HOST_CR4, look_first(look) & CR4_PCIDE);
}

static bool rip_32bit(struct vmx_look *look)
{
	return host_is_64bit(look) ||
	       look_bits(look, VMCS_NR_HOST_RIP, look_first(look) & UPPER_32);
}

#define SIZE(name, what, predicate, ...)                                                          \
	{                                                                                         \
		.id = "host.size." name, .kind = VMX_RULE_HOST, .section = SECTION, .text = what, \
		.holds = predicate, RULE_FIELDS(__VA_ARGS__)                                      \
	}
#define SIZE_64(name, what, predicate, value, ...)                                                \
	{                                                                                         \
		.id = "host.size." name, .kind = VMX_RULE_HOST, .section = SECTION, .text = what, \
		.holds = predicate, RULE_WHEN(EXIT, HOST_ADDRESS_SPACE_SIZE), .arg = value,       \
		RULE_FIELDS(__VA_ARGS__)                                                          \
	}

const struct vmx_rule vmx_rules_host_size[] = {
	SIZE("control",
	     "host address-space size must be 1 if and only if the processor is in "
	     "IA-32e mode now",
	     size_control, EXIT_CONTROLS),
	{ .id = "host.size.guest",
	  .kind = VMX_RULE_HOST,
	  .section = SECTION,
	  .text = "IA-32e mode guest needs host address-space size",
	  .holds = guest_mode,
	  RULE_WHEN(ENTRY, IA32E_MODE_GUEST),
	  RULE_FIELDS(ENTRY_CONTROLS, EXIT_CONTROLS) },
	SIZE("pcide", "without host address-space size CR4.PCIDE must be 0", pcide,
	     VMCS_NR_HOST_CR4, EXIT_CONTROLS),
	SIZE("rip-32", "without host address-space size bits 63:32 must be 0", rip_32bit,
	     VMCS_NR_HOST_RIP, EXIT_CONTROLS),
	SIZE_64("pae", "host address-space size needs CR4.PAE", rule_needs_control, CR4_PAE,
		VMCS_NR_HOST_CR4, EXIT_CONTROLS),
	SIZE_64("rip", "the address must be canonical", rule_canonical, 0, VMCS_NR_HOST_RIP,
		EXIT_CONTROLS),
	{ 0 }
};
