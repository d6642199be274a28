/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_dump.h
 * @brief Reading a whole VMCS without changing it.
 */
#ifndef VMX_DUMP_H
#define VMX_DUMP_H

/**
 * Find out, once, which fields this processor does not have. A VMREAD of such a field writes the
 * number 12 into VM_INSTRUCTION_ERROR, which may be the very thing that a later dump is to show; so
 * this is done with a VMCS that has not failed yet. A vCPU is loaded.
 */
void vmx_dump_learn(void);

#endif
