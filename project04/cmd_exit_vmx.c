// SPDX-License-Identifier: GPL-2.0
/*
 * A VM exit of VMX in words. Sections of the Intel SDM vol. 3: "Basic VM-Exit Information" has a
 * table for each kind of exit qualification.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cmd_exit_text.h"
#include "vmx_exit_bits.h"
#include "vmx_exit_reasons.h"
#include "x86_exceptions.h"

#define HEX "0x%" PRIx64

static const char *const reason_names[] = {
#define VMX_EXIT_REASON(number, ident, name) [number] = name,
#include "vmx_exit_reasons.def"
#undef VMX_EXIT_REASON
};

static const char *reason_name(u32 reason)
{
	u32 basic = VMX_EXIT_GET((u64)reason, EXIT_REASON_BASIC);

	if (basic < ARRAY_SIZE(reason_names) && reason_names[basic])
		return reason_names[basic];
	return "reserved exit reason";
}

/* ---- by reason ------------------------------------------------------------------------------- */

static void describe_db(const struct vtx_exit *exit, char *text)
{
	u64 q = exit->qualification;

	snprintf(text, EXIT_TEXT_SIZE, "#DB debug exception:%s%s%s%s%s%s",
		 q & VMX_QUAL_DB_B0 ? " breakpoint 0" : "",
		 q & VMX_QUAL_DB_B1 ? " breakpoint 1" : "",
		 q & VMX_QUAL_DB_B2 ? " breakpoint 2" : "",
		 q & VMX_QUAL_DB_B3 ? " breakpoint 3" : "",
		 q & VMX_QUAL_DB_BD ? " debug-register access" : "",
		 q & VMX_QUAL_DB_BS ? " single step" : "");
}

static void describe_exception(const struct vtx_exit *exit, char *text)
{
	if (exit->kind == VTX_EXIT_NMI) {
		snprintf(text, EXIT_TEXT_SIZE, "NMI, for the host");
		return;
	}
	if (exit->kind != VTX_EXIT_EXCEPTION) {
		snprintf(text, EXIT_TEXT_SIZE, "machine check or NMI, for the host");
		return;
	}
	if (exit->vector == X86_EXCEPTION_DB) {
		describe_db(exit, text);
		return;
	}
	exit_describe_exception(exit, text);
}

static void describe_cr(const struct vtx_exit *exit, char *text)
{
	u32 cr = VMX_EXIT_GET(exit->qualification, QUAL_CR_NUMBER);
	const char *gpr = gpr_name(VMX_EXIT_GET(exit->qualification, QUAL_CR_GPR));

	switch (VMX_EXIT_GET(exit->qualification, QUAL_CR_ACCESS)) {
	case VTX_CR_WRITE:
		snprintf(text, EXIT_TEXT_SIZE, "MOV to CR%" PRIu32 " from %s: " HEX, cr, gpr,
			 (u64)exit->value);
		break;
	case VTX_CR_READ:
		snprintf(text, EXIT_TEXT_SIZE, "MOV from CR%" PRIu32 " to %s", cr, gpr);
		break;
	case VTX_CR_CLTS:
		snprintf(text, EXIT_TEXT_SIZE, "CLTS");
		break;
	default:
		snprintf(text, EXIT_TEXT_SIZE, "LMSW 0x%x",
			 (unsigned int)VMX_EXIT_GET(exit->qualification, QUAL_CR_LMSW_SOURCE));
	}
}

static void describe_dr(const struct vtx_exit *exit, char *text)
{
	bool from = exit->qualification & VMX_QUAL_DR_FROM_DR;

	snprintf(text, EXIT_TEXT_SIZE, "MOV %s DR%u %s %s", from ? "from" : "to",
		 (unsigned int)VMX_EXIT_GET(exit->qualification, QUAL_DR_NUMBER),
		 from ? "to" : "from", gpr_name(VMX_EXIT_GET(exit->qualification, QUAL_DR_GPR)));
}

static void describe_io(const struct vtx_exit *exit, char *text)
{
	u64 q = exit->qualification;
	bool in = q & VMX_QUAL_IO_IN;
	unsigned int bytes = VMX_EXIT_GET(q, QUAL_IO_SIZE) + 1;

	snprintf(text, EXIT_TEXT_SIZE, "%s%s%s, port 0x%x, %u byte%s",
		 q & VMX_QUAL_IO_REP ? "REP " : "", in ? "IN" : "OUT",
		 q & VMX_QUAL_IO_STRING ? "S" : "", (unsigned int)VMX_EXIT_GET(q, QUAL_IO_PORT),
		 bytes, bytes == 1 ? "" : "s");
}

static void describe_task_switch(const struct vtx_exit *exit, char *text)
{
	static const char *const sources[] = { "CALL", "IRET", "JMP", "a task gate" };

	snprintf(text, EXIT_TEXT_SIZE, "to selector 0x%x by %s",
		 (unsigned int)VMX_EXIT_GET(exit->qualification, QUAL_TASK_SELECTOR),
		 sources[VMX_EXIT_GET(exit->qualification, QUAL_TASK_SOURCE)]);
}

static void describe_rest(const struct vtx_exit *exit, char *text)
{
	switch (VMX_EXIT_GET((u64)exit->reason, EXIT_REASON_BASIC)) {
	case VMX_EXIT_REASON_EXTERNAL_INTERRUPT:
		snprintf(text, EXIT_TEXT_SIZE, "for the host");
		break;
	case VMX_EXIT_REASON_INVLPG:
		snprintf(text, EXIT_TEXT_SIZE, "address " HEX, (u64)exit->qualification);
		break;
	case VMX_EXIT_REASON_SIPI:
		snprintf(text, EXIT_TEXT_SIZE, "vector 0x%x",
			 (unsigned int)VMX_EXIT_GET(exit->qualification, QUAL_SIPI_VECTOR));
		break;
	default:
		if (exit->qualification)
			snprintf(text, EXIT_TEXT_SIZE, "qualification " HEX,
				 (u64)exit->qualification);
	}
}

static const struct {
	u32 reason;
	void (*describe)(const struct vtx_exit *exit, char *text);
} describers[] = {
	{ VMX_EXIT_REASON_EXCEPTION_OR_NMI, describe_exception },
	{ VMX_EXIT_REASON_CR_ACCESS, describe_cr },
	{ VMX_EXIT_REASON_MOV_DR, describe_dr },
	{ VMX_EXIT_REASON_IO_INSTRUCTION, describe_io },
	{ VMX_EXIT_REASON_TASK_SWITCH, describe_task_switch },
	{ VMX_EXIT_REASON_VMCALL, exit_describe_hypercall },
	{ VMX_EXIT_REASON_EPT_VIOLATION, exit_describe_memory },
	{ VMX_EXIT_REASON_EPT_MISCONFIGURATION, exit_describe_memory },
};

static void describe(const struct vtx_exit *exit, char *text)
{
	u32 basic = VMX_EXIT_GET((u64)exit->reason, EXIT_REASON_BASIC);
	size_t i;

	if (exit->instruction_error) {
		snprintf(text, EXIT_TEXT_SIZE, "VM-instruction error %" PRIu32,
			 exit->instruction_error);
		return;
	}
	for (i = 0; i < ARRAY_SIZE(describers); i++) {
		if (describers[i].reason == basic) {
			describers[i].describe(exit, text);
			return;
		}
	}
	describe_rest(exit, text);
}

const struct exit_words exit_words_vmx = {
	.reason_name = reason_name,
	.describe = describe,
};
