// SPDX-License-Identifier: GPL-2.0
/*
 * The checks of a VM entry: VM-execution controls that virtualize the APIC.
 */
#include "vmx_check_rules.h"

#define SECTION "VM-Execution Control Fields"

/* SDM vol. 3, "TPR Virtualization": a priority class has 4 bits. */
#define TPR_CLASS GENMASK_ULL(3, 0)
/* Controls that work on the virtual-APIC page. */
#define NEED_TPR_SHADOW                                                                      \
	(VMX_SECONDARY_VIRTUALIZE_X2APIC_MODE | VMX_SECONDARY_APIC_REGISTER_VIRTUALIZATION | \
	 VMX_SECONDARY_VIRTUAL_INTERRUPT_DELIVERY)

static bool tpr_threshold(struct vmx_look *look)
{
	return LOOK_CTL(look, SECONDARY, VIRTUAL_INTERRUPT_DELIVERY) ||
	       look_bits(look, VMCS_NR_TPR_THRESHOLD, look_first(look) & ~TPR_CLASS);
}

/* VTPR is in the virtual-APIC page. No class is below 0. */
static bool tpr_below_vtpr(struct vmx_look *look)
{
	if (LOOK_CTL(look, SECONDARY, VIRTUAL_INTERRUPT_DELIVERY) ||
	    LOOK_CTL(look, SECONDARY, VIRTUALIZE_APIC_ACCESSES))
		return true;
	return !(look_first(look) & TPR_CLASS) || look_unknown(look);
}

static bool without_tpr_shadow(struct vmx_look *look)
{
	return LOOK_CTL(look, PRIMARY, USE_TPR_SHADOW) ||
	       look_bits(look, SECONDARY_CONTROLS,
			 look_controls(look, VMX_CTL_SECONDARY) & NEED_TPR_SHADOW);
}

static bool external_interrupts_exit(struct vmx_look *look)
{
	return look_bits(look, PIN_CONTROLS,
			 ~look_first(look) & VMX_PIN_EXTERNAL_INTERRUPT_EXITING);
}

static bool posted_need_delivery(struct vmx_look *look)
{
	return LOOK_CTL(look, SECONDARY, VIRTUAL_INTERRUPT_DELIVERY) ||
	       look_bits(look, PIN_CONTROLS, VMX_PIN_PROCESS_POSTED_INTERRUPTS);
}

#define DELIVERY RULE_WHEN(SECONDARY, VIRTUAL_INTERRUPT_DELIVERY)
#define POSTED RULE_WHEN(PIN, PROCESS_POSTED_INTERRUPTS)

const struct vmx_rule vmx_rules_apic[] = {
	{ .id = "ctl.virtual-apic.address",
	  .kind = VMX_RULE_CONTROL,
	  .section = SECTION,
	  .text = "the address must be aligned to 4 KBytes and within the physical width",
	  .holds = rule_aligned_address,
	  RULE_WHEN(PRIMARY, USE_TPR_SHADOW),
	  .arg = PAGE_OFFSET_BITS,
	  RULE_FIELD(VIRTUAL_APIC_ADDRESS) },
	{ .id = "ctl.tpr-threshold",
	  .kind = VMX_RULE_CONTROL,
	  .section = SECTION,
	  .text = "without virtual-interrupt delivery bits 31:4 of the threshold must be 0",
	  .holds = tpr_threshold,
	  RULE_WHEN(PRIMARY, USE_TPR_SHADOW),
	  RULE_FIELDS(VMCS_NR_TPR_THRESHOLD, PRIMARY_CONTROLS, SECONDARY_CONTROLS) },
	{ .id = "ctl.tpr-threshold.vtpr",
	  .kind = VMX_RULE_CONTROL,
	  .section = SECTION,
	  .text = "the threshold must not be above bits 7:4 of VTPR in the virtual-APIC page",
	  .holds = tpr_below_vtpr,
	  RULE_WHEN(PRIMARY, USE_TPR_SHADOW),
	  RULE_FIELDS(VMCS_NR_TPR_THRESHOLD, VMCS_NR_VIRTUAL_APIC_ADDRESS) },
	{ .id = "ctl.tpr-shadow",
	  .kind = VMX_RULE_CONTROL,
	  .section = SECTION,
	  .text = "virtualize x2APIC mode, APIC-register virtualization and "
		  "virtual-interrupt delivery need use TPR shadow",
	  .holds = without_tpr_shadow,
	  RULE_WHEN(PRIMARY, ACTIVATE_SECONDARY_CONTROLS),
	  RULE_FIELDS(SECONDARY_CONTROLS, PRIMARY_CONTROLS) },
	{ .id = "ctl.apic-access.address",
	  .kind = VMX_RULE_CONTROL,
	  .section = SECTION,
	  .text = "the address must be aligned to 4 KBytes and within the physical width",
	  .holds = rule_aligned_address,
	  RULE_WHEN(SECONDARY, VIRTUALIZE_APIC_ACCESSES),
	  .arg = PAGE_OFFSET_BITS,
	  RULE_FIELD(APIC_ACCESS_ADDRESS) },
	{ .id = "ctl.x2apic",
	  .kind = VMX_RULE_CONTROL,
	  .section = SECTION,
	  .text = "virtualize x2APIC mode excludes virtualize APIC accesses",
	  .holds = rule_excludes,
	  RULE_WHEN(SECONDARY, VIRTUALIZE_X2APIC_MODE),
	  .arg = VMX_SECONDARY_VIRTUALIZE_APIC_ACCESSES,
	  RULE_FIELDS(SECONDARY_CONTROLS) },
	{ .id = "ctl.interrupt-delivery",
	  .kind = VMX_RULE_CONTROL,
	  .section = SECTION,
	  .text = "virtual-interrupt delivery needs external-interrupt exiting",
	  .holds = external_interrupts_exit,
	  DELIVERY,
	  RULE_FIELDS(PIN_CONTROLS, SECONDARY_CONTROLS) },
	{ .id = "ctl.posted.delivery",
	  .kind = VMX_RULE_CONTROL,
	  .section = SECTION,
	  .text = "process posted interrupts needs virtual-interrupt delivery",
	  .holds = posted_need_delivery,
	  POSTED,
	  RULE_FIELDS(PIN_CONTROLS, SECONDARY_CONTROLS) },
	{ .id = "ctl.posted.acknowledge",
	  .kind = VMX_RULE_CONTROL,
	  .section = SECTION,
	  .text = "process posted interrupts needs acknowledge interrupt on exit",
	  .holds = rule_needs_control,
	  POSTED,
	  .arg = VMX_EXIT_ACKNOWLEDGE_INTERRUPT_ON_EXIT,
	  RULE_FIELDS(EXIT_CONTROLS, PIN_CONTROLS) },
	{ .id = "ctl.posted.vector",
	  .kind = VMX_RULE_CONTROL,
	  .section = SECTION,
	  .text = "the posted-interrupt notification vector must be at most 255",
	  .holds = rule_bits_0,
	  POSTED,
	  .arg = GENMASK_ULL(15, 8),
	  RULE_FIELD(POSTED_INTERRUPT_NOTIFICATION_VECTOR) },
	{ .id = "ctl.posted.descriptor",
	  .kind = VMX_RULE_CONTROL,
	  .section = SECTION,
	  .text = "the descriptor must be aligned to 64 bytes and within the physical width",
	  .holds = rule_aligned_address,
	  POSTED,
	  .arg = GENMASK_ULL(5, 0),
	  RULE_FIELD(POSTED_INTERRUPT_DESCRIPTOR_ADDRESS) },
	{ .id = "ctl.pid-table",
	  .kind = VMX_RULE_CONTROL,
	  .section = SECTION,
	  .text = "the PID-pointer table must be aligned to 8 bytes and within the width",
	  .holds = rule_aligned_address,
	  RULE_WHEN(TERTIARY, IPI_VIRTUALIZATION),
	  .arg = GENMASK_ULL(2, 0),
	  RULE_FIELD(PID_POINTER_TABLE_ADDRESS) },
	{ 0 }
};
