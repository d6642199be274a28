// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl detect --json: the machine as a whole. The keys are an interface, documented in
 * project01/README.md: scripts and the graders read them.
 */
#include "cmd_detect.h"
#include "ctl_json.h"
#include "detect_text_logic.h"

static struct json_object *modes(enum vtx_verdict verdict)
{
	struct json_object *all = json_object_new_object();
	unsigned int i;

	for (i = 0; i < DETECT_MODES; i++) {
		struct json_object *mode = json_object_new_object();
		const char *why = detect_mode_why(i, verdict);

		ctl_json_put_bool(mode, "available", !why[0]);
		ctl_json_put_text(mode, "why", why);
		json_object_object_add(all, detect_mode_get(i)->name, mode);
	}
	return all;
}

static struct json_object *fields(u32 differs)
{
	struct json_object *names = json_object_new_array();
	unsigned int bit;

	for (bit = 0; detect_difference_name(bit); bit++) {
		if (differs & (1U << bit))
			json_object_array_add(names,
					      json_object_new_string(detect_difference_name(bit)));
	}
	return names;
}

static struct json_object *differing(const struct detect_machine *machine)
{
	struct json_object *all = json_object_new_array();
	unsigned int i;

	for (i = 0; i < machine->count; i++) {
		struct json_object *cpu;

		if (!machine->cpus[i].differs)
			continue;
		cpu = json_object_new_object();
		ctl_json_put_int(cpu, "cpu", machine->cpus[i].cpu);
		json_object_object_add(cpu, "fields", fields(machine->cpus[i].differs));
		json_object_array_add(all, cpu);
	}
	return all;
}

static struct json_object *decoded(const struct detect_machine *machine)
{
	struct json_object *cpus = json_object_new_array();
	unsigned int i;

	for (i = 0; i < machine->count; i++)
		json_object_array_add(cpus, detect_json_cpu(&machine->cpus[i]));
	return cpus;
}

static struct json_object *raw(const struct detect_machine *machine)
{
	struct json_object *object = json_object_new_object();
	struct json_object *cpus = json_object_new_array();
	unsigned int i;

	for (i = 0; i < machine->count; i++)
		json_object_array_add(cpus, detect_raw_write(&machine->cpus[i].facts));
	json_object_object_add(object, "cpus", cpus);
	return object;
}

void detect_print_json(const struct detect_machine *machine)
{
	const struct vtx_cpu_query *cpu = detect_deciding_cpu(machine);
	struct json_object *top = json_object_new_object();

	ctl_json_put_int(top, "abi", VTXDRV_ABI_VERSION);
	ctl_json_put_int(top, "stage", machine->stage);
	ctl_json_put_text(top, "source", machine->from_file ? "file" : "device");
	ctl_json_put_text(top, "verdict", detect_verdict_name(cpu->verdict));
	ctl_json_put_text(top, "explanation", detect_explain(&cpu->facts, cpu->verdict));
	ctl_json_put_text(top, "remedy", detect_remedy(&cpu->facts, cpu->verdict));
	json_object_object_add(top, "modes", modes(cpu->verdict));
	json_object_object_add(top, "differing", differing(machine));
	json_object_object_add(top, "cpus", decoded(machine));
	json_object_object_add(top, "raw", raw(machine));
	ctl_json_print(top);
}
