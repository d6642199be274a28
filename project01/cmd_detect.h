/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_detect.h
 * @brief What the files of vtxctl detect share. Everything here lives in vtxctl only.
 */
#ifndef CMD_DETECT_H
#define CMD_DETECT_H

#include <argp.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

#include "vtxdrv.h"

/** What detect, and whoever else explains facts, can be asked for. */
struct detect_options {
	bool json; /**< --json */
	bool verbose; /**< --verbose, where the command has it */
	const char *from; /**< file of --from, NULL: the device */
};

/** The options --json and --from for a command's list; @p readme documents the JSON's keys. */
#define DETECT_OPTIONS(readme) \
	{ "json", 'j', NULL, 0, "Print one JSON object; its keys are in " readme, 0 }, \
	{ "from", 'f', "FILE", 0, \
	  "Explain the facts in the JSON of an earlier detect --json instead of asking the " \
	  "hardware; - is stdin", 0 }

/** Parser for argp of these options; state->input is a struct detect_options. */
error_t detect_parse_option(int key, char *arg, struct argp_state *state);

/** All CPUs of a machine, from the device or from a file. */
struct detect_machine {
	bool from_file; /**< read by --from, not from this machine */
	unsigned int stage; /**< of the module, or of this vtxctl for a file */
	unsigned int count; /**< of cpus */
	struct vtx_cpu_query *cpus; /**< allocated; facts, verdict and difference of each */
};

/**
 * Read a machine from the JSON of an earlier detect --json; complains when it cannot.
 *
 * @param path of the file, "-" for stdin
 * @param machine out: to be freed with detect_machine_free()
 * @return CTL_DONE or CTL_USAGE
 */
int detect_from_file(const char *path, struct detect_machine *machine);

/**
 * The machine of --from, or this one; complains when it cannot be had.
 *
 * @param from path as for detect_from_file(), NULL: ask the device
 * @param machine out: to be freed with detect_machine_free()
 * @return enum ctl_status
 */
int detect_read_machine(const char *from, struct detect_machine *machine);

/**
 * Read the facts of one CPU from an entry of "raw"; complains when it cannot.
 *
 * @param entry one element of raw.cpus
 * @param position of the element, for messages
 * @param facts out
 * @return true if everything was there and in range
 */
bool detect_raw_read(struct json_object *entry, size_t position, struct vtx_cpu_facts *facts);

/** The facts of one CPU as an entry of "raw". */
struct json_object *detect_raw_write(const struct vtx_cpu_facts *facts);

/** Free what a machine holds. */
void detect_machine_free(struct detect_machine *machine);

/**
 * The CPU whose verdict is the machine's: the first that is not usable, else the first.
 *
 * @param machine with at least one CPU
 */
const struct vtx_cpu_query *detect_deciding_cpu(const struct detect_machine *machine);

/** Why a mode cannot be used here; "" if it can. */
const char *detect_mode_why(unsigned int mode, enum vtx_verdict verdict);

/** Name of bit @p bit of vtx_cpu_query.differs; NULL beyond the last. */
const char *detect_difference_name(unsigned int bit);

/** Print the answer as one JSON object. */
void detect_print_json(const struct detect_machine *machine);

/** The decoded part of the JSON: one element of "cpus". */
struct json_object *detect_json_cpu(const struct vtx_cpu_query *query);

/** The key "controls" of one CPU: null while exercise 1.6 is not done. */
struct json_object *detect_json_controls(const struct vtx_cpu_facts *facts);

/** Print the answer for people. */
void detect_print_table(const struct detect_machine *machine, bool verbose);

/** Print the capabilities of one CPU for people, with every control bit if @p verbose. */
void detect_print_caps(const struct vtx_cpu_facts *facts, bool verbose);

#endif
