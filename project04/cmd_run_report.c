// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl run: what became of the guest, in words. A guest that ends by itself needs none.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd_entry_explain.h"
#include "cmd_exit_text.h"
#include "cmd_regs.h"
#include "cmd_run.h"
#include "cmd_run_parts.h"
#include "cmd_vendor.h"
#include "ctl.h"
#include "ctl_vendor.h"
#include "guest/guest.h"
#include "x86_exceptions.h"

#define PAGE 4096
#define NS_PER_SECOND 1000000000.0

static const char *const end_names[] = {
	[RUN_GOES_ON] = "running",    [RUN_EXITED] = "exit",	    [RUN_HALTED] = "halted",
	[RUN_TIMEOUT] = "timeout",    [RUN_INTERRUPTED] = "signal", [RUN_CRASHED] = "crash",
	[RUN_SHUT_DOWN] = "shutdown", [RUN_REFUSED] = "refused",
};

const char *run_end_name(enum run_end end)
{
	return end_names[end];
}

int run_status(const struct run *run)
{
	switch (run->end) {
	case RUN_EXITED:
		return run->code;
	case RUN_HALTED:
		return 0;
	case RUN_TIMEOUT:
		return RUN_STATUS_TIMEOUT;
	case RUN_INTERRUPTED:
		return RUN_STATUS_SIGNAL + run->code;
	case RUN_CRASHED:
		return RUN_STATUS_CRASHED;
	default:
		return RUN_STATUS_REFUSED;
	}
}

void run_code_text(const struct run *run, u64 rip, char *text)
{
	size_t used = 0;
	u64 at;

	*text = '\0';
	if (rip < PAGE)
		return;
	for (at = rip; at < run->usable && at - rip < RUN_CODE_BYTES; at++)
		used += snprintf(text + used, RUN_TEXT_SIZE - used, "%s%02x", used ? " " : "",
				 run->memory[at]);
}

/* ---- hints ----------------------------------------------------------------------------------- */

static void hint_page_fault(const struct run *run, char *text)
{
	u64 address = run->exit.address;

	if (address < PAGE)
		snprintf(text, RUN_TEXT_SIZE,
			 "Page 0 is not mapped: somebody has followed a null pointer.");
	else if (address < run->usable)
		snprintf(text, RUN_TEXT_SIZE,
			 "The address lies in the guest's memory, which ends at "
			 "0x%" PRIx64 ": that page should be there. Look at the page tables that "
			 "the driver has built (exercise 4.1).",
			 run->usable);
	else if (address < run->info.memory_size)
		snprintf(text, RUN_TEXT_SIZE,
			 "From 0x%" PRIx64 " on lie the guest's page tables, which "
			 "it may read but not write.",
			 run->usable);
	else
		snprintf(text, RUN_TEXT_SIZE,
			 "The guest's memory ends at 0x%" PRIx64 "; no page table "
			 "entry leads beyond it.",
			 (u64)run->info.memory_size);
}

static void hint_exception(const struct run *run, char *text)
{
	const char *hint = "";

	switch (run->exit.vector) {
	case X86_EXCEPTION_PF:
		hint_page_fault(run, text);
		return;
	case X86_EXCEPTION_UD:
		hint = "These bytes are no instruction, or one that this guest may not use: for "
		       "example SYSCALL, while EFER.SCE is 0.";
		break;
	case X86_EXCEPTION_GP:
		hint = "Typical causes: an address that is not canonical, INT n without an IDT, or "
		       "a selector that the GDT does not have.";
		break;
	case X86_EXCEPTION_DE:
		hint = "A division by zero, or a quotient that is too large for its register.";
		break;
	case X86_EXCEPTION_NM:
		hint = "x87, SSE or AVX with CR0.TS or CR0.EM set.";
		break;
	}
	snprintf(text, RUN_TEXT_SIZE, "%s", hint);
}

void run_hint(const struct run *run, char *text)
{
	const char *hint = "";

	switch (run->exit.kind) {
	case VTX_EXIT_EXCEPTION:
		hint_exception(run, text);
		run_parts_hint(run, text);
		return;
	case VTX_EXIT_TRIPLE_FAULT:
		hint = "An exception found no handler, nor did the double fault that followed. A "
		       "computer resets now; look at the IDT that the guest has loaded.";
		break;
	case VTX_EXIT_CR:
		hint = "In this project a guest may not change CR0, CR3, CR4 or CR8: its page "
		       "tables name memory of the host, and with others it could reach all of it.";
		break;
	case VTX_EXIT_UNHANDLED:
		snprintf(text, RUN_TEXT_SIZE,
			 "This project has no handler for this exit; the %s at that moment is in "
			 "dmesg. Project 6 handles ports and MSRs.",
			 ctl_vendor->control);
		run_parts_hint(run, text);
		return;
	}
	snprintf(text, RUN_TEXT_SIZE, "%s", hint);
	run_parts_hint(run, text);
}

/* ---- the report ------------------------------------------------------------------------------ */

static void print_state(const struct run *run, u32 vcpu, u64 rip)
{
	char code[RUN_TEXT_SIZE];
	struct vtx_regs regs;
	struct vtx_sregs sregs;

	run_code_text(run, rip, code);
	fprintf(stderr, "  code at RIP 0x%" PRIx64 ": %s\n", rip,
		*code ? code : "RIP is not in the guest's memory");
	if (regs_read(run->fd, run->info.id, vcpu, &regs, &sregs) == CTL_DONE)
		regs_print(stderr, &regs);
}

/* Guests of this tree come with a file that has names. */
static void print_read_on(const struct run *run)
{
	bool memory = run->exit.kind >= VTX_EXIT_NOT_PRESENT &&
		      run->exit.kind <= VTX_EXIT_MISCONFIGURED;

	fprintf(stderr, "  Read on: %s/README.md, \"What goes wrong\".",
		memory ? "project05" : "project04");
	if (!strncmp(run->path, GUEST_FOLDER "/", strlen(GUEST_FOLDER "/")))
		fprintf(stderr, " The code: objdump -d build/project%02d/guest/%s.elf", VTX_STAGE,
			run->info.name);
	fputc('\n', stderr);
}

static void report_crash(const struct run *run)
{
	const struct vtx_exit *exit = &run->exit;
	char text[EXIT_TEXT_SIZE];
	char hint[RUN_TEXT_SIZE];

	if (exit->kind == VTX_EXIT_ENTRY_FAILED) {
		ctl_error("run: vCPU %u did not get into the guest.", run->end_vcpu);
		entry_explain(stderr, run->fd, run->info.id, run->end_vcpu, exit);
		fprintf(stderr, "Read on: %s.\n", vendor_ops()->read_on);
		return;
	}
	exit_describe(exit, text);
	run_hint(run, hint);
	ctl_error("run: the guest crashed on vCPU %u at RIP 0x%" PRIx64 ": %s%s%s", run->end_vcpu,
		  (u64)exit->rip,
		  exit->kind == VTX_EXIT_EXCEPTION ? "" : exit_name(exit),
		  *text && exit->kind != VTX_EXIT_EXCEPTION ? ": " : "", text);
	if (*hint)
		fprintf(stderr, "  %s\n", hint);
	print_state(run, run->end_vcpu, exit->rip);
	run_parts_report(run);
	print_read_on(run);
}

static void print_where(const struct run *run)
{
	struct vtx_regs regs;
	struct vtx_sregs sregs;
	u32 i;

	for (i = 0; i < run->info.vcpus; i++) {
		if (regs_read(run->fd, run->info.id, i, &regs, &sregs) == CTL_DONE)
			fprintf(stderr, "  vCPU %u was at RIP 0x%" PRIx64 "\n", i, (u64)regs.rip);
	}
}

static void report_refused(const struct run *run)
{
	if (run->code == ENOSYS)
		ctl_error("run: vCPU %u: an exercise that this needs is not done yet; dmesg names "
			  "it.",
			  run->end_vcpu);
	else
		ctl_error("run: VTXDRV_RUN_VCPU of vCPU %u failed: %s. dmesg may say more.",
			  run->end_vcpu, strerror(run->code));
}

/* From project06 on interrupts and NMIs wake a guest, but not this one. */
#define NO_WAY_UP \
	(VTX_STAGE >= 6 ? "nothing can wake it with RFLAGS.IF clear and no NMI that waits" : \
			  "nothing can wake it in this project")

void run_report(struct run *run)
{
	switch (run->end) {
	case RUN_GOES_ON:
	case RUN_EXITED:
		return;
	case RUN_HALTED:
		ctl_error("run: the guest has halted (HLT) at RIP 0x%" PRIx64 ", and %s: that is "
			  "its end.",
			  (u64)run->exit.rip, NO_WAY_UP);
		return;
	case RUN_TIMEOUT:
		ctl_error("run: stopped: not done after %g s.",
			  run->options->timeout_ns / NS_PER_SECOND);
		print_where(run);
		return;
	case RUN_INTERRUPTED:
		ctl_error("run: stopped by a signal: %s.", strsignal(run->code));
		print_where(run);
		return;
	case RUN_CRASHED:
		report_crash(run);
		return;
	case RUN_SHUT_DOWN:
		ctl_error(
			"run: stopped: the CPU has left %s, because the module is being "
			"unloaded or the machine goes down.",
			ctl_vendor->operation);
		return;
	case RUN_REFUSED:
		report_refused(run);
		return;
	}
}
