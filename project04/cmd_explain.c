// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl explain: the rules of an entry into a guest on a dump from anywhere. Needs no device.
 */
#include <argp.h>
#include <stdlib.h>
#include <string.h>

#include "cmd_detect.h"
#include "cmd_dump.h"
#include "cmd_entry_explain.h"
#include "cmd_vendor.h"
#include "ctl.h"
#include "ctl_json.h"
#include "ctl_vendor.h"

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
	.doc = "Would a " CTL_ENTRY " with the " CTL_CONTROL " in this dump succeed? FILE is " DUMP
	       ", - is stdin. Exit status 1 if a rule is violated.",
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

static bool fits(const struct vendor_field *field, u64 value)
{
	return !(value & ~GENMASK_ULL(field->bits - 1, 0));
}

static bool read_field(const char *path, struct dump *dump, const char *ident,
		       struct json_object *value)
{
	struct vendor_field field;
	u64 number;

	if (!vendor_ops()->field_by_ident(ident, &field)) {
		bool svm = ctl_vendor == &ctl_svm;

		ctl_error("%s: fields.%.60s: there is no such field in a %s; vtxctl %s --fields "
			  "lists them",
			  path, ident, svm ? "VMCB" : "VMCS (what a file without \"vendor\" has)",
			  svm ? "vmcb" : "vmcs");
		return false;
	}
	if (!ctl_json_get_hex(value, &number) || !fits(&field, number)) {
		ctl_error("%s: fields.%s: expected \"0x…\" of at most %u bits, found %.60s", path,
			  ident, field.bits,
			  json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
		return false;
	}
	dump->fields[dump->count++] =
		(struct vtx_field){ .encoding = field.encoding, .value = number };
	return true;
}

static bool read_fields(const char *path, struct json_object *top, struct dump *dump)
{
	struct json_object *fields = get(top, "fields");

	if (!json_object_is_type(fields, json_type_object) || !json_object_object_length(fields)) {
		ctl_error("%s: expected {\"facts\": {…}, \"fields\": {\"GUEST_CR0\": \"0x…\", …}}, "
			  "as vtxctl dump --json writes it",
			  path);
		return false;
	}
	/* An object has a key once, so there are no more than the table has. */
	json_object_object_foreach(fields, ident, value)
	{
		if (!read_field(path, dump, ident, value))
			return false;
	}
	return true;
}

/* A dump without a vendor is VMX's: the first ones were. */
static bool read_vendor(const char *path, struct json_object *top)
{
	struct json_object *vendor = get(top, "vendor");

	if (!vendor || ctl_vendor_by_key(json_object_get_string(vendor)))
		return true;
	ctl_error("%s: vendor: expected \"vmx\"%s, found %.60s", path,
		  VTX_STAGE >= 7 ? " or \"svm\"" : "; SVM comes with project07",
		  json_object_to_json_string_ext(vendor, JSON_C_TO_STRING_PLAIN));
	return false;
}

/* A dump without facts can still be looked at: many rules need none. */
static bool read_facts(struct json_object *top, struct vtx_cpu_facts *facts)
{
	struct json_object *entry = get(top, "facts");

	if (entry)
		return detect_raw_read(entry, 0, facts);
	ctl_error("no \"facts\" of a processor in the dump: rules that need them cannot be "
		  "decided");
	return true;
}

static bool read_dump(const char *path, struct dump *dump)
{
	struct json_object *top = ctl_json_load(path, DUMP);
	bool done;

	if (!top)
		return false;
	done = read_vendor(path, top) && read_fields(path, top, dump) &&
	       read_facts(top, &dump->facts);
	json_object_put(top);
	return done;
}

static u32 explain(const struct dump *dump, bool json)
{
	if (json) {
		ctl_json_print(entry_rules_json(dump));
		return vendor_ops()->check(dump, NULL, NULL);
	}
	vendor_ops()->print_last(dump);
	return entry_print_rules(stdout, dump);
}

static int cmd_explain_main(int argc, char **argv)
{
	struct arguments arguments = { 0 };
	struct dump *dump = calloc(1, sizeof(*dump));
	int status = CTL_USAGE;

	ctl_parse(&argp, argc, argv, &arguments);
	if (!dump)
		ctl_error("no memory for a dump");
	else if (read_dump(arguments.path, dump))
		status = explain(dump, arguments.json) ? CTL_NO : CTL_DONE;
	free(dump);
	return status;
}

VTX_COMMAND(explain, "would a " CTL_ENTRY " with the " CTL_CONTROL " in a dump succeed?",
	    cmd_explain_main);
