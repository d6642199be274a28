// SPDX-License-Identifier: GPL-2.0
/*
 * Finding a VM of any process by its id or its name.
 */
#include "ctl_vm.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "ctl.h"
#include "ctl_size.h"

/* The first VM with this id or a higher one: 1, there is one; 0, none; -1 after a complaint. */
static int next_vm(int fd, __u32 id, struct vtx_vm_info *info)
{
	memset(info, 0, sizeof(*info));
	info->id = id;
	if (!ioctl(fd, VTXDRV_VM_INFO, info))
		return 1;
	if (errno == ENOENT)
		return 0;
	ctl_error("asking for VM %u: %m. dmesg may say more.", id);
	return -1;
}

static int explain_none(int fd, const char *wanted)
{
	struct vtx_vm_info any;

	if (next_vm(fd, 1, &any) == 0)
		ctl_error("there is no VM '%s': there is none at all. A VM lives as long as the "
			  "process that has created it: vtxctl run GUEST & or vtxctl create "
			  "--hold &.",
			  wanted);
	else
		ctl_error("there is no VM with the id or the name '%s'; vtxctl vms lists them.",
			  wanted);
	return CTL_NO;
}

static int find_id(int fd, const char *wanted, __u32 id, struct vtx_vm_info *info)
{
	int found = next_vm(fd, id, info);

	if (found == 1 && info->id == id)
		return CTL_DONE;
	return found < 0 ? CTL_NO : explain_none(fd, wanted);
}

static int find_name(int fd, const char *wanted, struct vtx_vm_info *info)
{
	struct vtx_vm_info vm;
	unsigned int found = 0;
	__u32 id = 1;
	int more;

	for (; (more = next_vm(fd, id, &vm)) == 1; id = vm.id + 1) {
		if (!strncmp(vm.name, wanted, sizeof(vm.name)) && !found++)
			*info = vm;
	}
	if (more < 0)
		return CTL_NO;
	if (!found)
		return explain_none(fd, wanted);
	if (found == 1)
		return CTL_DONE;
	ctl_error("%u VMs have the name '%s': say which by its id; vtxctl vms lists them.", found,
		  wanted);
	return CTL_NO;
}

int ctl_vm_find(int fd, const char *wanted, struct vtx_vm_info *info)
{
	u64 id;

	if (!ctl_parse_number(wanted, &id) && id && id <= ~0U)
		return find_id(fd, wanted, id, info);
	return find_name(fd, wanted, info);
}

int ctl_vm_check_vcpu(const struct vtx_vm_info *info, __u64 vcpu)
{
	if (vcpu < info->vcpus)
		return CTL_DONE;
	ctl_error("VM %u (%s) has %u vCPUs: --vcpu goes from 0 to %u.", info->id, info->name,
		  info->vcpus, info->vcpus - 1);
	return CTL_NO;
}
