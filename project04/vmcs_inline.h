/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmcs_inline.h
 * @brief What the macros of vmcs_access.h are from project04 on: a VMREAD or VMWRITE in place.
 *
 * A VM exit and what follows it take a dozen of them. If one fails, it is executed again by the
 * functions of project03 (exercise 3.3), which know how to say what was wrong.
 */
#ifndef VMCS_INLINE_H
#define VMCS_INLINE_H

#include <asm/asm.h>

#if __has_attribute(uninitialized)
/** VMREAD writes it; the kernel's compiler options would have it zeroed before. */
#define VMCS_NOT_ZEROED __attribute__((uninitialized))
#else
#define VMCS_NOT_ZEROED
#endif

/* clang-format off: it takes the labels apart. */
/** See vmcs_read_checked(). */
static __always_inline u64 vmcs_read_inline(enum vmcs_field field)
{
	u64 value VMCS_NOT_ZEROED;

	asm goto("1: vmread %[field], %[value]\n\t"
		 _ASM_EXTABLE(1b, %l[wrong])
		 "jbe %l[wrong]\n\t"
		 : : [field] "r" ((u64)field), [value] "m" (value) : "cc", "memory" : wrong);
	return value;
wrong:
	return vmcs_read_checked(field);
}

/** See vmcs_write_checked(). */
static __always_inline void vmcs_write_inline(enum vmcs_field field, u64 value)
{
	asm goto("1: vmwrite %[value], %[field]\n\t"
		 _ASM_EXTABLE(1b, %l[wrong])
		 "jbe %l[wrong]\n\t"
		 : : [field] "r" ((u64)field), [value] "rm" (value) : "cc", "memory" : wrong);
	return;
wrong:
	vmcs_write_checked(field, value);
}
/* clang-format on */

#endif
