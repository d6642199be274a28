// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl dump: the whole control structure of a vCPU, grouped as in the manual's chapter on it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd_dump.h"
#include "cmd_look.h"
#include "cmd_vendor.h"
#include "ctl.h"
#include "ctl_json.h"
#include "ctl_table.h"
#include "ctl_vendor.h"

#define MOST_NAME 48
#define INDENT 6
#define LINE 70
#define BITS_A_DIGIT 4

static void print_field(const struct vtx_field *field)
{
	struct vendor_field known = { .ident = "unknown field" };
	char text[DUMP_TEXT_SIZE];
	int digits;

	vendor_ops()->field(field->encoding, &known);
	vendor_ops()->decode(field->encoding, field->value, text);
	digits = known.bits / BITS_A_DIGIT;
	printf("  %-*s0x%0*" PRIx64, vendor_ops()->width, known.ident, digits,
	       (uint64_t)field->value);
	if (strlen(text) + digits + vendor_ops()->width <= LINE) {
		printf("%s%s\n", *text ? "  " : "", text);
	} else {
		putchar('\n');
		ctl_paragraph(INDENT, text);
	}
}

static void print_area(const struct dump *dump, unsigned int area)
{
	u32 i;

	ctl_heading("%s", vendor_ops()->areas[area]);
	for (i = 0; i < dump->count; i++) {
		if (!dump->fields[i].error &&
		    vendor_ops()->area_of(dump->fields[i].encoding) == area)
			print_field(&dump->fields[i]);
	}
}

static void print_absent(const struct dump *dump)
{
	char names[DUMP_FIELDS * MOST_NAME] = "";
	size_t used = 0;
	u32 left = 0;
	u32 i;

	for (i = 0; i < dump->count; i++) {
		if (!dump->fields[i].error)
			continue;
		used += snprintf(names + used, sizeof(names) - used, "%s%s", left ? ", " : "",
				 vendor_field_ident(dump->fields[i].encoding));
		left++;
	}
	if (!left)
		return;
	ctl_heading("Fields that this processor does not have: %u", left);
	ctl_paragraph(2, names);
}

void dump_print(const struct dump *dump)
{
	unsigned int area;

	printf("%s of VM %u (%s), vCPU %u\n", ctl_vendor->control, dump->id, dump->vm, dump->vcpu);
	for (area = 0; vendor_ops()->areas[area]; area++)
		print_area(dump, area);
	print_absent(dump);
}

static int show(const struct look *look)
{
	struct dump *dump = calloc(1, sizeof(*dump));
	int status;

	if (!dump) {
		ctl_error("no memory for a dump");
		return CTL_NO;
	}
	status = dump_read(look->fd, &look->info, look->vcpu, dump);
	if (status == CTL_DONE && look->json)
		ctl_json_print(dump_json(dump));
	else if (status == CTL_DONE)
		dump_print(dump);
	free(dump);
	return status;
}

static int cmd_dump_main(int argc, char **argv)
{
	struct look look = { 0 };
	int status =
		look_open(&look, VTX_FEATURE_VM, argc, argv,
			  "Show the whole " CTL_CONTROL " of a vCPU by field name. VM is the id or "
			  "the name of any process's VM; if the vCPU runs, it pauses for a moment. "
			  "With --json: the format that vtxctl explain reads.");

	if (status != CTL_DONE)
		return status;
	status = show(&look);
	close(look.fd);
	return status;
}

VTX_COMMAND(dump, "the whole " CTL_CONTROL " of a vCPU, by field name", cmd_dump_main);
