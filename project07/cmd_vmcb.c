// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl vmcb --fields: the fields of the VMCB as appendix B of the APM has them. Needs no device.
 */
#define _GNU_SOURCE
#include <argp.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "ctl_json.h"
#include "vmcb_table_logic.h"

struct arguments {
	bool fields;
	bool json;
	const char *filter; /* NULL: all */
};

static const struct argp_option option_list[] = {
	{ "fields", 'F', NULL, 0, "List the fields of the VMCB", 0 },
	{ "filter", 'f', "TEXT", 0,
	  "Only fields with this text in identifier, name, offset (0x058) or area (control, save); "
	  "upper and lower case are the same",
	  0 },
	{ "json", 'j', NULL, 0, "Print one JSON object; its keys are in project07/README.md", 0 },
	{ 0 },
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case 'F':
		arguments->fields = true;
		return 0;
	case 'f':
		arguments->filter = arg;
		return 0;
	case 'j':
		arguments->json = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", arg);
		return 0;
	case ARGP_KEY_END:
		if (!arguments->fields)
			argp_error(state,
				   "nothing to show: expected --fields; vtxctl dump VM shows "
				   "the VMCB of a vCPU");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = option_list,
	.parser = parse_option,
	.doc = "Show what a VMCB is made of. Exit status 1 if no field matches the filter.",
};

static const char *area_of(const struct vmcb_field_info *field)
{
	return field->offset < VMCB_SAVE_AREA ? "control" : "save";
}

static bool matches(const struct vmcb_field_info *field, const char *filter)
{
	char offset[16], shorter[16];

	if (!filter)
		return true;
	snprintf(offset, sizeof(offset), "0x%03x", field->offset);
	snprintf(shorter, sizeof(shorter), "0x%x", field->offset); /* as in the JSON */
	return strcasestr(field->ident, filter) || strcasestr(field->name, filter) ||
	       strcasestr(offset, filter) || !strcasecmp(shorter, filter) ||
	       !strcasecmp(area_of(field), filter);
}

static struct json_object *json_field(const struct vmcb_field_info *field)
{
	struct json_object *object = json_object_new_object();

	ctl_json_put_hex(object, "offset", field->offset);
	ctl_json_put_int(object, "bytes", field->bytes);
	ctl_json_put_text(object, "ident", field->ident);
	ctl_json_put_text(object, "name", field->name);
	ctl_json_put_text(object, "area", area_of(field));
	ctl_json_put_bool(object, "output", vmcb_field_is_output(field - vmcb_table));
	return object;
}

static void print_field(const struct vmcb_field_info *field)
{
	printf("0x%03x   %5u  %-8s%-24s%s\n", field->offset, field->bytes, area_of(field),
	       field->ident, field->name);
}

static unsigned int print_fields(const struct arguments *arguments, struct json_object *list)
{
	unsigned int count = 0;
	unsigned int i;

	for (i = 0; i < VMCB_FIELDS; i++) {
		if (!matches(&vmcb_table[i], arguments->filter))
			continue;
		if (list)
			json_object_array_add(list, json_field(&vmcb_table[i]));
		else if (!count)
			printf("offset  bytes  area    field                   name\n");
		if (!list)
			print_field(&vmcb_table[i]);
		count++;
	}
	return count;
}

static unsigned int print_json(const struct arguments *arguments)
{
	struct json_object *object = json_object_new_object();
	struct json_object *list = json_object_new_array();
	unsigned int count = print_fields(arguments, list);

	ctl_json_put_int(object, "count", count);
	json_object_object_add(object, "fields", list);
	ctl_json_print(object);
	return count;
}

static int cmd_vmcb_main(int argc, char **argv)
{
	struct arguments arguments = { 0 };

	ctl_parse(&argp, argc, argv, &arguments);
	if (arguments.json ? print_json(&arguments) : print_fields(&arguments, NULL))
		return CTL_DONE;
	ctl_error("none of the %d fields has '%s' in its identifier, name, offset or area",
		  VMCB_FIELDS, arguments.filter);
	return CTL_NO;
}

VTX_COMMAND(vmcb, "the fields of the VMCB, by name and offset", cmd_vmcb_main);
