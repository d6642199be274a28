/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_instruction_errors.h
 * @brief VM-instruction error numbers: VMX_INSN_ERROR_UNSUPPORTED_FIELD, …
 */
#ifndef VMX_INSTRUCTION_ERRORS_H
#define VMX_INSTRUCTION_ERRORS_H

/** Values of the VMCS field VM_INSTRUCTION_ERROR after VMfailValid. */
enum vmx_instruction_error {
#define VMX_INSN_ERROR(number, ident, meaning) VMX_INSN_ERROR_##ident = (number),
#include "vmx_instruction_errors.def"
#undef VMX_INSN_ERROR
};

#endif
