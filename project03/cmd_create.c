// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl create: make a VM, and keep it for as long as somebody needs it.
 */
#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd_create.h"
#include "cmd_vm.h"
#include "ctl.h"
#include "ctl_json.h"
#include "ctl_size.h"

#define DEFAULT_MEMORY (16UL << 20)
/* As a shell has it: 128 + signal; 126 and 127 for a command that cannot be run. */
#define STATUS_SIGNAL 128
#define STATUS_NOT_RUN 126
#define STATUS_NOT_FOUND 127

enum create_key {
	KEY_NAME = 'n',
	KEY_MEM = 'm',
	KEY_VCPUS = 'c',
	KEY_JSON = 'j',
	KEY_QUIET = 'q',
	KEY_HOLD = 256,
};

struct create_options {
	struct vtx_vm_config config;
	bool json;
	bool quiet;
	bool hold;
	char **command; /* NULL: none */
};

static void set_name(struct argp_state *state, struct create_options *options, const char *text)
{
	if (strlen(text) >= VTX_NAME_SIZE)
		argp_error(state, "--name %s: %zu characters, at most %d are allowed", text,
			   strlen(text), VTX_NAME_SIZE - 1);
	memset(options->config.name, 0, VTX_NAME_SIZE);
	strncpy(options->config.name, text, VTX_NAME_SIZE - 1);
}

static void set_mem(struct argp_state *state, struct create_options *options, const char *text)
{
	u64 bytes = 0;
	const char *wrong = ctl_parse_size(text, &bytes);

	if (wrong)
		argp_error(state, "--mem %s: %s", text, wrong);
	options->config.guest_mem_size = bytes;
}

static void set_vcpus(struct argp_state *state, struct create_options *options, const char *text)
{
	u64 count = 0;
	const char *wrong = ctl_parse_number(text, &count);

	if (wrong)
		argp_error(state, "--vcpus %s: %s", text, wrong);
	if (count > INT_MAX)
		argp_error(state, "--vcpus %s: expected 1 to %d", text, VTX_MAX_VCPUS);
	options->config.num_vcpus = count;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct create_options *options = state->input;

	switch (key) {
	case KEY_NAME:
		set_name(state, options, arg);
		return 0;
	case KEY_MEM:
		set_mem(state, options, arg);
		return 0;
	case KEY_VCPUS:
		set_vcpus(state, options, arg);
		return 0;
	case KEY_JSON:
		options->json = true;
		return 0;
	case KEY_QUIET:
		options->quiet = true;
		return 0;
	case KEY_HOLD:
		options->hold = true;
		return 0;
	case ARGP_KEY_ARGS:
		options->command = state->argv + state->next;
		return 0;
	case ARGP_KEY_END:
		if (options->hold && options->command)
			argp_error(state, "--hold or a COMMAND, not both");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option argp_options[] = {
	{ "name", KEY_NAME, "NAME", 0, "Name of the VM, printable ASCII (vm)", 0 },
	{ "mem", KEY_MEM, "SIZE", 0, "Memory: 4096, 64K, 64M, 1G; a multiple of 4096 (16M)", 0 },
	{ "vcpus", KEY_VCPUS, "N", 0, "Virtual CPUs (1)", 0 },
	{ "hold", KEY_HOLD, NULL, 0, "Keep the VM until a signal comes", 0 },
	{ "json", KEY_JSON, NULL, 0, "Print one JSON object about the VM", 0 },
	{ "quiet", KEY_QUIET, NULL, 0, "Print nothing about the VM: stdout is COMMAND's", 0 },
	{ 0 },
};

static const struct argp argp = {
	.options = argp_options,
	.parser = parse,
	.args_doc = "[-- COMMAND [ARGUMENT...]]",
	.doc = "Make a VM and print what it got. It lives until standard input ends or a signal "
	       "comes (--hold: until a signal comes), or until COMMAND ends, which finds the VM's "
	       "id in VTX_VM and gives vtxctl its exit status.",
};

/* ---- meanwhile ------------------------------------------------------------------------------- */

/* Read what nobody wants; false at the end of standard input. */
static bool swallow_input(void)
{
	char buffer[256];

	return read(STDIN_FILENO, buffer, sizeof(buffer)) > 0;
}

static int hold(bool until_signal)
{
	struct pollfd wait[2] = { { .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN } };
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	wait[0].fd = signalfd(-1, &signals, SFD_CLOEXEC);
	if (wait[0].fd < 0) {
		ctl_error("create: cannot wait for signals: %m");
		return CTL_NO;
	}
	if (isatty(STDIN_FILENO))
		fprintf(stderr, "The VM is there until you press Ctrl-C%s.\n",
			until_signal ? "" : " or Ctrl-D");
	do {
		if (poll(wait, until_signal ? 1 : 2, -1) < 0 && errno != EINTR) {
			ctl_error("create: cannot wait: %m");
			return CTL_NO;
		}
	} while (!wait[0].revents && (until_signal || !wait[1].revents || swallow_input()));
	return CTL_DONE;
}

static void be_command(unsigned int id, char **command)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", id);
	setenv("VTX_VM", text, 1);
	execvp(command[0], command);
	ctl_error("create: %s: %m", command[0]);
	_exit(errno == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_RUN);
}

static int run_command(unsigned int id, char **command)
{
	pid_t child;
	int status;

	child = fork();
	if (child == 0)
		be_command(id, command);
	/* The terminal sends these to both: the command decides, and the VM stays until it has. */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	if (child < 0 || waitpid(child, &status, 0) != child) {
		ctl_error("create: %s cannot be run: %m", command[0]);
		return CTL_NO;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_SIGNAL + WTERMSIG(status);
}

/* ---- the command ----------------------------------------------------------------------------- */

static int report(int fd, const struct create_options *options, unsigned int *id)
{
	struct cmd_vm vm;
	int err = cmd_vm_ask(fd, 0, &vm);

	if (err) {
		ctl_error("create: the VM is there, but the driver does not describe it: %s",
			  strerror(err));
		return CTL_NO;
	}
	*id = vm.info.id;
	if (options->quiet)
		return CTL_DONE;
	if (options->json)
		ctl_json_print(cmd_vm_json(&vm));
	else
		cmd_vm_print(&vm);
	fflush(stdout);
	return CTL_DONE;
}

static int create(int fd, struct create_options *options)
{
	unsigned int id;
	int status;

	if (ioctl(fd, VTXDRV_CREATE_VM, &options->config)) {
		create_explain("create", &options->config, errno);
		return CTL_NO;
	}
	status = report(fd, options, &id);
	if (status != CTL_DONE)
		return status;
	return options->command ? run_command(id, options->command) : hold(options->hold);
}

static int cmd_create_main(int argc, char **argv)
{
	struct create_options options = {
		.config = { .name = "vm", .guest_mem_size = DEFAULT_MEMORY, .num_vcpus = 1 },
	};
	struct vtx_info info;
	int status;
	int fd;

	ctl_parse(&argp, argc, argv, &options);
	status = ctl_open(&fd, &info, VTX_FEATURE_VM);
	if (status != CTL_DONE)
		return status;
	status = create(fd, &options);
	close(fd);
	return status;
}

VTX_COMMAND(create, "make a VM, and keep it while it is needed", cmd_create_main);
