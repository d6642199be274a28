/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vm_config_logic.h
 * @brief What a VM may look like: the check of struct vtx_vm_config, pure C.
 */
#ifndef VM_CONFIG_LOGIC_H
#define VM_CONFIG_LOGIC_H

#include "vtx_types.h"
#include "vtxdrv.h"

/** What this machine and its administrator allow. */
struct vm_limits {
	u64 address_space; /**< bytes that guest-physical addresses reach: 1 << width */
	u64 max_memory; /**< bytes; not above address_space */
	u32 max_vcpus; /**< 1 to VTX_MAX_VCPUS */
};

/**
 * May there be such a VM (exercise 3.1)? Looks at name, memory, vCPUs, in this order, and tells
 * the first thing that is wrong.
 *
 * @param config as copied from the caller, believed in nothing
 * @param limits of this machine
 * @return 0, or:
 *	   -ENAMETOOLONG no zero byte in the name; -ENODATA the name is empty;
 *	   -EILSEQ a byte of the name that is not 20H to 7EH;
 *	   -EDOM no memory; -EOVERFLOW memory that the address space does not hold;
 *	   -EINVAL memory that is no multiple of 4096; -EFBIG memory above the limit;
 *	   -ERANGE fewer than one vCPU; -E2BIG vCPUs above the limit;
 *	   -ENOSYS while the exercise is not done
 */
int vm_config_check(const struct vtx_vm_config *config, const struct vm_limits *limits);

#endif
