/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file svm_msrpm_logic.h
 * @brief Where in SVM's permission maps a port and an MSR have their bits. Pure C.
 */
#ifndef SVM_MSRPM_LOGIC_H
#define SVM_MSRPM_LOGIC_H

#include "vtx_types.h"

/** Bytes of the MSR permission map. */
#define SVM_MSRPM_BYTES 8192U
/** Bytes of the I/O permission map: 64 Ki ports, and what an access at the last one may reach. */
#define SVM_IOPM_BYTES 12288U

/** svm_msr_bit(): the map does not know this MSR; all accesses exit. */
#define SVM_MSR_NO_BIT (~0U)

/**
 * The bit of the MSR permission map that has an access exit. AMD APM vol. 2, "MSR Intercepts".
 *
 * @param msr its number
 * @param write WRMSR, otherwise RDMSR
 * @return its number, from the map's beginning; SVM_MSR_NO_BIT
 */
u32 svm_msr_bit(u32 msr, bool write);

#endif
