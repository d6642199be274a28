// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl controls: the control bits that a VMCS of this build gets on each CPU, and where each of
 * them comes from. With --from no hardware is needed: the same code computes them from facts that
 * were recorded elsewhere.
 */
#include <argp.h>
#include <inttypes.h>
#include <stdio.h>

#include "cmd_detect.h"
#if VTX_STAGE >= 7
#include "cmd_svm_facts.h"
#endif
#include "ctl.h"
#include "ctl_json.h"
#include "ctl_names.h"
#include "ctl_table.h"
#include "ctl_vendor.h"
#include "vmx_ctls_logic.h"

static const struct argp_option option_list[] = {
	DETECT_OPTIONS("project03/README.md"),
	{ 0 },
};

static const struct argp argp = {
	.options = option_list,
	.parser = detect_parse_option,
	.doc = "Compute the control bits of a " CTL_CONTROL " on each CPU. Exit status 0 if no CPU "
	       "lacks a control that is required.",
};

/* The control bits of one CPU. */
struct cpu_controls {
	const struct vtx_cpu_facts *facts;
	struct vmx_controls controls;
	int err; /* of vmx_controls_compute() */
};

/* Where a bit of an active group comes from. */
static const char *bit_cause(const struct cpu_controls *cpu, enum vmx_ctl_group group, u64 mask)
{
	struct vmx_wanted wanted = vmx_wishes_for(group);
	struct vmx_ctl_caps caps;

	if (wanted.required & mask)
		return "required";
	if (!(cpu->controls.value[group] & mask))
		return wanted.optional & mask ? "optional, but the processor cannot" : NULL;
	if (wanted.optional & mask)
		return "optional";
	if (!vmx_ctl_caps(cpu->facts, group, &caps) && (caps.must_be_1 & mask))
		return "the processor insists";
	return "activates another group";
}

static const char *bit_name(enum vmx_ctl_group group, unsigned int bit)
{
	const char *name = ctl_control_name(group, bit);

	return name ? name : "reserved";
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static struct json_object *json_names(enum vmx_ctl_group group, u64 bits)
{
	struct json_object *names = json_object_new_array();
	unsigned int i;

	for (i = 0; i < ctl_group_bits(group); i++) {
		if (bits & BIT_ULL(i))
			json_object_array_add(names, json_object_new_string(bit_name(group, i)));
	}
	return names;
}

static struct json_object *json_groups(const struct vmx_controls *controls)
{
	struct json_object *object = json_object_new_object();
	unsigned int group;

	for (group = 0; group < VMX_CTL_GROUPS; group++) {
		if (controls->active & BIT(group))
			ctl_json_put_hex(object, ctl_group_key(group), controls->value[group]);
		else
			ctl_json_put_null(object, ctl_group_key(group));
	}
	return object;
}

static struct json_object *json_missing(const struct vmx_controls *controls)
{
	struct json_object *object = json_object_new_object();

	ctl_json_put_text(object, "group", ctl_group_key(controls->missing_group));
	ctl_json_put_hex(object, "bits", controls->missing_bits);
	json_object_object_add(object, "names",
			       json_names(controls->missing_group, controls->missing_bits));
	return object;
}

static struct json_object *json_cpu(const struct cpu_controls *cpu)
{
	struct json_object *object = json_object_new_object();

	ctl_json_put_int(object, "cpu", cpu->facts->cpu);
	ctl_json_put_bool(object, "ok", !cpu->err);
	if (!cpu->err)
		json_object_object_add(object, "controls", json_groups(&cpu->controls));
	else
		ctl_json_put_null(object, "controls");
	if (cpu->err == -ENOTSUPP)
		json_object_object_add(object, "missing", json_missing(&cpu->controls));
	else
		ctl_json_put_null(object, "missing");
	return object;
}

/* ---- for people ------------------------------------------------------------------------------ */

static void print_group(const struct cpu_controls *cpu, enum vmx_ctl_group group)
{
	u64 value = cpu->controls.value[group];
	unsigned int i;

	if (!(cpu->controls.active & BIT(group))) {
		ctl_property(ctl_group_key(group), "not active");
		return;
	}
	ctl_property(ctl_group_key(group), "0x%08" PRIx64, value);
	for (i = 0; i < ctl_group_bits(group); i++) {
		const char *cause = bit_cause(cpu, group, BIT_ULL(i));

		if (cause)
			printf("    %2u = %d  %-32s%s\n", i, !!(value & BIT_ULL(i)),
			       bit_name(group, i), cause);
	}
}

/* Why a wish was made; "" for a bit that nobody asked for. */
static const char *wish_why(enum vmx_ctl_group group, u64 mask)
{
	const char *why = "";
	unsigned int i;

	for (i = 0; i < vmx_wish_count; i++) {
		if (vmx_wishes[i].group == group && vmx_wishes[i].mask == mask)
			why = vmx_wishes[i].why;
	}
	return why;
}

static void print_missing(const struct cpu_controls *cpu)
{
	const struct vmx_controls *controls = &cpu->controls;
	enum vmx_ctl_group group = controls->missing_group;
	struct vmx_ctl_caps caps;
	unsigned int i;

	if (vmx_ctl_caps(cpu->facts, group, &caps)) {
		ctl_property(ctl_group_key(group), "no capability MSR: see vtxctl detect");
		return;
	}
	for (i = 0; i < ctl_group_bits(group); i++) {
		if (controls->missing_bits & BIT_ULL(i))
			ctl_property(ctl_group_key(group), "bit %u, %s, may not be 1 here: %s", i,
				     bit_name(group, i), wish_why(group, BIT_ULL(i)));
	}
}

static void print_cpu(const struct cpu_controls *cpu)
{
	unsigned int group;

	if (cpu->err == -ENOTSUPP) {
		ctl_heading("CPU %u: lacks a control that this build requires", cpu->facts->cpu);
		print_missing(cpu);
		return;
	}
	ctl_heading("CPU %u: %s", cpu->facts->cpu,
		    cpu->err ? "the controls are not known" : "has every control that is required");
	for (group = 0; group < VMX_CTL_GROUPS && !cpu->err; group++)
		print_group(cpu, group);
}

static int print_controls(const struct detect_machine *machine, bool json)
{
	struct json_object *cpus = json_object_new_array();
	struct json_object *object = json_object_new_object();
	int status = CTL_DONE;
	unsigned int i;

	for (i = 0; i < machine->count; i++) {
		struct cpu_controls cpu = { .facts = &machine->cpus[i].facts };

		cpu.err = vmx_controls_compute(cpu.facts, &cpu.controls);
		if (cpu.err)
			status = CTL_NO;
		if (!json)
			print_cpu(&cpu);
		json_object_array_add(cpus, json_cpu(&cpu));
	}
	json_object_object_add(object, "cpus", cpus);
	if (json)
		ctl_json_print(object);
	else
		json_object_put(object);
	return status;
}

static int explain(const struct detect_machine *machine, bool json)
{
#if VTX_STAGE >= 7
	if (svm_is_of(machine))
		return svm_print_controls(machine, json);
#endif
	return print_controls(machine, json);
}

static int cmd_controls_main(int argc, char **argv)
{
	struct detect_options options = { 0 };
	struct detect_machine machine = { .stage = VTX_STAGE };
	int status;

	ctl_parse(&argp, argc, argv, &options);
	status = detect_read_machine(options.from, &machine);
	if (status == CTL_DONE)
		status = explain(&machine, options.json);
	detect_machine_free(&machine);
	return status;
}

VTX_COMMAND(controls, "the control bits of a " CTL_CONTROL ", computed for each CPU",
	    cmd_controls_main);
