// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl dump: the whole VMCS of a vCPU, grouped as in the SDM's chapter "Virtual Machine Control
 * Structures".
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd_dump.h"
#include "cmd_look.h"
#include "ctl.h"
#include "ctl_json.h"
#include "ctl_table.h"
#include "vmcs_table_logic.h"

#define NAME_WIDTH 48
#define INDENT 6
#define SHORT 22
#define BITS_A_DIGIT 4

enum group {
	GROUP_GUEST_REGISTERS,
	GROUP_GUEST_REST,
	GROUP_HOST,
	GROUP_EXECUTION,
	GROUP_EXIT,
	GROUP_ENTRY,
	GROUP_INFORMATION,
	GROUPS
};

/* Titles of the SDM's sections. */
static const char *const titles[GROUPS] = {
	[GROUP_GUEST_REGISTERS] = "Guest-state area: register state",
	[GROUP_GUEST_REST] = "Guest-state area: non-register state",
	[GROUP_HOST] = "Host-state area",
	[GROUP_EXECUTION] = "VM-execution control fields",
	[GROUP_EXIT] = "VM-exit control fields",
	[GROUP_ENTRY] = "VM-entry control fields",
	[GROUP_INFORMATION] = "VM-exit information fields",
};

/* SDM, "Guest Non-Register State"; everything else of the guest-state area is a register. */
static const u32 guest_rest[] = {
	VMCS_GUEST_ACTIVITY_STATE,
	VMCS_GUEST_INTERRUPTIBILITY_STATE,
	VMCS_VMCS_LINK_POINTER,
	VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS,
	VMCS_GUEST_PDPTE0,
	VMCS_GUEST_PDPTE1,
	VMCS_GUEST_PDPTE2,
	VMCS_GUEST_PDPTE3,
	VMCS_GUEST_INTERRUPT_STATUS,
	VMCS_PML_INDEX,
	VMCS_VMX_PREEMPTION_TIMER_VALUE,
};

static enum group guest_group(u32 encoding)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(guest_rest); i++) {
		if (guest_rest[i] == encoding)
			return GROUP_GUEST_REST;
	}
	return GROUP_GUEST_REGISTERS;
}

static enum group group_of(u32 encoding)
{
	const char *ident = vmcs_field_ident(encoding);

	switch ((enum vmcs_type)VMCS_FIELD_TYPE(encoding)) {
	case VMCS_TYPE_GUEST:
		return guest_group(encoding);
	case VMCS_TYPE_HOST:
		return GROUP_HOST;
	case VMCS_TYPE_READ_ONLY:
		return GROUP_INFORMATION;
	case VMCS_TYPE_CONTROL:
		break;
	}
	if (strstr(ident, "VM_EXIT"))
		return GROUP_EXIT;
	return strstr(ident, "VM_ENTRY") ? GROUP_ENTRY : GROUP_EXECUTION;
}

static void print_field(const struct vtx_field *field)
{
	int digits = vmcs_width_bits(VMCS_FIELD_WIDTH(field->encoding)) / BITS_A_DIGIT;
	char text[DUMP_TEXT_SIZE];

	dump_decode(field->encoding, field->value, text);
	printf("  %-*s0x%0*" PRIx64, NAME_WIDTH, vmcs_field_ident(field->encoding), digits,
	       (uint64_t)field->value);
	if (strlen(text) + digits <= SHORT) {
		printf("%s%s\n", *text ? "  " : "", text);
	} else {
		putchar('\n');
		ctl_paragraph(INDENT, text);
	}
}

static void print_group(const struct dump *dump, enum group group)
{
	u32 i;

	ctl_heading("%s", titles[group]);
	for (i = 0; i < dump->count; i++) {
		if (!dump->fields[i].error && group_of(dump->fields[i].encoding) == group)
			print_field(&dump->fields[i]);
	}
}

static void print_absent(const struct dump *dump)
{
	char names[VMCS_FIELDS * NAME_WIDTH] = "";
	size_t used = 0;
	u32 left = 0;
	u32 i;

	for (i = 0; i < dump->count; i++) {
		if (!dump->fields[i].error)
			continue;
		used += snprintf(names + used, sizeof(names) - used, "%s%s", left ? ", " : "",
				 vmcs_field_ident(dump->fields[i].encoding));
		left++;
	}
	if (!left)
		return;
	ctl_heading("Fields that this processor does not have: %u", left);
	ctl_paragraph(2, names);
}

void dump_print(const struct dump *dump)
{
	enum group group;

	printf("VMCS of VM %u (%s), vCPU %u\n", dump->id, dump->vm, dump->vcpu);
	for (group = 0; group < GROUPS; group++)
		print_group(dump, group);
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
			  "Show the whole VMCS of a vCPU by field name. VM is the id or the "
			  "name of any process's VM; if the vCPU runs, it pauses for a moment. "
			  "With --json: the format that vtxctl explain reads.");

	if (status != CTL_DONE)
		return status;
	status = show(&look);
	close(look.fd);
	return status;
}

VTX_COMMAND(dump, "the whole VMCS of a vCPU, by field name", cmd_dump_main);
