// SPDX-License-Identifier: GPL-2.0
/*
 * An entry that failed: what the processor said, and what the rules say.
 */
#include "cmd_entry_explain.h"

#include <stdlib.h>
#include <string.h>

#include "cmd_dump.h"
#include "cmd_exit_text.h"
#include "cmd_vendor.h"
#include "ctl.h"
#include "ctl_json.h"
#include "ctl_vendor.h"

struct dump *entry_dump_read(int fd, __u32 vm, __u32 vcpu)
{
	struct vtx_vm_info info = { .id = vm };
	struct dump *dump = calloc(1, sizeof(*dump));

	if (!dump)
		ctl_error("no memory for a dump");
	else if (dump_read(fd, &info, vcpu, dump) == CTL_DONE)
		return dump;
	free(dump);
	return NULL;
}

void entry_explain(FILE *out, int fd, __u32 vm, __u32 vcpu, const struct vtx_exit *exit)
{
	const char *more = vendor_ops()->error_detail(exit);
	char text[EXIT_TEXT_SIZE];
	struct dump *dump;

	vendor_ops()->name_error(exit, text);
	fprintf(out, "%s failed, the guest did not run. %s%s%s\n", ctl_vendor->entry, text,
		*more ? "; " : "", more);
	dump = entry_dump_read(fd, vm, vcpu);
	if (!dump)
		return;
	if (!entry_print_rules(out, dump))
		fprintf(out, "%s\n", vendor_ops()->not_found(exit));
	free(dump);
}

/* Of a VMX exit reason the upper half is flags; an exit code is a number. */
static u32 reason_of(const struct vtx_exit *exit)
{
	if (exit->instruction_error)
		return 0;
	return ctl_vendor == &ctl_vmx ? exit->reason & UINT16_MAX : exit->reason;
}

struct json_object *entry_explain_json(int fd, __u32 vm, __u32 vcpu, const struct vtx_exit *exit)
{
	struct dump *dump = entry_dump_read(fd, vm, vcpu);
	struct json_object *object;
	char text[EXIT_TEXT_SIZE];

	if (!dump)
		return NULL;
	object = entry_rules_json(dump);
	free(dump);
	vendor_ops()->name_error(exit, text);
	ctl_json_put_text(object, "error", text);
	ctl_json_put_int(object, "instruction_error", exit->instruction_error);
	ctl_json_put_int(object, "reason", reason_of(exit));
	ctl_json_put_hex(object, "qualification", exit->qualification);
	return object;
}
