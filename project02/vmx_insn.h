/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_insn.h
 * @brief The VMX instructions of this stage, each with every way in which it can end.
 *
 * A VMX instruction reports by flags (SDM vol. 3, "VMX Instruction Reference", "Conventions"): CF=1
 * is VMfailInvalid, ZF=1 VMfailValid, both clear VMsucceed. It can also raise #UD or #GP; the
 * exception-table entry turns that into a return value where it would be an oops.
 */
#ifndef VMX_INSN_H
#define VMX_INSN_H

#include <asm/asm.h>
#include <linux/errno.h>
#include <linux/types.h>

/**
 * VMXON with the region at physical address @p pa. CR4.VMXE is set, preemption off.
 *
 * @return 0: this CPU is in VMX operation
 * @return -EFAULT: #GP or #UD (IA32_FEATURE_CONTROL, CR0/CR4 fixed bits, CR4.VMXE)
 * @return -EIO: VMfailInvalid (alignment, address width, revision identifier, bit 31)
 * @return -EBUSY: VMfailValid (the CPU is in VMX operation already, with a current VMCS)
 */
static inline int vmx_vmxon(u64 pa)
{
	asm goto("1: vmxon %[pa]\n\t"
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
	return -EBUSY;
}

/**
 * VMXOFF. Preemption off.
 *
 * @return 0: this CPU has left VMX operation
 * @return -EFAULT: #UD, it was not in VMX operation
 * @return -EIO: VMfail (dual-monitor treatment of SMIs is active)
 */
static inline int vmx_vmxoff(void)
{
	asm goto("1: vmxoff\n\t"
		 _ASM_EXTABLE(1b, %l[fault])
		 "jbe %l[fail]\n\t"
		 : : : "cc", "memory" : fault, fail);
	return 0;
fault:
	return -EFAULT;
fail:
	return -EIO;
}

#endif
