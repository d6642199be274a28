// SPDX-License-Identifier: GPL-2.0
/*
 * bench kvm|vtxdrv: measure every row under one hypervisor, and print a line for each:
 *
 *	row NAME VALUE
 *
 * VALUE is instructions for one operation, or bytes where the name ends in "bytes". A time-stamp
 * counter that counts instructions (Bochs) is asked for by --instructions: how many instructions
 * make a tick is measured first.
 *
 * What is measured is a pass of a few operations, again and again, and the least is printed: the
 * timer interrupts of the machine fall into some passes and not into others, and how many fall
 * into a long run differs from one run to the next. Where a pass is longer than the time between
 * two interrupts (pages, VMs), the same small number of them is in every figure.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <unistd.h>
#include <x86intrin.h>

#include "bench.h"

#define MIB (1UL << 20)
#define PASS 10 /* operations */
#define PASSES 200
#define WARM_PASSES 5
#define PAGES 1024
#define HUGE_PAGES 16
#define TOUCH_PASSES 7 /* each in a VM of its own */
#define VMS 32
#define WARM_VMS 8
#define ROUNDS 20

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

/* ---- the least of several passes ------------------------------------------------------------ */

static uint64_t least;

static void keep(uint64_t ticks)
{
	if (ticks < least)
		least = ticks;
}

static void print(const char *row, unsigned long times)
{
	printf("row %s %.0f\n", row, least * instructions_of_tick / times);
	fflush(stdout);
	least = UINT64_MAX;
}

/* Two instructions a turn. */
static void calibrate(void)
{
	unsigned long turns = 20000, left;
	uint64_t start;
	int i;

	for (i = 0; i < PASSES; i++) {
		left = turns;
		start = __rdtsc();
		asm volatile("1: dec %0\n\tjnz 1b" : "+r"(left));
		keep(__rdtsc() - start);
	}
	instructions_of_tick = 2.0 * turns / least;
	least = UINT64_MAX;
	printf("ticks %.4f\n", instructions_of_tick);
}

/* ---- measured by the guest ------------------------------------------------------------------ */

/*
 * As like each other as can be: a hypervisor is not to win by the size of the pages, and in so
 * little memory vtxdrv has no room for one of 2 MiB.
 */
static const struct bench_wish small = { .memory = MIB, .pages = PAGES_4K };

static void by_guest(const char *name, uint32_t row)
{
	struct bench_vm *vm;
	uint32_t port = 0;
	int i;

	bench_count = PASS;
	vm = under->create(&small, row);
	for (i = -WARM_PASSES; i < PASSES; i++) {
		expect(under->run(vm, &port), EXIT_OUT, name);
		if (i >= 0)
			keep(*under->result(vm));
	}
	print(name, PASS);
	under->destroy(vm);
}

static void touch(const char *name, uint32_t row, uint32_t times, enum bench_pages pages)
{
	struct bench_wish wish = { .memory = 64 * MIB, .pages = pages };
	struct bench_vm *vm;
	uint32_t port = 0;
	int i;

	bench_count = times;
	for (i = 0; i < TOUCH_PASSES; i++) {
		vm = under->create(&wish, row);
		expect(under->run(vm, &port), EXIT_OUT, name);
		keep(*under->result(vm));
		under->destroy(vm);
	}
	print(name, times);
}

/* ---- measured here -------------------------------------------------------------------------- */

static void exits(const char *name, uint32_t row, enum bench_exit expected)
{
	struct bench_vm *vm = under->create(&small, row);
	uint64_t start;
	uint32_t port;
	int i, k;

	for (i = -WARM_PASSES; i < PASSES; i++) {
		start = __rdtsc();
		for (k = 0; k < PASS; k++)
			expect(under->run(vm, &port), expected, name);
		if (i >= 0)
			keep(__rdtsc() - start);
	}
	print(name, PASS);
	under->destroy(vm);
}

static void injection(void)
{
	struct bench_vm *vm = under->create(&small, ROW_INTERRUPT);
	uint32_t port = 0;
	uint64_t start;
	int i;

	for (i = -WARM_PASSES; i < PASSES; i++) {
		expect(under->run(vm, &port), EXIT_OUT, "ready");
		start = __rdtsc();
		under->interrupt(vm);
		expect(under->run(vm, &port), EXIT_OUT, "handler");
		if (i >= 0)
			keep(__rdtsc() - start);
		if (port != PORT_HANDLER)
			expect(EXIT_OTHER, EXIT_OUT, "handler's port");
	}
	print("inject", 1);
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
	struct bench_wish wish = small;
	struct bench_vm *vm;
	uint32_t woken = 0;
	pthread_t thread;
	uint64_t start;
	int i, k;

	wish.hlt_sleeps = true;
	vm = under->create(&wish, ROW_HLT);
	*under->result(vm) = ~0U;
	pthread_create(&thread, NULL, sleeper, vm);
	wait_for(under->result(vm), 0);
	usleep(20000);
	for (i = -WARM_PASSES; i < PASSES; i++) {
		start = __rdtsc();
		for (k = 0; k < PASS; k++) {
			under->wake(vm);
			wait_for(under->result(vm), ++woken);
		}
		if (i >= 0)
			keep(__rdtsc() - start);
	}
	print("hlt_wake", PASS);
	/* The process ends with the thread asleep. */
}

/* Two threads in turn, each with a vCPU; what the other one has done so far. */
static volatile unsigned long turns_of_other;
static volatile bool enough;

static void *other_thread(void *vm)
{
	uint32_t port;

	while (!enough) {
		expect(under->run(vm, &port), EXIT_OUT, "switch");
		turns_of_other++;
		sched_yield();
	}
	return NULL;
}

static void two_vcpus(void)
{
	struct bench_vm *one = under->create(&small, ROW_OUT);
	struct bench_vm *other = under->create(&small, ROW_OUT);
	unsigned long turns;
	pthread_t thread;
	uint64_t start;
	uint32_t port;
	int i, k;

	pthread_create(&thread, NULL, other_thread, other);
	for (i = -WARM_PASSES; i < PASSES; i++) {
		turns = turns_of_other;
		start = __rdtsc();
		for (k = 0; k < PASS; k++) {
			expect(under->run(one, &port), EXIT_OUT, "switch");
			sched_yield();
		}
		/* A pass counts only if they did take turns. */
		if (i >= 0 && turns_of_other - turns == PASS)
			keep(__rdtsc() - start);
	}
	enough = true;
	pthread_join(thread, NULL);
	print("switch", 2 * PASS);
	under->destroy(one);
	under->destroy(other);
}

/*
 * Free memory to the page: MemFree leaves out what CPUs keep in lists of their own, which is more
 * than some VMs take, and counters of a CPU that are not added up yet.
 */
static long available(void)
{
	FILE *refresh = fopen("/proc/sys/vm/stat_refresh", "r");
	FILE *file = fopen("/proc/zoneinfo", "r");
	long pages = 0, value;
	char line[256];

	if (!refresh || !file)
		bench_fail("/proc/sys/vm/stat_refresh, /proc/zoneinfo");
	fgetc(refresh);
	fclose(refresh);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, " pages free %ld", &value) == 1 ||
		    sscanf(line, " count: %ld", &value) == 1)
			pages += value;
	fclose(file);
	return pages * sysconf(_SC_PAGESIZE);
}

static void creation(void)
{
	struct bench_vm *vm;
	uint64_t start;
	uint32_t port;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		start = __rdtsc();
		vm = under->create(&small, ROW_OUT);
		expect(under->run(vm, &port), EXIT_OUT, "create");
		if (i)
			keep(__rdtsc() - start);
		under->destroy(vm);
	}
	print("create", 1);
}

/*
 * What VMs take that have run and wait now, the frames that they touched included. The first ones
 * use up what the kernel's caches of objects still have from the last round.
 */
static long idle_once(const struct bench_wish *wish)
{
	struct bench_vm *vm[VMS];
	long before = 0, taken;
	uint32_t port;
	int i;

	for (i = 0; i < VMS; i++) {
		if (i == WARM_VMS)
			before = available();
		vm[i] = under->create(wish, ROW_OUT);
		expect(under->run(vm[i], &port), EXIT_OUT, "idle");
	}
	taken = before - available();
	for (i = 0; i < VMS; i++)
		under->destroy(vm[i]);
	return taken / (VMS - WARM_VMS);
}

/* The median of three. */
static void idle(const char *name, const struct bench_wish *wish)
{
	long a = idle_once(wish), b = idle_once(wish), c = idle_once(wish);
	long low = a < b ? a : b, high = a < b ? b : a;

	printf("row %s %ld\n", name, c < low ? low : c > high ? high : c);
	fflush(stdout);
}

/* The same addresses at every run. */
static void without_randomization(char **argv)
{
	if (personality(0xffffffff) & ADDR_NO_RANDOMIZE)
		return;
	if (personality(ADDR_NO_RANDOMIZE) >= 0)
		execv("/proc/self/exe", argv);
	bench_fail("personality");
}

int main(int argc, char **argv)
{
	static const struct bench_wish large = { .memory = 16 * MIB, .pages = PAGES_2M };

	if (argc < 2 || (strcmp(argv[1], "kvm") && strcmp(argv[1], "vtxdrv"))) {
		fprintf(stderr, "usage: bench kvm|vtxdrv [--instructions]\n");
		return 2;
	}
	without_randomization(argv);
	under = strcmp(argv[1], "kvm") ? &bench_vtx : &bench_kvm;
	least = UINT64_MAX;
	if (argc > 2)
		calibrate();
	by_guest("cpuid", ROW_CPUID);
	by_guest("rdmsr", ROW_RDMSR);
	exits("out", ROW_OUT, EXIT_OUT);
	exits("mmio", ROW_MMIO, EXIT_MMIO_READ);
	touch("populate_4k", ROW_4K, PAGES, PAGES_4K);
	touch("populate_2m", ROW_2M, HUGE_PAGES, PAGES_2M);
	injection();
	creation();
	idle("idle_bytes", &small);
	idle("idle_2m_bytes", &large);
	two_vcpus();
	hlt_wake();
	return 0;
}
