// SPDX-License-Identifier: GPL-2.0
/*
 * INVEPT and INVVPID: SDM vol. 3, "VMX Instruction Reference".
 */
#include <asm/asm.h>

#include "vmx_ept.h"

/* Both take 128 bits in memory: what it is about, and what must be 0 for the types in use. */
struct descriptor {
	u64 what;
	u64 zero;
};

int vmx_invept(enum vmx_invalidate type, u64 eptp)
{
	struct descriptor descriptor = { .what = eptp };

	asm goto("1: invept %[descriptor], %[type]\n\t"
		 _ASM_EXTABLE(1b, %l[fault])
		 "jbe %l[fail]\n\t"
		 : : [descriptor] "m" (descriptor), [type] "r" ((u64)type)
		 : "cc", "memory" : fault, fail);
	return 0;
fault:
	return -EFAULT;
fail:
	return -EINVAL;
}

int vmx_invvpid(enum vmx_invalidate type, u16 vpid)
{
	struct descriptor descriptor = { .what = vpid };

	asm goto("1: invvpid %[descriptor], %[type]\n\t"
		 _ASM_EXTABLE(1b, %l[fault])
		 "jbe %l[fail]\n\t"
		 : : [descriptor] "m" (descriptor), [type] "r" ((u64)type)
		 : "cc", "memory" : fault, fail);
	return 0;
fault:
	return -EFAULT;
fail:
	return -EINVAL;
}
