/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmcs_insn.h
 * @brief VMCLEAR, VMPTRLD, VMREAD and VMWRITE, each with every way in which it can end.
 *
 * All of them run on a CPU in VMX operation, with preemption off. They report by flags (SDM vol. 3,
 * "VMX Instruction Reference", "Conventions"): CF=1 is VMfailInvalid, ZF=1 VMfailValid, both clear
 * VMsucceed. After VMfailValid the field VM_INSTRUCTION_ERROR of the current VMCS has a number.
 */
#ifndef VMCS_INSN_H
#define VMCS_INSN_H

#include "vtx_types.h"

/**
 * Make a VMCS active nowhere, its launch state "clear" and its data complete in memory
 * (exercise 3.3). If it was the current one, there is none afterwards.
 *
 * @param pa physical address of its region
 * @return 0; -EIO: VMfailInvalid; -EINVAL: VMfailValid; -EFAULT: exception; -ENOSYS
 */
int vmcs_clear(u64 pa);

/**
 * Make a VMCS active and current on this CPU (exercise 3.3). Arguments and errors: vmcs_clear().
 */
int vmcs_load(u64 pa);

/**
 * Read a field of the current VMCS (exercise 3.3).
 *
 * @param encoding of the field; one that the processor does not have is VMfailValid
 * @param value the field, zero-extended; 0 after an error
 * @return 0; -EIO: VMfailInvalid, there is no current VMCS; -EINVAL: VMfailValid; -EFAULT: an
 *	   exception, this CPU is not in VMX operation (any more); -ENOSYS
 */
int vmcs_read_raw(u32 encoding, u64 *value);

/**
 * Write a field of the current VMCS (exercise 3.3). Errors: vmcs_read_raw(); VMfailValid also for a
 * field that is read-only.
 *
 * @param encoding of the field
 * @param value the bits beyond the width of the field are ignored
 */
int vmcs_write_raw(u32 encoding, u64 value);

#endif
