/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vm_unit.h
 * @brief Unit `vm`: VMs from their creation to their end. What its files share; others: vm.h.
 */
#ifndef VM_UNIT_H
#define VM_UNIT_H

#include "unit.h"
#include "vm.h"
#include "vm_config_logic.h"

/** The unit, for stage.c. */
extern const struct vtx_unit vm_unit;

/** What this machine and the module parameters max_guest_mem, max_vcpus allow. Any context. */
struct vm_limits vm_limits(void);

/**
 * Has the host so many bytes to give to one more VM, and some left for everybody else? Any context.
 *
 * @return 0; -ENOMEM: no, and the log says how many
 */
int vm_memory_left(u64 size);

/** Say in the log what is wrong with a configuration: @p err is vm_config_check()'s answer. */
void vm_config_explain(const struct vtx_vm_config *config, const struct vm_limits *limits, int err);

/** The list of all VMs gets this one, and it gets its id. May sleep. -ENOSPC: no id is left. */
int vm_list_add(struct vtx_vm *vm);

/** The list lets go of a VM; who has found it may keep it still. May sleep. */
void vm_list_remove(struct vtx_vm *vm);

/** The VM with the lowest id of @p id or above, held as by vtx_vm_find(); or NULL. May sleep. */
struct vtx_vm *vm_list_from(u32 id);

/** Free a VM that nobody can find or has any more. May sleep. */
void vm_free(struct vtx_vm *vm);

/** VTXDRV_VM_INFO, VTXDRV_VCPU_INFO and VTXDRV_GET_STATE, for the unit's table. May sleep. */
long vm_ioctl_vm_info(struct vtx_file *file, void __user *arg);
/** See above. */
long vm_ioctl_vcpu_info(struct vtx_file *file, void __user *arg);
/** See above. */
long vm_ioctl_get_state(struct vtx_file *file, void __user *arg);

#endif
