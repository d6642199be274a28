// SPDX-License-Identifier: GPL-2.0
/* Time, CPUs, signals, and other processes beside the one that runs a guest. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vmtool.h"

#define LANES 4
#define REGISTERS 4
#define CPUS 2

static uint64_t now_ms(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (uint64_t)at.tv_sec * 1000 + (uint64_t)at.tv_nsec / 1000000;
}

static void sleep_ms(uint64_t ms)
{
	struct timespec wait = { .tv_sec = (time_t)(ms / 1000),
				 .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&wait, NULL);
}

int verb_sleep(char **words)
{
	sleep_ms(number(words[0]));
	return 0;
}

int verb_clock(char **words)
{
	static uint64_t last;
	uint64_t now = now_ms();

	(void)words;
	answer("clock ms=%llu\n", (unsigned long long)(last ? now - last : 0));
	last = now;
	return 0;
}

static int go_to(pid_t pid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(pid, sizeof(set), &set) ? errno : 0;
}

/* What all CPUs together have been idle, in milliseconds. */
static uint64_t idle_ms(void)
{
	FILE *file = fopen("/proc/uptime", "r");
	double up = 0, idle = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%lf %lf", &up, &idle) != 2)
		idle = 0;
	fclose(file);
	return (uint64_t)(idle * 1000);
}

int verb_cputime(char **words)
{
	static uint64_t last, last_idle;
	struct timespec at;
	uint64_t now, idle = idle_ms();

	(void)words;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
	now = (uint64_t)at.tv_sec * 1000000 + (uint64_t)at.tv_nsec / 1000;
	answer("cputime us=%llu idle=%llu\n", (unsigned long long)(now - last),
	       (unsigned long long)(idle - last_idle));
	last = now;
	last_idle = idle;
	return 0;
}

int verb_cpu(char **words)
{
	return go_to(0, (int)number(words[0]));
}

/* Ask vtxprobe from here: about this CPU it then tells what this task has there. */
int verb_probe(char **words)
{
	static char text[16384];
	int fd = open("/dev/vtxprobe", O_RDWR | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return errno;
	got = write(fd, words[0], strlen(words[0]));
	if (got > 0)
		got = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (got < 0)
		return errno;
	text[got] = 0;
	answer("probe %s", text);
	return 0;
}

/* Ask vtxprobe each line of a file: more than a command line holds. */
int verb_probes(char **words)
{
	static char line[256];
	FILE *file = fopen(words[0], "r");
	int error = 0;

	if (!file)
		return errno;
	while (!error && fgets(line, sizeof(line), file)) {
		char *argument = line;

		line[strcspn(line, "\n")] = 0;
		error = verb_probe(&argument);
	}
	fclose(file);
	return error;
}

/* ---- signals -------------------------------------------------------------------------------- */

static void count_signal(int signal)
{
	(void)signal;
	signals++;
}

int verb_alarm(char **words)
{
	uint64_t ms = number(words[0]);
	struct sigaction action = { .sa_handler = count_signal };
	struct itimerval when = { .it_value = { .tv_sec = (time_t)(ms / 1000),
						.tv_usec = (suseconds_t)(ms % 1000) * 1000 } };

	signals = 0;
	if (sigaction(SIGALRM, &action, NULL) || setitimer(ITIMER_REAL, &when, NULL))
		return errno;
	return 0;
}

/* ---- other processes ------------------------------------------------------------------------ */

/* In the child: away from the terminal's group and from the pipes that somebody reads. */
static void detach(void)
{
	setsid();
	if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
		exit(1);
}

/* Returns the child's id to the parent, 0 to the child, -1 to nobody. Both have the VM. */
static pid_t fork_with_vm(void)
{
	pid_t child;

	fflush(stdout);
	child = fork();
	if (!child)
		detach();
	return child;
}

/* The same, and the VM ends with its owner. */
static pid_t fork_detached(void)
{
	pid_t child = fork_with_vm();

	if (!child)
		verb_close(NULL);
	return child;
}

int verb_wander(char **words)
{
	uint64_t times = number(words[0]), ms = number(words[1]);
	pid_t me = getpid(), child = fork_detached();

	if (child)
		return child < 0 ? errno : 0;
	for (uint64_t i = 0; i < times && !go_to(me, (int)(i % CPUS)); i++)
		sleep_ms(ms);
	exit(0);
}

int verb_hold(char **words)
{
	pid_t child = fork_with_vm();

	(void)words;
	if (!child) {
		for (;;)
			pause();
	}
	answer("hold pid=%d\n", child);
	return child < 0 ? errno : 0;
}

int verb_spin(char **words)
{
	int vcpu = (int)number(words[0]);
	pid_t child = fork_with_vm();

	if (!child) {
		static struct output out;

		while (!run_guest(vcpu, 0, &out) && out.code < 0)
			;
		exit(1);
	}
	answer("spin pid=%d\n", child);
	return child < 0 ? errno : 0;
}

/* ---- the registers of processes beside the guest's ------------------------------------------ */

/* Load, give the CPU away, and compare: what somebody else left in a register is found. */
static bool sse_kept(uint64_t seed)
{
	uint64_t given[REGISTERS][2], found[REGISTERS][2];

	for (int i = 0; i < REGISTERS; i++)
		given[i][0] = given[i][1] = seed * (uint64_t)(2 * i + 3);
	asm volatile("movdqu %1, %%xmm0\n\tmovdqu %2, %%xmm5\n\tmovdqu %3, %%xmm10\n\t"
		     "movdqu %4, %%xmm15\n\tmov %5, %%ecx\n1:\tpause\n\tloop 1b\n\t"
		     "movdqu %%xmm0, (%0)\n\tmovdqu %%xmm5, 16(%0)\n\tmovdqu %%xmm10, 32(%0)\n\t"
		     "movdqu %%xmm15, 48(%0)"
		     :
		     : "r"(found), "m"(*given[0]), "m"(*given[1]), "m"(*given[2]), "m"(*given[3]),
		       "i"(3000)
		     : "xmm0", "xmm5", "xmm10", "xmm15", "rcx", "memory");
	return !memcmp(given, found, sizeof(given));
}

__attribute__((target("avx"))) static bool avx_kept(uint64_t seed)
{
	uint64_t given[LANES] = { seed, seed * 5, seed * 7, seed * 11 }, found[LANES];

	asm volatile("vmovdqu %1, %%ymm3\n\tmov %2, %%ecx\n1:\tpause\n\tloop 1b\n\t"
		     "vmovdqu %%ymm3, (%0)"
		     :
		     : "r"(found), "m"(given), "i"(3000)
		     : "xmm3", "rcx", "memory");
	return !memcmp(given, found, sizeof(given));
}

static bool x87_kept(uint64_t seed)
{
	double given = (double)(seed & 0xffffff), found;

	asm volatile("fldl %1\n\tmov %2, %%ecx\n1:\tpause\n\tloop 1b\n\tfstpl %0"
		     : "=m"(found)
		     : "m"(given), "i"(3000)
		     : "rcx");
	return found == given;
}

static int be_busy(uint64_t end_ms, uint64_t seed)
{
	bool avx = __builtin_cpu_supports("avx");

	while (now_ms() < end_ms) {
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		if (!sse_kept(seed) || !x87_kept(seed) || (avx && !avx_kept(seed)))
			return 1;
	}
	return 0;
}

/* The processes end by themselves; `busy 0 0` waits for them, and says how many found damage. */
int verb_busy(char **words)
{
	uint64_t processes = number(words[0]), end = now_ms() + number(words[1]);
	int status, damaged = 0, ended = 0;

	for (uint64_t i = 0; i < processes; i++) {
		pid_t child = fork_detached();

		if (child < 0)
			return errno;
		if (!child)
			exit(be_busy(end, 77 + i));
	}
	if (processes)
		return 0;
	while (wait(&status) > 0) {
		ended++;
		damaged += status != 0;
	}
	answer("busy processes=%d damaged=%d\n", ended, damaged);
	return 0;
}

int verb_faults(char **words)
{
	uint64_t count = number(words[0]);
	char *at = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			0);

	if (at == MAP_FAILED)
		return errno;
	for (uint64_t i = 0; i < count; i++)
		at[i * PAGE] = 1;
	munmap(at, count * PAGE);
	return 0;
}
