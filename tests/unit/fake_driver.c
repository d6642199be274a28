// SPDX-License-Identifier: GPL-2.0
/*
 * A driver made of paper: open() and ioctl() of vtxctl lead here (ld --wrap), so that vtxctl run
 * can be tried on the host, with every answer that a driver can give.
 *
 *	FAKE_SCRIPT	what VTXDRV_RUN_VCPU answers, a line a call: "VCPU ACTION NUMBER..."
 *	FAKE_CREATE	errno of VTXDRV_CREATE_VM;  FAKE_INIT, FAKE_REGS: of VTXDRV_INIT_VCPU,
 *			VTXDRV_GET_REGS
 *
 *	FAKE_SVM	if set, the processor has SVM: its control structures are VMCBs
 *	FAKE_ENABLE	"ERRNO CAUSE VALUE EXPECTED" of VTXDRV_ENABLE on CPU 1
 *
 * A line "VCPU exit KIND REASON QUALIFICATION HANDLED" is any exit.
 *
 *	FAKE_VMS	names of the VMs of other processes, separated by blanks; ids from 2 on
 *
 * A vCPU whose lines are used up runs until a signal comes or its time is over. What the guest got
 * as the answer of a hypercall is noted on stderr: "answer VCPU NUMBER".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "vtxdrv.h"

#define TABLES (5 * 4096ULL)
#define LINES 4096
#define NUMBERS 4
#define NS_PER_SECOND 1000000000ULL
#define FILE_SIZE (VTX_MMAP_RUN(VTX_MAX_VCPUS))

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);

struct line {
	unsigned int vcpu;
	char action[32];
	unsigned long long number[NUMBERS];
};

static struct line lines[LINES];
static size_t line_count;
static size_t used[VTX_MAX_VCPUS]; /* lines that the vCPU has behind it, those of others included */
static int hypercall[VTX_MAX_VCPUS]; /* the last exit was one */
static struct vtx_vm_config config;
static int device = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void read_script(void)
{
	FILE *file = fopen(getenv("FAKE_SCRIPT") ? getenv("FAKE_SCRIPT") : "/dev/null", "r");
	char text[256];

	while (file && fgets(text, sizeof(text), file) && line_count < LINES) {
		struct line *line = &lines[line_count];

		if (sscanf(text, "%u %31s %lli %lli %lli %lli", &line->vcpu, line->action,
			   (long long *)&line->number[0], (long long *)&line->number[1],
			   (long long *)&line->number[2], (long long *)&line->number[3]) >= 2)
			line_count++;
	}
	if (file)
		fclose(file);
}

int __wrap_open(const char *path, int flags, ...)
{
	if (strcmp(path, VTXDRV_DEVICE)) {
		va_list args;
		int mode;

		va_start(args, flags);
		mode = va_arg(args, int);
		va_end(args);
		return __real_open(path, flags, mode);
	}
	read_script();
	device = memfd_create("vtxdrv", MFD_CLOEXEC);
	return ftruncate(device, FILE_SIZE) ? -1 : device;
}

static int fail(int err)
{
	errno = err;
	return -1;
}

static int fail_if_asked(const char *variable)
{
	const char *text = getenv(variable);

	return text ? fail(atoi(text)) : 0;
}

static struct vtx_run *page_of(unsigned int vcpu)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, device, VTX_MMAP_RUN(vcpu));
}

static struct line *next_line(unsigned int vcpu)
{
	while (used[vcpu] < line_count) {
		struct line *line = &lines[used[vcpu]++];

		if (line->vcpu == vcpu)
			return line;
	}
	return NULL;
}

static void run_until_called(struct vtx_run *page)
{
	struct timespec limit = { .tv_sec = page->timeout_ns / NS_PER_SECOND,
				  .tv_nsec = page->timeout_ns % NS_PER_SECOND };
	int result = ppoll(NULL, 0, page->timeout_ns ? &limit : NULL, NULL);

	page->exit.kind = result < 0 ? VTX_EXIT_SIGNAL : VTX_EXIT_TIMEOUT;
	page->exit.handled = 1;
}

static int act(const struct line *line, struct vtx_exit *exit)
{
	static const struct {
		const char *action;
		__u32 kind;
		__u32 reason;
	} actions[] = {
		{ "hypercall", VTX_EXIT_HYPERCALL, 18 },
		{ "hlt", VTX_EXIT_HLT, 12 },
		{ "exception", VTX_EXIT_EXCEPTION, 0 },
		{ "triple", VTX_EXIT_TRIPLE_FAULT, 2 },
		{ "cr", VTX_EXIT_CR, 28 },
		{ "shutdown", VTX_EXIT_SHUTDOWN, 0 },
		{ "unhandled", VTX_EXIT_UNHANDLED, 31 },
		{ "entry", VTX_EXIT_ENTRY_FAILED, 0 },
		{ "cpuid", VTX_EXIT_CPUID, 10 },
	};
	size_t i;

	if (!strcmp(line->action, "errno"))
		return fail(line->number[0]);
	if (!strcmp(line->action, "exit")) {
		*exit = (struct vtx_exit){ .kind = line->number[0],
					   .reason = line->number[1],
					   .qualification = line->number[2],
					   .handled = line->number[3],
					   .rip = 0x10000 };
		return 0;
	}
	for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (!strcmp(line->action, actions[i].action)) {
			exit->kind = actions[i].kind;
			exit->reason = actions[i].reason;
		}
	}
	exit->rip = 0x10000;
	exit->handled = exit->kind == VTX_EXIT_CPUID;
	exit->nr = line->number[0];
	memcpy(exit->args, &line->number[1], 3 * sizeof(exit->args[0]));
	exit->vector = line->number[0];
	exit->error_code = line->number[1];
	exit->address = line->number[2];
	exit->instruction_error = exit->kind == VTX_EXIT_ENTRY_FAILED ? line->number[0] : 0;
	return 0;
}

static int run_vcpu(unsigned int vcpu)
{
	struct vtx_run *page = page_of(vcpu);
	struct line *line;
	int result = 0;

	pthread_mutex_lock(&lock);
	if (hypercall[vcpu])
		fprintf(stderr, "answer %u %lld\n", vcpu, (long long)page->hypercall_result);
	line = next_line(vcpu);
	pthread_mutex_unlock(&lock);
	memset(&page->exit, 0, sizeof(page->exit));
	if (line)
		result = act(line, &page->exit);
	else
		run_until_called(page);
	hypercall[vcpu] = page->exit.kind == VTX_EXIT_HYPERCALL;
	munmap(page, 4096);
	return result;
}

/* The VMs are 1, our own, and those of FAKE_VMS. */
static int vm_info(struct vtx_vm_info *vm)
{
	char names[256];
	char *name;
	__u32 id = 2;

	snprintf(names, sizeof(names), "%s", getenv("FAKE_VMS") ? getenv("FAKE_VMS") : "");
	if (vm->id < 2 && config.num_vcpus) {
		*vm = (struct vtx_vm_info){ .id = 1,
					    .memory_size = config.guest_mem_size,
					    .vcpus = config.num_vcpus };
		memcpy(vm->name, config.name, sizeof(vm->name));
		return 0;
	}
	for (name = strtok(names, " "); name; name = strtok(NULL, " "), id++) {
		if (id < vm->id)
			continue;
		*vm = (struct vtx_vm_info){ .id = id, .vcpus = 2 };
		strncpy(vm->name, name, sizeof(vm->name) - 1);
		return 0;
	}
	return fail(ENOENT);
}

/* A VMCB that VMRUN has refused, QEMU's way: ASID 0, and EFER without SVME. */
static int svm_state(struct vtx_state *state)
{
	struct vtx_field *fields = (struct vtx_field *)(uintptr_t)state->fields;

	fields[0] = (struct vtx_field){ .encoding = 0x058, .value = 0 };
	fields[1] = (struct vtx_field){ .encoding = 0x070, .value = 0xffffffff };
	fields[2] = (struct vtx_field){ .encoding = 0x412, .value = 0xa9b };
	fields[3] = (struct vtx_field){ .encoding = 0x4d0, .value = 0xd00 };
	state->count = 4;
	return 0;
}

/* Two fields, one of which the processor does not have. */
static int state(struct vtx_state *state)
{
	struct vtx_field *fields = (struct vtx_field *)(uintptr_t)state->fields;

	if (getenv("FAKE_SVM"))
		return svm_state(state);
	fields[0] = (struct vtx_field){ .encoding = 0x6800, .value = 0x80000021 };
	fields[1] = (struct vtx_field){ .encoding = 0x4826, .error = 12 };
	state->count = 2;
	return 0;
}

static int create(const struct vtx_vm_config *wanted)
{
	config = *wanted;
	return fail_if_asked("FAKE_CREATE");
}

static int enable(struct vtx_enable *answer)
{
	unsigned long long number[4] = { 0 };
	const char *text = getenv("FAKE_ENABLE");

	answer->cpu = -1;
	answer->users = 1;
	if (!text || sscanf(text, "%lli %lli %lli %lli", (long long *)&number[0],
			    (long long *)&number[1], (long long *)&number[2],
			    (long long *)&number[3]) != 4)
		return 0;
	*answer = (struct vtx_enable){ .cpu = 1,
				       .cause = number[1],
				       .value = number[2],
				       .expected = number[3] };
	return fail(number[0]);
}

static int cpu_status(struct vtx_cpu_status *status)
{
	*status = (struct vtx_cpu_status){ .cpu = status->cpu,
					   .online = 1,
					   .enabled = 1,
					   .users = 1,
					   .region_pa = 0x5000,
					   .region_size = 4096,
					   .revision_id = 0x2b,
					   .cr4 = 0x20f0,
					   .feature_control = 0x5,
					   .efer = 0x1d01,
					   .vm_cr = 0x8 };
	return 0;
}

/* A table, a leaf of 2 MiB for a device, and what is not there. */
static int walk(struct vtx_walk *walk)
{
	walk->vendor = getenv("FAKE_SVM") ? 1 : 0;
	walk->levels = 4;
	walk->result = 1;
	walk->pointer = 0x1000;
	walk->steps[0] = (struct vtx_walk_step){ 0x1000, 0x2027 };
	walk->steps[1] = (struct vtx_walk_step){ 0x2000, 0x3007 };
	walk->steps[2] = (struct vtx_walk_step){ 0x3000, 0x80000000002000ffULL };
	walk->steps[3] = (struct vtx_walk_step){ 0x4000, 0x6 };
	return 0;
}

static int look(unsigned long request, void *argument)
{
	struct vtx_info *info = argument;

	switch (request) {
	case VTXDRV_GET_INFO:
		*info = (struct vtx_info){ .abi_version = VTXDRV_ABI_VERSION,
					   .stage = 4,
					   .features = getenv("FAKE_SVM") ?
							       ~0ULL :
							       ~VTX_FEATURE_SVM,
					   .nr_cpu_ids = 1,
					   .online_cpus = 1 };
		return 0;
	case VTXDRV_VM_INFO:
		return vm_info(argument);
	case VTXDRV_ENABLE:
		return enable(argument);
	case VTXDRV_CPU_STATUS:
		return cpu_status(argument);
	case VTXDRV_WALK:
		return walk(argument);
	case VTXDRV_GET_STATE:
		return state(argument);
	case VTXDRV_VCPU_INFO:
		((struct vtx_vcpu_info *)argument)->cpu = -1;
		return 0;
	case VTXDRV_GET_REGS:
		((struct vtx_vcpu_regs *)argument)->regs.rip = 0x12345;
		return fail_if_asked("FAKE_REGS");
	default:
		return 0;
	}
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *argument;

	va_start(args, request);
	argument = va_arg(args, void *);
	va_end(args);
	switch (request) {
	case VTXDRV_CREATE_VM:
		return create(argument);
	case VTXDRV_INIT_VCPU:
		((struct vtx_vcpu_init *)argument)->usable = config.guest_mem_size - TABLES;
		return fail_if_asked("FAKE_INIT");
	case VTXDRV_RUN_VCPU:
		return run_vcpu((uintptr_t)argument);
	default:
		return look(request, argument);
	}
}
