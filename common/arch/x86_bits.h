/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file x86_bits.h
 * @brief Masks of bits in control registers, general MSRs and CPUID leaves: CR4_VMXE, …
 */
#ifndef X86_BITS_H
#define X86_BITS_H

/** Masks, named register_bit. */
enum x86_bit_mask {
#define X86_BIT(reg, bit, ident, meaning) reg##_##ident = 1ULL << (bit),
#include "x86_bits.def"
#undef X86_BIT
};

#endif
