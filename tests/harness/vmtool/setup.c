// SPDX-License-Identifier: GPL-2.0
/* What a caller may ask for and may not, and whose memory it is: VMs that never run. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmtool.h"

#define I386_IOCTL 54 /* asm/unistd_32.h */
#define COMPAT_SIZE 40 /* struct vtx_vm_config where unsigned long has 4 bytes */

static void print_refusal(const char *what, int result)
{
	printf("%s errno=%s\n", what, result ? errno_name(errno) : "0");
}

/* ---- what may a VM look like? ---------------------------------------------------------------- */

/* All 32 bytes of the name are the caller's, so that none of them is a zero by accident. */
int verb_config(char **words)
{
	struct vtx_vm_config config = { 0 };
	int fd = open(VTXDRV_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return errno;
	for (unsigned int i = 0; i < sizeof(config.name); i++)
		if (sscanf(words[0] + 2 * i, "%2hhx", (unsigned char *)&config.name[i]) != 1)
			break;
	config.guest_mem_size = strtoull(words[1], NULL, 0);
	config.num_vcpus = (int)strtol(words[2], NULL, 0);
	print_refusal("config", ioctl(fd, VTXDRV_CREATE_VM, &config));
	close(fd);
	return 0;
}

/* A second VM on the file that has one. */
int verb_again(char **words)
{
	struct vtx_vm_config config = { .name = "again", .guest_mem_size = PAGE, .num_vcpus = 1 };

	(void)words;
	print_refusal("again", ioctl(vm.fd, VTXDRV_CREATE_VM, &config));
	return 0;
}

/* The last bytes of the structure lie in a page that is not there. */
static void *half_there(void)
{
	char *at = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED || munmap(at + PAGE, PAGE))
		exit(3);
	strcpy(at + PAGE - 40, "half");
	return at + PAGE - 40;
}

int verb_pointers(char **words)
{
	int fd = open(VTXDRV_DEVICE, O_RDWR | O_CLOEXEC);

	(void)words;
	if (fd < 0)
		return errno;
	print_refusal("null", ioctl(fd, VTXDRV_CREATE_VM, NULL));
	print_refusal("kernel", ioctl(fd, VTXDRV_CREATE_VM, -4096L));
	print_refusal("half", ioctl(fd, VTXDRV_CREATE_VM, half_there()));
	close(fd);
	return 0;
}

/* ---- a 32-bit caller: the system call of one, from a 64-bit program -------------------------- */

static long ioctl_32(int fd, unsigned long cmd, void *arg)
{
	long result;

	asm volatile("int $0x80"
		     : "=a"(result)
		     : "a"(I386_IOCTL), "b"(fd), "c"(cmd), "d"(arg)
		     : "memory", "r8", "r9", "r10", "r11");
	return result;
}

int verb_compat(char **words)
{
	struct vtx_vm_config *config = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	unsigned long cmds[] = { VTXDRV_CREATE_VM, _IOC(_IOC_WRITE, VTXDRV_IOC, 1, COMPAT_SIZE) };
	int fd = open(VTXDRV_DEVICE, O_RDWR | O_CLOEXEC);

	(void)words;
	if (fd < 0 || config == MAP_FAILED)
		return errno;
	*config = (struct vtx_vm_config){ "compat", PAGE, 1 };
	for (unsigned int i = 0; i < sizeof(cmds) / sizeof(*cmds); i++) {
		long result = ioctl_32(fd, cmds[i], config);

		errno = result < 0 ? (int)-result : 0;
		print_refusal(i ? "compat40" : "compat48", result < 0 ? -1 : 0);
	}
	munmap(config, PAGE);
	close(fd);
	return 0;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static uint64_t word_of(uint64_t seed, uint64_t at)
{
	return (seed + at) * 0x9e3779b97f4a7c15ULL;
}

/* Leave memory behind that is anything but zero, for whoever gets it next. */
int verb_dirty(char **words)
{
	uint64_t size = number(words[0]), seed = number(words[1]);
	uint64_t *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return errno;
	for (uint64_t i = 0; i < size / sizeof(*at); i += 8)
		at[i] = word_of(seed, i) | 1;
	munmap(at, size);
	return 0;
}

int verb_zeroed(char **words)
{
	const uint64_t *memory = (const uint64_t *)vm.memory;
	uint64_t used = 0;

	(void)words;
	if (!memory)
		return ENXIO;
	for (uint64_t i = 0; i < vm.size / sizeof(*memory); i++)
		used += memory[i] != 0;
	answer("zeroed words=%llu\n", (unsigned long long)used);
	return 0;
}

/* A word of its own in each page. */
int verb_stamp(char **words)
{
	uint64_t seed = number(words[0]);

	if (!vm.memory)
		return ENXIO;
	for (uint64_t at = 0; at < vm.size; at += PAGE)
		*(uint64_t *)(vm.memory + at) = word_of(seed, at);
	return 0;
}

int verb_stamped(char **words)
{
	uint64_t seed = number(words[0]), wrong = 0;

	if (!vm.memory)
		return ENXIO;
	for (uint64_t at = 0; at < vm.size; at += PAGE)
		wrong += *(uint64_t *)(vm.memory + at) != word_of(seed, at);
	answer("stamped wrong=%llu\n", (unsigned long long)wrong);
	return 0;
}

static void try_map(const char *what, int fd, int flags, uint64_t offset, uint64_t length)
{
	void *at = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, fd, (off_t)offset);

	print_refusal(what, at == MAP_FAILED);
	if (at != MAP_FAILED)
		munmap(at, length);
}

/* Mappings that must be refused, and those that must not. */
int verb_maps(char **words)
{
	int other = open(VTXDRV_DEVICE, O_RDWR | O_CLOEXEC);

	(void)words;
	if (other < 0)
		return errno;
	try_map("map-other-file", other, MAP_SHARED, VTX_MMAP_MEMORY, PAGE);
	try_map("map-private", vm.fd, MAP_PRIVATE, VTX_MMAP_MEMORY, PAGE);
	try_map("map-too-long", vm.fd, MAP_SHARED, VTX_MMAP_MEMORY, vm.size + PAGE);
	try_map("map-beyond", vm.fd, MAP_SHARED, vm.size, PAGE);
	try_map("map-last-page", vm.fd, MAP_SHARED, vm.size - PAGE, PAGE);
	close(other);
	return 0;
}

/* Close the file and keep the mapping: the memory lives as long as somebody sees it. */
int verb_mapped(char **words)
{
	(void)words;
	if (close(vm.fd))
		return errno;
	vm.fd = -1;
	return 0;
}

/* ---- looking at the VM of another process, and every field with those that do not exist ------ */

#define FIELDS_MAX 512

static uint32_t looked_at; /* id of the VM; 0: our own */

int verb_use(char **words)
{
	looked_at = (uint32_t)number(words[0]);
	return vm.fd < 0 ? verb_open(words) : 0;
}

int verb_where(char **words)
{
	struct vtx_vcpu_info info = { .vm = looked_at, .vcpu = (uint32_t)number(words[0]) };

	if (ioctl(vm.fd, VTXDRV_VCPU_INFO, &info))
		return errno;
	answer("where vcpu=%u control=%#llx size=%u revision=%#x cpu=%d launched=%u\n", info.vcpu,
	       info.control_pa, info.control_size, info.revision_id, info.cpu, info.launched);
	return 0;
}

int verb_fields(char **words)
{
	static struct vtx_field fields[FIELDS_MAX];
	struct vtx_state state = { .vm = looked_at, .vcpu = (uint32_t)number(words[0]),
				   .size = FIELDS_MAX, .fields = (uintptr_t)fields };

	if (ioctl(vm.fd, VTXDRV_GET_STATE, &state))
		return errno;
	answer("fields count=%u", state.count);
	for (uint32_t i = 0; i < state.count && i < FIELDS_MAX; i++)
		answer(" %x:%llx:%u", fields[i].encoding, fields[i].value, fields[i].error);
	answer("\n");
	return 0;
}
