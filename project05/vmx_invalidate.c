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

/* The two differ in nothing but their names; VMfail sets CF or ZF. */
#define DEFINE_INVALIDATE(instruction) \
	static int instruction(enum vmx_invalidate type, u64 what) \
	{ \
		struct descriptor descriptor = { .what = what }; \
\
		asm goto("1: " #instruction " %[descriptor], %[type]\n\t" \
			 _ASM_EXTABLE(1b, %l[fault]) \
			 "jbe %l[fail]\n\t" \
			 : : [descriptor] "m" (descriptor), [type] "r" ((u64)type) \
			 : "cc", "memory" : fault, fail); \
		return 0; \
	fault: \
		return -EFAULT; \
	fail: \
		return -EINVAL; \
	}

DEFINE_INVALIDATE(invept)
DEFINE_INVALIDATE(invvpid)

int vmx_invept(enum vmx_invalidate type, u64 eptp)
{
	return invept(type, eptp);
}

int vmx_invvpid(enum vmx_invalidate type, u16 vpid)
{
	return invvpid(type, vpid);
}
