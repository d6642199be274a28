// SPDX-License-Identifier: GPL-2.0
/*
 * The rules of VMRUN for Python (tests/entry/svm.py): compiled on the host together with
 * project07's svm_check*_logic.c. Answers are text, a line each, so that no layout is shared.
 */
#include <inttypes.h>
#include <stdio.h>

#include "svm_check_logic.h"
#include "vmcb_table_logic.h"

u32 shim_rules(char *out, size_t size);
u32 shim_fields(char *out, size_t size);
u32 shim_check(const struct vtx_cpu_facts *facts, const struct vtx_field *fields, u32 count,
	       char *out, size_t size);

struct text {
	char *out;
	size_t size;
	size_t used;
};

/* Every rule, with tabs: id, kind, section, text, certain, "FIELD FIELD…". Returns how many. */
u32 shim_rules(char *out, size_t size)
{
	const struct svm_rule *rule;
	size_t used = 0;
	u32 count, i;

	for (count = 0; (rule = svm_rule_at(count)); count++) {
		used += snprintf(out + used, size - used, "%s\t%s\t%s\t%s\t%d\t", rule->id,
				 svm_rule_kind_name(rule->kind), rule->section, rule->text,
				 rule->certain);
		for (i = 0; i < rule->nr_fields; i++)
			used += snprintf(out + used, size - used, "%s ",
					 vmcb_table[rule->fields[i]].ident);
		used += snprintf(out + used, size - used, "\n");
	}
	return count;
}

/* Every field: identifier, offset, bytes, 1 if only the processor writes it. Returns how many. */
u32 shim_fields(char *out, size_t size)
{
	size_t used = 0;
	u32 i;

	for (i = 0; i < VMCB_FIELDS; i++)
		used += snprintf(out + used, size - used, "%s %u %u %d\n", vmcb_table[i].ident,
				 vmcb_table[i].offset, vmcb_table[i].bytes,
				 vmcb_field_is_output(i));
	return VMCB_FIELDS;
}

static void add(void *ctx, const struct svm_rule *rule, const struct svm_finding *finding)
{
	struct text *text = ctx;

	text->used += snprintf(text->out + text->used, text->size - text->used,
			       "%d %s %s %s %" PRIx64 " %" PRIx64 " %d %" PRIx64 "\n",
			       finding->answer, rule->id, svm_rule_kind_name(rule->kind),
			       vmcb_field_ident(finding->field), finding->seen, finding->wrong,
			       finding->has_right, finding->right);
}

/* "answer id kind FIELD seen wrong has_right right" of each rule that does not hold. */
u32 shim_check(const struct vtx_cpu_facts *facts, const struct vtx_field *fields, u32 count,
	       char *out, size_t size)
{
	static struct svm_state state;
	struct text text = { out, size, 0 };

	*out = '\0';
	svm_state_init(&state, facts);
	svm_state_fill(&state, fields, count);
	return svm_check(&state, add, &text);
}
