// SPDX-License-Identifier: GPL-2.0
/*
 * The facts of one CPU as JSON, "raw": written by one run of vtxctl detect, read by another one or
 * made up by a test. What is read is checked: type, range, and that nothing is missing.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "cmd_detect.h"
#include "ctl.h"
#include "ctl_json.h"
#include "vtx_types.h"

/* The keys that hold a number: where it goes, and how wide it is. */
static const struct raw_number {
	const char *key;
	size_t offset;
	unsigned int size; /* bytes: 4 or 8 */
	u32 fact; /* bit of valid, for those that may be null; 0: must be there */
} raw_numbers[] = {
	{ "max_leaf", offsetof(struct vtx_cpu_facts, max_leaf), 4, 0 },
	{ "max_ext_leaf", offsetof(struct vtx_cpu_facts, max_ext_leaf), 4, 0 },
	{ "cr0", offsetof(struct vtx_cpu_facts, cr0), 8, 0 },
	{ "cr4", offsetof(struct vtx_cpu_facts, cr4), 8, 0 },
	{ "efer", offsetof(struct vtx_cpu_facts, efer), 8, 0 },
	{ "feature_control", offsetof(struct vtx_cpu_facts, feature_control), 8,
	  VTX_FACT_FEATURE_CONTROL },
	{ "vm_cr", offsetof(struct vtx_cpu_facts, vm_cr), 8, VTX_FACT_VM_CR },
};

/* The keys that hold the four registers of a leaf. */
static const struct {
	const char *key;
	size_t offset;
} raw_leaves[] = {
	{ "leaf1", offsetof(struct vtx_cpu_facts, leaf1) },
	{ "ext1", offsetof(struct vtx_cpu_facts, ext1) },
	{ "ext_svm", offsetof(struct vtx_cpu_facts, ext_svm) },
	{ "ext_addr", offsetof(struct vtx_cpu_facts, ext_addr) },
};

#define LEAF_REGISTERS 4
#define CPU_NUMBER_MAX 0xffff

/* ---- writing --------------------------------------------------------------------------------- */

static u64 field_get(const void *field, unsigned int size)
{
	u32 narrow;
	u64 wide;

	if (size == sizeof(narrow)) {
		memcpy(&narrow, field, sizeof(narrow));
		return narrow;
	}
	memcpy(&wide, field, sizeof(wide));
	return wide;
}

static void write_numbers(struct json_object *raw, const struct vtx_cpu_facts *facts)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(raw_numbers); i++) {
		const struct raw_number *n = &raw_numbers[i];

		if (n->fact && !(facts->valid & n->fact))
			ctl_json_put_null(raw, n->key);
		else
			ctl_json_put_hex(raw, n->key,
					 field_get((const char *)facts + n->offset, n->size));
	}
}

static void write_leaves(struct json_object *raw, const struct vtx_cpu_facts *facts)
{
	u32 registers[LEAF_REGISTERS];
	size_t i;
	int r;

	for (i = 0; i < ARRAY_SIZE(raw_leaves); i++) {
		struct json_object *leaf = json_object_new_array();

		memcpy(registers, (const char *)facts + raw_leaves[i].offset, sizeof(registers));
		for (r = 0; r < LEAF_REGISTERS; r++)
			json_object_array_add(leaf, ctl_json_hex(registers[r]));
		json_object_object_add(raw, raw_leaves[i].key, leaf);
	}
}

static void write_msrs(struct json_object *raw, const struct vtx_cpu_facts *facts)
{
	struct json_object *msrs = json_object_new_array();
	int i;

	for (i = 0; i < VTX_VMX_MSR_COUNT; i++) {
		bool read = facts->vmx_msr_valid & (1U << i);

		json_object_array_add(msrs, read ? ctl_json_hex(facts->vmx_msr[i]) : NULL);
	}
	json_object_object_add(raw, "vmx_msr", msrs);
}

static void write_name(struct json_object *raw, const char *key, bool valid, const char *name)
{
	json_object_object_add(raw, key, valid ? ctl_json_name(name, 12) : NULL);
}

struct json_object *detect_raw_write(const struct vtx_cpu_facts *facts)
{
	struct json_object *raw = json_object_new_object();

	ctl_json_put_int(raw, "cpu", facts->cpu);
	ctl_json_put_bool(raw, "ours", facts->valid & VTX_FACT_OURS);
	write_name(raw, "vendor", true, facts->vendor);
	write_name(raw, "hv_signature", facts->valid & VTX_FACT_HV_LEAF, facts->hv_signature);
	write_leaves(raw, facts);
	write_numbers(raw, facts);
	write_msrs(raw, facts);
	return raw;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Where in the file we are, for messages. */
struct raw_place {
	struct json_object *entry;
	size_t position;
};

static bool complain(const struct raw_place *place, const char *key, const char *expected)
{
	struct json_object *value;
	const char *seen = "nothing";

	if (json_object_object_get_ex(place->entry, key, &value))
		seen = json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN);
	ctl_error("raw.cpus[%zu].%s: expected %s, found %.60s", place->position, key, expected,
		  seen);
	return false;
}

static bool number_in_range(struct json_object *value, unsigned int size, u64 *out)
{
	return ctl_json_get_hex(value, out) && (size == 8 || *out <= UINT32_MAX);
}

static void field_put(void *field, unsigned int size, u64 value)
{
	u32 narrow = value;

	if (size == sizeof(narrow))
		memcpy(field, &narrow, sizeof(narrow));
	else
		memcpy(field, &value, sizeof(value));
}

static bool read_number(const struct raw_place *place, const struct raw_number *n,
			struct vtx_cpu_facts *facts)
{
	struct json_object *value;
	u64 number;

	if (!json_object_object_get_ex(place->entry, n->key, &value))
		return complain(place, n->key, "a key of that name");
	if (!value && n->fact)
		return true;
	if (!number_in_range(value, n->size, &number))
		return complain(place, n->key, n->size == 4 ? "\"0x…\" of at most 32 bits" :
							      "\"0x…\" of at most 64 bits");
	facts->valid |= n->fact;
	field_put((char *)facts + n->offset, n->size, number);
	return true;
}

static bool read_numbers(const struct raw_place *place, struct vtx_cpu_facts *facts)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(raw_numbers); i++) {
		if (!read_number(place, &raw_numbers[i], facts))
			return false;
	}
	return true;
}

static struct json_object *get_array(const struct raw_place *place, const char *key, size_t length)
{
	struct json_object *array;

	if (!json_object_object_get_ex(place->entry, key, &array) ||
	    !json_object_is_type(array, json_type_array) ||
	    json_object_array_length(array) != length)
		return NULL;
	return array;
}

static bool read_leaf(const struct raw_place *place, const char *key, void *leaf)
{
	struct json_object *array = get_array(place, key, LEAF_REGISTERS);
	u32 registers[LEAF_REGISTERS];
	u64 number;
	int r;

	for (r = 0; array && r < LEAF_REGISTERS; r++) {
		if (!number_in_range(json_object_array_get_idx(array, r), 4, &number))
			break;
		registers[r] = number;
	}
	if (!array || r < LEAF_REGISTERS)
		return complain(place, key, "four \"0x…\" of at most 32 bits: EAX EBX ECX EDX");
	memcpy(leaf, registers, sizeof(registers));
	return true;
}

static bool read_leaves(const struct raw_place *place, struct vtx_cpu_facts *facts)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(raw_leaves); i++) {
		if (!read_leaf(place, raw_leaves[i].key, (char *)facts + raw_leaves[i].offset))
			return false;
	}
	return true;
}

static bool read_msr(struct json_object *value, int i, struct vtx_cpu_facts *facts)
{
	u64 number;

	if (!value)
		return true;
	if (!ctl_json_get_hex(value, &number))
		return false;
	facts->vmx_msr[i] = number;
	facts->vmx_msr_valid |= 1U << i;
	return true;
}

static bool read_msrs(const struct raw_place *place, struct vtx_cpu_facts *facts)
{
	struct json_object *array = get_array(place, "vmx_msr", VTX_VMX_MSR_COUNT);
	int i;

	for (i = 0; array && i < VTX_VMX_MSR_COUNT; i++) {
		if (!read_msr(json_object_array_get_idx(array, i), i, facts))
			break;
	}
	if (array && i == VTX_VMX_MSR_COUNT)
		return true;
	return complain(place, "vmx_msr", "20 values, each \"0x…\" of at most 64 bits or null");
}

static bool read_names(const struct raw_place *place, struct vtx_cpu_facts *facts)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(place->entry, "vendor", &value);
	if (!ctl_json_get_name(value, facts->vendor, sizeof(facts->vendor)))
		return complain(place, "vendor", "a text of at most 12 characters below U+0100");
	if (!json_object_object_get_ex(place->entry, "hv_signature", &value))
		return complain(place, "hv_signature", "a key of that name");
	if (!value)
		return true;
	if (!ctl_json_get_name(value, facts->hv_signature, sizeof(facts->hv_signature)))
		return complain(place, "hv_signature",
				"null or a text of at most 12 characters below U+0100");
	facts->valid |= VTX_FACT_HV_LEAF;
	return true;
}

static bool read_cpu_number(const struct raw_place *place, struct vtx_cpu_facts *facts)
{
	struct json_object *value = NULL;
	s64 number;

	json_object_object_get_ex(place->entry, "cpu", &value);
	number = json_object_get_int64(value);
	if (!json_object_is_type(value, json_type_int) || number < 0 || number > CPU_NUMBER_MAX)
		return complain(place, "cpu", "a number from 0 to 65535");
	facts->cpu = number;
	return true;
}

/* A key of its own, and not required: files from before the driver could say so lack it. */
static bool read_ours(const struct raw_place *place, struct vtx_cpu_facts *facts)
{
	struct json_object *value;

	if (!json_object_object_get_ex(place->entry, "ours", &value))
		return true;
	if (!json_object_is_type(value, json_type_boolean))
		return complain(place, "ours", "true or false");
	if (json_object_get_boolean(value))
		facts->valid |= VTX_FACT_OURS;
	return true;
}

bool detect_raw_read(struct json_object *entry, size_t position, struct vtx_cpu_facts *facts)
{
	struct raw_place place = { entry, position };

	memset(facts, 0, sizeof(*facts));
	if (!json_object_is_type(entry, json_type_object)) {
		ctl_error("raw.cpus[%zu]: expected an object with the facts of a CPU", position);
		return false;
	}
	return read_cpu_number(&place, facts) && read_ours(&place, facts) &&
	       read_names(&place, facts) && read_leaves(&place, facts) &&
	       read_numbers(&place, facts) && read_msrs(&place, facts);
}
