/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_msrs.h
 * @brief Indices of the MSRs that a hypervisor reads, under the manuals' own names.
 */
#ifndef VMX_MSRS_H
#define VMX_MSRS_H

#include "x86_bits.h"

/** The VMX capability MSRs: IA32_VMX_BASIC … IA32_VMX_EXIT_CTLS2. */
enum vmx_msr_index {
#define VMX_MSR(index, name, section, exists_if) name = (index),
#include "vmx_msrs.def"
#undef VMX_MSR
};

/** The others, IA32_FEATURE_CONTROL and AMD's among them. */
enum x86_msr_index {
#define X86_MSR(index, name, exists_if) name = (index),
#include "x86_msrs.def"
#undef X86_MSR
};

#endif
