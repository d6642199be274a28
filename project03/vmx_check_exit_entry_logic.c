// SPDX-License-Identifier: GPL-2.0
/*
 * The checks of a VM entry: VM-exit and VM-entry controls, and the areas of MSRs.
 */
#include "vmx_check_rules.h"

#define EXIT_SECTION "VM-Exit Control Fields"
#define ENTRY_SECTION "VM-Entry Control Fields"

/* SDM vol. 3, "VM-Exit Controls for MSRs": an entry has 128 bits. */
#define MSR_ENTRY_BYTES 16
#define MSR_ENTRY_OFFSET GENMASK_ULL(3, 0)

static bool save_timer(struct vmx_look *look)
{
	return LOOK_CTL(look, PIN, ACTIVATE_PREEMPTION_TIMER) ||
	       look_bits(look, EXIT_CONTROLS, VMX_EXIT_SAVE_PREEMPTION_TIMER);
}

/* fields: address, count. Nothing is checked for an area of no MSRs. */
static bool msr_area(struct vmx_look *look)
{
	u64 count = look_field(look, look->rule->fields[1]);
	u64 beyond, last;

	if (!count)
		return true;
	beyond = look_beyond_vmx_width(look);
	last = look_first(look) + count * MSR_ENTRY_BYTES - 1;
	return look_bits(look, look->rule->fields[0],
			 look_first(look) & (MSR_ENTRY_OFFSET | beyond)) &&
	       look_fine(look, !(last & beyond));
}

/* Nobody who uses this checker is in SMM. */
static bool outside_smm(struct vmx_look *look)
{
	return look_bits(look, ENTRY_CONTROLS, look_first(look) & look->rule->arg);
}

#define RESERVED(group, name, title, field)                                                     \
	{                                                                                       \
		.id = "ctl." name ".reserved", .kind = VMX_RULE_CONTROL, .section = title,      \
		.text = "each bit must be what the capability MSR of " name " controls allows", \
		.holds = rule_reserved_controls, .arg = VMX_CTL_##group, RULE_FIELDS(field)     \
	}
#define MSR_AREA(name, title, which)                                                               \
	{                                                                                          \
		.id = "ctl." name ".address", .kind = VMX_RULE_CONTROL, .section = title,          \
		.text = "the area must be aligned to 16 bytes, and its first and last byte "       \
			"within the physical width",                                               \
		.holds = msr_area, RULE_FIELDS(VMCS_NR_##which##_ADDRESS, VMCS_NR_##which##_COUNT) \
	}

const struct vmx_rule vmx_rules_exit_entry[] = {
	RESERVED(EXIT, "exit", EXIT_SECTION, EXIT_CONTROLS),
	{ .id = "ctl.exit2.reserved",
	  .kind = VMX_RULE_CONTROL,
	  .section = EXIT_SECTION,
	  .text = "each bit must be what IA32_VMX_EXIT_CTLS2 allows",
	  .holds = rule_reserved_controls,
	  RULE_WHEN(EXIT, ACTIVATE_SECONDARY_CONTROLS),
	  .arg = VMX_CTL_EXIT2,
	  RULE_FIELDS(EXIT2_CONTROLS, EXIT_CONTROLS) },
	{ .id = "ctl.save-timer",
	  .kind = VMX_RULE_CONTROL,
	  .section = EXIT_SECTION,
	  .text = "save VMX-preemption timer value needs activate VMX-preemption timer",
	  .holds = save_timer,
	  RULE_WHEN(EXIT, SAVE_PREEMPTION_TIMER),
	  RULE_FIELDS(EXIT_CONTROLS, PIN_CONTROLS) },
	MSR_AREA("exit-msr-store", EXIT_SECTION, VM_EXIT_MSR_STORE),
	MSR_AREA("exit-msr-load", EXIT_SECTION, VM_EXIT_MSR_LOAD),
	RESERVED(ENTRY, "entry", ENTRY_SECTION, ENTRY_CONTROLS),
	MSR_AREA("entry-msr-load", ENTRY_SECTION, VM_ENTRY_MSR_LOAD),
	{ .id = "ctl.entry-to-smm",
	  .kind = VMX_RULE_CONTROL,
	  .section = ENTRY_SECTION,
	  .text = "entry to SMM must be 0 outside of SMM",
	  .holds = outside_smm,
	  .arg = VMX_ENTRY_ENTRY_TO_SMM,
	  RULE_FIELDS(ENTRY_CONTROLS) },
	{ .id = "ctl.dual-monitor",
	  .kind = VMX_RULE_CONTROL,
	  .section = ENTRY_SECTION,
	  .text = "deactivate dual-monitor treatment must be 0 outside of SMM",
	  .holds = outside_smm,
	  .arg = VMX_ENTRY_DEACTIVATE_DUAL_MONITOR,
	  RULE_FIELDS(ENTRY_CONTROLS) },
	{ 0 }
};
