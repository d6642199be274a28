/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_dump.h
 * @brief Reading a whole VMCS, without a trace of the reading in what is read.
 *
 * A processor lacks the fields of features that it lacks, and which they are is best asked of
 * itself: CPUs of one machine may differ. But a VMREAD of such a field writes number 12 into
 * VM_INSTRUCTION_ERROR, and that may be the very thing that a dump is to show. So this field is
 * looked at first, and what was in it before our VMREADs is kept for the next dump as well.
 */
#ifndef VMX_DUMP_H
#define VMX_DUMP_H

#include "vmx_vcpu.h"
#include "vtx_types.h"
#include "vtxdrv.h"

/**
 * Keep VM_INSTRUCTION_ERROR; before the first vmx_dump_field(). Loaded.
 *
 * @return 0; -EIO, -EFAULT: no VMCS is current (any more); -ENOSYS
 */
int vmx_dump_begin(struct vtx_vcpu *vcpu);

/**
 * Read one field of the current VMCS. Loaded.
 *
 * @param vcpu whose VMCS it is
 * @param number enum vmcs_field_number
 * @param field filled in; its error is that of a field which this processor does not have
 * @return as vmx_dump_begin()
 */
int vmx_dump_field(struct vtx_vcpu *vcpu, u32 number, struct vtx_field *field);

#endif
