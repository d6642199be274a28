/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_run_parts.h
 * @brief How later projects add options, devices and exits to vtxctl run.
 *
 * A part is one file that ends in
 * @code
 *	RUN_PART(name, { .options = option_list, .parse = parse_option, .serve = serve });
 * @endcode
 * Nothing else lists the parts. Of several parts the one whose file name sorts first comes first.
 * All that a part does not have may be left out.
 */
#ifndef CMD_RUN_PARTS_H
#define CMD_RUN_PARTS_H

#include <argp.h>

#include "cmd_run.h"

struct json_object;

/** What a part has done with an exit. */
enum run_served {
	RUN_NOT_MINE = 0, /**< nothing: ask the next part, and then vtxctl run itself */
	RUN_SERVED, /**< the guest goes on */
	RUN_ENDED, /**< the vCPU does not: run_finish() was called, or it waits for ever */
};

/** What a later project adds to vtxctl run. */
struct run_part {
	/** For --help; ends with an empty one. Keys: no character, no key of cmd_run.c. */
	const struct argp_option *options;
	/** A parser of argp for these options; state->input is the struct run_options. */
	error_t (*parse)(int key, char *arg, struct argp_state *state);
	/** Change how a vCPU starts. It may be called more than once for each vCPU. */
	void (*start)(const struct run *run, struct vtx_vcpu_init *init);
	/** The VM is there and the image is in its memory: complain and return false to refuse. */
	bool (*setup)(struct run *run);
	/** An exit that the driver has not answered. In the vCPU's thread, without run->lock. */
	enum run_served (*serve)(struct run_vcpu *vcpu, const struct vtx_exit *exit);
	/** All vCPUs have ended, or a setup() has failed. Once, where setup() was called. */
	void (*finish)(struct run *run);
	/** What run->exit hints at: RUN_TEXT_SIZE bytes; leave text alone where nobody knows. */
	void (*hint)(const struct run *run, char *text);
	/** The guest has crashed: further lines for the report, on stderr. */
	void (*report)(const struct run *run);
	/** Further keys for the object of --json. */
	void (*json)(const struct run *run, struct json_object *object);
};

/** Register a part: puts a pointer to it where cmd_run_parts.c finds it. */
#define RUN_PART(name, ...) \
	static const struct run_part run_part_##name = __VA_ARGS__; \
	static const struct run_part *const run_part_##name##_pointer \
		__attribute__((used, section("run_parts"))) = &run_part_##name

/* ---- cmd_run_parts.c: for vtxctl run itself -------------------------------------------------- */

/** Most parts that there may be. */
#define RUN_MAX_PARTS 15

/** Parsers of all parts, for struct argp; children has room for RUN_MAX_PARTS and the end. */
void run_parts_argp(struct argp_child *children, struct argp *argps);
/** On ARGP_KEY_INIT: every part gets the input of its parent. */
void run_parts_argp_init(struct argp_state *state);
/** start() of all parts. */
void run_parts_start(const struct run *run, struct vtx_vcpu_init *init);
/** setup() of all parts, until one fails. */
bool run_parts_setup(struct run *run);
/** serve() of all parts, until one has done something. */
enum run_served run_parts_serve(struct run_vcpu *vcpu, const struct vtx_exit *exit);
/** finish() of the parts that have been set up, the last one first. */
void run_parts_finish(struct run *run);
/** hint() of all parts. */
void run_parts_hint(const struct run *run, char *text);
/** report() of all parts. */
void run_parts_report(const struct run *run);
/** json() of all parts. */
void run_parts_json(const struct run *run, struct json_object *object);

#endif
