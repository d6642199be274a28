// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl run: what later projects add to it. In project 4 itself there is no part at all.
 */
#include <assert.h>

#include "cmd_run_parts.h"
#include "vtx_types.h"

/* The linker makes the ends of the section that RUN_PART() fills, if anybody fills it. */
extern const struct run_part *const __start_run_parts[] __attribute__((weak));
extern const struct run_part *const __stop_run_parts[] __attribute__((weak));

#define for_each_part(part) for (part = __start_run_parts; part != __stop_run_parts; part++)

void run_parts_argp(struct argp_child *children, struct argp *argps)
{
	const struct run_part *const *part;
	unsigned int i = 0;

	for_each_part(part) {
		assert(i < RUN_MAX_PARTS);
		argps[i] = (struct argp){ .options = (*part)->options, .parser = (*part)->parse };
		children[i].argp = &argps[i];
		i++;
	}
}

/* argp hands a parser without an options list its input all the same. */
void run_parts_argp_init(struct argp_state *state)
{
	unsigned int parts = __stop_run_parts - __start_run_parts;
	unsigned int i;

	for (i = 0; i < parts; i++)
		state->child_inputs[i] = state->input;
}

void run_parts_start(const struct run *run, struct vtx_vcpu_init *init)
{
	const struct run_part *const *part;

	for_each_part(part) {
		if ((*part)->start)
			(*part)->start(run, init);
	}
}

bool run_parts_setup(struct run *run)
{
	const struct run_part *const *part;

	for_each_part(part) {
		run->parts_set_up++;
		if ((*part)->setup && !(*part)->setup(run))
			return false;
	}
	return true;
}

enum run_served run_parts_serve(struct run_vcpu *vcpu, const struct vtx_exit *exit)
{
	const struct run_part *const *part;
	enum run_served served = RUN_NOT_MINE;

	for_each_part(part) {
		if ((*part)->serve)
			served = (*part)->serve(vcpu, exit);
		if (served != RUN_NOT_MINE)
			break;
	}
	return served;
}

void run_parts_finish(struct run *run)
{
	while (run->parts_set_up) {
		const struct run_part *part = __start_run_parts[--run->parts_set_up];

		if (part->finish)
			part->finish(run);
	}
}

void run_parts_hint(const struct run *run, char *text)
{
	const struct run_part *const *part;

	for_each_part(part) {
		if ((*part)->hint)
			(*part)->hint(run, text);
	}
}

void run_parts_report(const struct run *run)
{
	const struct run_part *const *part;

	for_each_part(part) {
		if ((*part)->report)
			(*part)->report(run);
	}
}

void run_parts_json(const struct run *run, struct json_object *object)
{
	const struct run_part *const *part;

	for_each_part(part) {
		if ((*part)->json)
			(*part)->json(run, object);
	}
}
