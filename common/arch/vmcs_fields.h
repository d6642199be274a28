/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmcs_fields.h
 * @brief The fields of the VMCS: VMCS_GUEST_CR0, VMCS_VM_ENTRY_CONTROLS, …
 *
 * An encoding says itself how wide a field is and what it is for (Intel SDM vol. 3, "VMREAD,
 * VMWRITE, and Encodings of VMCS Fields"): bit 0 access (1: the high half of a 64-bit field),
 * bits 9:1 index, 11:10 type, 14:13 width. So each line of the table is checked against its own
 * encoding while the build runs.
 */
#ifndef VMCS_FIELDS_H
#define VMCS_FIELDS_H

#include "vtx_types.h"

/** Bits 14:13 of an encoding. A field of natural width has 64 bits on a 64-bit processor. */
enum vmcs_width {
	VMCS_WIDTH_16 = 0,
	VMCS_WIDTH_64 = 1,
	VMCS_WIDTH_32 = 2,
	VMCS_WIDTH_NATURAL = 3,
};

/** Bits 11:10 of an encoding. READ_ONLY is the VM-exit information; see IA32_VMX_MISC[29]. */
enum vmcs_type {
	VMCS_TYPE_CONTROL = 0,
	VMCS_TYPE_READ_ONLY = 1,
	VMCS_TYPE_GUEST = 2,
	VMCS_TYPE_HOST = 3,
};

/** Encodings, as VMREAD and VMWRITE take them. */
enum vmcs_field {
#define VMCS_FIELD(encoding, ident, name, width, type, section) VMCS_##ident = (encoding),
#include "vmcs_fields.def"
#undef VMCS_FIELD
};

/** Position in the table, for arrays with an element a field; VMCS_FIELDS is how many there are. */
enum vmcs_field_number {
#define VMCS_FIELD(encoding, ident, name, width, type, section) VMCS_NR_##ident,
#include "vmcs_fields.def"
#undef VMCS_FIELD
	VMCS_FIELDS
};

/** Set in the encoding of the high half of a 64-bit field. */
#define VMCS_ACCESS_HIGH 1U
/** enum vmcs_width of an encoding. */
#define VMCS_FIELD_WIDTH(encoding) (((u32)(encoding) >> 13) & 3U)
/** enum vmcs_type of an encoding. */
#define VMCS_FIELD_TYPE(encoding) (((u32)(encoding) >> 10) & 3U)
/** Index of an encoding among those of the same width and type. */
#define VMCS_FIELD_INDEX(encoding) (((u32)(encoding) >> 1) & 0x1ffU)
/** What an encoding is made of; anything else in it is reserved. */
#define VMCS_FIELD_ENCODING(width, type, index) \
	(((u32)(width) << 13) | ((u32)(type) << 10) | ((u32)(index) << 1))

#define VMCS_FIELD(encoding, ident, name, width, type, section) \
	_Static_assert((encoding) == VMCS_FIELD_ENCODING(VMCS_WIDTH_##width, VMCS_TYPE_##type, \
							 VMCS_FIELD_INDEX(encoding)), \
		       "encoding of VMCS field " #ident " is not that of a full " #width \
		       " bit " #type " field"); \
	_Static_assert(sizeof(section) == sizeof("B.x.y"), "section of VMCS field " #ident);
#include "vmcs_fields.def"
#undef VMCS_FIELD

_Static_assert(VMCS_FIELDS >= 170, "vmcs_fields.def lacks fields of appendix B");

/**
 * Is this the full encoding of a field that the table knows? No encoding may stand in the table
 * twice: a case that comes again does not compile.
 */
static inline bool vmcs_field_known(u32 encoding)
{
	switch (encoding) {
#define VMCS_FIELD(encoding, ident, name, width, type, section) case (encoding):
#include "vmcs_fields.def"
#undef VMCS_FIELD
		return true;
	default:
		return false;
	}
}

#endif
