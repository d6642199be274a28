// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl detect --from: a machine out of a file instead of out of hardware.
 */
#include <stdlib.h>

#include "cmd_detect.h"
#include "ctl.h"
#include "ctl_json.h"
#include "detect_logic.h"

static struct json_object *find_cpus(const char *path, struct json_object *top)
{
	struct json_object *raw;
	struct json_object *cpus;

	/* get_ex() leaves its argument alone unless it is an object with that key. */
	if (json_object_is_type(top, json_type_object) &&
	    json_object_object_get_ex(top, "raw", &raw) &&
	    json_object_is_type(raw, json_type_object) &&
	    json_object_object_get_ex(raw, "cpus", &cpus) &&
	    json_object_is_type(cpus, json_type_array) && json_object_array_length(cpus))
		return cpus;
	ctl_error("%s: expected {\"raw\": {\"cpus\": [...]}} with at least one CPU, as vtxctl "
		  "detect --json writes it", path);
	return NULL;
}

static int read_cpus(struct json_object *cpus, struct detect_machine *machine)
{
	size_t count = json_object_array_length(cpus);
	size_t i;

	machine->cpus = calloc(count, sizeof(*machine->cpus));
	if (!machine->cpus) {
		ctl_error("no memory for %zu CPUs", count);
		return CTL_USAGE;
	}
	for (i = 0; i < count; i++) {
		struct vtx_cpu_query *query = &machine->cpus[i];

		if (!detect_raw_read(json_object_array_get_idx(cpus, i), i, &query->facts))
			return CTL_USAGE;
		query->cpu = query->facts.cpu;
		query->verdict = detect_verdict(&query->facts);
		query->differs = detect_compare(&machine->cpus[0].facts, &query->facts);
		machine->count++;
	}
	return CTL_DONE;
}

int detect_from_file(const char *path, struct detect_machine *machine)
{
	struct json_object *top = ctl_json_load(path, "the output of vtxctl detect --json");
	struct json_object *cpus;
	int status = CTL_USAGE;

	machine->from_file = true;
	if (!top)
		return CTL_USAGE;
	cpus = find_cpus(path, top);
	if (cpus)
		status = read_cpus(cpus, machine);
	json_object_put(top);
	return status;
}
