// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl plan on a machine with SVM: two MSRs are all that enable writes. AMD APM vol. 2, "Enabling
 * SVM".
 */
#include <inttypes.h>
#include <stdio.h>

#include "cmd_svm_facts.h"
#include "ctl.h"
#include "ctl_json.h"
#include "ctl_table.h"
#include "detect_text_logic.h"
#include "x86_bits.h"

#define HEX "0x%" PRIx64

bool svm_is_of(const struct detect_machine *machine)
{
	struct detect_cpuid_info info;

	return !detect_cpuid(&machine->cpus[0].facts, &info) && info.arch == DETECT_ARCH_SVM;
}

static bool works(const struct vtx_cpu_facts *facts)
{
	return detect_verdict(facts) == VTX_VERDICT_USABLE;
}

static u64 efer_after(const struct vtx_cpu_facts *facts)
{
	return facts->efer | IA32_EFER_SVME;
}

static struct json_object *json_cpu(const struct vtx_cpu_facts *facts)
{
	struct json_object *object = json_object_new_object();
	struct json_object *efer = json_object_new_object();

	ctl_json_put_int(object, "cpu", facts->cpu);
	ctl_json_put_bool(object, "svm", facts->ext1.ecx & CPUID_8000_0001_ECX_SVM);
	ctl_json_put_bool(object, "ok", works(facts));
	ctl_json_put_bool(object, "held",
			  facts->efer & IA32_EFER_SVME && !(facts->valid & VTX_FACT_OURS));
	if (facts->valid & VTX_FACT_VM_CR)
		ctl_json_put_hex(object, "vm_cr", facts->vm_cr);
	else
		ctl_json_put_null(object, "vm_cr");
	ctl_json_put_hex(efer, "found", facts->efer);
	ctl_json_put_hex(efer, "value", efer_after(facts));
	json_object_object_add(object, "efer", efer);
	return object;
}

static void print_cpu(const struct vtx_cpu_facts *facts)
{
	enum vtx_verdict verdict = detect_verdict(facts);

	ctl_heading("CPU %u: %s", facts->cpu,
		    works(facts) ? "enable would work" : "enable would refuse");
	if (!works(facts)) {
		ctl_property("SVM", "%s", detect_verdict_name(verdict));
		ctl_paragraph(2, detect_explain(facts, verdict));
		return;
	}
	ctl_property("VM_CR", HEX ", SVMDIS is clear: right, and not written", (u64)facts->vm_cr);
	ctl_property("VM_HSAVE_PA", "the address of a page that the driver gives this CPU");
	ctl_property("EFER", HEX ", %s, " HEX " afterwards", (u64)facts->efer,
		     facts->efer & IA32_EFER_SVME ? "ready" : "write", efer_after(facts));
}

int svm_print_plan(const struct detect_machine *machine, bool json)
{
	struct json_object *object = json_object_new_object();
	struct json_object *cpus = json_object_new_array();
	int status = CTL_DONE;
	unsigned int i;

	for (i = 0; i < machine->count; i++) {
		const struct vtx_cpu_facts *facts = &machine->cpus[i].facts;

		if (!works(facts))
			status = CTL_NO;
		if (!json)
			print_cpu(facts);
		json_object_array_add(cpus, json_cpu(facts));
	}
	json_object_object_add(object, "cpus", cpus);
	if (json)
		ctl_json_print(object);
	else
		json_object_put(object);
	return status;
}
