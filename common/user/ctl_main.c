// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl: finds the subcommand and lets it work.
 */
#include <argp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

/* The linker makes the ends of the section that VTX_COMMAND() fills. */
extern const struct ctl_command *const __start_ctl_commands[];
extern const struct ctl_command *const __stop_ctl_commands[];

void ctl_error(const char *format, ...)
{
	va_list args;

	/* What was printed so far comes first, also when both go to one file. */
	fflush(stdout);
	fputs("vtxctl: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

void ctl_parse(const struct argp *argp, int argc, char **argv, void *input)
{
	argp_err_exit_status = CTL_USAGE;
	argp_parse(argp, argc, argv, 0, NULL, input);
}

static error_t parse_json_only(int key, char *arg, struct argp_state *state)
{
	bool *json = state->input;

	if (key == 'j')
		*json = true;
	else if (key == ARGP_KEY_ARG)
		argp_error(state, "unexpected argument '%s'", arg);
	else
		return ARGP_ERR_UNKNOWN;
	return 0;
}

bool ctl_parse_json_only(const char *doc, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "json", 'j', NULL, 0, "Print one JSON object", 0 },
		{ 0 },
	};
	const struct argp argp = { .options = options, .parser = parse_json_only, .doc = doc };
	bool json = false;

	ctl_parse(&argp, argc, argv, &json);
	return json;
}

static const struct ctl_command *find(const char *name)
{
	const struct ctl_command *const *command;

	for (command = __start_ctl_commands; command < __stop_ctl_commands; command++) {
		if (!strcmp((*command)->name, name))
			return *command;
	}
	return NULL;
}

static int by_name(const void *a, const void *b)
{
	const struct ctl_command *const *left = a;
	const struct ctl_command *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

static void list_commands(FILE *out)
{
	size_t count = __stop_ctl_commands - __start_ctl_commands;
	const struct ctl_command *sorted[count];
	size_t i;

	memcpy(sorted, __start_ctl_commands, sizeof(sorted));
	qsort(sorted, count, sizeof(sorted[0]), by_name);
	for (i = 0; i < count; i++)
		fprintf(out, "  %-10s %s\n", sorted[i]->name, sorted[i]->help);
}

static void usage(FILE *out)
{
	fputs("Usage: vtxctl COMMAND [OPTION...]\n"
	      "Talks to the hypervisor module vtxdrv.\n\nCommands:\n", out);
	list_commands(out);
	fputs("\n  vtxctl COMMAND --help   the options of a command\n"
	      "  vtxctl --version        stage and ABI of this build\n\n"
	      "Exit status: 0 done (detect: usable), 1 the answer is no, 2 wrong usage,\n"
	      "3 no device, load vtxdrv.ko first.\n", out);
}

/* argp names the program by argv[0], and its messages shall name the command too. */
static int run(const struct ctl_command *command, int argc, char **argv)
{
	static char title[64];

	snprintf(title, sizeof(title), "vtxctl %s", command->name);
	argv[0] = title;
	return command->main(argc, argv);
}

static int finish(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	ctl_error("writing the output failed: %m");
	return status == CTL_DONE ? CTL_NO : status;
}

int main(int argc, char **argv)
{
	const struct ctl_command *command;

	if (argc < 2) {
		usage(stderr);
		return CTL_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-?") || !strcmp(argv[1], "help")) {
		usage(stdout);
		return finish(CTL_DONE);
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("vtxctl of vtxdrv, project%02d, ABI version %d\n", VTX_STAGE,
		       VTXDRV_ABI_VERSION);
		return finish(CTL_DONE);
	}
	command = find(argv[1]);
	if (command)
		return finish(run(command, argc - 1, argv + 1));
	ctl_error("there is no command '%s'. Commands of this build (project%02d):", argv[1],
		  VTX_STAGE);
	list_commands(stderr);
	return CTL_USAGE;
}
