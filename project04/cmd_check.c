// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl check: the rules of an entry into a guest, on a vCPU as it is.
 */
#include <stdlib.h>
#include <unistd.h>

#include "cmd_entry_explain.h"
#include "cmd_look.h"
#include "cmd_vendor.h"
#include "ctl.h"
#include "ctl_json.h"
#include "ctl_vendor.h"

static u32 print_json(const struct look *look, const struct dump *dump)
{
	struct json_object *object = entry_rules_json(dump);

	ctl_json_put_text(object, "vm", look->info.name);
	ctl_json_put_int(object, "id", look->info.id);
	ctl_json_put_int(object, "vcpu", look->vcpu);
	ctl_json_print(object);
	return vendor_ops()->check(dump, NULL, NULL);
}

static int cmd_check_main(int argc, char **argv)
{
	struct look look = { 0 };
	struct dump *dump;
	u32 violated;
	int status = look_open(
		&look, VTX_FEATURE_VM, argc, argv,
		"Would a " CTL_ENTRY " of this vCPU succeed? VM is the id or the "
		"name of any process's VM. Exit status 1 if a rule is violated. A vCPU that "
		"was never initialised violates many.");

	if (status != CTL_DONE)
		return status;
	dump = entry_dump_read(look.fd, look.info.id, look.vcpu);
	close(look.fd);
	if (!dump)
		return CTL_NO;
	if (look.json) {
		violated = print_json(&look, dump);
	} else {
		printf("VM %u (%s), vCPU %u\n", look.info.id, look.info.name, look.vcpu);
		violated = entry_print_rules(stdout, dump);
	}
	free(dump);
	return violated ? CTL_NO : CTL_DONE;
}

VTX_COMMAND(check, "would a " CTL_ENTRY " of this vCPU succeed?", cmd_check_main);
