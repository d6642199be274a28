// SPDX-License-Identifier: GPL-2.0
/*
 * The rules of a VM entry in words and as JSON: what check, explain and a failed run print.
 */
#include <inttypes.h>

#include "cmd_entry_explain.h"
#include "ctl_json.h"
#include "vmcs_table_logic.h"

/* How a processor reports a rule of this kind. */
static const char *const reported_as[VMX_RULE_KINDS] = {
	[VMX_RULE_CONTROL] = "control field: VM-instruction error 7",
	[VMX_RULE_HOST] = "host state: VM-instruction error 8",
	[VMX_RULE_GUEST] = "guest state: exit reason 33",
	[VMX_RULE_MSR_LOAD] = "MSR loading: exit reason 34",
};

/* ---- for people ------------------------------------------------------------------------------ */

struct printer {
	FILE *out;
	const struct vmx_state *state;
	enum vmx_answer answer; /* which findings are wanted */
	u32 printed;
};

/* The rule's other fields: the value that is wrong may be one of these. */
static void print_others(const struct printer *p, const struct vmx_rule *rule, u32 blamed)
{
	const char *before = "   with ";
	u32 i;

	for (i = 0; i < rule->nr_fields; i++) {
		u16 number = rule->fields[i];

		if (vmcs_table[number].encoding == blamed || !p->state->present[number])
			continue;
		fprintf(p->out, "%s%s 0x%" PRIx64, before, vmcs_table[number].ident,
			p->state->value[number]);
		before = ", ";
	}
	if (*before == ',')
		fputc('\n', p->out);
}

static void print_violation(const struct printer *p, const struct vmx_rule *rule,
			    const struct vmx_finding *f)
{
	fprintf(p->out, "%s (%s)\n", rule->id, reported_as[rule->kind]);
	fprintf(p->out, "   %s is 0x%" PRIx64, vmcs_field_ident(f->field), f->seen);
	if (f->wrong)
		fprintf(p->out, ", wrong in the bits 0x%" PRIx64, f->wrong);
	if (f->has_right)
		fprintf(p->out, "; 0x%" PRIx64 " would do", f->right);
	fputc('\n', p->out);
	print_others(p, rule, f->field);
	fprintf(p->out, "   %s\n   SDM vol. 3, \"%s\"\n", rule->text, rule->section);
}

static void print_undecided(const struct printer *p, const struct vmx_rule *rule)
{
	fprintf(p->out, "   %s: %s\n", rule->id, rule->text);
}

static void print_finding(void *ctx, const struct vmx_rule *rule, const struct vmx_finding *f)
{
	struct printer *p = ctx;

	if (f->answer != p->answer)
		return;
	if (f->answer == VMX_RULE_VIOLATED)
		print_violation(p, rule, f);
	else if (!p->printed)
		fprintf(p->out, "Not decided, for a field, a fact or memory is missing:\n");
	if (f->answer == VMX_RULE_UNDECIDED)
		print_undecided(p, rule);
	p->printed++;
}

static u32 count_rules(void)
{
	u32 count = 0;

	while (vmx_rule_at(count))
		count++;
	return count;
}

u32 entry_print_rules(FILE *out, const struct vmx_state *state)
{
	struct printer p = { .out = out, .state = state, .answer = VMX_RULE_VIOLATED };
	u32 violated = vmx_check(state, print_finding, &p);

	p.answer = VMX_RULE_UNDECIDED;
	p.printed = 0;
	vmx_check(state, print_finding, &p);
	if (violated)
		fprintf(out, "%u of %u rules of a VM entry %s violated, %u not decided.\n",
			violated, count_rules(), violated == 1 ? "is" : "are", p.printed);
	else
		fprintf(out, "No rule of a VM entry is violated (%u rules, %u not decided).\n",
			count_rules(), p.printed);
	return violated;
}

/* ---- as JSON --------------------------------------------------------------------------------- */

struct lists {
	const struct vmx_state *state;
	struct json_object *violated;
	struct json_object *undecided;
};

static struct json_object *fields_json(const struct vmx_state *state, const struct vmx_rule *rule)
{
	struct json_object *fields = json_object_new_object();
	u32 i;

	for (i = 0; i < rule->nr_fields; i++) {
		u16 number = rule->fields[i];
		const char *ident = vmcs_table[number].ident;

		if (state->present[number])
			ctl_json_put_hex(fields, ident, state->value[number]);
		else
			ctl_json_put_null(fields, ident);
	}
	return fields;
}

static struct json_object *rule_json(const struct vmx_state *state, const struct vmx_rule *rule)
{
	struct json_object *object = json_object_new_object();

	ctl_json_put_text(object, "rule", rule->id);
	ctl_json_put_text(object, "kind", vmx_rule_kind_name(rule->kind));
	ctl_json_put_text(object, "section", rule->section);
	ctl_json_put_text(object, "text", rule->text);
	json_object_object_add(object, "fields", fields_json(state, rule));
	return object;
}

static void put_finding(struct json_object *object, const struct vmx_finding *f)
{
	ctl_json_put_text(object, "field", vmcs_field_ident(f->field));
	ctl_json_put_hex(object, "seen", f->seen);
	ctl_json_put_hex(object, "wrong", f->wrong);
	if (f->has_right)
		ctl_json_put_hex(object, "right", f->right);
	else
		ctl_json_put_null(object, "right");
}

static void list_finding(void *ctx, const struct vmx_rule *rule, const struct vmx_finding *f)
{
	struct lists *lists = ctx;
	struct json_object *object = rule_json(lists->state, rule);

	if (f->answer == VMX_RULE_VIOLATED) {
		put_finding(object, f);
		json_object_array_add(lists->violated, object);
	} else {
		json_object_array_add(lists->undecided, object);
	}
}

struct json_object *entry_rules_json(const struct vmx_state *state)
{
	struct json_object *object = json_object_new_object();
	struct lists lists = { state, json_object_new_array(), json_object_new_array() };

	vmx_check(state, list_finding, &lists);
	ctl_json_put_int(object, "rules", count_rules());
	json_object_object_add(object, "violated", lists.violated);
	json_object_object_add(object, "undecided", lists.undecided);
	return object;
}
