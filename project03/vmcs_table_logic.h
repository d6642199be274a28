/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmcs_table_logic.h
 * @brief The fields of the VMCS and the VM-instruction errors as tables: names to print.
 *
 * Pure C: the driver names the field that an access failed on, vtxctl prints and reads names.
 */
#ifndef VMCS_TABLE_LOGIC_H
#define VMCS_TABLE_LOGIC_H

#include "vmcs_fields.h"
#include "vmx_instruction_errors.h"
#include "vtx_types.h"

/** One line of vmcs_fields.def. */
struct vmcs_field_info {
	u32 encoding; /**< as VMREAD takes it */
	const char *ident; /**< "GUEST_CR0", as in dumps */
	const char *name; /**< "guest CR0", as in the SDM */
	const char *section; /**< of the SDM's appendix B: "B.4.3" */
};

/** All fields in the order of appendix B; enum vmcs_field_number counts them. */
extern const struct vmcs_field_info vmcs_table[VMCS_FIELDS];

/** The field with this full encoding, or NULL. */
const struct vmcs_field_info *vmcs_table_find(u32 encoding);

/** The field with this identifier, or NULL. */
const struct vmcs_field_info *vmcs_table_find_ident(const char *ident);

/** Identifier of a field for messages; "unknown field" for one that the table does not have. */
const char *vmcs_field_ident(u32 encoding);

/** "16", "32", "64", "natural". */
const char *vmcs_width_name(enum vmcs_width width);

/** Bits that a field has on a 64-bit processor. */
unsigned int vmcs_width_bits(enum vmcs_width width);

/** "control", "read-only", "guest", "host". */
const char *vmcs_type_name(enum vmcs_type type);

/** What a VM-instruction error means; "reserved VM-instruction error" for one without a name. */
const char *vmx_instruction_error_name(u32 number);

#endif
