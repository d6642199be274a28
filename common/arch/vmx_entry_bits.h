/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_entry_bits.h
 * @brief Bits, fields and values that VM entries check: RFLAGS_VM, ACTIVITY_HLT, …
 *
 * A single bit or a value is a constant, ACCESS_RIGHTS_UNUSABLE; a field has its two ends for
 * VTX_FIELD(), ACCESS_RIGHTS_DPL_HIGH and _LOW, which ENTRY_FIELD() writes shorter.
 */
#ifndef VMX_ENTRY_BITS_H
#define VMX_ENTRY_BITS_H

#include "vtx_types.h"

/** Masks and values. */
enum vmx_entry_bit {
#define VMX_ENTRY_FIELD(reg, high, low, ident, meaning)
#define VMX_ENTRY_BIT(reg, bit, ident, meaning) reg##_##ident = 1ULL << (bit),
#define VMX_ENTRY_VALUE(reg, value, ident, meaning) reg##_##ident = (value##ULL),
#include "vmx_entry_bits.def"
#undef VMX_ENTRY_VALUE
#undef VMX_ENTRY_BIT
#undef VMX_ENTRY_FIELD
};

/** Ends of the wider fields. */
enum vmx_entry_field {
#define VMX_ENTRY_VALUE(reg, value, ident, meaning)
#define VMX_ENTRY_BIT(reg, bit, ident, meaning)
#define VMX_ENTRY_FIELD(reg, high, low, ident, meaning) \
	reg##_##ident##_HIGH = (high), reg##_##ident##_LOW = (low),
#include "vmx_entry_bits.def"
#undef VMX_ENTRY_FIELD
#undef VMX_ENTRY_BIT
#undef VMX_ENTRY_VALUE
};

/** The field @p name, for example ACCESS_RIGHTS_DPL, of @p value. */
#define ENTRY_FIELD(value, name) VTX_FIELD(value, name##_HIGH, name##_LOW)

#endif
