// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl enable, disable: VMX operation on every CPU.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd_enable.h"
#include "ctl.h"
#include "ctl_json.h"
#include "ctl_vendor.h"

#if VTX_STAGE >= 7
#define ENABLED_BY "VMX operation (VMXON) or SVM operation (EFER.SVME)"
#else
#define ENABLED_BY "VMX operation (VMXON)"
#endif

/* CTL_DONE if the driver was asked; *err is its answer, an errno or 0. */
static int ask_driver(unsigned long request, void *argument, struct vtx_info *info, int *err)
{
	int fd;
	int status = ctl_open(&fd, info, VTX_FEATURE_VMXON);

	if (status != CTL_DONE)
		return status;
	*err = ioctl(fd, request, argument) ? errno : 0;
	close(fd);
	return CTL_DONE;
}

static void print_enable_json(const struct vtx_enable *answer, bool enabled)
{
	struct json_object *object = json_object_new_object();

	ctl_json_put_bool(object, "enabled", enabled);
	ctl_json_put_int(object, "users", answer->users);
	ctl_json_put_int(object, "cpu", answer->cpu);
	ctl_json_put_text(object, "cause", enable_cause_name(answer->cause));
	ctl_json_put_hex(object, "value", answer->value);
	ctl_json_put_hex(object, "expected", answer->expected);
	ctl_json_print(object);
}

static int cmd_enable_main(int argc, char **argv)
{
	bool json = ctl_parse_json_only("Put every CPU into " ENABLED_BY ", or, if one "
					"refuses, none. Counts: the last disable ends it.",
					argc, argv);
	struct vtx_enable answer = { .cpu = -1 };
	struct vtx_info info;
	int err;
	int status = ask_driver(VTXDRV_ENABLE, &answer, &info, &err);

	if (status != CTL_DONE)
		return status;
	if (json)
		print_enable_json(&answer, !err);
	else if (!err)
		printf("%s is on, on %u CPUs; users: %u\n", ctl_vendor->operation,
		       answer.users ? info.online_cpus : 1, answer.users);
	if (err)
		enable_explain(&answer, err);
	return err ? CTL_NO : CTL_DONE;
}

static void explain_disable(int err, unsigned int users)
{
	switch (err) {
	case EALREADY:
		if (users)
			ctl_error("disable: no vtxctl enable is left to take back, what uses %s "
				  "are VMs (%u). It goes off with the last one; vtxctl vms "
				  "shows whose they are.", ctl_vendor->name, users);
		else
			ctl_error("disable: the driver has no user, %s is off already; "
				  "vtxctl status shows it.", ctl_vendor->operation);
		break;
	case ENOSYS:
		ctl_error("disable: the exercise that does this is not done yet; see dmesg");
		break;
	default:
		ctl_error("disable failed: %s. See dmesg; vtxctl status shows what is on.",
			  strerror(err));
	}
}

static int cmd_disable_main(int argc, char **argv)
{
	bool json = ctl_parse_json_only("Take back one vtxctl enable; the last one takes every "
					"CPU out of " CTL_OPERATION ".", argc, argv);
	struct vtx_disable answer = { 0 };
	struct vtx_info info;
	int err;
	int status = ask_driver(VTXDRV_DISABLE, &answer, &info, &err);

	if (status != CTL_DONE)
		return status;
	if (json) {
		struct json_object *object = json_object_new_object();

		ctl_json_put_bool(object, "disabled", !err);
		ctl_json_put_int(object, "users", answer.users);
		ctl_json_print(object);
	} else if (!err) {
		printf("%s is %s; users: %u\n", ctl_vendor->operation,
		       answer.users ? "still on" : "off", answer.users);
	}
	if (err)
		explain_disable(err, answer.users);
	return err ? CTL_NO : CTL_DONE;
}

VTX_COMMAND(enable, "put every CPU into " CTL_OPERATION, cmd_enable_main);
VTX_COMMAND(disable, "take every CPU out of " CTL_OPERATION, cmd_disable_main);
