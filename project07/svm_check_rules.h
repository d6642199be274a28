/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file svm_check_rules.h
 * @brief What the files with rules share: how to look at a state, and predicates for many rules.
 *
 * A predicate answers whether its rule holds. It blames a field by svm_look_bits() or
 * svm_look_fine(), and reads by SVM_LOOK(); what this does not find makes the answer "undecided",
 * whatever the predicate returns. So nothing is to be read that the question does not depend on.
 */
#ifndef SVM_CHECK_RULES_H
#define SVM_CHECK_RULES_H

#include "svm_check_logic.h"
#include "svm_codes.h"
#include "x86_bits.h"

/** One rule at work. */
struct svm_look {
	const struct svm_state *state; /**< that it looks at */
	const struct svm_rule *rule; /**< that it is */
	struct svm_finding *finding; /**< out */
	bool unknown; /**< something that the answer depends on is missing */
};

/** Value of a field. */
u64 svm_look_field(struct svm_look *look, u16 number);
/** The same by identifier: SVM_LOOK(look, CR0). */
#define SVM_LOOK(look, ident) svm_look_field(look, VMCB_NR_##ident)
/** Value of the rule's first field. */
u64 svm_look_first(struct svm_look *look);
/** Bits that no physical address on this processor has. */
u64 svm_look_beyond_width(struct svm_look *look);
/** Is this bit of CPUID 8000_000AH EDX 1? enum svm_feature. */
bool svm_look_feature(struct svm_look *look, u32 feature);
/** Nobody can tell from the state and the facts. The field to look at is @p number. */
bool svm_look_unknown(struct svm_look *look, u16 number);
/** Will the guest be in long mode: EFER.LME and CR0.PG? EFER.LMA is not asked. */
bool svm_look_long_mode(struct svm_look *look);

/** Blame bits of a field. @return true if there are none. */
bool svm_look_bits(struct svm_look *look, u16 number, u64 wrong);
/** Blame the first field unless @p fine. @return fine. */
bool svm_look_fine(struct svm_look *look, bool fine);

/** @name Predicates on the first field, each for several rules. */
/** @{ */
bool svm_rule_bits_0(struct svm_look *look); /**< bits of arg must be 0 */
bool svm_rule_bits_1(struct svm_look *look); /**< bits of arg must be 1 */
bool svm_rule_map(struct svm_look *look); /**< address of arg bytes; bits 11:0 are ignored */
/** @} */

/** For the initialiser of a rule. */
#define SVM_FIELDS(...) \
	.fields = { __VA_ARGS__ }, .nr_fields = sizeof((u16[]){ __VA_ARGS__ }) / sizeof(u16)
/** The same for one field, by identifier. */
#define SVM_FIELD(ident) SVM_FIELDS(VMCB_NR_##ident)

/** The section that most rules are from. */
#define SVM_SECTION_VMRUN "VMRUN Instruction"

/** The upper half of a 64-bit value. */
#define SVM_UPPER_32 GENMASK_ULL(63, 32)

/** The files with rules. Each table ends with an id of NULL. */
extern const struct svm_rule svm_rules_control[];
extern const struct svm_rule svm_rules_paging[];
extern const struct svm_rule svm_rules_guest[];
extern const struct svm_rule svm_rules_event[];

#endif
