/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file ctl_vm.h
 * @brief Finding a VM of any process by its id or its name.
 */
#ifndef CTL_VM_H
#define CTL_VM_H

#include "vtxdrv.h"

/**
 * Find a VM; complains when there is none, or when a name fits several.
 *
 * @param fd the open device
 * @param wanted its id in decimal, or its name; a VM whose name is a number is found by its id
 * @param info out: the VM
 * @return CTL_DONE or CTL_NO
 */
int ctl_vm_find(int fd, const char *wanted, struct vtx_vm_info *info);

/**
 * Check the number of a vCPU; complains when the VM has none of that number.
 *
 * @return CTL_DONE or CTL_NO
 */
int ctl_vm_check_vcpu(const struct vtx_vm_info *info, __u64 vcpu);

#endif
