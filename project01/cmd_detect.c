// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl detect: ask every CPU and explain the answer.
 */
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd_detect.h"
#include "ctl.h"
#include "detect_text_logic.h"

static const struct argp_option option_list[] = {
	{ "verbose", 'v', NULL, 0, "Also every capability MSR and control bit by name", 0 },
	DETECT_OPTIONS("project01/README.md"),
	{ 0 },
};

error_t detect_parse_option(int key, char *arg, struct argp_state *state)
{
	struct detect_options *options = state->input;

	switch (key) {
	case 'j':
		options->json = true;
		return 0;
	case 'v':
		options->verbose = true;
		return 0;
	case 'f':
		options->from = arg;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = option_list,
	.parser = detect_parse_option,
	.doc = "Can this build use the processor's virtualization extension? Asks every CPU, and "
	       "says what to do if the answer is no. Exit status 0 only if it is usable.",
};

/* ---- asking the device ----------------------------------------------------------------------- */

/* 1: the CPU answered; 0: it is offline; -1: it failed, and the reason was printed. */
static int query_cpu(int fd, unsigned int cpu, struct vtx_cpu_query *query)
{
	memset(query, 0, sizeof(*query));
	query->cpu = cpu;
	if (!ioctl(fd, VTXDRV_QUERY_CPU, query))
		return 1;
	if (errno == ENXIO)
		return 0;
	ctl_error("asking CPU %u failed: %m. dmesg may say more.", cpu);
	return -1;
}

static int query_all(int fd, unsigned int limit, struct detect_machine *machine)
{
	unsigned int cpu;
	int answer;

	for (cpu = 0; cpu < limit; cpu++) {
		answer = query_cpu(fd, cpu, &machine->cpus[machine->count]);
		if (answer < 0)
			return CTL_NO;
		machine->count += answer;
	}
	if (machine->count)
		return CTL_DONE;
	ctl_error("no CPU answered, although at least one must be online. See dmesg.");
	return CTL_NO;
}

static int from_device(struct detect_machine *machine)
{
	struct vtx_info info = { 0 };
	int status;
	int fd;

	status = ctl_open(&fd, &info, VTX_FEATURE_DETECT);
	if (status != CTL_DONE)
		return status;
	machine->stage = info.stage;
	machine->cpus = calloc(info.nr_cpu_ids, sizeof(*machine->cpus));
	if (machine->cpus) {
		status = query_all(fd, info.nr_cpu_ids, machine);
	} else {
		ctl_error("no memory for the answers of %u CPUs", info.nr_cpu_ids);
		status = CTL_NO;
	}
	close(fd);
	return status;
}

int detect_read_machine(const char *from, struct detect_machine *machine)
{
	return from ? detect_from_file(from, machine) : from_device(machine);
}

/* ---- what the printers share ----------------------------------------------------------------- */

void detect_machine_free(struct detect_machine *machine)
{
	free(machine->cpus);
	machine->cpus = NULL;
	machine->count = 0;
}

const struct vtx_cpu_query *detect_deciding_cpu(const struct detect_machine *machine)
{
	unsigned int i;

	for (i = 0; i < machine->count; i++) {
		if (machine->cpus[i].verdict != VTX_VERDICT_USABLE)
			return &machine->cpus[i];
	}
	return &machine->cpus[0];
}

const char *detect_mode_why(unsigned int mode, enum vtx_verdict verdict)
{
	static char why[96];

	if (!detect_mode_get(mode)->in_build)
		snprintf(why, sizeof(why),
			 "comes with %s, on top of project07; this is project%02d",
			 detect_mode_get(mode)->brought_by, VTX_STAGE);
	else if (verdict != VTX_VERDICT_USABLE)
		snprintf(why, sizeof(why), "the processor is not usable: %s",
			 detect_verdict_name(verdict));
	else
		why[0] = '\0';
	return why;
}

const char *detect_difference_name(unsigned int bit)
{
	/* The order of VTX_DIFF_*. */
	static const char *const names[] = {
		"cpuid", "feature-control", "vm-cr", "vmx-msrs", "held",
	};

	return bit < sizeof(names) / sizeof(names[0]) ? names[bit] : NULL;
}

static int answer(const struct detect_machine *machine)
{
	return detect_deciding_cpu(machine)->verdict == VTX_VERDICT_USABLE ? CTL_DONE : CTL_NO;
}

static int cmd_detect_main(int argc, char **argv)
{
	struct detect_options options = { 0 };
	struct detect_machine machine = { .stage = VTX_STAGE };
	int status;

	ctl_parse(&argp, argc, argv, &options);
	status = detect_read_machine(options.from, &machine);
	if (status == CTL_DONE) {
		if (options.json)
			detect_print_json(&machine);
		else
			detect_print_table(&machine, options.verbose);
		status = answer(&machine);
	}
	detect_machine_free(&machine);
	return status;
}

VTX_COMMAND(detect, "can this build use the processor? and if not, why", cmd_detect_main);
