/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_ctls.h
 * @brief Masks of the VMCS control bits: VMX_PIN_NMI_EXITING, VMX_SECONDARY_ENABLE_EPT, …
 */
#ifndef VMX_CTLS_H
#define VMX_CTLS_H

/** Masks; those of the groups TERTIARY and EXIT2 belong to 64-bit fields. */
enum vmx_ctl_mask {
#define VMX_CTL(group, bit, ident, name) VMX_##group##_##ident = 1ULL << (bit),
#include "vmx_ctls.def"
#undef VMX_CTL
};

#endif
