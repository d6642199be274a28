/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_check_rules.h
 * @brief What the files with rules share: how to look at a state, and predicates for many rules.
 *
 * A predicate answers whether its rule holds. It blames a field by look_bits() or look_value(), and
 * reads by look_*(); what these do not find makes the answer "undecided", whatever the predicate
 * returns. So nothing is to be read that the question does not depend on.
 */
#ifndef VMX_CHECK_RULES_H
#define VMX_CHECK_RULES_H

#include "vmx_caps_logic.h"
#include "vmx_check_logic.h"
#include "vmx_ctls.h"
#include "vmx_entry_bits.h"
#include "x86_bits.h"

/** One rule at work. */
struct vmx_look {
	const struct vmx_state *state; /**< that it looks at */
	const struct vmx_rule *rule; /**< that it is */
	struct vmx_finding *finding; /**< out */
	bool unknown; /**< something that the answer depends on is missing */
};

/** Value of a field. */
u64 look_field(struct vmx_look *look, u16 number);
/** The same by identifier: LOOK(look, GUEST_CR0). */
#define LOOK(look, ident) look_field(look, VMCS_NR_##ident)
/** Value of the rule's first field. */
u64 look_first(struct vmx_look *look);
/** Value of a capability MSR. */
u64 look_msr(struct vmx_look *look, u32 index);
/** Controls of a group as they are in effect: 0 for a group that is not activated. */
u64 look_controls(struct vmx_look *look, enum vmx_ctl_group group);
/** Are all of these controls 1? LOOK_CTL(look, SECONDARY, ENABLE_EPT). */
#define LOOK_CTL(look, group, ident) \
	((look_controls(look, VMX_CTL_##group) & VMX_##group##_##ident) != 0)
/** Bits that no physical address on this processor has. */
u64 look_beyond_width(struct vmx_look *look);
/** The same for an address of a VMX structure: IA32_VMX_BASIC[48] may limit it to 32 bits. */
u64 look_beyond_vmx_width(struct vmx_look *look);
/** Is this address canonical on this processor? */
bool look_canonical(struct vmx_look *look, u64 address);
/** Are the bits above this processor's linear-address width the same? The next lower may differ. */
bool look_upper_same(struct vmx_look *look, u64 address);
/** Nobody can tell from the state and the facts. */
bool look_unknown(struct vmx_look *look);

/** Blame bits of a field. @return true if there are none. */
bool look_bits(struct vmx_look *look, u16 number, u64 wrong);
/** Blame a field unless it is @p right. @return whether it is. */
bool look_value(struct vmx_look *look, u16 number, u64 right);
/** Blame the first field unless @p fine. @return fine. */
bool look_fine(struct vmx_look *look, bool fine);

/** @name Predicates on the first field, each for several rules. */
/** @{ */
bool rule_reserved_controls(struct vmx_look *look); /**< arg: enum vmx_ctl_group */
bool rule_bits_0(struct vmx_look *look); /**< bits of arg must be 0 */
bool rule_needs_control(struct vmx_look *look); /**< bits of arg must be 1 */
bool rule_aligned_address(struct vmx_look *look); /**< bits of arg must be 0, and the width */
bool rule_canonical(struct vmx_look *look); /**< an address */
bool rule_not_0(struct vmx_look *look); /**< as a whole */
bool rule_pat(struct vmx_look *look); /**< 8 memory types */
bool rule_perf_global(struct vmx_look *look); /**< IA32_PERF_GLOBAL_CTRL */
bool rule_s_cet(struct vmx_look *look); /**< IA32_S_CET */
bool rule_fred_config(struct vmx_look *look); /**< IA32_FRED_CONFIG */
bool rule_fred_pointer(struct vmx_look *look); /**< canonical, and bits of arg 0 */
bool rule_cr3(struct vmx_look *look); /**< no bits beyond the physical-address width */
bool rule_cr4_fixed(struct vmx_look *look); /**< IA32_VMX_CR4_FIXED0 and FIXED1 */
bool rule_cet_needs_wp(struct vmx_look *look); /**< first field CR4, second CR0 */
/** @} */
/** Bits of the register that are 0 in both or 1 in both of @p fixed0 and @p fixed1 must be so. */
u64 look_fixed_bits(struct vmx_look *look, u64 value, u32 fixed0, u32 fixed1, u64 exempt);
/** EFER bits that this processor reserves. */
u64 look_efer_reserved(struct vmx_look *look);
/** Bits of arg in the first field must be 0: a control that excludes them is 1. */
#define rule_excludes rule_bits_0

/** For the initialiser of a rule. */
#define RULE_FIELDS(...) \
	.fields = { __VA_ARGS__ }, .nr_fields = sizeof((u16[]){ __VA_ARGS__ }) / sizeof(u16)
/** The same for one field, by identifier. */
#define RULE_FIELD(ident) RULE_FIELDS(VMCS_NR_##ident)
/** When a control is 1. */
#define RULE_WHEN(group, ident) .when_group = VMX_CTL_##group, .when_mask = VMX_##group##_##ident

/** Fields of control bits, by shorter names. */
#define PIN_CONTROLS VMCS_NR_PIN_BASED_VM_EXECUTION_CONTROLS
#define PRIMARY_CONTROLS VMCS_NR_PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS
#define SECONDARY_CONTROLS VMCS_NR_SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS
#define TERTIARY_CONTROLS VMCS_NR_TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS
#define EXIT_CONTROLS VMCS_NR_PRIMARY_VM_EXIT_CONTROLS
#define EXIT2_CONTROLS VMCS_NR_SECONDARY_VM_EXIT_CONTROLS
#define ENTRY_CONTROLS VMCS_NR_VM_ENTRY_CONTROLS

/** Bits of an address inside its page. */
#define PAGE_OFFSET_BITS GENMASK_ULL(11, 0)
/** The upper half of a 64-bit value. */
#define UPPER_32 GENMASK_ULL(63, 32)

/** IA32_FRED_… of guest and host: the user defines FRED(name, what, predicate, value, field). */
#define FRED_RULES                                                                                 \
	FRED("config", "bits 11, 5:4 and 2 must be 0, the address canonical", rule_fred_config, 0, \
	     IA32_FRED_CONFIG),                                                                    \
		FRED("rsp1", "canonical and aligned to 64 bytes", rule_fred_pointer,               \
		     GENMASK_ULL(5, 0), IA32_FRED_RSP1),                                           \
		FRED("rsp2", "canonical and aligned to 64 bytes", rule_fred_pointer,               \
		     GENMASK_ULL(5, 0), IA32_FRED_RSP2),                                           \
		FRED("rsp3", "canonical and aligned to 64 bytes", rule_fred_pointer,               \
		     GENMASK_ULL(5, 0), IA32_FRED_RSP3),                                           \
		FRED("ssp1", "canonical and aligned to 8 bytes", rule_fred_pointer,                \
		     GENMASK_ULL(2, 0), IA32_FRED_SSP1),                                           \
		FRED("ssp2", "canonical and aligned to 8 bytes", rule_fred_pointer,                \
		     GENMASK_ULL(2, 0), IA32_FRED_SSP2),                                           \
		FRED("ssp3", "canonical and aligned to 8 bytes", rule_fred_pointer,                \
		     GENMASK_ULL(2, 0), IA32_FRED_SSP3)

/** The files with rules, in the order of the SDM. Each table ends with an id of NULL. */
extern const struct vmx_rule vmx_rules_exec[];
extern const struct vmx_rule vmx_rules_apic[];
extern const struct vmx_rule vmx_rules_ept[];
extern const struct vmx_rule vmx_rules_exit_entry[];
extern const struct vmx_rule vmx_rules_inject[];
extern const struct vmx_rule vmx_rules_host[];
extern const struct vmx_rule vmx_rules_host_size[];
extern const struct vmx_rule vmx_rules_guest_regs[];
extern const struct vmx_rule vmx_rules_guest_segs[];
extern const struct vmx_rule vmx_rules_guest_rest[];
extern const struct vmx_rule vmx_rules_guest_state[];

#endif
