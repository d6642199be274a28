// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl controls on a machine with SVM: what a guest's VMCB begins with. No capability MSR says
 * what may be 1: any intercept may, and CPUID 8000_000AH EDX names what is more.
 */
#include <stdio.h>

#include "cmd_svm_facts.h"
#include "ctl.h"
#include "ctl_json.h"
#include "ctl_names.h"
#include "ctl_table.h"
#include "svm_codes.h"
#include "vmcb.h"
#include "x86_bits.h"

#define WORD_BITS 32
#define WORDS (VMCB_INTERCEPTS / WORD_BITS)

static const struct {
	u32 code;
	const char *name;
	const char *why;
} wishes[] = {
#define SVM_WISH(ident, why) { VMEXIT_##ident, #ident, why },
#include "svm_wishes.def"
#undef SVM_WISH
	/* With a filter for it only: see use_pause_filter() in svm_controls.c. */
	{ VMEXIT_PAUSE, "PAUSE", "a guest that waits for a lock must not hold the CPU" },
};

/* What the driver makes of a feature. The others make no difference. */
static const struct {
	u32 mask;
	const char *name;
	const char *with;
	const char *without;
} uses[] = {
	{ SVM_FEATURE_NP, "NP", "required: the guest's memory", "required, and not there" },
	{ SVM_FEATURE_NRIPS, "NRIPS", "tells how long an instruction is",
	  "the driver reads the instruction to know its length" },
	{ SVM_FEATURE_FlushByAsid, "FlushByAsid", "a change of the tables flushes one ASID",
	  "a change of the tables takes a new ASID" },
	{ SVM_FEATURE_DecodeAssists, "DecodeAssists", "names the register of a MOV to CR",
	  "the driver reads the instruction to know its register" },
	{ SVM_FEATURE_PauseFilter, "PauseFilter", "a loop of PAUSEs exits", "PAUSE never exits" },
	{ SVM_FEATURE_VmcbClean, "VmcbClean", "what the driver has not changed is not read again",
	  "all fields are read at each VMRUN" },
};

static bool has(const struct vtx_cpu_facts *facts, u32 feature)
{
	return facts->ext1.ecx & CPUID_8000_0001_ECX_SVM && facts->ext_svm.edx & feature;
}

static bool wished(const struct vtx_cpu_facts *facts, size_t i)
{
	return wishes[i].code != VMEXIT_PAUSE || has(facts, SVM_FEATURE_PauseFilter);
}

/* The intercepts as they are in the VMCB's first bytes. */
static void add_up(const struct vtx_cpu_facts *facts, u32 *words)
{
	size_t i;

	memset(words, 0, WORDS * sizeof(*words));
	for (i = 0; i < ARRAY_SIZE(wishes); i++) {
		if (wished(facts, i))
			words[wishes[i].code / WORD_BITS] |= BIT(wishes[i].code % WORD_BITS);
	}
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static struct json_object *json_intercepts(const struct vtx_cpu_facts *facts)
{
	struct json_object *list = json_object_new_array();
	struct json_object *object;
	char name[WORD_BITS];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(wishes); i++) {
		if (!wished(facts, i))
			continue;
		object = json_object_new_object();
		snprintf(name, sizeof(name), "VMEXIT_%s", wishes[i].name);
		ctl_json_put_hex(object, "code", wishes[i].code);
		ctl_json_put_text(object, "name", name);
		ctl_json_put_text(object, "why", wishes[i].why);
		json_object_array_add(list, object);
	}
	return list;
}

static struct json_object *json_cpu(const struct vtx_cpu_facts *facts)
{
	struct json_object *object = json_object_new_object();
	struct json_object *features = json_object_new_object();
	struct json_object *list = json_object_new_array();
	const struct ctl_bit_name *bit;
	u32 words[WORDS];
	size_t i;

	add_up(facts, words);
	for (i = 0; i < WORDS; i++)
		json_object_array_add(list, ctl_json_hex(words[i]));
	for (bit = ctl_svm_features; bit->key; bit++)
		ctl_json_put_bool(features, bit->key, has(facts, BIT(bit->bit)));
	ctl_json_put_int(object, "cpu", facts->cpu);
	ctl_json_put_bool(object, "ok", has(facts, SVM_FEATURE_NP));
	json_object_object_add(object, "words", list);
	json_object_object_add(object, "intercepts", json_intercepts(facts));
	json_object_object_add(object, "features", features);
	return object;
}

/* ---- for people ------------------------------------------------------------------------------ */

static void print_cpu(const struct vtx_cpu_facts *facts)
{
	u32 words[WORDS];
	size_t i;

	add_up(facts, words);
	ctl_heading("CPU %u: %s", facts->cpu,
		    has(facts, SVM_FEATURE_NP) ? "has every feature that is required" :
						 "lacks nested paging, which this build requires");
	ctl_property("intercepts", "%08x %08x %08x %08x %08x %08x", words[0], words[1], words[2],
		     words[3], words[4], words[5]);
	for (i = 0; i < ARRAY_SIZE(wishes); i++) {
		if (wished(facts, i))
			printf("    bit %03x  VMEXIT_%-14s%s\n", wishes[i].code, wishes[i].name,
			       wishes[i].why);
	}
	ctl_property("features", "by CPUID 8000_000AH EDX, 0x%08x", facts->ext_svm.edx);
	for (i = 0; i < ARRAY_SIZE(uses); i++)
		printf("    %-16s%-5s%s\n", uses[i].name, ctl_yes_no(has(facts, uses[i].mask)),
		       has(facts, uses[i].mask) ? uses[i].with : uses[i].without);
}

int svm_print_controls(const struct detect_machine *machine, bool json)
{
	struct json_object *object = json_object_new_object();
	struct json_object *cpus = json_object_new_array();
	int status = CTL_DONE;
	unsigned int i;

	for (i = 0; i < machine->count; i++) {
		const struct vtx_cpu_facts *facts = &machine->cpus[i].facts;

		if (!has(facts, SVM_FEATURE_NP))
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
