/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file x86_bits.h
 * @brief CPUID leaves, and masks of bits in control registers, MSRs and CPUID: CR4_VMXE, …
 */
#ifndef X86_BITS_H
#define X86_BITS_H

/** Masks, named register_bit. */
enum x86_bit_mask {
#define X86_BIT(reg, bit, ident, meaning) reg##_##ident = 1ULL << (bit),
#include "x86_bits.def"
#undef X86_BIT
};

/** Leaves of CPUID: CPUID_LEAF_8000_0001, … */
enum cpuid_leaf_number {
#define CPUID_LEAF(number, ident, contents) CPUID_LEAF_##ident = (number),
#include "cpuid_leaves.def"
#undef CPUID_LEAF
};

#endif
