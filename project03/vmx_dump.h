/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_dump.h
 * @brief Reading a whole VMCS without changing it.
 */
#ifndef VMX_DUMP_H
#define VMX_DUMP_H

#include "vtx_types.h"
#include "vtxdrv.h"

/**
 * Find out, once, which fields this processor does not have. A VMREAD of such a field writes the
 * number 12 into VM_INSTRUCTION_ERROR, which may be the very thing that a later dump is to show; so
 * this is done with a VMCS that has not failed yet. A vCPU is loaded.
 */
void vmx_dump_learn(void);

/**
 * Read one field of the current VMCS. A vCPU is loaded.
 *
 * @param number enum vmcs_field_number
 * @param field filled in; its error is that of a field which this processor does not have
 * @return 0; -EIO, -EFAULT: no VMCS is current any more; -ENOSYS
 */
int vmx_dump_field(u32 number, struct vtx_field *field);

#endif
