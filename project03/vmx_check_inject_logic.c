// SPDX-License-Identifier: GPL-2.0
/*
 * The checks of a VM entry: the event that it injects.
 */
#include "vmx_check_rules.h"

#define SECTION "VM-Entry Control Fields"

/* SDM vol. 3, "Interrupts and Exceptions": #DF, #TS, #NP, #SS, #GP, #PF, #AC push an error code. */
#define WITH_ERROR_CODE 0x00027d00U
#define NMI_VECTOR 2
#define LAST_EXCEPTION 31
/* No instruction is longer. */
#define LONGEST_INSTRUCTION 15

static bool injecting(struct vmx_look *look)
{
	return LOOK(look, VM_ENTRY_INTERRUPTION_INFORMATION) & INTERRUPTION_VALID;
}

static unsigned int event_type(struct vmx_look *look)
{
	return ENTRY_FIELD(LOOK(look, VM_ENTRY_INTERRUPTION_INFORMATION), INTERRUPTION_TYPE);
}

static unsigned int event_vector(struct vmx_look *look)
{
	return ENTRY_FIELD(LOOK(look, VM_ENTRY_INTERRUPTION_INFORMATION), INTERRUPTION_VECTOR);
}

static bool primary_may_be_1(struct vmx_look *look, u64 mask)
{
	struct vmx_ctl_caps caps;

	if (vmx_ctl_caps(look->state->facts, VMX_CTL_PRIMARY, &caps))
		return look_unknown(look);
	return caps.may_be_1 & mask;
}

static bool type_exists(struct vmx_look *look)
{
	if (!injecting(look))
		return true;
	if (event_type(look) == INTERRUPTION_TYPE_OTHER)
		return look_fine(look, primary_may_be_1(look, VMX_PRIMARY_MONITOR_TRAP_FLAG));
	return look_fine(look, event_type(look) != INTERRUPTION_TYPE_RESERVED);
}

/* With FRED "other event" has vectors 1 and 2 too: SYSCALL and SYSENTER. */
static bool other_event_fits(struct vmx_look *look, unsigned int vector)
{
	if (look_msr(look, IA32_VMX_BASIC) & IA32_VMX_BASIC_NESTED_EXCEPTION)
		return vector <= 2;
	return !vector;
}

static bool vector_fits(struct vmx_look *look)
{
	unsigned int vector = event_vector(look);

	if (!injecting(look))
		return true;
	switch (event_type(look)) {
	case INTERRUPTION_TYPE_NMI:
		return look_fine(look, vector == NMI_VECTOR);
	case INTERRUPTION_TYPE_HARDWARE_EXCEPTION:
		return look_fine(look, vector <= LAST_EXCEPTION);
	case INTERRUPTION_TYPE_OTHER:
		return look_fine(look, other_event_fits(look, vector));
	default:
		return true;
	}
}

static bool reserved_bits(struct vmx_look *look)
{
	u64 reserved = INTERRUPTION_RESERVED;

	if (!injecting(look))
		return true;
	if (look_msr(look, IA32_VMX_BASIC) & IA32_VMX_BASIC_NESTED_EXCEPTION)
		reserved &= ~(u64)INTERRUPTION_NESTED;
	return look_bits(look, VMCS_NR_VM_ENTRY_INTERRUPTION_INFORMATION,
			 look_first(look) & reserved);
}

/* Does this event push an error code? A processor with IA32_VMX_BASIC[56] takes either. */
static bool error_code_fits(struct vmx_look *look, bool delivers)
{
	if (event_type(look) != INTERRUPTION_TYPE_HARDWARE_EXCEPTION)
		return !delivers;
	if (!(LOOK(look, GUEST_CR0) & CR0_PE))
		return !delivers;
	if (look_msr(look, IA32_VMX_BASIC) & IA32_VMX_BASIC_ANY_ERROR_CODE)
		return true;
	/* ctl.inject.vector complains about vectors that are no exceptions. */
	if (event_vector(look) > LAST_EXCEPTION)
		return true;
	return delivers == !!(WITH_ERROR_CODE & BIT(event_vector(look)));
}

static bool error_code_bit(struct vmx_look *look)
{
	bool delivers = LOOK(look, VM_ENTRY_INTERRUPTION_INFORMATION) & INTERRUPTION_ERROR_CODE;

	return !injecting(look) || error_code_fits(look, delivers) ||
	       look_bits(look, VMCS_NR_VM_ENTRY_INTERRUPTION_INFORMATION, INTERRUPTION_ERROR_CODE);
}

static bool error_code_value(struct vmx_look *look)
{
	u64 information = LOOK(look, VM_ENTRY_INTERRUPTION_INFORMATION);

	if (!injecting(look) || !(information & INTERRUPTION_ERROR_CODE))
		return true;
	return look_bits(look, VMCS_NR_VM_ENTRY_EXCEPTION_ERROR_CODE,
			 look_first(look) & GENMASK_ULL(31, 16));
}

static bool instruction_length(struct vmx_look *look)
{
	u64 length;

	if (!injecting(look) || event_type(look) < INTERRUPTION_TYPE_SOFTWARE_INTERRUPT ||
	    event_type(look) == INTERRUPTION_TYPE_OTHER)
		return true;
	length = look_first(look);
	if (!length)
		return look_fine(look,
				 look_msr(look, IA32_VMX_MISC) & IA32_VMX_MISC_INJECT_LENGTH_0);
	return length <= LONGEST_INSTRUCTION ||
	       look_value(look, VMCS_NR_VM_ENTRY_INSTRUCTION_LENGTH, LONGEST_INSTRUCTION);
}

#define INJECT(name, what, predicate)                                                   \
	{                                                                               \
		.id = "ctl.inject." name, .kind = VMX_RULE_CONTROL, .section = SECTION, \
		.text = what, .holds = predicate,                                       \
		RULE_FIELDS(VMCS_NR_VM_ENTRY_INTERRUPTION_INFORMATION)                  \
	}

const struct vmx_rule vmx_rules_inject[] = {
	INJECT("type",
	       "an event's type (bits 10:8) must not be 1, and 7 only where the monitor "
	       "trap flag exists",
	       type_exists),
	INJECT("vector", "an NMI has vector 2, a hardware exception at most 31, other event 0",
	       vector_fits),
	{ .id = "ctl.inject.error-code",
	  .kind = VMX_RULE_CONTROL,
	  .section = SECTION,
	  .text = "deliver error code must be 1 for #DF, #TS, #NP, #SS, #GP, #PF and #AC in "
		  "protected mode, else 0 (a matter of taste with IA32_VMX_BASIC[56])",
	  .holds = error_code_bit,
	  RULE_FIELDS(VMCS_NR_VM_ENTRY_INTERRUPTION_INFORMATION, VMCS_NR_GUEST_CR0) },
	INJECT("reserved", "bits 30:12 must be 0 (bit 13 exists with FRED)", reserved_bits),
	{ .id = "ctl.inject.error-code-value",
	  .kind = VMX_RULE_CONTROL,
	  .section = SECTION,
	  .text = "bits 31:16 of an error code that is delivered must be 0",
	  .holds = error_code_value,
	  RULE_FIELDS(VMCS_NR_VM_ENTRY_EXCEPTION_ERROR_CODE,
		      VMCS_NR_VM_ENTRY_INTERRUPTION_INFORMATION) },
	{ .id = "ctl.inject.length",
	  .kind = VMX_RULE_CONTROL,
	  .section = SECTION,
	  .text = "a software event needs an instruction length of 1 to 15 (0 with "
		  "IA32_VMX_MISC[30])",
	  .holds = instruction_length,
	  RULE_FIELDS(VMCS_NR_VM_ENTRY_INSTRUCTION_LENGTH,
		      VMCS_NR_VM_ENTRY_INTERRUPTION_INFORMATION) },
	{ 0 }
};
