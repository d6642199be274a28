// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl run --json: one object. The keys are an interface, documented in project04/README.md.
 */
#include <stdio.h>
#include <string.h>

#include "cmd_entry_explain.h"
#include "cmd_exit_text.h"
#include "cmd_regs.h"
#include "cmd_run.h"
#include "cmd_run_parts.h"
#include "ctl.h"
#include "ctl_json.h"

static struct json_object *json_exit(const struct vtx_exit *exit)
{
	struct json_object *object = json_object_new_object();
	char text[EXIT_TEXT_SIZE];

	exit_describe(exit, text);
	ctl_json_put_text(object, "kind", exit_kind_name(exit->kind));
	if (exit_is_interruption(exit->kind)) {
		ctl_json_put_null(object, "reason");
		ctl_json_put_null(object, "name");
	} else {
		ctl_json_put_hex(object, "reason", exit->reason);
		ctl_json_put_text(object, "name", exit_name(exit));
	}
	ctl_json_put_text(object, "text", text);
	ctl_json_put_hex(object, "qualification", exit->qualification);
	ctl_json_put_hex(object, "rip", exit->rip);
	ctl_json_put_int(object, "instruction_error", exit->instruction_error);
	if (exit->kind == VTX_EXIT_EXCEPTION) {
		ctl_json_put_int(object, "vector", exit->vector);
		ctl_json_put_text(object, "exception", exception_mnemonic(exit->vector));
		ctl_json_put_hex(object, "error_code", exit->error_code);
		ctl_json_put_hex(object, "address", exit->address);
	}
	return object;
}

static void add_crash(const struct run *run, struct json_object *object)
{
	char text[RUN_TEXT_SIZE];
	struct vtx_regs regs;
	struct vtx_sregs sregs;

	if (run->exit.kind == VTX_EXIT_ENTRY_FAILED) {
		json_object_object_add(object, "entry",
				       entry_explain_json(run->fd, run->info.id, run->end_vcpu,
							  &run->exit));
		return;
	}
	run_hint(run, text);
	ctl_json_put_text(object, "hint", text);
	run_code_text(run, run->exit.rip, text);
	ctl_json_put_text(object, "code", text);
	if (regs_read(run->fd, run->info.id, run->end_vcpu, &regs, &sregs) == CTL_DONE)
		json_object_object_add(object, "regs", regs_json(&regs));
}

void run_print_json(struct run *run)
{
	struct json_object *object = json_object_new_object();

	ctl_json_put_text(object, "guest", run->path);
	ctl_json_put_text(object, "vm", run->info.name);
	ctl_json_put_int(object, "id", run->info.id);
	ctl_json_put_int(object, "memory_size", run->info.memory_size);
	ctl_json_put_hex(object, "usable", run->usable);
	ctl_json_put_int(object, "vcpus", run->info.vcpus);
	ctl_json_put_text(object, "end", run_end_name(run->end));
	ctl_json_put_int(object, "status", run_status(run));
	ctl_json_put_int(object, "time_ns", run->end_ns - run->start_ns);
	json_object_object_add(object, "output",
			       ctl_json_bytes(run->output.text, run->output.length));
	ctl_json_put_bool(object, "truncated", run->output.truncated);
	ctl_json_put_int(object, "vcpu", run->end_vcpu);
	json_object_object_add(object, "exit", run->exit.kind ? json_exit(&run->exit) : NULL);
	if (run->end == RUN_CRASHED)
		add_crash(run, object);
	if (run->end == RUN_REFUSED)
		ctl_json_put_text(object, "error", strerror(run->code));
	if (run->options->stats)
		json_object_object_add(object, "stats", run_json_stats(run));
	run_parts_json(run, object);
	ctl_json_print(object);
}
