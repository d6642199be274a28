// SPDX-License-Identifier: GPL-2.0
/*
 * A VM exit in words. Sections of the Intel SDM vol. 3: "Basic VM-Exit Information" has a table for
 * each kind of exit qualification.
 */
#include "cmd_exit_text.h"

#include <inttypes.h>
#include <stdio.h>

#include "guest/guest.h"
#include "vmx_exit_bits.h"
#include "vmx_exit_reasons.h"
#include "x86_bits.h"
#include "x86_exceptions.h"

#define HEX "0x%" PRIx64

static const char *const reason_names[] = {
#define VMX_EXIT_REASON(number, ident, name) [number] = name,
#include "vmx_exit_reasons.def"
#undef VMX_EXIT_REASON
};

static const char *const kind_names[VTX_EXIT_KINDS] = {
	[VTX_EXIT_NONE] = "none",
	[VTX_EXIT_HLT] = "hlt",
	[VTX_EXIT_HYPERCALL] = "hypercall",
	[VTX_EXIT_CPUID] = "cpuid",
	[VTX_EXIT_CR] = "cr",
	[VTX_EXIT_DR] = "dr",
	[VTX_EXIT_INTERRUPT] = "interrupt",
	[VTX_EXIT_NMI] = "nmi",
	[VTX_EXIT_EXCEPTION] = "exception",
	[VTX_EXIT_TRIPLE_FAULT] = "triple-fault",
	[VTX_EXIT_ENTRY_FAILED] = "entry-failed",
	[VTX_EXIT_UNHANDLED] = "unhandled",
	[VTX_EXIT_SIGNAL] = "signal",
	[VTX_EXIT_TIMEOUT] = "timeout",
	[VTX_EXIT_SHUTDOWN] = "shutdown",
	[VTX_EXIT_NOT_PRESENT] = "not-present",
	[VTX_EXIT_MMIO] = "mmio",
	[VTX_EXIT_PROTECTION] = "protection",
	[VTX_EXIT_NO_MEMORY] = "no-memory",
	[VTX_EXIT_MISCONFIGURED] = "misconfigured",
	[VTX_EXIT_IO] = "io",
	[VTX_EXIT_RDMSR] = "rdmsr",
	[VTX_EXIT_WRMSR] = "wrmsr",
	[VTX_EXIT_INTA] = "inta",
	[VTX_EXIT_TIMER] = "timer",
	[VTX_EXIT_XSETBV] = "xsetbv",
	[VTX_EXIT_INVALIDATE] = "invalidate",
	[VTX_EXIT_PAUSE] = "pause",
	[VTX_EXIT_MONITOR] = "monitor",
	[VTX_EXIT_COUNTER] = "counter",
	[VTX_EXIT_DESCRIPTOR_TABLE] = "descriptor-table",
	[VTX_EXIT_TASK_SWITCH] = "task-switch",
	[VTX_EXIT_FORBIDDEN] = "forbidden",
	[VTX_EXIT_IRQ_WINDOW] = "irq-window",
	[VTX_EXIT_NMI_WINDOW] = "nmi-window",
};

static const struct {
	const char *mnemonic;
	const char *name;
	bool error_code;
} exceptions[X86_EXCEPTION_VECTORS] = {
#define X86_EXCEPTION(vector, ident, mnemonic, name, error_code) \
	[vector] = { mnemonic, name, error_code },
#include "x86_exceptions.def"
#undef X86_EXCEPTION
};

static const char *const hypercall_names[] = {
	[VTX_CALL_EXIT] = "exit",   [VTX_CALL_PUTCHAR] = "putchar",
	[VTX_CALL_WRITE] = "write", [VTX_CALL_ARGUMENT] = "argument",
	[VTX_CALL_VCPUS] = "vcpus",
};

static const char *const gpr_names[] = {
	"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
	"R8",  "R9",  "R10", "R11", "R12", "R13", "R14", "R15",
};

const char *exit_reason_name(u32 reason)
{
	u32 basic = VMX_EXIT_GET((u64)reason, EXIT_REASON_BASIC);

	if (basic < ARRAY_SIZE(reason_names) && reason_names[basic])
		return reason_names[basic];
	return "reserved exit reason";
}

const char *exit_kind_name(u32 kind)
{
	return kind < VTX_EXIT_KINDS ? kind_names[kind] : "unknown";
}

const char *exception_mnemonic(u32 vector)
{
	if (vector < X86_EXCEPTION_VECTORS && exceptions[vector].mnemonic)
		return exceptions[vector].mnemonic;
	return "#?";
}

const char *exception_name(u32 vector)
{
	if (vector < X86_EXCEPTION_VECTORS && exceptions[vector].name)
		return exceptions[vector].name;
	return "reserved vector";
}

bool exception_has_code(u32 vector)
{
	return vector < X86_EXCEPTION_VECTORS && exceptions[vector].error_code;
}

const char *hypercall_name(u64 number)
{
	return number < ARRAY_SIZE(hypercall_names) ? hypercall_names[number] : "unknown";
}

const char *gpr_name(u32 number)
{
	return number < ARRAY_SIZE(gpr_names) ? gpr_names[number] : "?";
}

static const char *page_fault_why(u32 error_code)
{
	if (!(error_code & PFEC_P))
		return "the page is not present";
	if (error_code & PFEC_RSVD)
		return "a reserved bit is 1 in a table entry";
	if (error_code & (PFEC_PK | PFEC_SS))
		return "protection key or shadow stack";
	return "the page's rights forbid it";
}

void page_fault_text(char *text, u32 error_code, u64 address)
{
	const char *access = "read of";

	if (error_code & PFEC_W)
		access = "write to";
	else if (error_code & PFEC_I)
		access = "instruction fetch from";
	snprintf(text, EXIT_TEXT_SIZE, "%s " HEX ": %s", access, address,
		 page_fault_why(error_code));
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
	int used;

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
	used = snprintf(text, EXIT_TEXT_SIZE, "%s %s", exception_mnemonic(exit->vector),
			exception_name(exit->vector));
	if (exit->vector == X86_EXCEPTION_PF) {
		char access[EXIT_TEXT_SIZE];

		page_fault_text(access, exit->error_code, exit->address);
		snprintf(text + used, EXIT_TEXT_SIZE - used, ", %s", access);
	} else if (exception_has_code(exit->vector)) {
		snprintf(text + used, EXIT_TEXT_SIZE - used, ", error code 0x%" PRIx32,
			 exit->error_code);
	}
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

static void describe_hypercall(const struct vtx_exit *exit, char *text)
{
	const char *name = hypercall_name(exit->nr);

	switch (exit->nr) {
	case VTX_CALL_EXIT:
	case VTX_CALL_PUTCHAR:
	case VTX_CALL_ARGUMENT:
		snprintf(text, EXIT_TEXT_SIZE, "%s(" HEX ")", name, (u64)exit->args[0]);
		break;
	case VTX_CALL_WRITE:
		snprintf(text, EXIT_TEXT_SIZE, "write(" HEX ", %" PRIu64 ")", (u64)exit->args[0],
			 (u64)exit->args[1]);
		break;
	case VTX_CALL_VCPUS:
		snprintf(text, EXIT_TEXT_SIZE, "vcpus()");
		break;
	default:
		snprintf(text, EXIT_TEXT_SIZE, "unknown hypercall " HEX ": answered with -1",
			 (u64)exit->nr);
	}
}

/* The driver has decoded it: VTX_STAGE 5 and above. */
static void describe_memory(const struct vtx_exit *exit, char *text)
{
	u32 access = exit->memory_access;
	int used;

	used = snprintf(text, EXIT_TEXT_SIZE, "%s%s%s%s of " HEX,
			access & VTX_ACCESS_READ ? "read" : "",
			(access & VTX_ACCESS_READ) && (access & VTX_ACCESS_WRITE) ? " and " : "",
			access & VTX_ACCESS_WRITE ? "write" : "",
			access & VTX_ACCESS_EXECUTE ? "fetch" : "", (u64)exit->gpa);
	if (access & VTX_ACCESS_LINEAR && used < EXIT_TEXT_SIZE)
		used += snprintf(text + used, EXIT_TEXT_SIZE - used, ", linear " HEX,
				 (u64)exit->linear);
	if (access & VTX_ACCESS_WALK && used < EXIT_TEXT_SIZE)
		used += snprintf(text + used, EXIT_TEXT_SIZE - used, ", page-table walk");
	if (access & VTX_ACCESS_EVENT && used < EXIT_TEXT_SIZE)
		used += snprintf(text + used, EXIT_TEXT_SIZE - used, ", event delivery");
	if (used < EXIT_TEXT_SIZE)
		snprintf(text + used, EXIT_TEXT_SIZE - used, ": %s", exit_kind_name(exit->kind));
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
	{ VMX_EXIT_REASON_VMCALL, describe_hypercall },
	{ VMX_EXIT_REASON_EPT_VIOLATION, describe_memory },
	{ VMX_EXIT_REASON_EPT_MISCONFIGURATION, describe_memory },
};

bool exit_is_interruption(u32 kind)
{
	return kind == VTX_EXIT_SIGNAL || kind == VTX_EXIT_TIMEOUT || kind == VTX_EXIT_SHUTDOWN;
}

void exit_describe(const struct vtx_exit *exit, char *text)
{
	u32 basic = VMX_EXIT_GET((u64)exit->reason, EXIT_REASON_BASIC);
	size_t i;

	text[0] = '\0';
	if (exit_is_interruption(exit->kind))
		return;
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
