// SPDX-License-Identifier: GPL-2.0
/*
 * A VM exit in words: what no vendor has a part in, and the choice between their words.
 */
#include "cmd_exit_text.h"

#include <inttypes.h>
#include <stdio.h>

#include "ctl_vendor.h"
#include "guest/guest.h"
#include "x86_bits.h"
#include "x86_exceptions.h"

#define HEX "0x%" PRIx64

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

static const struct exit_words *words(void)
{
#if VTX_STAGE >= 7
	if (ctl_vendor == &ctl_svm)
		return &exit_words_svm;
#endif
	return &exit_words_vmx;
}

const char *exit_reason_name(u32 reason)
{
	return words()->reason_name(reason);
}

/* A triple fault may come without an exit: while the driver was bringing events to the guest. */
const char *exit_name(const struct vtx_exit *exit)
{
	if (exit->kind == VTX_EXIT_TRIPLE_FAULT && !exit->reason)
		return "triple fault";
	return exit_reason_name(exit->reason);
}

u32 exit_counted_as(u32 index)
{
	return words()->counted_as ? words()->counted_as(index) : index;
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

/* ---- by kind --------------------------------------------------------------------------------- */

void exit_describe_exception(const struct vtx_exit *exit, char *text)
{
	int used;

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

void exit_describe_hypercall(const struct vtx_exit *exit, char *text)
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
void exit_describe_memory(const struct vtx_exit *exit, char *text)
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

bool exit_is_interruption(u32 kind)
{
	return kind == VTX_EXIT_SIGNAL || kind == VTX_EXIT_TIMEOUT || kind == VTX_EXIT_SHUTDOWN;
}

void exit_describe(const struct vtx_exit *exit, char *text)
{
	text[0] = '\0';
	if (!exit_is_interruption(exit->kind))
		words()->describe(exit, text);
}
