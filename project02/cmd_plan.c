// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl plan: what would enable do on each CPU, and what would stop it? Nothing is touched, and
 * with --from not even hardware is needed: the same decisions run on facts that were recorded
 * elsewhere.
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
#include "ctl_table.h"
#include "vmx_caps_logic.h"
#include "vmx_msrs.h"
#include "vmxon_logic.h"
#include "x86_bits.h"

#define HEX "0x%" PRIx64

static const struct argp_option option_list[] = {
	DETECT_OPTIONS("project02/README.md"),
	{ 0 },
};

static const struct argp argp = {
	.options = option_list,
	.parser = detect_parse_option,
	.doc = "Say what enable would do on each CPU, and do nothing. Exit status 0 if no CPU "
	       "refuses.",
};

/* ---- one CPU --------------------------------------------------------------------------------- */

/* A control register, and the value nearest to it that VMX operation allows. */
struct cr_plan {
	const char *key;
	u64 value;
	u64 needed;
	bool ok;
};

struct cpu_plan {
	unsigned int cpu;
	bool vmx; /* the facts hold what VMXON depends on; else the rest is not filled in */
	bool held; /* CR4.VMXE is set, and not by vtxdrv */
	enum vmxon_fc_plan feature_control;
	u64 feature_control_found;
	u64 feature_control_value; /* after enable */
	struct cr_plan cr[2];
};

static const char *const fc_names[] = {
	[VMXON_FC_LOCKED_OUT] = "locked-out",
	[VMXON_FC_READY] = "ready",
	[VMXON_FC_WRITE] = "write",
};

static struct cr_plan plan_cr(const struct vtx_cpu_facts *facts, const char *key, u64 value,
			      u32 fixed0_msr, u32 fixed1_msr)
{
	struct cr_plan plan = { .key = key, .value = value };
	u64 fixed0 = 0;
	u64 fixed1 = ~0ULL;

	vmx_msr_read(facts, fixed0_msr, &fixed0);
	vmx_msr_read(facts, fixed1_msr, &fixed1);
	plan.ok = !vmxon_cr_check(value, fixed0, fixed1, &plan.needed);
	return plan;
}

static struct cpu_plan plan_cpu(const struct vtx_cpu_facts *facts)
{
	struct cpu_plan plan = {
		.cpu = facts->cpu,
		.vmx = (facts->leaf1.ecx & CPUID_1_ECX_VMX) &&
		       (facts->valid & VTX_FACT_FEATURE_CONTROL),
		.feature_control_found = facts->feature_control,
	};

	if (!plan.vmx)
		return plan;
	plan.held = (facts->cr4 & CR4_VMXE) && !(facts->valid & VTX_FACT_OURS);
	plan.feature_control = vmxon_feature_control(facts->feature_control,
						     &plan.feature_control_value);
	plan.cr[0] = plan_cr(facts, "cr0", facts->cr0, IA32_VMX_CR0_FIXED0, IA32_VMX_CR0_FIXED1);
	/* CR4 as it will be at VMXON. */
	plan.cr[1] = plan_cr(facts, "cr4", facts->cr4 | CR4_VMXE, IA32_VMX_CR4_FIXED0,
			     IA32_VMX_CR4_FIXED1);
	return plan;
}

static bool plan_works(const struct cpu_plan *plan)
{
	return plan->vmx && !plan->held && plan->feature_control != VMXON_FC_LOCKED_OUT &&
	       plan->cr[0].ok && plan->cr[1].ok;
}

/* ---- printing -------------------------------------------------------------------------------- */

static struct json_object *json_cr(const struct cr_plan *cr)
{
	struct json_object *object = json_object_new_object();

	ctl_json_put_hex(object, "value", cr->value);
	ctl_json_put_hex(object, "needed", cr->needed);
	ctl_json_put_bool(object, "ok", cr->ok);
	return object;
}

static struct json_object *json_cpu(const struct cpu_plan *plan)
{
	struct json_object *object = json_object_new_object();
	struct json_object *fc;
	size_t i;

	ctl_json_put_int(object, "cpu", plan->cpu);
	ctl_json_put_bool(object, "vmx", plan->vmx);
	ctl_json_put_bool(object, "ok", plan_works(plan));
	if (!plan->vmx)
		return object;
	ctl_json_put_bool(object, "held", plan->held);
	fc = json_object_new_object();
	ctl_json_put_text(fc, "plan", fc_names[plan->feature_control]);
	ctl_json_put_hex(fc, "found", plan->feature_control_found);
	ctl_json_put_hex(fc, "value", plan->feature_control_value);
	json_object_object_add(object, "feature_control", fc);
	for (i = 0; i < ARRAY_SIZE(plan->cr); i++)
		json_object_object_add(object, plan->cr[i].key, json_cr(&plan->cr[i]));
	return object;
}

static void print_cpu(const struct cpu_plan *plan)
{
	size_t i;

	ctl_heading("CPU %u: %s", plan->cpu, plan_works(plan) ? "enable would work" :
								"enable would refuse");
	if (!plan->vmx) {
		ctl_property("VMX", "CPUID or IA32_FEATURE_CONTROL does not show it");
		return;
	}
	if (plan->held)
		ctl_property("CR4.VMXE", "set: another hypervisor holds this CPU");
	ctl_property("FEATURE_CONTROL", HEX ", %s, " HEX " afterwards",
		     plan->feature_control_found, fc_names[plan->feature_control],
		     plan->feature_control_value);
	for (i = 0; i < ARRAY_SIZE(plan->cr); i++)
		ctl_property(plan->cr[i].key, HEX ", needed " HEX ": %s", plan->cr[i].value,
			     plan->cr[i].needed, plan->cr[i].ok ? "right" : "wrong");
}

static int print_plan(const struct detect_machine *machine, bool json)
{
	struct json_object *cpus = json_object_new_array();
	struct json_object *object = json_object_new_object();
	int status = CTL_DONE;
	unsigned int i;

	for (i = 0; i < machine->count; i++) {
		struct cpu_plan plan = plan_cpu(&machine->cpus[i].facts);

		if (!plan_works(&plan))
			status = CTL_NO;
		if (!json)
			print_cpu(&plan);
		json_object_array_add(cpus, json_cpu(&plan));
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
		return svm_print_plan(machine, json);
#endif
	return print_plan(machine, json);
}

static int cmd_plan_main(int argc, char **argv)
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

VTX_COMMAND(plan, "what would enable do on each CPU?", cmd_plan_main);
