// SPDX-License-Identifier: GPL-2.0
/*
 * Tries VM entries: the campaign's part inside the lab machine. Cases come on stdin, a line each:
 * "encoding=value encoding=value …" in hexadecimal, at most VTX_TRY_FIELDS of them; "encoding^bits"
 * flips bits of what the field has. The argument, if there is one, is the guest's enum
 * vtx_vcpu_mode. Answers:
 *
 *	state ENCODING ERROR VALUE            VMCS or VMCB that cases are changes of, a line a field
 *	CASE ERRNO INSTRUCTION_ERROR REASON   what came of a case, by its number from 0
 *	differs ENCODING BEFORE AFTER         a field that the cases have left changed
 *	after REASON                          the exit of the guest, run for real at the end
 *
 * Exit status: 0, or 1 if it could not start.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vtxdrv.h"

#define FIELDS 512
#define LOAD_ADDRESS 0x10000
/* For 16-bit code. */
#define LOW_ADDRESS 0x8000
#define LOW_STACK 0x7000
#define HLT 0xf4
#define MEMORY 0x400000

#define VMCS_GUEST_RSP 0x681c
#define VMCS_HOST_RSP 0x6c14
#define VMCB_RSP 0x5d8

/* What cases are changes of. */
static struct vtx_field base[FIELDS];
static unsigned int base_count;

static int fail(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	return 1;
}

static int is_svm(int fd)
{
	struct vtx_info info = { 0 };

	if (ioctl(fd, VTXDRV_GET_INFO, &info))
		fail("VTXDRV_GET_INFO");
	return !!(info.features & VTX_FEATURE_SVM);
}

/* The control structure of vCPU 0. */
static unsigned int read_state(int fd, struct vtx_field *fields)
{
	struct vtx_state state = { .size = FIELDS, .fields = (__u64)(unsigned long)fields };

	return ioctl(fd, VTXDRV_GET_STATE, &state) ? 0 : state.count;
}

/* The host state is the CPU's; so that it stays what was shown. */
static void stay_on_cpu_0(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("CPU 0");
}

/* A guest of one HLT: what it does must be the same before and after. */
static int make_guest(int fd, int mode)
{
	struct vtx_vm_config config = { .name = "entry", .guest_mem_size = MEMORY, .num_vcpus = 1 };
	struct vtx_vcpu_init init = { .mode = mode, .rip = LOAD_ADDRESS };
	unsigned char *memory;

	if (ioctl(fd, VTXDRV_CREATE_VM, &config))
		return fail("VTXDRV_CREATE_VM");
	memory = mmap(NULL, LOAD_ADDRESS + 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		      VTX_MMAP_MEMORY);
	if (memory == MAP_FAILED)
		return fail("mmap");
	if (mode == VTX_MODE_REAL) {
		init.rip = LOW_ADDRESS;
		init.rsp = LOW_STACK;
	}
	memory[init.rip] = HLT;
	return ioctl(fd, VTXDRV_INIT_VCPU, &init) ? fail("VTXDRV_INIT_VCPU") : 0;
}

/* RSP as it is: fills a VMCS's host state in without changing anything. */
static int enter_unchanged(int fd)
{
	struct vtx_try_entry try = { .count = 1 };
	unsigned int rsp = is_svm(fd) ? VMCB_RSP : VMCS_GUEST_RSP;
	unsigned int i;

	for (i = 0; i < base_count; i++) {
		if (base[i].encoding == rsp)
			try.fields[0] = base[i];
	}
	return ioctl(fd, VTXDRV_TRY_ENTRY, &try) ? fail("VTXDRV_TRY_ENTRY") : 0;
}

static void print_state(void)
{
	unsigned int i;

	for (i = 0; i < base_count; i++)
		printf("state %x %x %llx\n", base[i].encoding, base[i].error, base[i].value);
}

static void print_differences(int fd)
{
	static struct vtx_field after[FIELDS];
	int svm = is_svm(fd);
	unsigned int i;

	if (read_state(fd, after) != base_count)
		fail("VTXDRV_GET_STATE");
	for (i = 0; i < base_count; i++) {
		/* Bits 11:10: 1 is VM-exit information. HOST_RSP is written at each entry. */
		if (!svm &&
		    ((base[i].encoding >> 10 & 3) == 1 || base[i].encoding == VMCS_HOST_RSP))
			continue;
		if (base[i].value != after[i].value)
			printf("differs %x %llx %llx\n", base[i].encoding, base[i].value,
			       after[i].value);
	}
}

static void print_run(int fd)
{
	struct vtx_run *run =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, VTX_MMAP_RUN(0));

	/* Work of the kernel's in this task ends a turn as a signal does. */
	do {
		if (run == MAP_FAILED || ioctl(fd, VTXDRV_RUN_VCPU, 0)) {
			fail("VTXDRV_RUN_VCPU");
			return;
		}
	} while (run->exit.kind == VTX_EXIT_SIGNAL);
	printf("after %x\n", run->exit.reason);
}

static unsigned long long value_of(unsigned int encoding)
{
	unsigned int i;

	for (i = 0; i < base_count; i++) {
		if (base[i].encoding == encoding)
			return base[i].value;
	}
	return 0;
}

/* False if it is something else. */
static int parse_field(const char *word, struct vtx_field *field)
{
	char kind;

	if (sscanf(word, "%x%c%llx", &field->encoding, &kind, &field->value) != 3)
		return 0;
	if (kind == '^')
		field->value ^= value_of(field->encoding);
	return kind == '^' || kind == '=';
}

/* False if the line has something else in it. */
static int parse(char *line, struct vtx_try_entry *try)
{
	char *word;

	memset(try, 0, sizeof(*try));
	for (word = strtok(line, " \n"); word; word = strtok(NULL, " \n")) {
		if (try->count == VTX_TRY_FIELDS || !parse_field(word, &try->fields[try->count++]))
			return 0;
	}
	return try->count;
}

static int try_cases(int fd)
{
	struct vtx_try_entry try;
	char line[512];
	int number;

	for (number = 0; fgets(line, sizeof(line), stdin); number++) {
		if (!parse(line, &try)) {
			printf("case %d is malformed\n", number);
			return 1;
		}
		errno = 0;
		ioctl(fd, VTXDRV_TRY_ENTRY, &try);
		printf("%d %d %u %x\n", number, errno, try.instruction_error, try.reason);
	}
	return 0;
}

int main(int argc, char **argv)
{
	int fd = open(VTXDRV_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return fail(VTXDRV_DEVICE);
	stay_on_cpu_0();
	if (make_guest(fd, argc > 1 ? atoi(argv[1]) : VTX_MODE_LONG))
		return 1;
	base_count = read_state(fd, base);
	if (!base_count || enter_unchanged(fd))
		return fail("the first entry");
	read_state(fd, base);
	print_state();
	if (try_cases(fd))
		return 1;
	print_differences(fd);
	print_run(fd);
	return 0;
}
