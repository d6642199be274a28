/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file ctl.h
 * @brief The frame of vtxctl: how a subcommand registers, what it may return, how it complains.
 *
 * A subcommand is one file cmd_NAME.c that ends in
 * @code
 *	VTX_COMMAND(name, "one-line help", cmd_name_main);
 * @endcode
 * and parses its own arguments with argp. Nothing else lists the subcommands.
 */
#ifndef CTL_H
#define CTL_H

#include <stdbool.h>

#include "vtxdrv.h"

/** Exit status of vtxctl. Part of the interface: scripts and the graders rely on it. */
enum ctl_status {
	CTL_DONE = 0, /**< done; for detect: the processor is usable */
	CTL_NO = 1, /**< the answer is no, or the driver refused */
	CTL_USAGE = 2, /**< the command line or an input file is wrong */
	CTL_NO_DEVICE = 3, /**< no /dev/vtxdrv: the module is not loaded */
};

/** A subcommand. */
struct ctl_command {
	const char *name; /**< as typed: vtxctl NAME */
	const char *help; /**< one line for vtxctl --help */
	int (*main)(int argc, char **argv); /**< returns enum ctl_status */
};

/** Register a subcommand: puts a pointer to it where ctl_main.c finds it. */
#define VTX_COMMAND(command, text, function) \
	static const struct ctl_command ctl_command_##command = { #command, text, function }; \
	static const struct ctl_command *const ctl_command_##command##_pointer \
		__attribute__((used, section("ctl_commands"))) = &ctl_command_##command

/** Print "vtxctl: ..." and a newline on stderr. */
void ctl_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

struct argp;

/**
 * Parse a subcommand's arguments; exits with CTL_USAGE when they are wrong.
 *
 * @param argp the command's description
 * @param argc from main of the command
 * @param argv from main of the command
 * @param input handed to the parser
 */
void ctl_parse(const struct argp *argp, int argc, char **argv, void *input);

/**
 * Parse the arguments of a subcommand that knows --json and nothing else.
 *
 * @param doc what the command does, for --help
 * @param argc from main of the command
 * @param argv from main of the command
 * @return true if --json was given
 */
bool ctl_parse_json_only(const char *doc, int argc, char **argv);

/**
 * Open the device and check that module and tool speak the same ABI; complains when it fails.
 *
 * @param fd out: the open file
 * @param info out: the module's answer to VTXDRV_GET_INFO
 * @param features VTX_FEATURE_* that the command needs: the module may be of an earlier stage
 * @return CTL_DONE, CTL_NO or CTL_NO_DEVICE
 */
int ctl_open(int *fd, struct vtx_info *info, __u64 features);

#endif
