/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_bitmap_logic.h
 * @brief Where in VMX's bitmaps an MSR or a port has its bit.
 *
 * Pure C. SDM vol. 3, "I/O-Bitmap Addresses" and "MSR-Bitmap Address". A bit that is 1 means: exit.
 */
#ifndef VMX_BITMAP_LOGIC_H
#define VMX_BITMAP_LOGIC_H

#include "vtx_types.h"

/** Bytes of the bitmaps of MSRs, and of each of the two of ports. */
#define VMX_BITMAP_BYTES 4096
/** Ports that the first of the two is for; the second has the others. */
#define VMX_PORTS_A 0x8000

/** MSR_BITMAP_NONE: such an MSR has no bit, and every access exits. */
#define VMX_MSR_NO_BIT (~0U)

/**
 * Find the bit of an MSR (exercise 6.2).
 *
 * @param msr its number
 * @param write of WRMSR; otherwise of RDMSR
 * @return number of the bit in the page, bit 0 of byte 0 being 0; VMX_MSR_NO_BIT
 */
u32 vmx_msr_bit(u32 msr, bool write);

#endif
