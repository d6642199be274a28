/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_exit_reasons.h
 * @brief Basic exit reasons of VMX: VMX_EXIT_REASON_CPUID, …
 */
#ifndef VMX_EXIT_REASONS_H
#define VMX_EXIT_REASONS_H

/** Bits 15:0 of the VMCS field "exit reason". */
enum vmx_exit_reason {
#define VMX_EXIT_REASON(number, ident, name) VMX_EXIT_REASON_##ident = (number),
#include "vmx_exit_reasons.def"
#undef VMX_EXIT_REASON
};

#endif
