// SPDX-License-Identifier: GPL-2.0
/*
 * The VMCB: its parts, its fields, and the checks of VMRUN. AMD APM vol. 2, appendix B and chapter
 * 15.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cmd_dump.h"
#include "cmd_exit_text.h"
#include "cmd_vendor.h"
#include "cmd_vmcb_decode.h"
#include "svm_check_logic.h"
#include "svm_codes.h"
#include "vmcb_table_logic.h"

_Static_assert((int)VMCB_FIELDS <= (int)DUMP_FIELDS, "struct dump has room for a VMCB");
_Static_assert(SVM_RULE_FIELDS <= ENTRY_FIELDS, "struct entry_finding");

/* ---- the fields ------------------------------------------------------------------------------ */

enum area { AREA_INTERCEPTS, AREA_CONTROL, AREA_EXIT, AREA_SEGMENTS, AREA_REGISTERS, AREAS };

/* The APM has two areas; these are pieces of them. */
static const char *const areas[AREAS + 1] = {
	[AREA_INTERCEPTS] = "Control area: intercepts",
	[AREA_CONTROL] = "Control area: what VMRUN reads",
	[AREA_EXIT] = "Control area: what #VMEXIT writes",
	[AREA_SEGMENTS] = "State-save area: segments and tables",
	[AREA_REGISTERS] = "State-save area: registers",
};

static bool is_output(u32 offset)
{
	const struct vmcb_field_info *info = vmcb_table_find(offset);

	return info &&
	       (vmcb_field_is_output(info - vmcb_table) || offset == offsetof(struct vmcb, NRIP));
}

static unsigned int area_of(u32 offset)
{
	if (offset < offsetof(struct vmcb, PAUSE_FILTER_THRESHOLD))
		return AREA_INTERCEPTS;
	if (offset < VMCB_SAVE_AREA)
		return is_output(offset) ? AREA_EXIT : AREA_CONTROL;
	return offset < offsetof(struct vmcb, CPL) ? AREA_SEGMENTS : AREA_REGISTERS;
}

static bool fill(const struct vmcb_field_info *info, struct vendor_field *field)
{
	if (!info)
		return false;
	field->encoding = info->offset;
	field->ident = info->ident;
	field->bits = info->bytes * 8;
	return true;
}

static bool field_by_offset(__u32 offset, struct vendor_field *field)
{
	return fill(vmcb_table_find(offset), field);
}

static bool field_by_ident(const char *ident, struct vendor_field *field)
{
	return fill(vmcb_table_find_ident(ident), field);
}

/* ---- the rules ------------------------------------------------------------------------------- */

/* To the processor all of them are VMEXIT_INVALID. */
static const char *const about[SVM_RULE_KINDS] = {
	[SVM_RULE_CONTROL] = "control area: VMEXIT_INVALID",
	[SVM_RULE_GUEST] = "state-save area: VMEXIT_INVALID",
	[SVM_RULE_EVENT] = "event to be injected: VMEXIT_INVALID",
};

struct reporter {
	const struct svm_state *state;
	entry_report *report;
	void *ctx;
};

static void tell(void *ctx, const struct svm_rule *rule, const struct svm_finding *f)
{
	const struct reporter *reporter = ctx;
	struct entry_finding finding = {
		.id = rule->id,
		.kind = svm_rule_kind_name(rule->kind),
		.reported = about[rule->kind],
		.section = rule->section,
		.text = rule->text,
		.violated = f->answer == SVM_RULE_VIOLATED,
		.field = vmcb_field_ident(f->field),
		.seen = f->seen,
		.wrong = f->wrong,
		.right = f->right,
		.has_right = f->has_right,
		.count = rule->nr_fields,
	};
	u32 i;

	for (i = 0; i < rule->nr_fields; i++) {
		finding.fields[i].ident = vmcb_table[rule->fields[i]].ident;
		finding.fields[i].present = reporter->state->present[rule->fields[i]];
		finding.fields[i].value = reporter->state->value[rule->fields[i]];
	}
	reporter->report(reporter->ctx, &finding);
}

static __u32 check(const struct dump *dump, entry_report *report, void *ctx)
{
	struct svm_state state;
	struct reporter reporter = { &state, report, ctx };

	svm_state_init(&state, &dump->facts);
	svm_state_fill(&state, dump->fields, dump->count);
	return svm_check(&state, report ? tell : NULL, &reporter);
}

static __u32 rules(void)
{
	__u32 count = 0;

	while (svm_rule_at(count))
		count++;
	return count;
}

/* ---- what the processor said ----------------------------------------------------------------- */

static void name_error(const struct vtx_exit *exit, char *text)
{
	snprintf(text, EXIT_TEXT_SIZE, "exit code 0x%" PRIx32 ": %s", exit->reason,
		 exit_reason_name(exit->reason));
}

static const char *error_detail(const struct vtx_exit *exit)
{
	return "";
}

static const char *not_found(const struct vtx_exit *exit)
{
	return "The rules do not find the cause. What they cannot see: reserved bits that this "
	       "processor knows and the manual does not, features that only CPUID tells, and "
	       "mistakes of this table. Bochs names the cause in its log.";
}

static void print_last(const struct dump *dump)
{
	__u32 i;

	for (i = 0; i < dump->count; i++) {
		if (dump->fields[i].encoding == offsetof(struct vmcb, EXITCODE) &&
		    (u32)dump->fields[i].value == (u32)VMEXIT_INVALID)
			printf("The last exit code in it is that of a VMRUN which was refused, "
			       "0x%" PRIx64 ": VMEXIT_INVALID\n",
			       (u64)dump->fields[i].value);
	}
}

const struct vendor_ops vendor_ops_svm = {
	.areas = areas,
	.width = 24,
	.area_of = area_of,
	.field = field_by_offset,
	.field_by_ident = field_by_ident,
	.decode = vmcb_decode,
	.check = check,
	.rules = rules,
	.name_error = name_error,
	.error_detail = error_detail,
	.not_found = not_found,
	.read_on = "project07/README.md, \"Checks of a VMRUN\"",
	.print_last = print_last,
};
