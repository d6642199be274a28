// SPDX-License-Identifier: GPL-2.0
/*
 * A #VMEXIT of SVM in words. AMD APM vol. 2, appendix C, "SVM Intercept Exit Codes". Of few exits
 * EXITINFO1 says what they are about; for the others the driver has looked at the instruction.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd_exit_text.h"
#include "svm_codes.h"
#include "vmcb.h"

#define HEX "0x%" PRIx64

static const struct {
	u32 code;
	const char *name;
} code_names[] = {
#define SVM_EXIT_CODE(code, ident, meaning) { code, "VMEXIT_" #ident },
#include "svm_exit_codes.def"
#undef SVM_EXIT_CODE
	{ (u32)VMEXIT_INVALID, "VMEXIT_INVALID" },
};

static const char *code_name(u32 code)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(code_names); i++) {
		if (code_names[i].code == code)
			return code_names[i].name;
	}
	return "reserved exit code";
}

/* Codes that have no element of their own: of those that we intercept it is this one. */
static u32 counted_as(u32 index)
{
	return index == VTX_EXIT_REASONS - 1 ? VMEXIT_NPF : index;
}

/* ---- by kind --------------------------------------------------------------------------------- */

static void describe_host(const struct vtx_exit *exit, char *text)
{
	snprintf(text, EXIT_TEXT_SIZE, "for the host");
}

/* A guest that was written for Intel calls by VMCALL, which is no instruction of AMD's. */
static void describe_hypercall(const struct vtx_exit *exit, char *text)
{
	size_t used;

	exit_describe_hypercall(exit, text);
	used = strlen(text);
	if (exit->reason == VMEXIT_EXCP6)
		snprintf(text + used, EXIT_TEXT_SIZE - used, ", by VMCALL");
}

static void describe_cr(const struct vtx_exit *exit, char *text)
{
	switch (exit->access) {
	case VTX_CR_WRITE:
		snprintf(text, EXIT_TEXT_SIZE, "MOV to CR%" PRIu32 " from %s: " HEX, exit->cr,
			 gpr_name(exit->gpr), (u64)exit->value);
		break;
	case VTX_CR_READ:
		snprintf(text, EXIT_TEXT_SIZE, "MOV from CR%" PRIu32 " to %s", exit->cr,
			 gpr_name(exit->gpr));
		break;
	case VTX_CR_CLTS:
		snprintf(text, EXIT_TEXT_SIZE, "CLTS");
		break;
	default:
		snprintf(text, EXIT_TEXT_SIZE, "LMSW: CR0 is to become " HEX, (u64)exit->value);
	}
}

/* Which general register, only decode assists tell. */
static void describe_dr(const struct vtx_exit *exit, char *text)
{
	bool write = exit->reason >= VMEXIT_DR0_WRITE;

	snprintf(text, EXIT_TEXT_SIZE, "MOV %s DR%u", write ? "to" : "from",
		 exit->reason - (write ? VMEXIT_DR0_WRITE : VMEXIT_DR0_READ));
}

static void describe_io(const struct vtx_exit *exit, char *text)
{
	snprintf(text, EXIT_TEXT_SIZE, "%s%s%s, port 0x%x, %u byte%s",
		 exit->io_flags & VTX_IO_REP ? "REP " : "",
		 exit->io_flags & VTX_IO_IN ? "IN" : "OUT",
		 exit->io_flags & VTX_IO_STRING ? "S" : "", exit->port, exit->io_size,
		 exit->io_size == 1 ? "" : "s");
}

static void describe_rdmsr(const struct vtx_exit *exit, char *text)
{
	snprintf(text, EXIT_TEXT_SIZE, "RDMSR of 0x%" PRIx32, exit->msr);
}

static void describe_wrmsr(const struct vtx_exit *exit, char *text)
{
	snprintf(text, EXIT_TEXT_SIZE, "WRMSR of 0x%" PRIx32 ": " HEX, exit->msr, (u64)exit->data);
}

/* APM vol. 2, "Task Switch Intercept": EXITINFO1 is the selector, EXITINFO2 says by what. */
static void describe_task_switch(const struct vtx_exit *exit, char *text)
{
	const char *by = "CALL, an interrupt or an exception";

	if (exit->value & SVM_TASK_SWITCH_IRET)
		by = "IRET";
	else if (exit->value & SVM_TASK_SWITCH_JUMP)
		by = "JMP";
	snprintf(text, EXIT_TEXT_SIZE, "to selector 0x%x by %s",
		 (unsigned int)(exit->qualification & UINT16_MAX), by);
}

static void describe_nothing(const struct vtx_exit *exit, char *text)
{
}

static void describe_rest(const struct vtx_exit *exit, char *text)
{
	if (exit->qualification)
		snprintf(text, EXIT_TEXT_SIZE, "EXITINFO1 " HEX, (u64)exit->qualification);
}

static void (*const describers[VTX_EXIT_KINDS])(const struct vtx_exit *exit, char *text) = {
	[VTX_EXIT_HYPERCALL] = describe_hypercall,
	[VTX_EXIT_CR] = describe_cr,
	[VTX_EXIT_DR] = describe_dr,
	[VTX_EXIT_INTERRUPT] = describe_host,
	[VTX_EXIT_NMI] = describe_host,
	[VTX_EXIT_EXCEPTION] = exit_describe_exception,
	[VTX_EXIT_ENTRY_FAILED] = describe_nothing,
	[VTX_EXIT_NOT_PRESENT] = exit_describe_memory,
	[VTX_EXIT_MMIO] = exit_describe_memory,
	[VTX_EXIT_PROTECTION] = exit_describe_memory,
	[VTX_EXIT_NO_MEMORY] = exit_describe_memory,
	[VTX_EXIT_MISCONFIGURED] = exit_describe_memory,
	[VTX_EXIT_IO] = describe_io,
	[VTX_EXIT_RDMSR] = describe_rdmsr,
	[VTX_EXIT_WRMSR] = describe_wrmsr,
	[VTX_EXIT_TASK_SWITCH] = describe_task_switch,
};

static void describe(const struct vtx_exit *exit, char *text)
{
	if (exit->kind < VTX_EXIT_KINDS && describers[exit->kind])
		describers[exit->kind](exit, text);
	else
		describe_rest(exit, text);
}

const struct exit_words exit_words_svm = {
	.reason_name = code_name,
	.describe = describe,
	.counted_as = counted_as,
};
