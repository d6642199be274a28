// SPDX-License-Identifier: GPL-2.0
/*
 * What the value of a VMCS field means. No device and no system call: tested on the host.
 */
#include <inttypes.h>

#include "cmd_dump.h"
#include "cmd_exit_text.h"
#include "ctl_names.h"
#include "vmcs_table_logic.h"
#include "vmx_entry_bits.h"
#include "vmx_exit_bits.h"
#include "x86_exceptions.h"

/* ---- control bits ---------------------------------------------------------------------------- */

static const struct {
	__u32 encoding;
	enum vmx_ctl_group group;
} groups[] = {
	{ VMCS_PIN_BASED_VM_EXECUTION_CONTROLS, VMX_CTL_PIN },
	{ VMCS_PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, VMX_CTL_PRIMARY },
	{ VMCS_SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, VMX_CTL_SECONDARY },
	{ VMCS_TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, VMX_CTL_TERTIARY },
	{ VMCS_PRIMARY_VM_EXIT_CONTROLS, VMX_CTL_EXIT },
	{ VMCS_SECONDARY_VM_EXIT_CONTROLS, VMX_CTL_EXIT2 },
	{ VMCS_VM_ENTRY_CONTROLS, VMX_CTL_ENTRY },
};

/* Reserved bits that are 1 ("default1" of appendix A.2) have no name and no meaning. */
static void decode_controls(enum vmx_ctl_group group, __u64 value, char *text)
{
	unsigned int bit;

	for (bit = 0; bit < ctl_group_bits(group); bit++) {
		const char *name = ctl_control_name(group, bit);

		if (name && (value & BIT_ULL(bit)))
			dump_append(text, "%s", name);
	}
}

/* ---- registers ------------------------------------------------------------------------------- */

static const struct {
	__u32 encoding;
	const char *reg;
} registers[] = {
	{ VMCS_GUEST_CR0, "CR0" },
	{ VMCS_HOST_CR0, "CR0" },
	{ VMCS_CR0_READ_SHADOW, "CR0" },
	{ VMCS_GUEST_CR4, "CR4" },
	{ VMCS_HOST_CR4, "CR4" },
	{ VMCS_CR4_READ_SHADOW, "CR4" },
	{ VMCS_GUEST_RFLAGS, "RFLAGS" },
	{ VMCS_GUEST_IA32_EFER, "IA32_EFER" },
	{ VMCS_HOST_IA32_EFER, "IA32_EFER" },
};

static const __u32 rights[] = {
	VMCS_GUEST_ES_ACCESS_RIGHTS, VMCS_GUEST_CS_ACCESS_RIGHTS,   VMCS_GUEST_SS_ACCESS_RIGHTS,
	VMCS_GUEST_DS_ACCESS_RIGHTS, VMCS_GUEST_FS_ACCESS_RIGHTS,   VMCS_GUEST_GS_ACCESS_RIGHTS,
	VMCS_GUEST_TR_ACCESS_RIGHTS, VMCS_GUEST_LDTR_ACCESS_RIGHTS,
};

static void decode_rights(__u64 value, char *text)
{
	if (value & ACCESS_RIGHTS_UNUSABLE) {
		dump_append(text, "unusable");
		return;
	}
	dump_append(text, "type %u, %s, DPL %u",
		    (unsigned int)ENTRY_FIELD(value, ACCESS_RIGHTS_TYPE),
		    value & ACCESS_RIGHTS_S ? "code or data" : "system",
		    (unsigned int)ENTRY_FIELD(value, ACCESS_RIGHTS_DPL));
	dump_append(text, "%s", value & ACCESS_RIGHTS_P ? "present" : "not present");
	if (value & ACCESS_RIGHTS_L)
		dump_append(text, "L: 64-bit");
	if (value & ACCESS_RIGHTS_DB)
		dump_append(text, "D/B: 32-bit");
	if (value & ACCESS_RIGHTS_G)
		dump_append(text, "G: 4-KByte units");
}

/* ---- events and exits ------------------------------------------------------------------------ */

static void decode_event(__u64 value, char *text)
{
	static const char *const types[] = {
		[VMX_EVENT_EXTERNAL_INTERRUPT] = "external interrupt",
		[1] = "reserved type",
		[VMX_EVENT_NMI] = "NMI",
		[VMX_EVENT_HARDWARE_EXCEPTION] = "hardware exception",
		[VMX_EVENT_SOFTWARE_INTERRUPT] = "software interrupt",
		[VMX_EVENT_PRIVILEGED_SOFTWARE_EXCEPTION] = "privileged software exception",
		[VMX_EVENT_SOFTWARE_EXCEPTION] = "software exception",
		[VMX_EVENT_OTHER] = "other event",
	};
	__u32 vector = VMX_EXIT_GET(value, INTERRUPTION_VECTOR);

	if (!(value & VMX_INTERRUPTION_VALID)) {
		dump_append(text, "not valid");
		return;
	}
	dump_append(text, "%s", types[VMX_EXIT_GET(value, INTERRUPTION_TYPE)]);
	dump_append(text, "vector %" PRIu32, vector);
	if (vector < X86_EXCEPTION_VECTORS)
		dump_append(text, "%s", exception_mnemonic(vector));
	if (value & VMX_INTERRUPTION_ERROR_CODE)
		dump_append(text, "with error code");
}

static void decode_activity(__u64 value, char *text)
{
	static const char *const names[] = {
		[ACTIVITY_ACTIVE] = "active",
		[ACTIVITY_HLT] = "HLT",
		[ACTIVITY_SHUTDOWN] = "shutdown",
		[ACTIVITY_WAIT_FOR_SIPI] = "wait-for-SIPI",
	};

	dump_append(text, "%s", value < ARRAY_SIZE(names) ? names[value] : "reserved");
}

static void decode_interruptibility(__u64 value, char *text)
{
	static const struct {
		__u64 mask;
		const char *name;
	} names[] = {
		{ INTERRUPTIBILITY_STI, "blocking by STI" },
		{ INTERRUPTIBILITY_MOV_SS, "blocking by MOV SS" },
		{ INTERRUPTIBILITY_SMI, "blocking by SMI" },
		{ INTERRUPTIBILITY_NMI, "blocking by NMI" },
		{ INTERRUPTIBILITY_ENCLAVE, "enclave interruption" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (value & names[i].mask)
			dump_append(text, "%s", names[i].name);
	}
}

static void decode_reason(__u64 value, char *text)
{
	dump_append(text, "%s", exit_reason_name(value));
	if (value & VMX_EXIT_REASON_ENTRY_FAILURE)
		dump_append(text, "the VM entry failed");
}

static void decode_error(__u64 value, char *text)
{
	dump_append(text, "%s", value ? vmx_instruction_error_name(value) : "none so far");
}

static const struct {
	__u32 encoding;
	void (*decode)(__u64 value, char *text);
} decoders[] = {
	{ VMCS_EXIT_REASON, decode_reason },
	{ VMCS_VM_INSTRUCTION_ERROR, decode_error },
	{ VMCS_EXCEPTION_BITMAP, dump_exceptions },
	{ VMCS_GUEST_ACTIVITY_STATE, decode_activity },
	{ VMCS_GUEST_INTERRUPTIBILITY_STATE, decode_interruptibility },
	{ VMCS_VM_ENTRY_INTERRUPTION_INFORMATION, decode_event },
	{ VMCS_VM_EXIT_INTERRUPTION_INFORMATION, decode_event },
	{ VMCS_IDT_VECTORING_INFORMATION, decode_event },
};

void vmcs_decode(__u32 encoding, __u64 value, char *text)
{
	size_t i;

	text[0] = '\0';
	for (i = 0; i < ARRAY_SIZE(groups); i++) {
		if (groups[i].encoding == encoding)
			decode_controls(groups[i].group, value, text);
	}
	for (i = 0; i < ARRAY_SIZE(registers); i++) {
		if (registers[i].encoding == encoding)
			dump_register(registers[i].reg, value, text);
	}
	for (i = 0; i < ARRAY_SIZE(rights); i++) {
		if (rights[i] == encoding)
			decode_rights(value, text);
	}
	for (i = 0; i < ARRAY_SIZE(decoders); i++) {
		if (decoders[i].encoding == encoding)
			decoders[i].decode(value, text);
	}
}
