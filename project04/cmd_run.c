// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl run: run a guest, be its console, and say what became of it.
 */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd_dump.h"
#include "cmd_run.h"
#include "cmd_run_parts.h"
#include "ctl.h"
#include "ctl_json.h"
#include "ctl_size.h"
#include "ctl_vendor.h"

#define DEFAULT_MEMORY (16ULL << 20)

enum run_key {
	KEY_MEM = 'm',
	KEY_VCPUS = 'c',
	KEY_ARG = 'a',
	KEY_TIMEOUT = 't',
	KEY_JSON = 'j',
	KEY_TRACE = 256,
	KEY_STATS,
	KEY_DUMP,
	KEY_HOLD,
};

static const struct argp_option option_list[] = {
	{ "mem", KEY_MEM, "SIZE", 0, "Guest memory: 64K, 16M (the default), 1G", 0 },
	{ "vcpus", KEY_VCPUS, "N", 0, "Virtual CPUs (1)", 0 },
	{ "arg", KEY_ARG, "N", 0, "A number for the guest, decimal or 0x… (0)", 0 },
	{ "timeout", KEY_TIMEOUT, "SECONDS", 0, "Stop it after that long: 2, 0.5; status 124", 0 },
	{ "trace", KEY_TRACE, NULL, 0, "A line for each VM exit on stderr", 0 },
	{ "stats", KEY_STATS, NULL, 0, "Count and mean cost of VM exits by reason, on stderr", 0 },
	{ "json", KEY_JSON, NULL, 0,
	  "Print one JSON object, with the guest's output in it; its keys are in "
	  "project04/README.md",
	  0 },
	{ "dump", KEY_DUMP, "FILE", 0,
	  "Write the " CTL_CONTROL " as it is at the end to FILE, for vtxctl explain", 0 },
	{ "hold", KEY_HOLD, NULL, 0, "Keep the VM at the end, for vtxctl regs and dump", 0 },
	{ 0 },
};

static u64 parse_number(struct argp_state *state, const char *option, const char *text,
			const char *(*parse)(const char *text, u64 *value))
{
	u64 value = 0;
	const char *wrong = parse(text, &value);

	if (wrong)
		argp_error(state, "%s %s: %s", option, text, wrong);
	return value;
}

static error_t parse_flag(int key, struct run_options *options)
{
	switch (key) {
	case KEY_TRACE:
		options->trace = true;
		return 0;
	case KEY_STATS:
		options->stats = true;
		return 0;
	case KEY_JSON:
		options->json = true;
		return 0;
	case KEY_HOLD:
		options->hold = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct run_options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		run_parts_argp_init(state);
		return 0;
	case KEY_MEM:
		options->mem = parse_number(state, "--mem", arg, ctl_parse_size);
		return 0;
	case KEY_VCPUS:
		options->vcpus = parse_number(state, "--vcpus", arg, ctl_parse_number);
		return 0;
	case KEY_ARG:
		options->arg = parse_number(state, "--arg", arg, ctl_parse_number);
		return 0;
	case KEY_TIMEOUT:
		options->timeout_ns = parse_number(state, "--timeout", arg, ctl_parse_seconds);
		return 0;
	case KEY_DUMP:
		options->dump = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (options->guest)
			argp_error(state, "unexpected argument '%s'", arg);
		options->guest = arg;
		return 0;
	case ARGP_KEY_END:
		if (!options->guest)
			argp_error(state, "which GUEST? The path of a flat image is expected, or "
					  "the name of one in /lab/guest");
		return 0;
	default:
		return parse_flag(key, options);
	}
}

static struct argp_child part_parsers[RUN_MAX_PARTS + 1];
static struct argp part_argps[RUN_MAX_PARTS];

static const struct argp argp = {
	.options = option_list,
	.parser = parse_option,
	.children = part_parsers,
	.args_doc = "GUEST",
	.doc = "Run a guest: a flat 64-bit image. GUEST is a path, or the NAME of a NAME.bin in "
	       "$VTX_GUESTS or /lab/guest. What the guest prints goes to stdout, everything else "
	       "to stderr."
	       "\vExit status: the guest's own; 124 --timeout is over; 125 vtxctl or the driver "
	       "refused; 126 the guest crashed: an exception, a triple fault, a VM entry that "
	       "failed, or a VM exit that nobody handles; 128+N stopped by signal N; 2 wrong "
	       "usage; 3 no device, load vtxdrv.ko first.",
};

static int write_json(const char *path, struct json_object *object)
{
	int wrong = json_object_to_file_ext(path, object,
					    JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
						    JSON_C_TO_STRING_NOSLASHESCAPE);

	json_object_put(object);
	if (wrong)
		ctl_error("run: --dump %s: writing failed: %m", path);
	return wrong ? RUN_STATUS_REFUSED : 0;
}

/* The vCPU that has ended the guest is the one to look at. */
static int write_dump(const struct run *run)
{
	struct dump *dump = calloc(1, sizeof(*dump));
	int status = RUN_STATUS_REFUSED;

	if (!dump)
		ctl_error("run: --dump: no memory");
	else if (dump_read(run->fd, &run->info, run->end_vcpu, dump) == CTL_DONE)
		status = write_json(run->options->dump, dump_json(dump));
	free(dump);
	return status;
}

/* A failed entry is explained from the VMCS as the entry has left it: so the report comes first. */
static int conclude(struct run *run)
{
	int status = run_status(run);

	if (run->options->json)
		run_print_json(run);
	if (!run->options->json || status == RUN_STATUS_REFUSED)
		run_report(run);
	if (run->options->stats && !run->options->json)
		run_print_stats(run);
	if (run->options->dump && write_dump(run) && !status)
		status = RUN_STATUS_REFUSED;
	/* A guest whose output got lost has not done what it was asked for. */
	if (!status && run->output.lost)
		status = RUN_STATUS_REFUSED;
	if (run->options->hold)
		run_hold(run);
	return status;
}

static int cmd_run_main(int argc, char **argv)
{
	struct run_options options = { .mem = DEFAULT_MEMORY, .vcpus = 1 };
	struct run *run = calloc(1, sizeof(*run));
	int status;

	run_parts_argp(part_parsers, part_argps);
	ctl_parse(&argp, argc, argv, &options);
	if (!run) {
		ctl_error("run: no memory");
		return RUN_STATUS_REFUSED;
	}
	run->options = &options;
	run->fd = -1;
	pthread_mutex_init(&run->lock, NULL);
	status = run_setup(run);
	if (!status)
		status = run_guest(run) ? 0 : RUN_STATUS_REFUSED;
	run_parts_finish(run);
	if (!status)
		status = conclude(run);
	run_release(run);
	free(run);
	return status;
}

VTX_COMMAND(run, "run a guest", cmd_run_main);
