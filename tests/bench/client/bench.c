// SPDX-License-Identifier: GPL-2.0
/*
 * bench kvm|vtxdrv: measure every row under one hypervisor, and print a line for each:
 *
 *	row NAME VALUE
 *
 * VALUE is instructions for one operation, or bytes where the name ends in "bytes". A time-stamp
 * counter that counts instructions (Bochs) is asked for by --instructions: how many instructions
 * make a tick is measured first.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <x86intrin.h>

#include "bench.h"

#define MIB (1UL << 20)
#define TIMES 2000
#define WARM 50
#define PAGES 1024
#define HUGE_PAGES 16
#define VMS 10

/* As rows in bench_guest.S. */
enum { ROW_CPUID, ROW_RDMSR, ROW_OUT, ROW_MMIO, ROW_4K, ROW_2M, ROW_INTERRUPT, ROW_HLT };

uint32_t bench_count;
static const struct bench_backend *under;
static double instructions_of_tick = 1;

void bench_fail(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

int bench_check(int result, const char *what)
{
	if (result < 0)
		bench_fail(what);
	return result;
}

static void expect(enum bench_exit seen, enum bench_exit expected, const char *row)
{
	if (seen == expected)
		return;
	fprintf(stderr, "bench: %s: exit %d, expected %d\n", row, seen, expected);
	exit(1);
}

static void print(const char *row, double ticks, unsigned long times)
{
	printf("row %s %.0f\n", row, ticks * instructions_of_tick / times);
	fflush(stdout);
}

/* Two instructions a turn. */
static void calibrate(void)
{
	unsigned long turns = 2000000, left = turns;
	uint64_t start = __rdtsc();

	asm volatile("1: dec %0\n\tjnz 1b" : "+r"(left));
	instructions_of_tick = 2.0 * turns / (__rdtsc() - start);
	printf("ticks %.4f\n", instructions_of_tick);
}

/* ---- measured by the guest -------------------------------------------------------------------- */

static void by_guest(const char *name, uint32_t row, uint32_t times, const struct bench_wish *wish)
{
	struct bench_vm *vm;
	uint32_t port = 0;

	bench_count = times;
	vm = under->create(wish, row);
	expect(under->run(vm, &port), EXIT_OUT, name);
	print(name, *under->result(vm), times);
	under->destroy(vm);
}

/* ---- measured here ---------------------------------------------------------------------------- */

static const struct bench_wish small = { .memory = 16 * MIB };

static void exits(const char *name, uint32_t row, enum bench_exit expected)
{
	struct bench_vm *vm = under->create(&small, row);
	uint64_t start = 0;
	uint32_t port;
	int i;

	for (i = -WARM; i < TIMES; i++) {
		if (!i)
			start = __rdtsc();
		expect(under->run(vm, &port), expected, name);
	}
	print(name, __rdtsc() - start, TIMES);
	under->destroy(vm);
}

static void injection(void)
{
	struct bench_vm *vm = under->create(&small, ROW_INTERRUPT);
	uint64_t ticks = 0, start;
	uint32_t port = 0;
	int i;

	for (i = -WARM; i < TIMES; i++) {
		expect(under->run(vm, &port), EXIT_OUT, "ready");
		start = __rdtsc();
		under->interrupt(vm);
		expect(under->run(vm, &port), EXIT_OUT, "handler");
		if (port != PORT_HANDLER)
			expect(EXIT_OTHER, EXIT_OUT, "handler's port");
		if (i >= 0)
			ticks += __rdtsc() - start;
	}
	print("inject", ticks, TIMES);
	under->destroy(vm);
}

static void *sleeper(void *vm)
{
	uint32_t port;

	/* An interrupt controller that is not in the kernel is written to here. */
	while (under->run(vm, &port) == EXIT_OUT)
		;
	return NULL;
}

static void wait_for(volatile uint32_t *counter, uint32_t value)
{
	while (*counter != value)
		sched_yield();
}

static void hlt_wake(void)
{
	struct bench_wish wish = { .memory = 16 * MIB, .hlt_sleeps = true };
	struct bench_vm *vm = under->create(&wish, ROW_HLT);
	uint64_t start = 0;
	pthread_t thread;
	int i;

	*under->result(vm) = ~0U;
	pthread_create(&thread, NULL, sleeper, vm);
	wait_for(under->result(vm), 0);
	usleep(20000);
	for (i = 0; i < WARM + TIMES; i++) {
		if (i == WARM)
			start = __rdtsc();
		under->wake(vm);
		wait_for(under->result(vm), i + 1);
	}
	print("hlt_wake", __rdtsc() - start, TIMES);
	/* The process ends with the thread asleep. */
}

static void *yielder(void *vm)
{
	uint32_t port;
	int i;

	for (i = 0; i < TIMES; i++) {
		expect(under->run(vm, &port), EXIT_OUT, "switch");
		sched_yield();
	}
	return NULL;
}

static void two_vcpus(void)
{
	struct bench_vm *one = under->create(&small, ROW_OUT);
	struct bench_vm *other = under->create(&small, ROW_OUT);
	uint64_t start = __rdtsc();
	pthread_t thread;

	pthread_create(&thread, NULL, yielder, one);
	yielder(other);
	pthread_join(thread, NULL);
	print("switch", __rdtsc() - start, 2 * TIMES);
	under->destroy(one);
	under->destroy(other);
}

static long available(void)
{
	char line[128];
	long kib = 0;
	FILE *file = fopen("/proc/meminfo", "r");

	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "MemFree: %ld", &kib);
	if (file)
		fclose(file);
	return kib * 1024;
}

static void creation(void)
{
	struct bench_vm *vm[VMS];
	uint64_t start, ticks = 0;
	uint32_t port;
	long before;
	int i;

	for (i = 0; i < VMS; i++) {
		start = __rdtsc();
		vm[0] = under->create(&small, ROW_OUT);
		expect(under->run(vm[0], &port), EXIT_OUT, "create");
		if (i)
			ticks += __rdtsc() - start;
		under->destroy(vm[0]);
	}
	print("create", ticks, VMS - 1);
	before = available();
	for (i = 0; i < VMS; i++) {
		vm[i] = under->create(&small, ROW_OUT);
		expect(under->run(vm[i], &port), EXIT_OUT, "idle");
	}
	printf("row idle_bytes %ld\n", (before - available()) / VMS);
	for (i = 0; i < VMS; i++)
		under->destroy(vm[i]);
}

int main(int argc, char **argv)
{
	struct bench_wish pages = { .memory = 64 * MIB, .pages = PAGES_4K };

	if (argc < 2 || (strcmp(argv[1], "kvm") && strcmp(argv[1], "vtxdrv"))) {
		fprintf(stderr, "usage: bench kvm|vtxdrv [--instructions]\n");
		return 2;
	}
	under = strcmp(argv[1], "kvm") ? &bench_vtx : &bench_kvm;
	if (argc > 2)
		calibrate();
	by_guest("cpuid", ROW_CPUID, TIMES, &small);
	by_guest("rdmsr", ROW_RDMSR, TIMES, &small);
	exits("out", ROW_OUT, EXIT_OUT);
	exits("mmio", ROW_MMIO, EXIT_MMIO_READ);
	by_guest("populate_4k", ROW_4K, PAGES, &pages);
	pages.pages = PAGES_2M;
	by_guest("populate_2m", ROW_2M, HUGE_PAGES, &pages);
	injection();
	creation();
	two_vcpus();
	hlt_wake();
	return 0;
}
