/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file ctl_names.h
 * @brief The tables of common/arch as names to print.
 */
#ifndef CTL_NAMES_H
#define CTL_NAMES_H

#include "vmx_caps_logic.h"

/** One bit of a capability register. */
struct ctl_bit_name {
	u32 msr; /**< which capability MSR; 0 in tables of one register */
	u32 bit; /**< number of the bit in it, from 0 */
	const char *key; /**< its key in JSON */
	const char *meaning; /**< for people */
};

/** Name of a VMX capability MSR, e.g. "IA32_VMX_BASIC"; NULL outside 480H-493H. */
const char *ctl_vmx_msr_name(u32 index);

/** Key of a group of controls in JSON: "pin", "primary", … */
const char *ctl_group_key(enum vmx_ctl_group group);

/** Bits in a group's field of the VMCS: 32 or 64. */
unsigned int ctl_group_bits(enum vmx_ctl_group group);

/** The SDM's name of a control; NULL for a reserved bit. */
const char *ctl_control_name(enum vmx_ctl_group group, unsigned int bit);

/** "must-be-0", "must-be-1", "flexible", "contradictory". */
const char *ctl_state_name(enum vmx_ctl_state state);

/** The named bits of all capability MSRs except the controls; ends with a NULL key. */
extern const struct ctl_bit_name ctl_cap_bits[];

/** CPUID 8000_000AH EDX; ends with a NULL key. */
extern const struct ctl_bit_name ctl_svm_features[];

#endif
