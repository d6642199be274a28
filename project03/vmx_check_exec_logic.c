// SPDX-License-Identifier: GPL-2.0
/*
 * The checks of a VM entry: reserved bits of the controls, and those VM-execution controls that are
 * about neither the APIC nor EPT.
 */
#include "vmx_check_rules.h"

#define SECTION "VM-Execution Control Fields"

/* Four CR3-target values are what there has been from the start. */
#define CR3_TARGETS_ALWAYS 4

static bool cr3_targets(struct vmx_look *look)
{
	u64 count = look_first(look);
	u64 most = CR3_TARGETS_ALWAYS;

	if (count <= CR3_TARGETS_ALWAYS)
		return true;
	most = VTX_FIELD(look_msr(look, IA32_VMX_MISC), IA32_VMX_MISC_CR3_TARGETS_HIGH,
			 IA32_VMX_MISC_CR3_TARGETS_LOW);
	return count <= most || look_value(look, look->rule->fields[0], most);
}

static bool virtual_nmis(struct vmx_look *look)
{
	return LOOK_CTL(look, PIN, NMI_EXITING) ||
	       look_bits(look, PIN_CONTROLS, VMX_PIN_VIRTUAL_NMIS);
}

static bool nmi_window(struct vmx_look *look)
{
	return LOOK_CTL(look, PIN, VIRTUAL_NMIS) ||
	       look_bits(look, PRIMARY_CONTROLS, VMX_PRIMARY_NMI_WINDOW_EXITING);
}

static bool pt_needs_exit_control(struct vmx_look *look)
{
	return LOOK_CTL(look, EXIT, CLEAR_IA32_RTIT_CTL) ||
	       look_bits(look, EXIT_CONTROLS, VMX_EXIT_CLEAR_IA32_RTIT_CTL);
}

static bool pt_needs_entry_control(struct vmx_look *look)
{
	return LOOK_CTL(look, ENTRY, LOAD_IA32_RTIT_CTL) ||
	       look_bits(look, ENTRY_CONTROLS, VMX_ENTRY_LOAD_IA32_RTIT_CTL);
}

/* Bits 31:0 of the capability MSR of VM functions are those that may be 1. */
static bool vm_functions(struct vmx_look *look)
{
	return look_bits(look, look->rule->fields[0],
			 look_first(look) & ~look_msr(look, IA32_VMX_VMFUNC));
}

#define RESERVED(group, name, field)                                                            \
	{                                                                                       \
		.id = "ctl." name ".reserved", .kind = VMX_RULE_CONTROL, .section = SECTION,    \
		.text = "each bit must be what the capability MSR of " name " controls allows", \
		.holds = rule_reserved_controls, .arg = VMX_CTL_##group, RULE_FIELDS(field)     \
	}

#define PAGE_ADDRESS(name, group, control, field)                                                  \
	{                                                                                          \
		.id = "ctl." name ".address", .kind = VMX_RULE_CONTROL, .section = SECTION,        \
		.text = "the address must be aligned to 4 KBytes and within the physical width",   \
		.holds = rule_aligned_address, RULE_WHEN(group, control), .arg = PAGE_OFFSET_BITS, \
		RULE_FIELD(field)                                                                  \
	}

const struct vmx_rule vmx_rules_exec[] = {
	RESERVED(PIN, "pin", PIN_CONTROLS),
	RESERVED(PRIMARY, "primary", PRIMARY_CONTROLS),
	{ .id = "ctl.secondary.reserved",
	  .kind = VMX_RULE_CONTROL,
	  .section = SECTION,
	  .text = "each bit must be what IA32_VMX_PROCBASED_CTLS2 allows",
	  .holds = rule_reserved_controls,
	  RULE_WHEN(PRIMARY, ACTIVATE_SECONDARY_CONTROLS),
	  .arg = VMX_CTL_SECONDARY,
	  RULE_FIELDS(SECONDARY_CONTROLS, PRIMARY_CONTROLS) },
	{ .id = "ctl.tertiary.reserved",
	  .kind = VMX_RULE_CONTROL,
	  .section = SECTION,
	  .text = "each bit must be what IA32_VMX_PROCBASED_CTLS3 allows",
	  .holds = rule_reserved_controls,
	  RULE_WHEN(PRIMARY, ACTIVATE_TERTIARY_CONTROLS),
	  .arg = VMX_CTL_TERTIARY,
	  RULE_FIELDS(TERTIARY_CONTROLS, PRIMARY_CONTROLS) },
	{ .id = "ctl.cr3-targets",
	  .kind = VMX_RULE_CONTROL,
	  .section = SECTION,
	  .text = "at most as many CR3-target values as IA32_VMX_MISC[24:16] says",
	  .holds = cr3_targets,
	  RULE_FIELD(CR3_TARGET_COUNT) },
	PAGE_ADDRESS("io-bitmap-a", PRIMARY, USE_IO_BITMAPS, IO_BITMAP_A_ADDRESS),
	PAGE_ADDRESS("io-bitmap-b", PRIMARY, USE_IO_BITMAPS, IO_BITMAP_B_ADDRESS),
	PAGE_ADDRESS("msr-bitmaps", PRIMARY, USE_MSR_BITMAPS, MSR_BITMAPS_ADDRESS),
	{ .id = "ctl.virtual-nmis",
	  .kind = VMX_RULE_CONTROL,
	  .section = SECTION,
	  .text = "virtual NMIs need NMI exiting",
	  .holds = virtual_nmis,
	  RULE_WHEN(PIN, VIRTUAL_NMIS),
	  RULE_FIELDS(PIN_CONTROLS) },
	{ .id = "ctl.nmi-window",
	  .kind = VMX_RULE_CONTROL,
	  .section = SECTION,
	  .text = "NMI-window exiting needs virtual NMIs",
	  .holds = nmi_window,
	  RULE_WHEN(PRIMARY, NMI_WINDOW_EXITING),
	  RULE_FIELDS(PRIMARY_CONTROLS, PIN_CONTROLS) },
	{ .id = "ctl.vpid",
	  .kind = VMX_RULE_CONTROL,
	  .section = SECTION,
	  .text = "with enable VPID the VPID must not be 0, which is the host's",
	  .holds = rule_not_0,
	  RULE_WHEN(SECONDARY, ENABLE_VPID),
	  RULE_FIELDS(VMCS_NR_VIRTUAL_PROCESSOR_IDENTIFIER, SECONDARY_CONTROLS) },
	{ .id = "ctl.vm-functions",
	  .kind = VMX_RULE_CONTROL,
	  .section = SECTION,
	  .text = "only VM functions that IA32_VMX_VMFUNC has",
	  .holds = vm_functions,
	  RULE_WHEN(SECONDARY, ENABLE_VM_FUNCTIONS),
	  RULE_FIELD(VM_FUNCTION_CONTROLS) },
	PAGE_ADDRESS("vmread-bitmap", SECONDARY, VMCS_SHADOWING, VMREAD_BITMAP_ADDRESS),
	PAGE_ADDRESS("vmwrite-bitmap", SECONDARY, VMCS_SHADOWING, VMWRITE_BITMAP_ADDRESS),
	PAGE_ADDRESS("ve-information", SECONDARY, EPT_VIOLATION_VE,
		     VIRTUALIZATION_EXCEPTION_INFORMATION_ADDRESS),
	PAGE_ADDRESS("low-pasid", SECONDARY, PASID_TRANSLATION, LOW_PASID_DIRECTORY_ADDRESS),
	PAGE_ADDRESS("high-pasid", SECONDARY, PASID_TRANSLATION, HIGH_PASID_DIRECTORY_ADDRESS),
	{ .id = "ctl.pt.exit",
	  .kind = VMX_RULE_CONTROL,
	  .section = SECTION,
	  .text = "Intel PT uses guest physical addresses needs clear IA32_RTIT_CTL",
	  .holds = pt_needs_exit_control,
	  RULE_WHEN(SECONDARY, PT_USES_GUEST_PHYSICAL),
	  RULE_FIELDS(EXIT_CONTROLS, SECONDARY_CONTROLS) },
	{ .id = "ctl.pt.entry",
	  .kind = VMX_RULE_CONTROL,
	  .section = SECTION,
	  .text = "Intel PT uses guest physical addresses needs load IA32_RTIT_CTL",
	  .holds = pt_needs_entry_control,
	  RULE_WHEN(SECONDARY, PT_USES_GUEST_PHYSICAL),
	  RULE_FIELDS(ENTRY_CONTROLS, SECONDARY_CONTROLS) },
	{ 0 }
};
