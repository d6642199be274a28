/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_exit_bits.h
 * @brief Masks and fields of the VM-exit information: VMX_EXIT_REASON_ENTRY_FAILURE, …
 *
 * A single bit is a mask, a field has its two ends for VTX_FIELD().
 */
#ifndef VMX_EXIT_BITS_H
#define VMX_EXIT_BITS_H

/** Masks of the single bits. */
enum vmx_exit_mask {
#define VMX_EXIT_FIELD(reg, high, low, ident, meaning)
#define VMX_EXIT_BIT(reg, bit, ident, meaning) VMX_##reg##_##ident = 1ULL << (bit),
#include "vmx_exit_bits.def"
#undef VMX_EXIT_BIT
#undef VMX_EXIT_FIELD
};

/** Ends of the wider fields. */
enum vmx_exit_field {
#define VMX_EXIT_BIT(reg, bit, ident, meaning)
#define VMX_EXIT_FIELD(reg, high, low, ident, meaning) \
	VMX_##reg##_##ident##_HIGH = (high), VMX_##reg##_##ident##_LOW = (low),
#include "vmx_exit_bits.def"
#undef VMX_EXIT_FIELD
#undef VMX_EXIT_BIT
};

/** A field by name: VMX_EXIT_GET(qualification, QUAL_CR_GPR). */
#define VMX_EXIT_GET(value, field) VTX_FIELD(value, VMX_##field##_HIGH, VMX_##field##_LOW)

/** Bits 10:8 of interruption information. */
enum vmx_event_type {
	VMX_EVENT_EXTERNAL_INTERRUPT = 0,
	VMX_EVENT_NMI = 2,
	VMX_EVENT_HARDWARE_EXCEPTION = 3,
	VMX_EVENT_SOFTWARE_INTERRUPT = 4,
	VMX_EVENT_PRIVILEGED_SOFTWARE_EXCEPTION = 5, /* INT1 */
	VMX_EVENT_SOFTWARE_EXCEPTION = 6, /* INT3, INTO */
	VMX_EVENT_OTHER = 7,
};

#endif
