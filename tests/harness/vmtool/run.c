// SPDX-License-Identifier: GPL-2.0
/* Run a vCPU, and serve the hypercalls of a guest as vtxctl does. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "vmtool.h"

#define MS 1000000ULL
#define LINE 160

enum hypercall { CALL_EXIT, CALL_PUTCHAR, CALL_WRITE, CALL_ARGUMENT, CALL_COUNT };

static const char *const kinds[VTX_EXIT_KINDS] = {
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

static uint64_t now_ns(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (uint64_t)at.tv_sec * 1000 * MS + (uint64_t)at.tv_nsec;
}

const char *kind_name(uint32_t kind)
{
	return kind < VTX_EXIT_KINDS ? kinds[kind] : "unknown";
}

void print_exit(int vcpu, uint64_t took_ns)
{
	const struct vtx_run *run = vm.run[vcpu];
	const struct vtx_exit *exit = &run->exit;

	answer("exit vcpu=%d kind=%s reason=%#x qualification=%#llx rip=%#llx error=%u length=%u"
	       " vector=%u code=%#x address=%#llx cr=%u access=%u gpr=%u handled=%u value=%#llx"
	       " nr=%#llx args=%#llx,%#llx,%#llx,%#llx gpa=%#llx linear=%#llx memory=%#x slot=%u"
	       " port=%#x size=%u flags=%#x msr=%#x word=%#llx exits=%llu time=%llu ms=%llu\n",
	       vcpu, kind_name(exit->kind), exit->reason, exit->qualification, exit->rip,
	       exit->instruction_error, exit->instruction_length, exit->vector, exit->error_code,
	       exit->address, exit->cr, exit->access, exit->gpr, exit->handled, exit->value,
	       exit->nr, exit->args[0], exit->args[1], exit->args[2], exit->args[3], exit->gpa,
	       exit->linear, exit->memory_access, exit->slot, exit->port, exit->io_size,
	       exit->io_flags, exit->msr, exit->data, run->exits, exit->time_ns,
	       (unsigned long long)(took_ns / MS));
}

volatile sig_atomic_t signals;

/*
 * Run it until there is something to see; 0: no limit. The kernel itself can have work for a task
 * that runs a guest, which comes back with VTX_EXIT_SIGNAL for it: if there was no signal, go on.
 */
int run_once(int vcpu, uint64_t limit_ns)
{
	uint64_t end = now_ns() + limit_ns;
	const struct vtx_exit *exit = &vm.run[vcpu]->exit;

	vm.run[vcpu]->timeout_ns = limit_ns;
	do {
		if (ioctl(vm.fd, VTXDRV_RUN_VCPU, vcpu))
			return errno;
		vm.run[vcpu]->flags &= ~VTX_RUN_SET_REGS;
		if (limit_ns)
			vm.run[vcpu]->timeout_ns = end > now_ns() ? end - now_ns() : 1;
	} while (exit->kind == VTX_EXIT_SIGNAL && !signals);
	signals = 0;
	return 0;
}

int verb_run(char **words)
{
	int vcpu = (int)number(words[0]), error;
	uint64_t began = now_ns();

	if (vcpu >= vm.vcpus)
		return ERANGE;
	error = run_once(vcpu, number(words[1]) * MS);
	if (!error)
		print_exit(vcpu, now_ns() - began);
	return error;
}

int verb_result(char **words)
{
	vm.run[number(words[0]) % VTX_MAX_VCPUS]->hypercall_result = number(words[1]);
	return 0;
}

int verb_every(char **words)
{
	vm.run[number(words[0]) % VTX_MAX_VCPUS]->flags =
		number(words[1]) ? VTX_RUN_EVERY_EXIT : 0;
	return 0;
}

/* ---- a guest's hypercalls ------------------------------------------------------------------- */

static void keep(struct output *out, const void *from, uint64_t length)
{
	if (length > OUTPUT_MAX - out->length)
		length = OUTPUT_MAX - out->length;
	memcpy(out->text + out->length, from, length);
	out->length += length;
}

static uint64_t guest_writes(struct output *out, uint64_t address, uint64_t length)
{
	if (address > vm.size || length > vm.size - address)
		return -1ULL;
	keep(out, vm.memory + address, length);
	return length;
}

/* Returns false when the guest has ended. */
static bool serve(struct vtx_run *run, struct output *out)
{
	const struct vtx_exit *exit = &run->exit;

	out->hypercalls++;
	run->hypercall_result = 0;
	switch (exit->nr) {
	case CALL_EXIT:
		out->code = (long)(exit->args[0] & 0xff);
		return false;
	case CALL_PUTCHAR:
		keep(out, exit->args, 1);
		return true;
	case CALL_WRITE:
		run->hypercall_result = guest_writes(out, exit->args[0], exit->args[1]);
		return true;
	case CALL_COUNT:
		run->hypercall_result = (uint64_t)vm.vcpus;
		return true;
	}
	run->hypercall_result = -1ULL;
	return true;
}

int run_guest(int vcpu, uint64_t limit_ms, struct output *out)
{
	uint64_t end = now_ns() + limit_ms * MS;
	int error;

	*out = (struct output){ .code = -1 };
	for (;;) {
		uint64_t now = now_ns();

		error = run_once(vcpu, limit_ms ? (now < end ? end - now : 1) : 0);
		if (error || vm.run[vcpu]->exit.kind != VTX_EXIT_HYPERCALL)
			return error;
		if (!serve(vm.run[vcpu], out))
			return 0;
	}
}

void print_output(int vcpu, const struct output *out)
{
	answer("output vcpu=%d code=%ld hypercalls=%llu data=", vcpu, out->code,
	       (unsigned long long)out->hypercalls);
	for (uint32_t i = 0; i < out->length; i++)
		answer("%02x", (unsigned char)out->text[i]);
	answer("\n");
}

int verb_guest(char **words)
{
	static struct output out;
	int vcpu = (int)number(words[0]), error;
	uint64_t began = now_ns();

	if (vcpu >= vm.vcpus)
		return ERANGE;
	error = run_guest(vcpu, number(words[1]), &out);
	if (error)
		return error;
	print_output(vcpu, &out);
	print_exit(vcpu, now_ns() - began);
	return 0;
}

/* ---- several vCPUs at once ------------------------------------------------------------------ */

struct runner {
	pthread_t thread;
	int vcpu;
	uint64_t limit_ms;
	struct output out;
	int error;
};

static void *run_one(void *argument)
{
	struct runner *mine = argument;

	mine->error = run_guest(mine->vcpu, mine->limit_ms, &mine->out);
	return NULL;
}

int verb_guests(char **words)
{
	struct runner *all = calloc((size_t)vm.vcpus, sizeof(*all));
	int started, error = all ? 0 : ENOMEM;

	for (started = 0; started < vm.vcpus && !error; started++) {
		all[started].vcpu = started;
		all[started].limit_ms = number(words[0]);
		error = pthread_create(&all[started].thread, NULL, run_one, &all[started]);
	}
	for (int i = 0; i < started; i++) {
		pthread_join(all[i].thread, NULL);
		error = error ?: all[i].error;
		print_output(i, &all[i].out);
		print_exit(i, 0);
	}
	free(all);
	return error;
}
