// SPDX-License-Identifier: GPL-2.0
/*
 * The rules of a VM entry for Python (tests/entry/checker.py): compiled on the host together with
 * project03's vmx_check*_logic.c. Answers are text, a line each, so that no layout is shared.
 */
#include <inttypes.h>
#include <stdio.h>

#include "vmcs_table_logic.h"
#include "vmx_check_logic.h"

u32 shim_rules(char *out, size_t size);
u32 shim_check(const struct vtx_cpu_facts *facts, const struct vtx_field *fields, u32 count,
	       char *out, size_t size);

struct text {
	char *out;
	size_t size;
	size_t used;
};

/* Every rule, with tabs: id, kind, section, text, group, mask, "FIELD FIELD…". Returns how many. */
u32 shim_rules(char *out, size_t size)
{
	const struct vmx_rule *rule;
	size_t used = 0;
	u32 count, i;

	for (count = 0; (rule = vmx_rule_at(count)); count++) {
		used += snprintf(out + used, size - used, "%s\t%s\t%s\t%s\t%u\t%" PRIx64 "\t",
				 rule->id, vmx_rule_kind_name(rule->kind), rule->section,
				 rule->text, rule->when_group, rule->when_mask);
		for (i = 0; i < rule->nr_fields; i++)
			used += snprintf(out + used, size - used, "%s ",
					 vmcs_table[rule->fields[i]].ident);
		used += snprintf(out + used, size - used, "\n");
	}
	return count;
}

static void add(void *ctx, const struct vmx_rule *rule, const struct vmx_finding *finding)
{
	struct text *text = ctx;

	text->used += snprintf(text->out + text->used, text->size - text->used,
			       "%d %s %s %s %" PRIx64 " %" PRIx64 " %d %" PRIx64 "\n",
			       finding->answer, rule->id, vmx_rule_kind_name(rule->kind),
			       vmcs_field_ident(finding->field), finding->seen, finding->wrong,
			       finding->has_right, finding->right);
}

/* "answer id kind FIELD seen wrong has_right right" of each rule that does not hold. */
u32 shim_check(const struct vtx_cpu_facts *facts, const struct vtx_field *fields, u32 count,
	       char *out, size_t size)
{
	static struct vmx_state state;
	struct text text = { out, size, 0 };

	*out = '\0';
	vmx_state_init(&state, facts);
	vmx_state_fill(&state, fields, count);
	return vmx_check(&state, add, &text);
}
