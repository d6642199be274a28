// SPDX-License-Identifier: GPL-2.0
/* What comes to a guest from outside: events, timers, answers to ports and MSRs. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "vmtool.h"

#define MS 1000000ULL
#define US 1000ULL
#define DF (1ULL << 10)

static int send_event(const struct vtx_event *event)
{
	return ioctl(vm.fd, VTXDRV_EVENT, event) ? errno : 0;
}

int verb_event(char **words)
{
	struct vtx_event event = {
		.vcpu = (uint32_t)number(words[0]),
		.kind = (uint32_t)number(words[1]),
		.vector = (uint32_t)number(words[2]),
		.value = (uint32_t)number(words[3]),
		.error_code = (uint32_t)number(words[4]),
		.address = number(words[5]),
	};

	return send_event(&event);
}

/* ---- an event while the guest runs ---------------------------------------------------------- */

struct later {
	struct timespec wait;
	struct vtx_event event;
};

static void *send_later(void *argument)
{
	struct later *later = argument;
	int error;

	nanosleep(&later->wait, NULL);
	error = send_event(&later->event);
	if (error)
		printf("error verb=later errno=%s\n", errno_name(error));
	free(later);
	return NULL;
}

int verb_later(char **words)
{
	struct later *later = calloc(1, sizeof(*later));
	uint64_t ms = number(words[0]);
	pthread_t thread;

	if (!later)
		return ENOMEM;
	later->wait = (struct timespec){ (time_t)(ms / 1000), (long)(ms % 1000 * MS) };
	later->event.vcpu = (uint32_t)number(words[1]);
	later->event.kind = (uint32_t)number(words[2]);
	later->event.vector = (uint32_t)number(words[3]);
	later->event.value = (uint32_t)number(words[4]);
	return pthread_create(&thread, NULL, send_later, later) ?: pthread_detach(thread);
}

int verb_timer(char **words)
{
	struct timespec at;
	struct vtx_timer timer = {
		.vcpu = (uint32_t)number(words[0]),
		.vector = (uint32_t)number(words[1]),
		.first_ns = number(words[2]) * MS,
		.period_ns = number(words[3]) * US,
	};

	clock_gettime(CLOCK_MONOTONIC, &at);
	if (timer.first_ns)
		timer.first_ns += (uint64_t)at.tv_sec * 1000 * MS + (uint64_t)at.tv_nsec;
	return ioctl(vm.fd, VTXDRV_SET_TIMER, &timer) ? errno : 0;
}

int verb_msrs(char **words)
{
	struct vtx_msr_policy policy = { .first = (uint32_t)number(words[0]),
					 .count = (uint32_t)number(words[1]),
					 .action = (uint32_t)number(words[2]) };

	return ioctl(vm.fd, VTXDRV_MSR_POLICY, &policy) ? errno : 0;
}

int verb_events(char **words)
{
	struct vtx_vcpu_events events = { .vcpu = (uint32_t)number(words[0]) };

	if (ioctl(vm.fd, VTXDRV_GET_EVENTS, &events))
		return errno;
	answer("events vcpu=%u line=%u nmis=%u again=%#x exception=%#x halted=%u", events.vcpu,
	       events.line, events.nmis, events.again, events.exception, events.halted);
	for (int i = 0; i < 4; i++)
		answer(" interrupts%d=%#llx", i, events.interrupts[i]);
	answer("\n");
	return 0;
}

int verb_data(char **words)
{
	vm.run[number(words[0]) % VTX_MAX_VCPUS]->data = number(words[1]);
	return 0;
}

int verb_flags(char **words)
{
	vm.run[number(words[0]) % VTX_MAX_VCPUS]->flags = (uint32_t)number(words[1]);
	return 0;
}

/* One exit after the other, up to one of this kind, before anything is injected. */
int verb_until(char **words)
{
	int vcpu = (int)number(words[0]), error = 0;
	uint64_t turns = number(words[2]);

	if (vcpu >= vm.vcpus)
		return ERANGE;
	while (turns-- && !error) {
		vm.run[vcpu]->flags |= VTX_RUN_EVERY_EXIT;
		error = run_once(vcpu, 1000 * MS);
		if (!error && !strcmp(kind_name(vm.run[vcpu]->exit.kind), words[1]))
			break;
		if (!error && !vm.run[vcpu]->exit.handled)
			break;
	}
	vm.run[vcpu]->flags = 0;
	if (!error)
		print_exit(vcpu, 0);
	return error;
}

/* ---- ports ---------------------------------------------------------------------------------- */

/* The n-th word that IN reads: all 64 bits, also those that no access has room for. */
static uint64_t word_of(uint64_t seed, uint64_t n)
{
	return (seed + n + 1) * 0x9e3779b97f4a7c15ULL;
}

static void print_io(const struct vtx_exit *exit, uint64_t data)
{
	answer("io port=%#x size=%u flags=%#x length=%u value=%#llx\n", exit->port, exit->io_size,
	       exit->io_flags, exit->instruction_length, (unsigned long long)data);
}

/* One element of INS or OUTS: a flat guest, so that linear is physical. */
static int move_element(struct vtx_run *run, uint64_t seed, uint64_t *count)
{
	const struct vtx_exit *exit = &run->exit;
	__u64 *at = exit->io_flags & VTX_IO_IN ? &run->regs.rdi : &run->regs.rsi;
	uint64_t data = 0;

	if (*at >= vm.size || exit->io_size > vm.size - *at || exit->io_size > sizeof(data))
		return ERANGE;
	if (exit->io_flags & VTX_IO_IN) {
		data = word_of(seed, (*count)++);
		memcpy(vm.memory + *at, &data, exit->io_size);
	}
	memcpy(&data, vm.memory + *at, exit->io_size);
	if (exit->io_size < sizeof(data))
		data &= (1ULL << 8 * exit->io_size) - 1;
	print_io(exit, data);
	*at += run->regs.rflags & DF ? -(uint64_t)exit->io_size : exit->io_size;
	return 0;
}

static int serve_string(struct vtx_run *run, uint64_t seed, uint64_t *count)
{
	__u64 one = 1, *left = run->exit.io_flags & VTX_IO_REP ? &run->regs.rcx : &one;
	int error = 0;

	for (; *left && !error; --*left)
		error = move_element(run, seed, count);
	run->regs.rip += run->exit.instruction_length;
	run->flags |= VTX_RUN_SET_REGS;
	return error;
}

static int serve_port(struct vtx_run *run, uint64_t seed, uint64_t *count)
{
	if (run->exit.io_flags & VTX_IO_STRING)
		return serve_string(run, seed, count);
	if (run->exit.io_flags & VTX_IO_IN)
		run->data = word_of(seed, (*count)++);
	print_io(&run->exit, run->exit.io_flags & VTX_IO_IN ? run->data : run->exit.data);
	return 0;
}

int verb_serve(char **words)
{
	int vcpu = (int)number(words[0]), error;
	uint64_t limit = number(words[1]) * MS, seed = number(words[2]), count = 0;

	if (vcpu >= vm.vcpus)
		return ERANGE;
	do {
		error = run_once(vcpu, limit);
		vm.run[vcpu]->flags &= ~VTX_RUN_SET_REGS;
		if (!error && vm.run[vcpu]->exit.kind == VTX_EXIT_IO)
			error = serve_port(vm.run[vcpu], seed, &count);
	} while (!error && vm.run[vcpu]->exit.kind == VTX_EXIT_IO);
	if (!error)
		print_exit(vcpu, 0);
	return error;
}
