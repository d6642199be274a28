// SPDX-License-Identifier: GPL-2.0
/*
 * What the commands share that look at one vCPU.
 */
#include "cmd_look.h"

#include <argp.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "ctl_size.h"
#include "ctl_vendor.h"
#include "ctl_vm.h"

static const struct argp_option option_list[] = {
	{ "vcpu", 'c', "N", 0, "Which vCPU, from 0 (the default) on", 0 },
	{ "json", 'j', NULL, 0, "Print one JSON object; its keys are in project04/README.md", 0 },
	{ 0 },
};

struct arguments {
	const char *vm;
	u64 vcpu;
	bool json;
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;
	const char *wrong;

	switch (key) {
	case 'c':
		wrong = ctl_parse_number(arg, &arguments->vcpu);
		if (wrong)
			argp_error(state, "--vcpu %s: %s", arg, wrong);
		return 0;
	case 'j':
		arguments->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->vm)
			argp_error(state, "unexpected argument '%s'", arg);
		arguments->vm = arg;
		return 0;
	case ARGP_KEY_END:
		if (!arguments->vm)
			argp_error(state, "which VM? Its id or its name is expected; vtxctl vms "
					  "lists them");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int find(struct look *look, const struct arguments *arguments)
{
	int status = ctl_vm_find(look->fd, arguments->vm, &look->info);

	if (status == CTL_DONE)
		status = ctl_vm_check_vcpu(&look->info, arguments->vcpu);
	look->vcpu = arguments->vcpu;
	look->json = arguments->json;
	return status;
}

int look_open(struct look *look, __u64 features, int argc, char **argv, const char *doc)
{
	const struct argp argp = {
		.options = option_list,
		.parser = parse_option,
		.args_doc = "VM",
		.doc = doc,
	};
	struct arguments arguments = { 0 };
	struct vtx_info info;
	int status;

	ctl_parse(&argp, argc, argv, &arguments);
	status = ctl_open(&look->fd, &info, features);
	if (status != CTL_DONE)
		return status;
	status = find(look, &arguments);
	if (status != CTL_DONE)
		close(look->fd);
	return status;
}

void look_explain(const char *what, __u32 vm, __u32 vcpu)
{
	if (errno == ENOENT)
		ctl_error("VM %u has ended meanwhile; vtxctl vms lists those that are left.", vm);
	else if (errno == ESHUTDOWN)
		ctl_error("%s of vCPU %u cannot be read: the CPU is not in %s any "
			  "more; vtxctl status shows it.",
			  what, vcpu, ctl_vendor->operation);
	else if (errno == ENOSYS)
		ctl_error("%s of vCPU %u cannot be read: an exercise that this needs is not done "
			  "yet; dmesg names it.",
			  what, vcpu);
	else
		ctl_error("%s of VM %u, vCPU %u cannot be read: %s. dmesg may say more.", what, vm,
			  vcpu, strerror(errno));
}
