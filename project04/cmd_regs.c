// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl regs: the registers of a vCPU of any process.
 */
#include <argp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd_look.h"
#include "cmd_regs.h"
#include "ctl.h"
#include "ctl_json.h"
#include "ctl_vm.h"

int regs_read(int fd, __u32 vm, __u32 vcpu, struct vtx_regs *regs, struct vtx_sregs *sregs)
{
	struct vtx_vcpu_regs general = { .vm = vm, .vcpu = vcpu };
	struct vtx_vcpu_sregs special = { .vm = vm, .vcpu = vcpu };

	if (ioctl(fd, VTXDRV_GET_REGS, &general) || ioctl(fd, VTXDRV_GET_SREGS, &special)) {
		look_explain("the registers", vm, vcpu);
		return CTL_NO;
	}
	*regs = general.regs;
	*sregs = special.sregs;
	return CTL_DONE;
}

static void print_json(const struct look *look, const struct vtx_regs *regs,
		       const struct vtx_sregs *sregs)
{
	struct json_object *object = json_object_new_object();

	ctl_json_put_text(object, "vm", look->info.name);
	ctl_json_put_int(object, "id", look->info.id);
	ctl_json_put_int(object, "vcpu", look->vcpu);
	json_object_object_add(object, "regs", regs_json(regs));
	json_object_object_add(object, "sregs", sregs_json(sregs));
	ctl_json_print(object);
}

static int cmd_regs_main(int argc, char **argv)
{
	struct look look = { 0 };
	struct vtx_regs regs;
	struct vtx_sregs sregs;
	int status = look_open(&look, VTX_FEATURE_RUN, argc, argv,
			       "Show the registers of a vCPU. VM is the id or the name of any "
			       "process's VM; if the vCPU runs, it pauses for a moment.");

	if (status != CTL_DONE)
		return status;
	status = regs_read(look.fd, look.info.id, look.vcpu, &regs, &sregs);
	close(look.fd);
	if (status != CTL_DONE)
		return status;
	if (look.json) {
		print_json(&look, &regs, &sregs);
		return CTL_DONE;
	}
	printf("VM %u (%s), vCPU %u\n", look.info.id, look.info.name, look.vcpu);
	regs_print(stdout, &regs);
	sregs_print(stdout, &sregs);
	return CTL_DONE;
}

VTX_COMMAND(regs, "the registers of a vCPU", cmd_regs_main);
