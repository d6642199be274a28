// SPDX-License-Identifier: GPL-2.0
/*
 * A VM entry that failed: what the processor said, and what the rules say.
 */
#include "cmd_entry_explain.h"

#include <string.h>

#include "cmd_dump.h"
#include "cmd_exit_text.h"
#include "ctl.h"
#include "ctl_json.h"
#include "vmcs_table_logic.h"
#include "vmx_exit_reasons.h"

int entry_state_read(int fd, __u32 vm, __u32 vcpu, struct entry_state *out)
{
	struct vtx_vm_info info = { .id = vm };
	struct dump dump;
	int status = dump_read(fd, &info, vcpu, &dump);

	if (status != CTL_DONE)
		return status;
	out->facts = dump.facts;
	vmx_state_init(&out->state, &out->facts);
	vmx_state_fill(&out->state, dump.fields, dump.count);
	return CTL_DONE;
}

/* ---- the processor's number in words --------------------------------------------------------- */

static void name_error(char *text, size_t size, const struct vtx_exit *exit)
{
	if (exit->instruction_error)
		snprintf(text, size, "VM-instruction error %u: %s", exit->instruction_error,
			 vmx_instruction_error_name(exit->instruction_error));
	else
		snprintf(text, size, "exit reason %u: %s", exit->reason & UINT16_MAX,
			 exit_reason_name(exit->reason));
}

/* SDM vol. 3, "VM-Entry Failures During or After Loading Guest State". */
static const char *qualification_text(const struct vtx_exit *exit)
{
	static const char *const of_guest_state[] = {
		[0] = "",
		[2] = "loading of the PDPTEs failed",
		[3] = "an NMI was to be injected into a guest that blocks by STI",
		[4] = "the VMCS link pointer",
	};

	if (exit->instruction_error ||
	    (exit->reason & UINT16_MAX) != VMX_EXIT_REASON_ENTRY_INVALID_GUEST_STATE)
		return "";
	if (exit->qualification >= ARRAY_SIZE(of_guest_state) ||
	    !of_guest_state[exit->qualification])
		return "a reserved exit qualification";
	return of_guest_state[exit->qualification];
}

/* Where no rule is violated, the cause is what no rule can see. */
static void admit(FILE *out, const struct vtx_exit *exit)
{
	if (exit->instruction_error && exit->instruction_error != VMX_INSN_ERROR_ENTRY_CONTROLS &&
	    exit->instruction_error != VMX_INSN_ERROR_ENTRY_HOST_STATE)
		fprintf(out, "The fields are not the cause: this error is about the instruction or "
			     "the launch state (vtxctl vms shows it).\n");
	else
		fprintf(out, "The rules do not find the cause. What they cannot see: memory (the "
			     "areas of MSRs, PDPTEs, a linked VMCS), features that CPUID alone "
			     "tells, and mistakes of this table. Bochs names the cause in its "
			     "log.\n");
}

void entry_explain(FILE *out, int fd, __u32 vm, __u32 vcpu, const struct vtx_exit *exit)
{
	struct entry_state state;
	const char *more = qualification_text(exit);
	char text[EXIT_TEXT_SIZE];

	name_error(text, sizeof(text), exit);
	fprintf(out, "VM entry failed, the guest did not run. %s%s%s\n", text, *more ? "; " : "",
		more);
	if (entry_state_read(fd, vm, vcpu, &state) != CTL_DONE)
		return;
	if (!entry_print_rules(out, &state.state))
		admit(out, exit);
}

struct json_object *entry_explain_json(int fd, __u32 vm, __u32 vcpu, const struct vtx_exit *exit)
{
	struct entry_state state;
	struct json_object *object;
	char text[EXIT_TEXT_SIZE];

	if (entry_state_read(fd, vm, vcpu, &state) != CTL_DONE)
		return NULL;
	object = entry_rules_json(&state.state);
	name_error(text, sizeof(text), exit);
	ctl_json_put_text(object, "error", text);
	ctl_json_put_int(object, "instruction_error", exit->instruction_error);
	ctl_json_put_int(object, "reason", exit->instruction_error ? 0 : exit->reason & UINT16_MAX);
	ctl_json_put_hex(object, "qualification", exit->qualification);
	return object;
}
