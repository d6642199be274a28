/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_check_guest_rules.h
 * @brief How the files about state that is no register write their rules down.
 */
#ifndef VMX_CHECK_GUEST_RULES_H
#define VMX_CHECK_GUEST_RULES_H

#include "vmx_check_rules.h"

/** A rule about the guest: name, section title, what is right, predicate, fields. */
#define GUEST(name, title, what, predicate, ...)                                             \
	{                                                                                    \
		.id = "guest." name, .kind = VMX_RULE_GUEST, .section = title, .text = what, \
		.holds = predicate, RULE_FIELDS(__VA_ARGS__)                                 \
	}
/** The same, for bits that must be 0. */
#define GUEST_BITS_0(name, title, what, value, ...)                                          \
	{                                                                                    \
		.id = "guest." name, .kind = VMX_RULE_GUEST, .section = title, .text = what, \
		.holds = rule_bits_0, .arg = value, RULE_FIELDS(__VA_ARGS__)                 \
	}
/** The event that the entry injects. */
#define EVENT VMCS_NR_VM_ENTRY_INTERRUPTION_INFORMATION

#endif
