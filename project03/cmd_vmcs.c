// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl vmcs --fields: the fields of the VMCS as appendix B of the SDM has them. Needs no device.
 */
#define _GNU_SOURCE
#include <argp.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "ctl_json.h"
#include "vmcs_table_logic.h"

struct vmcs_options {
	bool fields;
	bool json;
	const char *filter; /* NULL: all */
};

static const struct argp_option option_list[] = {
	{ "fields", 'F', NULL, 0, "List the fields of the VMCS", 0 },
	{ "filter", 'f', "TEXT", 0,
	  "Only fields with this text in identifier, name, encoding (0x6800), width, type or "
	  "section; upper and lower case are the same", 0 },
	{ "json", 'j', NULL, 0, "Print one JSON object; its keys are in project03/README.md", 0 },
	{ 0 },
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct vmcs_options *options = state->input;

	switch (key) {
	case 'F':
		options->fields = true;
		return 0;
	case 'f':
		options->filter = arg;
		return 0;
	case 'j':
		options->json = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", arg);
		return 0;
	case ARGP_KEY_END:
		if (!options->fields)
			argp_error(state, "nothing to show: expected --fields");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = option_list,
	.parser = parse_option,
	.doc = "Show what a VMCS is made of. Exit status 1 if no field matches the filter.",
};

static const char *field_width(const struct vmcs_field_info *field)
{
	return vmcs_width_name(VMCS_FIELD_WIDTH(field->encoding));
}

static const char *field_type(const struct vmcs_field_info *field)
{
	return vmcs_type_name(VMCS_FIELD_TYPE(field->encoding));
}

static bool matches(const struct vmcs_field_info *field, const char *filter)
{
	char encoding[16];

	if (!filter)
		return true;
	snprintf(encoding, sizeof(encoding), "0x%04" PRIx32, field->encoding);
	return strcasestr(field->ident, filter) || strcasestr(field->name, filter) ||
	       strcasestr(encoding, filter) || strcasestr(field->section, filter) ||
	       !strcasecmp(field_width(field), filter) || !strcasecmp(field_type(field), filter);
}

static struct json_object *json_field(const struct vmcs_field_info *field)
{
	struct json_object *object = json_object_new_object();

	ctl_json_put_hex(object, "encoding", field->encoding);
	ctl_json_put_text(object, "ident", field->ident);
	ctl_json_put_text(object, "name", field->name);
	ctl_json_put_text(object, "width", field_width(field));
	ctl_json_put_text(object, "type", field_type(field));
	ctl_json_put_bool(object, "read_only",
			  VMCS_FIELD_TYPE(field->encoding) == VMCS_TYPE_READ_ONLY);
	ctl_json_put_text(object, "section", field->section);
	return object;
}

static void print_field(const struct vmcs_field_info *field)
{
	printf("0x%04" PRIx32 "  %-8s%-10s%-6s %s\n", field->encoding, field_width(field),
	       field_type(field), field->section, field->ident);
}

static unsigned int print_fields(const struct vmcs_options *options, struct json_object *list)
{
	unsigned int count = 0;
	unsigned int i;

	for (i = 0; i < VMCS_FIELDS; i++) {
		const struct vmcs_field_info *field = &vmcs_table[i];

		if (!matches(field, options->filter))
			continue;
		if (list)
			json_object_array_add(list, json_field(field));
		else if (!count)
			printf("encoding width type     section field\n");
		if (!list)
			print_field(field);
		count++;
	}
	return count;
}

static void print_json(const struct vmcs_options *options, unsigned int *count)
{
	struct json_object *object = json_object_new_object();
	struct json_object *list = json_object_new_array();

	*count = print_fields(options, list);
	ctl_json_put_int(object, "count", *count);
	json_object_object_add(object, "fields", list);
	ctl_json_print(object);
}

static int cmd_vmcs_main(int argc, char **argv)
{
	struct vmcs_options options = { 0 };
	unsigned int count;

	ctl_parse(&argp, argc, argv, &options);
	if (options.json)
		print_json(&options, &count);
	else
		count = print_fields(&options, NULL);
	if (count)
		return CTL_DONE;
	ctl_error("none of the %d fields has '%s' in its identifier, name, encoding, width, type "
		  "or section", VMCS_FIELDS, options.filter);
	return CTL_NO;
}

VTX_COMMAND(vmcs, "the fields of the VMCS, by name and encoding", cmd_vmcs_main);
