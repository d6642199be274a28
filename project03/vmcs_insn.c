// SPDX-License-Identifier: GPL-2.0
/*
 * The four instructions that work on a VMCS, with all their outcomes.
 */
#include <asm/asm.h>

#include "vmcs_insn.h"
#include "vtx_todo.h"

/*
 * EXERCISE 3.3 (15 points): VMCLEAR, VMPTRLD, VMREAD, VMWRITE
 * Do:   execute the instruction and return how it ended: 0 if it succeeded, -EIO for VMfailInvalid,
 *       -EINVAL for VMfailValid, -EFAULT if it raised an exception. vmcs_read_raw() leaves 0 in
 *       *value when it fails.
 * Read: Intel SDM vol. 3, "VMX Instruction Reference", "Conventions", and the pages of the four
 *       instructions; project03/README.md, "How a VMX instruction says no"
 * Hint: vmx_insn.h of project 2 has asm goto with an exception-table entry. VMCLEAR and VMPTRLD
 *       take the physical address from memory; VMREAD and VMWRITE take the encoding from a 64-bit
 *       register and accept memory for the value. What is written through a pointer that an input
 *       operand names needs the "memory" clobber.
 */
#ifndef TODO_3_3
int vmcs_clear(u64 pa)
{
	asm goto("1: vmclear %[pa]\n\t"
		 _ASM_EXTABLE(1b, %l[fault])
		 "jc %l[fail_invalid]\n\t"
		 "jz %l[fail_valid]\n\t"
		 : : [pa] "m" (pa) : "cc", "memory" : fault, fail_invalid, fail_valid);
	return 0;
fault:
	return -EFAULT;
fail_invalid:
	return -EIO;
fail_valid:
	return -EINVAL;
}

int vmcs_load(u64 pa)
{
	asm goto("1: vmptrld %[pa]\n\t"
		 _ASM_EXTABLE(1b, %l[fault])
		 "jc %l[fail_invalid]\n\t"
		 "jz %l[fail_valid]\n\t"
		 : : [pa] "m" (pa) : "cc", "memory" : fault, fail_invalid, fail_valid);
	return 0;
fault:
	return -EFAULT;
fail_invalid:
	return -EIO;
fail_valid:
	return -EINVAL;
}

int vmcs_read_raw(u32 encoding, u64 *value)
{
	*value = 0;
	asm goto("1: vmread %[encoding], %[value]\n\t"
		 _ASM_EXTABLE(1b, %l[fault])
		 "jc %l[fail_invalid]\n\t"
		 "jz %l[fail_valid]\n\t"
		 : : [encoding] "r" ((u64)encoding), [value] "m" (*value)
		 : "memory", "cc" : fault, fail_valid, fail_invalid);
	return 0;
fault:
	return -EFAULT;
fail_invalid:
	return -EIO;
fail_valid:
	return -EINVAL;
}

int vmcs_write_raw(u32 encoding, u64 value)
{
	asm goto("1: vmwrite %[value], %[encoding]\n\t"
		 _ASM_EXTABLE(1b, %l[fault])
		 "jc %l[fail_invalid]\n\t"
		 "jz %l[fail_valid]\n\t"
		 : : [encoding] "r" ((u64)encoding), [value] "rm" (value)
		 : "memory", "cc" : fault, fail_valid, fail_invalid);
	return 0;
fault:
	return -EFAULT;
fail_invalid:
	return -EIO;
fail_valid:
	return -EINVAL;
}
#else
int vmcs_clear(u64 pa)
{
	return VTX_TODO("3.3", "VMCLEAR is not executed, so no VMCS can be used");
}

int vmcs_load(u64 pa)
{
	return VTX_TODO("3.3", "VMPTRLD is not executed, so no VMCS is current");
}

int vmcs_read_raw(u32 encoding, u64 *value)
{
	*value = 0;
	return VTX_TODO("3.3", "VMREAD is not executed: every field reads 0");
}

int vmcs_write_raw(u32 encoding, u64 value)
{
	return VTX_TODO("3.3", "VMWRITE is not executed: every field stays as it is");
}
#endif
