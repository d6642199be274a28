// SPDX-License-Identifier: GPL-2.0
/*
 * A VM as the driver describes it: asked for, as JSON, and for people.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cmd_vm.h"
#include "ctl_json.h"
#include "ctl_table.h"
#include "ctl_vendor.h"
#include "vtx_types.h"

#define KIB 1024ULL

int cmd_vm_ask(int fd, unsigned int id, struct cmd_vm *vm)
{
	unsigned int i;

	vm->info = (struct vtx_vm_info){ .id = id };
	if (ioctl(fd, VTXDRV_VM_INFO, &vm->info))
		return errno;
	for (i = 0; i < vm->info.vcpus; i++) {
		vm->vcpus[i] = (struct vtx_vcpu_info){ .vm = vm->info.id, .vcpu = i };
		if (ioctl(fd, VTXDRV_VCPU_INFO, &vm->vcpus[i]))
			return errno;
	}
	return 0;
}

static struct json_object *vcpu_json(const struct vtx_vcpu_info *vcpu)
{
	struct json_object *object = json_object_new_object();

	ctl_json_put_int(object, "vcpu", vcpu->vcpu);
	ctl_json_put_hex(object, "control_pa", vcpu->control_pa);
	ctl_json_put_int(object, "control_size", vcpu->control_size);
	ctl_json_put_hex(object, "revision_id", vcpu->revision_id);
	if (vcpu->cpu < 0)
		ctl_json_put_null(object, "cpu");
	else
		ctl_json_put_int(object, "cpu", vcpu->cpu);
	ctl_json_put_bool(object, "launched", vcpu->launched);
	return object;
}

struct json_object *cmd_vm_json(const struct cmd_vm *vm)
{
	struct json_object *object = json_object_new_object();
	struct json_object *vcpus = json_object_new_array();
	unsigned int i;

	ctl_json_put_int(object, "id", vm->info.id);
	ctl_json_put_text(object, "name", vm->info.name);
	ctl_json_put_int(object, "owner", vm->info.owner);
	ctl_json_put_int(object, "memory_size", vm->info.memory_size);
	ctl_json_put_int(object, "huge_blocks", vm->info.huge_blocks);
	ctl_json_put_int(object, "small_blocks", vm->info.small_blocks);
	for (i = 0; i < vm->info.vcpus; i++)
		json_object_array_add(vcpus, vcpu_json(&vm->vcpus[i]));
	json_object_object_add(object, "vcpus", vcpus);
	return object;
}

/* "64 MiB": in the largest unit that leaves no fraction. */
static void print_size(u64 bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB" };
	unsigned int unit = 0;

	bytes /= KIB;
	while (bytes && bytes % KIB == 0 && unit + 1 < ARRAY_SIZE(units)) {
		bytes /= KIB;
		unit++;
	}
	printf("%" PRIu64 " %s", bytes, units[unit]);
}

static void print_vcpu(const struct vtx_vcpu_info *vcpu)
{
	char where[32] = "no CPU";

	if (vcpu->cpu >= 0)
		snprintf(where, sizeof(where), "CPU %d", vcpu->cpu);
	printf("  vCPU %-3u %s at 0x%-11" PRIx64 "%5u bytes, ", vcpu->vcpu, ctl_vendor->control,
	       (uint64_t)vcpu->control_pa, vcpu->control_size);
	/* A VMCB has no revision, and is launched by no instruction. */
	if (ctl_vendor == &ctl_vmx)
		printf("revision 0x%x, ", vcpu->revision_id);
	printf("active on %s%s\n", where, vcpu->launched ? ", launched" : "");
}

void cmd_vm_print(const struct cmd_vm *vm)
{
	char title[64];
	unsigned int i;

	snprintf(title, sizeof(title), "VM %u \"%s\"", vm->info.id, vm->info.name);
	ctl_word(CTL_STRONG, 0, title);
	printf(": process %u, memory ", vm->info.owner);
	print_size(vm->info.memory_size);
	printf(" (%" PRIu64 " blocks of 2 MiB, %" PRIu64 " pages of 4 KiB)\n",
	       (uint64_t)vm->info.huge_blocks, (uint64_t)vm->info.small_blocks);
	for (i = 0; i < vm->info.vcpus; i++)
		print_vcpu(&vm->vcpus[i]);
}
