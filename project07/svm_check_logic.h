/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file svm_check_logic.h
 * @brief The checks of VMRUN as a table of rules (AMD APM vol. 2, "VMRUN Instruction",
 *        "Canonicalization and Consistency Checks").
 *
 * A processor that refuses a VMRUN says VMEXIT_INVALID, and nothing else: not which of the checks
 * it was, not even which register. Pure C, so that the driver looks at a live VMCB and vtxctl at a
 * dump, and both say the same.
 *
 * A rule says "violated" only if the fields and the facts of the processor prove it. Where one of
 * them is missing, or where the manual leaves open what a processor does, the answer is
 * "undecided". The shape is that of vmx_check_logic.h.
 */
#ifndef SVM_CHECK_LOGIC_H
#define SVM_CHECK_LOGIC_H

#include "vmcb_table_logic.h"
#include "vtx_types.h"
#include "vtxdrv.h"

/** What a rule is about; the processor makes no difference. */
enum svm_rule_kind {
	SVM_RULE_CONTROL, /**< the control area */
	SVM_RULE_GUEST, /**< the state-save area */
	SVM_RULE_EVENT, /**< the event to be injected */
	SVM_RULE_KINDS
};

/** What a rule says of a state. */
enum svm_answer {
	SVM_RULE_HOLDS,
	SVM_RULE_VIOLATED,
	SVM_RULE_UNDECIDED, /**< a field or a fact is missing, or the manual does not say */
};

/** Most fields that one rule names. */
#define SVM_RULE_FIELDS 5

struct svm_look;

/** One check. */
struct svm_rule {
	const char *id; /**< "guest.cr0.upper": for people and tests, no two are the same */
	enum svm_rule_kind kind; /**< what it is about */
	const char *section; /**< title of the APM's section, vol. 2 */
	const char *text; /**< what is right */
	bool (*holds)(struct svm_look *look); /**< the condition; fills in what is wrong */
	u64 arg; /**< for holds(): what one predicate needs to serve several rules */
	/**
	 * Every processor, emulated ones too, refuses at once: a VMCB that violates this one is
	 * safe to try, whatever else is in it.
	 */
	bool certain;
	u16 fields[SVM_RULE_FIELDS]; /**< enum vmcb_field_number; the first is the one to look at */
	u8 nr_fields; /**< how many there are */
};

/** What was found. */
struct svm_finding {
	enum svm_answer answer; /**< violated or undecided */
	u32 field; /**< offset of the field to blame */
	u64 seen; /**< its value */
	u64 wrong; /**< bits of it that are wrong; 0: the value as a whole */
	u64 right; /**< a value that would do, if has_right */
	bool has_right; /**< right means something */
};

/** A VMCB, and the processor that is to run it. */
struct svm_state {
	const struct vtx_cpu_facts *facts; /**< of the processor; not owned */
	u64 value[VMCB_FIELDS]; /**< by enum vmcb_field_number */
	bool present[VMCB_FIELDS]; /**< this field is known */
};

/** Forget every field, and set the facts. They must outlive the state. */
void svm_state_init(struct svm_state *state, const struct vtx_cpu_facts *facts);

/**
 * Set a field.
 *
 * @param state from svm_state_init()
 * @param offset of a field in the VMCB
 * @param value bits above the field's width are ignored
 * @return false if no field begins there
 */
bool svm_state_set(struct svm_state *state, u32 offset, u64 value);

/** Take a list as VTXDRV_GET_STATE gives it: fields with an error stay unknown. */
void svm_state_fill(struct svm_state *state, const struct vtx_field *fields, u32 count);

/** Take a VMCB as it is in memory, VMCB_SIZE bytes. */
void svm_state_read(struct svm_state *state, const void *vmcb);

/** Called for each rule that does not hold. */
typedef void svm_report(void *ctx, const struct svm_rule *rule, const struct svm_finding *finding);

/**
 * Run all rules. Does not sleep, takes no lock.
 *
 * @param state to be looked at
 * @param report called for each rule that is violated or undecided, in the order of the table;
 *	  NULL: count only
 * @param ctx handed to it
 * @return how many rules are violated
 */
u32 svm_check(const struct svm_state *state, svm_report *report, void *ctx);

/** The rule at a position, NULL beyond the last. */
const struct svm_rule *svm_rule_at(u32 position);

/** "control", "guest", "event". */
const char *svm_rule_kind_name(enum svm_rule_kind kind);

#endif
