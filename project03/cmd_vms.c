// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl vms: who has what, from the driver.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd_vm.h"
#include "ctl.h"
#include "ctl_json.h"
#include "ctl_vendor.h"

/* Ids only grow, so each answer tells where to go on; VMs may come and go meanwhile. */
static int walk(int fd, struct json_object *list, unsigned int *count)
{
	struct cmd_vm vm;
	unsigned int id = 1;
	int err;

	while (id) { /* 0: the id after the highest one */
		err = cmd_vm_ask(fd, id, &vm);
		if (err == ENOENT && vm.info.id == id)
			return 0;
		if (err && err != ENOENT)
			return err;
		id = vm.info.id + 1;
		if (err) /* it went before its vCPUs were asked for */
			continue;
		if (list)
			json_object_array_add(list, cmd_vm_json(&vm));
		else
			cmd_vm_print(&vm);
		++*count;
	}
	return 0;
}

static int show(int fd, bool json)
{
	struct json_object *top = json ? json_object_new_object() : NULL;
	struct json_object *list = json ? json_object_new_array() : NULL;
	unsigned int count = 0;
	int err = walk(fd, list, &count);

	if (json) {
		json_object_object_add(top, "vms", list);
		if (err)
			json_object_put(top);
		else
			ctl_json_print(top);
	} else if (!err && !count) {
		puts("There is no VM. vtxctl create makes one.");
	}
	if (err)
		ctl_error("vms: the driver does not answer: %s. dmesg may say more.",
			  strerror(err));
	return err ? CTL_NO : CTL_DONE;
}

static int cmd_vms_main(int argc, char **argv)
{
	bool json = ctl_parse_json_only("All VMs of this driver, of every process: memory, vCPUs, "
					"where each " CTL_CONTROL " is and the CPU that has "
					"it.",
					argc, argv);
	struct vtx_info info;
	int status;
	int fd;

	status = ctl_open(&fd, &info, VTX_FEATURE_VM);
	if (status != CTL_DONE)
		return status;
	status = show(fd, json);
	close(fd);
	return status;
}

VTX_COMMAND(vms, "all VMs, of every process", cmd_vms_main);
