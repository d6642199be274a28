// SPDX-License-Identifier: GPL-2.0
/*
 * The checks of VMRUN: the state, and how rules look at it.
 */
#include "svm_check_logic.h"
#include "svm_check_rules.h"
#include "vmcb_table_logic.h"

static const struct svm_rule *const rule_tables[] = {
	svm_rules_control,
	svm_rules_paging,
	svm_rules_guest,
	svm_rules_event,
};

/* ---- the state ------------------------------------------------------------------------------- */

void svm_state_init(struct svm_state *state, const struct vtx_cpu_facts *facts)
{
	memset(state, 0, sizeof(*state));
	state->facts = facts;
}

bool svm_state_set(struct svm_state *state, u32 offset, u64 value)
{
	const struct vmcb_field_info *field = vmcb_table_find(offset);

	if (!field)
		return false;
	state->value[field - vmcb_table] = value & vmcb_field_mask(field - vmcb_table);
	state->present[field - vmcb_table] = true;
	return true;
}

void svm_state_fill(struct svm_state *state, const struct vtx_field *fields, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++) {
		if (!fields[i].error)
			svm_state_set(state, fields[i].encoding, fields[i].value);
	}
}

void svm_state_read(struct svm_state *state, const void *vmcb)
{
	u32 i;

	for (i = 0; i < VMCB_FIELDS; i++) {
		state->value[i] = vmcb_field_read(vmcb, i);
		state->present[i] = true;
	}
}

/* ---- the rules ------------------------------------------------------------------------------- */

const struct svm_rule *svm_rule_at(u32 position)
{
	const struct svm_rule *rule;
	unsigned int t;

	for (t = 0; t < ARRAY_SIZE(rule_tables); t++) {
		for (rule = rule_tables[t]; rule->id; rule++) {
			if (!position--)
				return rule;
		}
	}
	return NULL;
}

const char *svm_rule_kind_name(enum svm_rule_kind kind)
{
	static const char *const names[SVM_RULE_KINDS] = {
		[SVM_RULE_CONTROL] = "control",
		[SVM_RULE_GUEST] = "guest",
		[SVM_RULE_EVENT] = "event",
	};

	return kind < SVM_RULE_KINDS ? names[kind] : "unknown";
}

static enum svm_answer look_at(const struct svm_state *state, const struct svm_rule *rule,
			       struct svm_finding *finding)
{
	struct svm_look look = { .state = state, .rule = rule, .finding = finding };
	bool holds;

	memset(finding, 0, sizeof(*finding));
	finding->field = vmcb_table[rule->fields[0]].offset;
	finding->seen = state->value[rule->fields[0]];
	holds = rule->holds(&look);
	if (look.unknown)
		return SVM_RULE_UNDECIDED;
	return holds ? SVM_RULE_HOLDS : SVM_RULE_VIOLATED;
}

u32 svm_check(const struct svm_state *state, svm_report *report, void *ctx)
{
	const struct svm_rule *rule;
	struct svm_finding finding;
	u32 violated = 0;
	u32 i;

	for (i = 0; (rule = svm_rule_at(i)); i++) {
		finding.answer = look_at(state, rule, &finding);
		violated += finding.answer == SVM_RULE_VIOLATED;
		if (report && finding.answer != SVM_RULE_HOLDS)
			report(ctx, rule, &finding);
	}
	return violated;
}

/* ---- reading --------------------------------------------------------------------------------- */

static void look_at_field(struct svm_look *look, u16 number)
{
	look->finding->field = vmcb_table[number].offset;
	look->finding->seen = look->state->value[number];
}

bool svm_look_unknown(struct svm_look *look, u16 number)
{
	if (!look->unknown)
		look_at_field(look, number);
	look->unknown = true;
	return true;
}

u64 svm_look_field(struct svm_look *look, u16 number)
{
	if (!look->state->present[number])
		svm_look_unknown(look, number);
	return look->state->value[number];
}

u64 svm_look_first(struct svm_look *look)
{
	return svm_look_field(look, look->rule->fields[0]);
}

/* CPUID 8000_0008H EAX, in bits. No physical address is wider than 52. */
#define PHYSICAL_WIDTH(facts) ((facts)->ext_addr.eax & 0xff)
#define WIDEST_ADDRESS 52

u64 svm_look_beyond_width(struct svm_look *look)
{
	u32 width = PHYSICAL_WIDTH(look->state->facts);

	if (!width || width > WIDEST_ADDRESS)
		return !svm_look_unknown(look, look->rule->fields[0]);
	return GENMASK_ULL(63, width);
}

bool svm_look_feature(struct svm_look *look, u32 feature)
{
	return look->state->facts->ext_svm.edx & feature;
}

bool svm_look_long_mode(struct svm_look *look)
{
	return SVM_LOOK(look, EFER) & IA32_EFER_LME && SVM_LOOK(look, CR0) & CR0_PG;
}

/* ---- blaming --------------------------------------------------------------------------------- */

bool svm_look_bits(struct svm_look *look, u16 number, u64 wrong)
{
	if (!wrong)
		return true;
	look_at_field(look, number);
	look->finding->wrong = wrong;
	look->finding->right = look->finding->seen ^ wrong;
	look->finding->has_right = true;
	return false;
}

bool svm_look_fine(struct svm_look *look, bool fine)
{
	if (!fine)
		look_at_field(look, look->rule->fields[0]);
	return fine;
}

/* ---- predicates for many rules --------------------------------------------------------------- */

bool svm_rule_bits_0(struct svm_look *look)
{
	return svm_look_bits(look, look->rule->fields[0], svm_look_first(look) & look->rule->arg);
}

bool svm_rule_bits_1(struct svm_look *look)
{
	return svm_look_bits(look, look->rule->fields[0], ~svm_look_first(look) & look->rule->arg);
}

/* Bits that the last byte of the map has, and no address. */
bool svm_rule_map(struct svm_look *look)
{
	u64 base = svm_look_first(look) & ~GENMASK_ULL(11, 0);
	u64 beyond = svm_look_beyond_width(look);

	if (base & beyond)
		return svm_look_bits(look, look->rule->fields[0], base & beyond);
	return svm_look_fine(look, !((base + look->rule->arg - 1) & beyond));
}
