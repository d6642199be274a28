/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmcb_table_logic.h
 * @brief The fields of a VMCB as a table: offsets, sizes, and names to print.
 *
 * Pure C: the driver dumps by it, vtxctl prints and reads names. A segment register is four fields,
 * a descriptor-table register two: CS.selector, CS.attributes, CS.limit, CS.base; GDTR.limit,
 * GDTR.base. AMD APM vol. 2, appendix B, "VMCB Layout".
 */
#ifndef VMCB_TABLE_LOGIC_H
#define VMCB_TABLE_LOGIC_H

#include "vmcb.h"
#include "vtx_types.h"

/** Position in the table, for arrays with an element a field; VMCB_FIELDS is how many there are. */
enum vmcb_field_number {
#define VMCB_FIELD(offset, bytes, ident, name) VMCB_NR_##ident,
#define VMCB_SEGMENT(offset, ident, name)                                                  \
	VMCB_NR_##ident##_selector, VMCB_NR_##ident##_attributes, VMCB_NR_##ident##_limit, \
		VMCB_NR_##ident##_base,
#define VMCB_TABLE(offset, ident, name) VMCB_NR_##ident##_limit, VMCB_NR_##ident##_base,
#define VMCB_HOLE(first, end, why)
#include "vmcb_fields.def"
#undef VMCB_FIELD
#undef VMCB_SEGMENT
#undef VMCB_TABLE
#undef VMCB_HOLE
	VMCB_FIELDS
};

/** One field. */
struct vmcb_field_info {
	u16 offset; /**< of its first byte in the VMCB, in bytes */
	u8 bytes; /**< 1, 2, 4 or 8 */
	const char *ident; /**< "GUEST_ASID", "CS.limit", as in dumps */
	const char *name; /**< "address space identifier", as in the APM */
};

/** All fields in the order of their offsets; enum vmcb_field_number counts them. */
extern const struct vmcb_field_info vmcb_table[VMCB_FIELDS];

/** The field that begins at this offset, or NULL. */
const struct vmcb_field_info *vmcb_table_find(u32 offset);

/** The field with this identifier, or NULL. */
const struct vmcb_field_info *vmcb_table_find_ident(const char *ident);

/** Identifier of a field for messages; "unknown field" for an offset where none begins. */
const char *vmcb_field_ident(u32 offset);

/** All bits that a field has. */
u64 vmcb_field_mask(enum vmcb_field_number number);

/** Value of a field, by its number; @p vmcb is VMCB_SIZE bytes that nobody writes meanwhile. */
u64 vmcb_field_read(const void *vmcb, enum vmcb_field_number number);

/** The other way round; bits above the field's width are ignored. */
void vmcb_field_write(void *vmcb, enum vmcb_field_number number, u64 value);

/** Does the processor only write it: exit information, instruction bytes? */
bool vmcb_field_is_output(enum vmcb_field_number number);

#endif
