/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_cap_bits.h
 * @brief Masks and fields of IA32_VMX_BASIC, MISC, VMCS_ENUM, EPT_VPID_CAP and VMFUNC.
 *
 * A single bit is a mask, IA32_VMX_BASIC_TRUE_CONTROLS; a field has its two ends for VTX_FIELD(),
 * IA32_VMX_BASIC_REGION_SIZE_HIGH and _LOW.
 */
#ifndef VMX_CAP_BITS_H
#define VMX_CAP_BITS_H

/** Masks of the single bits. */
enum vmx_cap_mask {
#define VMX_CAP_FIELD(reg, high, low, ident, meaning)
#define VMX_CAP_BIT(reg, bit, ident, key, meaning) reg##_##ident = 1ULL << (bit),
#include "vmx_cap_bits.def"
#undef VMX_CAP_BIT
#undef VMX_CAP_FIELD
};

/** Ends of the wider fields. */
enum vmx_cap_field {
#define VMX_CAP_BIT(reg, bit, ident, key, meaning)
#define VMX_CAP_FIELD(reg, high, low, ident, meaning) \
	reg##_##ident##_HIGH = (high), reg##_##ident##_LOW = (low),
#include "vmx_cap_bits.def"
#undef VMX_CAP_FIELD
#undef VMX_CAP_BIT
};

/** Values of IA32_VMX_BASIC[53:50]; they are the memory types of the PAT and the MTRRs. */
enum vmx_memory_type {
	VMX_MEMORY_TYPE_UC = 0,
	VMX_MEMORY_TYPE_WB = 6,
};

#endif
