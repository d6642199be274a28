// SPDX-License-Identifier: GPL-2.0
/*
 * The VMCS: its parts, its fields, and the rules of a VM entry. Intel SDM vol. 3, chapters "Virtual
 * Machine Control Structures" and "VM Entries".
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd_dump.h"
#include "cmd_exit_text.h"
#include "cmd_vendor.h"
#include "vmcs_table_logic.h"
#include "vmx_check_logic.h"
#include "vmx_exit_bits.h"
#include "vmx_exit_reasons.h"

/* ---- the fields ------------------------------------------------------------------------------ */

enum area {
	AREA_GUEST_REGISTERS,
	AREA_GUEST_REST,
	AREA_HOST,
	AREA_EXECUTION,
	AREA_EXIT,
	AREA_ENTRY,
	AREA_INFORMATION,
	AREAS
};

/* Titles of the SDM's sections. */
static const char *const areas[AREAS + 1] = {
	[AREA_GUEST_REGISTERS] = "Guest-state area: register state",
	[AREA_GUEST_REST] = "Guest-state area: non-register state",
	[AREA_HOST] = "Host-state area",
	[AREA_EXECUTION] = "VM-execution control fields",
	[AREA_EXIT] = "VM-exit control fields",
	[AREA_ENTRY] = "VM-entry control fields",
	[AREA_INFORMATION] = "VM-exit information fields",
};

/* SDM, "Guest Non-Register State"; everything else of the guest-state area is a register. */
static const u32 guest_rest[] = {
	VMCS_GUEST_ACTIVITY_STATE,
	VMCS_GUEST_INTERRUPTIBILITY_STATE,
	VMCS_VMCS_LINK_POINTER,
	VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS,
	VMCS_GUEST_PDPTE0,
	VMCS_GUEST_PDPTE1,
	VMCS_GUEST_PDPTE2,
	VMCS_GUEST_PDPTE3,
	VMCS_GUEST_INTERRUPT_STATUS,
	VMCS_PML_INDEX,
	VMCS_VMX_PREEMPTION_TIMER_VALUE,
};

static enum area area_of_guest(u32 encoding)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(guest_rest); i++) {
		if (guest_rest[i] == encoding)
			return AREA_GUEST_REST;
	}
	return AREA_GUEST_REGISTERS;
}

static unsigned int area_of(u32 encoding)
{
	const char *ident = vmcs_field_ident(encoding);

	switch ((enum vmcs_type)VMCS_FIELD_TYPE(encoding)) {
	case VMCS_TYPE_GUEST:
		return area_of_guest(encoding);
	case VMCS_TYPE_HOST:
		return AREA_HOST;
	case VMCS_TYPE_READ_ONLY:
		return AREA_INFORMATION;
	case VMCS_TYPE_CONTROL:
		break;
	}
	if (strstr(ident, "VM_EXIT"))
		return AREA_EXIT;
	return strstr(ident, "VM_ENTRY") ? AREA_ENTRY : AREA_EXECUTION;
}

static bool fill(const struct vmcs_field_info *info, struct vendor_field *field)
{
	if (!info)
		return false;
	field->encoding = info->encoding;
	field->ident = info->ident;
	field->bits = vmcs_width_bits(VMCS_FIELD_WIDTH(info->encoding));
	return true;
}

static bool field_by_encoding(__u32 encoding, struct vendor_field *field)
{
	return fill(vmcs_table_find(encoding), field);
}

static bool field_by_ident(const char *ident, struct vendor_field *field)
{
	return fill(vmcs_table_find_ident(ident), field);
}

/* ---- the rules ------------------------------------------------------------------------------- */

/* How a processor reports a rule of this kind. */
static const char *const reported_as[VMX_RULE_KINDS] = {
	[VMX_RULE_CONTROL] = "control field: VM-instruction error 7",
	[VMX_RULE_HOST] = "host state: VM-instruction error 8",
	[VMX_RULE_GUEST] = "guest state: exit reason 33",
	[VMX_RULE_MSR_LOAD] = "MSR loading: exit reason 34",
};

_Static_assert(VMX_RULE_FIELDS <= ENTRY_FIELDS, "struct entry_finding");

struct reporter {
	const struct vmx_state *state;
	entry_report *report;
	void *ctx;
};

static void tell(void *ctx, const struct vmx_rule *rule, const struct vmx_finding *f)
{
	const struct reporter *reporter = ctx;
	struct entry_finding finding = {
		.id = rule->id,
		.kind = vmx_rule_kind_name(rule->kind),
		.reported = reported_as[rule->kind],
		.section = rule->section,
		.text = rule->text,
		.violated = f->answer == VMX_RULE_VIOLATED,
		.field = vmcs_field_ident(f->field),
		.seen = f->seen,
		.wrong = f->wrong,
		.right = f->right,
		.has_right = f->has_right,
		.count = rule->nr_fields,
	};
	u32 i;

	for (i = 0; i < rule->nr_fields; i++) {
		finding.fields[i].ident = vmcs_table[rule->fields[i]].ident;
		finding.fields[i].present = reporter->state->present[rule->fields[i]];
		finding.fields[i].value = reporter->state->value[rule->fields[i]];
	}
	reporter->report(reporter->ctx, &finding);
}

static __u32 check(const struct dump *dump, entry_report *report, void *ctx)
{
	struct vmx_state state;
	struct reporter reporter = { &state, report, ctx };

	vmx_state_init(&state, &dump->facts);
	vmx_state_fill(&state, dump->fields, dump->count);
	return vmx_check(&state, report ? tell : NULL, &reporter);
}

static __u32 rules(void)
{
	__u32 count = 0;

	while (vmx_rule_at(count))
		count++;
	return count;
}

/* ---- what the processor said ----------------------------------------------------------------- */

/* SDM vol. 3, "VM-Entry Failures During or After Loading Guest State". */
static const char *qualification_text(const struct vtx_exit *exit)
{
	static const char *const of_guest_state[] = {
		[0] = "",
		[2] = "loading of the PDPTEs failed",
		[3] = "an NMI was to be injected into a guest that blocks by STI",
		[4] = "the VMCS link pointer",
	};

	if (exit->instruction_error ||
	    (exit->reason & UINT16_MAX) != VMX_EXIT_REASON_ENTRY_INVALID_GUEST_STATE)
		return "";
	if (exit->qualification >= ARRAY_SIZE(of_guest_state) ||
	    !of_guest_state[exit->qualification])
		return "a reserved exit qualification";
	return of_guest_state[exit->qualification];
}

static void name_error(const struct vtx_exit *exit, char *text)
{
	if (exit->instruction_error)
		snprintf(text, EXIT_TEXT_SIZE, "VM-instruction error %u: %s",
			 exit->instruction_error,
			 vmx_instruction_error_name(exit->instruction_error));
	else
		snprintf(text, EXIT_TEXT_SIZE, "exit reason %u: %s", exit->reason & UINT16_MAX,
			 exit_reason_name(exit->reason));
}

static const char *not_found(const struct vtx_exit *exit)
{
	if (exit->instruction_error && exit->instruction_error != VMX_INSN_ERROR_ENTRY_CONTROLS &&
	    exit->instruction_error != VMX_INSN_ERROR_ENTRY_HOST_STATE)
		return "The fields are not the cause: this error is about the instruction or the "
		       "launch state (vtxctl vms shows it).";
	return "The rules do not find the cause. What they cannot see: memory (the areas of MSRs, "
	       "PDPTEs, a linked VMCS), features that CPUID alone tells, and mistakes of this "
	       "table. Bochs names the cause in its log.";
}

static __u64 value_of(const struct dump *dump, __u32 encoding)
{
	__u32 i;

	for (i = 0; i < dump->count; i++) {
		if (dump->fields[i].encoding == encoding)
			return dump->fields[i].value;
	}
	return 0;
}

static void print_last(const struct dump *dump)
{
	u64 error = value_of(dump, VMCS_VM_INSTRUCTION_ERROR);
	u64 reason = value_of(dump, VMCS_EXIT_REASON);

	if (error)
		printf("The last VM-instruction error in it is %" PRIu64 ": %s\n", (uint64_t)error,
		       vmx_instruction_error_name(error));
	if (reason & VMX_EXIT_REASON_ENTRY_FAILURE)
		printf("The last exit reason in it is that of a failed VM entry, %u: %s\n",
		       (unsigned int)(reason & UINT16_MAX), exit_reason_name(reason));
}

const struct vendor_ops vendor_ops_vmx = {
	.areas = areas,
	.width = 48,
	.area_of = area_of,
	.field = field_by_encoding,
	.field_by_ident = field_by_ident,
	.decode = vmcs_decode,
	.check = check,
	.rules = rules,
	.name_error = name_error,
	.error_detail = qualification_text,
	.not_found = not_found,
	.read_on = "project04/README.md, \"A VM entry that explains itself\"",
	.print_last = print_last,
};
