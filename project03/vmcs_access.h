/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmcs_access.h
 * @brief Fields of the current VMCS by name and width; a wrong width does not compile.
 *
 * @code
 *	rip = vmcs_read_natural(VMCS_GUEST_RIP);
 *	vmcs_write32(VMCS_EXCEPTION_BITMAP, ~0U);
 *	err = vmcs_error();
 * @endcode
 * An access that fails says in the log which field it was, and is kept until somebody asks with
 * vmcs_error(): so a sequence of accesses needs one check, at its end. A read that fails returns 0.
 * The kept error belongs to the CPU; from vcpu_load to vcpu_put there is only one user of it.
 *
 * All of this needs a vCPU that is loaded (preemption off), and a constant VMCS_… as field.
 */
#ifndef VMCS_ACCESS_H
#define VMCS_ACCESS_H

#ifdef __KERNEL__
#include <linux/percpu.h>
#endif

#include "vmcs_fields.h"
#include "vtx_types.h"

/** Read a field; use the macros below. Logs and keeps an error. */
u64 vmcs_read_checked(enum vmcs_field field);
/** Write a field; use the macros below. Logs and keeps an error. */
void vmcs_write_checked(enum vmcs_field field, u64 value);

#ifdef __KERNEL__
/** See vmcs_error(). */
DECLARE_PER_CPU(int, vmcs_first_error);

/**
 * The first error of an access on this CPU since the last call.
 *
 * @return 0; -EIO; -EINVAL; -EFAULT: see vmcs_insn.h; -ENOSYS while exercise 3.3 is not done
 */
static inline int vmcs_error(void)
{
	int err = this_cpu_read(vmcs_first_error);

	if (unlikely(err))
		this_cpu_write(vmcs_first_error, 0);
	return err;
}
#endif

#if VTX_STAGE >= 4 && defined(__KERNEL__)
#include "vmcs_inline.h"
/** Project04 executes the instruction in place. */
#define vmcs_read_any vmcs_read_inline
/** The same. */
#define vmcs_write_any vmcs_write_inline
#else
/** What reads a field of any width. */
#define vmcs_read_any vmcs_read_checked
/** What writes one. */
#define vmcs_write_any vmcs_write_checked
#endif

/** A field that has another width does not compile. */
#define vmcs_must_be(field, width) \
	_Static_assert(VMCS_FIELD_WIDTH(field) == VMCS_WIDTH_##width, \
		       #field " is not a field of width " #width)
/** What the next ones are made of. */
#define vmcs_read_as(type, field, width) \
	({ vmcs_must_be(field, width); (type)vmcs_read_any(field); })
/** See vmcs_read_as(). */
#define vmcs_write_as(type, field, width, value) \
	({ vmcs_must_be(field, width); vmcs_write_any(field, (type)(value)); })

/** Read a field of the width in the name. */
#define vmcs_read16(field) vmcs_read_as(u16, field, 16)
#define vmcs_read32(field) vmcs_read_as(u32, field, 32)
#define vmcs_read64(field) vmcs_read_as(u64, field, 64)
#define vmcs_read_natural(field) vmcs_read_as(u64, field, NATURAL)

/** Write a field of the width in the name. */
#define vmcs_write16(field, value) vmcs_write_as(u16, field, 16, value)
#define vmcs_write32(field, value) vmcs_write_as(u32, field, 32, value)
#define vmcs_write64(field, value) vmcs_write_as(u64, field, 64, value)
#define vmcs_write_natural(field, value) vmcs_write_as(u64, field, NATURAL, value)

#endif
