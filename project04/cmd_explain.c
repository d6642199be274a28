// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl explain: the rules of a VM entry on a dump from anywhere. Needs no device.
 */
#include <argp.h>
#include <inttypes.h>
#include <string.h>

#include "cmd_detect.h"
#include "cmd_entry_explain.h"
#include "cmd_exit_text.h"
#include "ctl.h"
#include "ctl_json.h"
#include "vmcs_table_logic.h"
#include "vmx_exit_bits.h"

#define DUMP "the output of vtxctl dump --json"

struct arguments {
	const char *path;
	bool json;
};

static const struct argp_option option_list[] = {
	{ "json", 'j', NULL, 0, "Print one JSON object; its keys are in project04/README.md", 0 },
	{ 0 },
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case 'j':
		arguments->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->path)
			argp_error(state, "unexpected argument '%s'", arg);
		arguments->path = arg;
		return 0;
	case ARGP_KEY_END:
		if (!arguments->path)
			argp_error(state, "which file? %s is expected, - is stdin", DUMP);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = option_list,
	.parser = parse_option,
	.args_doc = "FILE",
	.doc = "Would a VM entry with the VMCS in this dump succeed? FILE is " DUMP ", - is stdin. "
	       "Exit status 1 if a rule is violated.",
};

/* ---- reading the dump ------------------------------------------------------------------------ */

/* get_ex() wants an object. */
static struct json_object *get(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	if (json_object_is_type(object, json_type_object))
		json_object_object_get_ex(object, key, &value);
	return value;
}

static bool fits(const struct vmcs_field_info *field, u64 value)
{
	unsigned int bits = vmcs_width_bits(VMCS_FIELD_WIDTH(field->encoding));

	return !(value & ~GENMASK_ULL(bits - 1, 0));
}

static bool read_field(const char *path, struct vmx_state *state, const char *ident,
		       struct json_object *value)
{
	const struct vmcs_field_info *field = vmcs_table_find_ident(ident);
	u64 number;

	if (!field) {
		ctl_error("%s: fields.%.60s: there is no such field; vtxctl vmcs --fields lists "
			  "them",
			  path, ident);
		return false;
	}
	if (!ctl_json_get_hex(value, &number) || !fits(field, number)) {
		ctl_error("%s: fields.%s: expected \"0x…\" of at most %u bits, found %.60s", path,
			  ident, vmcs_width_bits(VMCS_FIELD_WIDTH(field->encoding)),
			  json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
		return false;
	}
	return vmx_state_set(state, field->encoding, number);
}

static bool read_fields(const char *path, struct json_object *dump, struct vmx_state *state)
{
	struct json_object *fields = get(dump, "fields");

	if (!json_object_is_type(fields, json_type_object) || !json_object_object_length(fields)) {
		ctl_error("%s: expected {\"facts\": {…}, \"fields\": {\"GUEST_CR0\": \"0x…\", …}}, "
			  "as vtxctl dump --json writes it",
			  path);
		return false;
	}
	json_object_object_foreach(fields, ident, value)
	{
		if (!read_field(path, state, ident, value))
			return false;
	}
	return true;
}

/* A dump without facts can still be looked at: many rules need none. */
static bool read_facts(struct json_object *dump, struct vtx_cpu_facts *facts)
{
	struct json_object *entry = get(dump, "facts");

	if (entry)
		return detect_raw_read(entry, 0, facts);
	ctl_error("no \"facts\" of a processor in the dump: rules that need them cannot be "
		  "decided");
	return true;
}

static bool read_dump(const char *path, struct entry_state *out)
{
	struct json_object *dump = ctl_json_load(path, DUMP);
	bool done;

	if (!dump)
		return false;
	memset(out, 0, sizeof(*out));
	vmx_state_init(&out->state, &out->facts);
	done = read_fields(path, dump, &out->state) && read_facts(dump, &out->facts);
	json_object_put(dump);
	return done;
}

/* ---- what the processor said ----------------------------------------------------------------- */

static void print_numbers(const struct vmx_state *state)
{
	u64 error = state->value[VMCS_NR_VM_INSTRUCTION_ERROR];
	u64 reason = state->value[VMCS_NR_EXIT_REASON];

	if (error)
		printf("The last VM-instruction error in it is %" PRIu64 ": %s\n", (uint64_t)error,
		       vmx_instruction_error_name(error));
	if (reason & VMX_EXIT_REASON_ENTRY_FAILURE)
		printf("The last exit reason in it is that of a failed VM entry, %u: %s\n",
		       (unsigned int)(reason & UINT16_MAX), exit_reason_name(reason));
}

static int cmd_explain_main(int argc, char **argv)
{
	struct arguments arguments = { 0 };
	struct entry_state state;
	u32 violated;

	ctl_parse(&argp, argc, argv, &arguments);
	if (!read_dump(arguments.path, &state))
		return CTL_USAGE;
	if (arguments.json) {
		ctl_json_print(entry_rules_json(&state.state));
		violated = vmx_check(&state.state, NULL, NULL);
	} else {
		print_numbers(&state.state);
		violated = entry_print_rules(stdout, &state.state);
	}
	return violated ? CTL_NO : CTL_DONE;
}

VTX_COMMAND(explain, "would a VM entry with the VMCS in a dump succeed?", cmd_explain_main);
