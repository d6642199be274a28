/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_vm.h
 * @brief What vtxctl create and vtxctl vms share: a VM as the driver describes it.
 */
#ifndef CMD_VM_H
#define CMD_VM_H

#include <json-c/json.h>
#include <stdbool.h>

#include "vtxdrv.h"

/** A VM and its vCPUs. */
struct cmd_vm {
	struct vtx_vm_info info; /**< of the VM */
	struct vtx_vcpu_info vcpus[VTX_MAX_VCPUS]; /**< by id; info.vcpus of them */
};

/**
 * Ask the driver for a VM and its vCPUs.
 *
 * @param fd the device
 * @param id as in vtx_vm_info: 0 the VM of this file, else the first VM with that id or above
 * @param vm filled in
 * @return 0, or the errno of the ioctl; ENOENT: there is none (any more)
 */
int cmd_vm_ask(int fd, unsigned int id, struct cmd_vm *vm);

/** The VM as a JSON object, with a list of its vCPUs. */
struct json_object *cmd_vm_json(const struct cmd_vm *vm);

/** Print the VM for people: a line about it, and one for each vCPU. */
void cmd_vm_print(const struct cmd_vm *vm);

#endif
