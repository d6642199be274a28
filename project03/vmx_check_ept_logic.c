// SPDX-License-Identifier: GPL-2.0
/*
 * The checks of a VM entry: EPT and what needs it.
 */
#include "vmx_check_rules.h"

#define SECTION "VM-Execution Control Fields"

static bool eptp_memory_type(struct vmx_look *look)
{
	u64 caps = look_msr(look, IA32_VMX_EPT_VPID_CAP);

	switch (ENTRY_FIELD(look_first(look), EPTP_MEMORY_TYPE)) {
	case VMX_MEMORY_TYPE_UC:
		return look_fine(look, caps & IA32_VMX_EPT_VPID_CAP_MEMORY_TYPE_UC);
	case VMX_MEMORY_TYPE_WB:
		return look_fine(look, caps & IA32_VMX_EPT_VPID_CAP_MEMORY_TYPE_WB);
	default:
		return look_fine(look, false);
	}
}

static bool eptp_walk(struct vmx_look *look)
{
	u64 caps = look_msr(look, IA32_VMX_EPT_VPID_CAP);

	switch (ENTRY_FIELD(look_first(look), EPTP_WALK)) {
	case EPTP_WALK_LENGTH_4:
		return look_fine(look, caps & IA32_VMX_EPT_VPID_CAP_PAGE_WALK_4);
	case EPTP_WALK_LENGTH_5:
		return look_fine(look, caps & IA32_VMX_EPT_VPID_CAP_PAGE_WALK_5);
	default:
		return look_fine(look, false);
	}
}

static bool eptp_reserved(struct vmx_look *look)
{
	u64 caps = look_msr(look, IA32_VMX_EPT_VPID_CAP);
	u64 reserved = EPTP_RESERVED | look_beyond_width(look);

	if (!(caps & IA32_VMX_EPT_VPID_CAP_ACCESSED_DIRTY))
		reserved |= EPTP_ACCESSED_DIRTY;
	if (!(caps & IA32_VMX_EPT_VPID_CAP_SUPERVISOR_SHADOW_STACK))
		reserved |= EPTP_SHADOW_STACK;
	return look_bits(look, VMCS_NR_EPT_POINTER, look_first(look) & reserved);
}

/* fields[0] is the field with the control that needs EPT. */
static bool needs_ept(struct vmx_look *look)
{
	return LOOK_CTL(look, SECONDARY, ENABLE_EPT) ||
	       look_bits(look, look->rule->fields[0], look->rule->when_mask);
}

static bool eptp_switching_needs_ept(struct vmx_look *look)
{
	return !(look_first(look) & VMFUNC_EPTP_SWITCHING) ||
	       LOOK_CTL(look, SECONDARY, ENABLE_EPT) ||
	       look_bits(look, VMCS_NR_VM_FUNCTION_CONTROLS, VMFUNC_EPTP_SWITCHING);
}

static bool eptp_list(struct vmx_look *look)
{
	return !(LOOK(look, VM_FUNCTION_CONTROLS) & VMFUNC_EPTP_SWITCHING) ||
	       rule_aligned_address(look);
}

#define EPT RULE_WHEN(SECONDARY, ENABLE_EPT)
#define EPTP(name, what, predicate)                                                   \
	{                                                                             \
		.id = "ctl.eptp." name, .kind = VMX_RULE_CONTROL, .section = SECTION, \
		.text = what, .holds = predicate, EPT,                                \
		RULE_FIELDS(VMCS_NR_EPT_POINTER, SECONDARY_CONTROLS)                  \
	}
#define NEEDS_EPT(name, what, group, control, field)                                             \
	{                                                                                        \
		.id = "ctl." name ".ept", .kind = VMX_RULE_CONTROL, .section = SECTION,          \
		.text = what " needs enable EPT", .holds = needs_ept, RULE_WHEN(group, control), \
		RULE_FIELDS(field, SECONDARY_CONTROLS)                                           \
	}
#define PAGE_ADDRESS(name, group, control, field)                                                  \
	{                                                                                          \
		.id = "ctl." name ".address", .kind = VMX_RULE_CONTROL, .section = SECTION,        \
		.text = "the address must be aligned to 4 KBytes and within the physical width",   \
		.holds = rule_aligned_address, RULE_WHEN(group, control), .arg = PAGE_OFFSET_BITS, \
		RULE_FIELD(field)                                                                  \
	}

const struct vmx_rule vmx_rules_ept[] = {
	EPTP("memory-type",
	     "bits 2:0 must be 0 (uncacheable) or 6 (write-back), as "
	     "IA32_VMX_EPT_VPID_CAP allows",
	     eptp_memory_type),
	EPTP("walk", "bits 5:3 must be 3, or 4 where there are 5-level walks", eptp_walk),
	EPTP("reserved",
	     "bits 11:8 and those beyond the physical width must be 0, and bits 7 and "
	     "6 where IA32_VMX_EPT_VPID_CAP does not report their features",
	     eptp_reserved),
	NEEDS_EPT("unrestricted-guest", "unrestricted guest", SECONDARY, UNRESTRICTED_GUEST,
		  SECONDARY_CONTROLS),
	NEEDS_EPT("mode-based-execute", "mode-based execute control", SECONDARY,
		  MODE_BASED_EXECUTE_CONTROL, SECONDARY_CONTROLS),
	NEEDS_EPT("pml", "enable PML", SECONDARY, ENABLE_PML, SECONDARY_CONTROLS),
	PAGE_ADDRESS("pml", SECONDARY, ENABLE_PML, PML_ADDRESS),
	NEEDS_EPT("sub-page", "sub-page write permissions", SECONDARY, SUB_PAGE_WRITE_PERMISSIONS,
		  SECONDARY_CONTROLS),
	PAGE_ADDRESS("sub-page", SECONDARY, SUB_PAGE_WRITE_PERMISSIONS,
		     SUB_PAGE_PERMISSION_TABLE_POINTER),
	NEEDS_EPT("pt", "Intel PT uses guest physical addresses", SECONDARY, PT_USES_GUEST_PHYSICAL,
		  SECONDARY_CONTROLS),
	NEEDS_EPT("hlat", "enable HLAT", TERTIARY, ENABLE_HLAT, TERTIARY_CONTROLS),
	{ .id = "ctl.hlat.pointer",
	  .kind = VMX_RULE_CONTROL,
	  .section = SECTION,
	  .text = "bits 11:5, 2:0 and those beyond the physical width must be 0",
	  .holds = rule_aligned_address,
	  RULE_WHEN(TERTIARY, ENABLE_HLAT),
	  .arg = HLATP_RESERVED,
	  RULE_FIELD(HLAT_POINTER) },
	NEEDS_EPT("paging-write", "EPT paging-write control", TERTIARY, EPT_PAGING_WRITE_CONTROL,
		  TERTIARY_CONTROLS),
	NEEDS_EPT("paging-verification", "guest-paging verification", TERTIARY,
		  GUEST_PAGING_VERIFICATION, TERTIARY_CONTROLS),
	{ .id = "ctl.eptp-switching.ept",
	  .kind = VMX_RULE_CONTROL,
	  .section = SECTION,
	  .text = "EPTP switching needs enable EPT",
	  .holds = eptp_switching_needs_ept,
	  RULE_WHEN(SECONDARY, ENABLE_VM_FUNCTIONS),
	  RULE_FIELDS(VMCS_NR_VM_FUNCTION_CONTROLS, SECONDARY_CONTROLS) },
	{ .id = "ctl.eptp-list.address",
	  .kind = VMX_RULE_CONTROL,
	  .section = SECTION,
	  .text = "the address must be aligned to 4 KBytes and within the physical width",
	  .holds = eptp_list,
	  RULE_WHEN(SECONDARY, ENABLE_VM_FUNCTIONS),
	  .arg = PAGE_OFFSET_BITS,
	  RULE_FIELDS(VMCS_NR_EPTP_LIST_ADDRESS, VMCS_NR_VM_FUNCTION_CONTROLS) },
	{ 0 }
};
