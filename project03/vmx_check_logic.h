/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_check_logic.h
 * @brief The checks of a VM entry as a table of rules (Intel SDM vol. 3, chapter "VM Entries").
 *
 * A processor that refuses a VM entry gives a number: 7, a control field; 8, a host-state field;
 * exit reason 33, guest state. Which of the two hundred checks it was, it does not tell. Pure C, so
 * that the driver looks at a live VMCS and vtxctl at a dump, and both say the same.
 *
 * A rule says "violated" only if the fields and the facts of the processor prove it. Where one of
 * them is missing, or where the check depends on memory that a dump does not hold, the answer is
 * "undecided".
 */
#ifndef VMX_CHECK_LOGIC_H
#define VMX_CHECK_LOGIC_H

#include "vmcs_fields.h"
#include "vtx_types.h"
#include "vtxdrv.h"

/** How the processor reports that a rule is violated. */
enum vmx_rule_kind {
	VMX_RULE_CONTROL, /**< VMfailValid, VM-instruction error 7 */
	VMX_RULE_HOST, /**< VMfailValid, VM-instruction error 8 */
	VMX_RULE_GUEST, /**< VM exit, reason 33 with bit 31 */
	VMX_RULE_MSR_LOAD, /**< VM exit, reason 34 with bit 31 */
	VMX_RULE_KINDS
};

/** What a rule says of a state. */
enum vmx_answer {
	VMX_RULE_HOLDS,
	VMX_RULE_VIOLATED,
	VMX_RULE_UNDECIDED, /**< a field, a fact or memory is missing */
};

/** Most fields that one rule names. */
#define VMX_RULE_FIELDS 5

struct vmx_look;

/** One check. */
struct vmx_rule {
	const char *id; /**< "guest.cr0.fixed": for people and tests, no two are the same */
	enum vmx_rule_kind kind; /**< what the processor says to a violation */
	const char *section; /**< title of the SDM's section */
	const char *text; /**< what is right */
	bool (*holds)(struct vmx_look *look); /**< the condition; fills in what is wrong */
	u8 when_group; /**< enum vmx_ctl_group of the next */
	u64 when_mask; /**< the rule applies if all of these controls are 1; 0: always */
	u64 arg; /**< for holds(): what one predicate needs to serve several rules */
	u16 fields[VMX_RULE_FIELDS]; /**< enum vmcs_field_number; the first is the one to look at */
	u8 nr_fields; /**< how many there are */
};

/** What was found. */
struct vmx_finding {
	enum vmx_answer answer; /**< violated or undecided */
	u32 field; /**< encoding of the field to blame */
	u64 seen; /**< its value */
	u64 wrong; /**< bits of it that are wrong; 0: the value as a whole */
	u64 right; /**< a value that would do, if has_right */
	bool has_right; /**< right means something */
};

/** A VMCS, and the processor that is to enter with it. */
struct vmx_state {
	const struct vtx_cpu_facts *facts; /**< of the processor; not owned */
	u64 value[VMCS_FIELDS]; /**< by enum vmcs_field_number */
	bool present[VMCS_FIELDS]; /**< this field is known */
};

/** Forget every field, and set the facts. They must outlive the state. */
void vmx_state_init(struct vmx_state *state, const struct vtx_cpu_facts *facts);

/**
 * Set a field.
 *
 * @param state from vmx_state_init()
 * @param encoding of a field, full
 * @param value bits above the field's width are ignored
 * @return false if the table has no such field
 */
bool vmx_state_set(struct vmx_state *state, u32 encoding, u64 value);

/** Take a list as VTXDRV_GET_STATE gives it: fields with an error stay unknown. */
void vmx_state_fill(struct vmx_state *state, const struct vtx_field *fields, u32 count);

/** Called for each rule that does not hold. */
typedef void vmx_report(void *ctx, const struct vmx_rule *rule, const struct vmx_finding *finding);

/**
 * Run all rules. Does not sleep, takes no lock.
 *
 * @param state to be looked at
 * @param report called for each rule that is violated or undecided, in the order in which the SDM
 *	  has them; NULL: count only
 * @param ctx handed to it
 * @return how many rules are violated
 */
u32 vmx_check(const struct vmx_state *state, vmx_report *report, void *ctx);

/** The rule at a position, NULL beyond the last. */
const struct vmx_rule *vmx_rule_at(u32 position);

/** "control", "host", "guest", "msr-load". */
const char *vmx_rule_kind_name(enum vmx_rule_kind kind);

#endif
