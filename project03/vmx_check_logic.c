// SPDX-License-Identifier: GPL-2.0
/*
 * The checks of a VM entry: how rules look at a state.
 */
#include "vmx_check_logic.h"
#include "vmcs_table_logic.h"
#include "vmx_check_rules.h"

static const struct vmx_rule *const rule_tables[] = {
	vmx_rules_exec,	      vmx_rules_apic,	     vmx_rules_ept,	   vmx_rules_exit_entry,
	vmx_rules_inject,     vmx_rules_host,	     vmx_rules_host_size,  vmx_rules_guest_regs,
	vmx_rules_guest_segs, vmx_rules_guest_state, vmx_rules_guest_rest,
};

/* ---- the state ------------------------------------------------------------------------------- */

void vmx_state_init(struct vmx_state *state, const struct vtx_cpu_facts *facts)
{
	memset(state, 0, sizeof(*state));
	state->facts = facts;
}

bool vmx_state_set(struct vmx_state *state, u32 encoding, u64 value)
{
	const struct vmcs_field_info *field = vmcs_table_find(encoding);
	unsigned int bits;

	if (!field)
		return false;
	bits = vmcs_width_bits(VMCS_FIELD_WIDTH(encoding));
	state->value[field - vmcs_table] = value & GENMASK_ULL(bits - 1, 0);
	state->present[field - vmcs_table] = true;
	return true;
}

void vmx_state_fill(struct vmx_state *state, const struct vtx_field *fields, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++) {
		if (!fields[i].error)
			vmx_state_set(state, fields[i].encoding, fields[i].value);
	}
}

/* ---- the rules ------------------------------------------------------------------------------- */

const struct vmx_rule *vmx_rule_at(u32 position)
{
	const struct vmx_rule *rule;
	unsigned int t;

	for (t = 0; t < ARRAY_SIZE(rule_tables); t++) {
		for (rule = rule_tables[t]; rule->id; rule++) {
			if (!position--)
				return rule;
		}
	}
	return NULL;
}

const char *vmx_rule_kind_name(enum vmx_rule_kind kind)
{
	static const char *const names[VMX_RULE_KINDS] = {
		[VMX_RULE_CONTROL] = "control",
		[VMX_RULE_HOST] = "host",
		[VMX_RULE_GUEST] = "guest",
		[VMX_RULE_MSR_LOAD] = "msr-load",
	};

	return kind < VMX_RULE_KINDS ? names[kind] : "unknown";
}

/* Without its condition a rule holds; where the condition is unknown, nothing can be said. */
static bool rule_holds(struct vmx_look *look)
{
	const struct vmx_rule *rule = look->rule;

	if (rule->when_mask && (~look_controls(look, rule->when_group) & rule->when_mask))
		return true;
	return look->unknown || rule->holds(look);
}

static enum vmx_answer look_at(const struct vmx_state *state, const struct vmx_rule *rule,
			       struct vmx_finding *finding)
{
	struct vmx_look look = { .state = state, .rule = rule, .finding = finding };
	bool holds;

	memset(finding, 0, sizeof(*finding));
	finding->field = vmcs_table[rule->fields[0]].encoding;
	finding->seen = state->value[rule->fields[0]];
	holds = rule_holds(&look);
	if (look.unknown)
		return VMX_RULE_UNDECIDED;
	return holds ? VMX_RULE_HOLDS : VMX_RULE_VIOLATED;
}

static u32 check_table(const struct vmx_rule *rule, const struct vmx_state *state,
		       vmx_report *report, void *ctx)
{
	struct vmx_finding finding;
	u32 violated = 0;

	for (; rule->id; rule++) {
		finding.answer = look_at(state, rule, &finding);
		violated += finding.answer == VMX_RULE_VIOLATED;
		if (report && finding.answer != VMX_RULE_HOLDS)
			report(ctx, rule, &finding);
	}
	return violated;
}

u32 vmx_check(const struct vmx_state *state, vmx_report *report, void *ctx)
{
	u32 violated = 0;
	unsigned int t;

	for (t = 0; t < ARRAY_SIZE(rule_tables); t++)
		violated += check_table(rule_tables[t], state, report, ctx);
	return violated;
}
