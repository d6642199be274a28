// SPDX-License-Identifier: GPL-2.0
/* A VM and its memory: made, filled, looked at, ended. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmtool.h"

#define PAGEMAP "/proc/self/pagemap"
#define PAGEMAP_PRESENT (1ULL << 63)
#define PAGEMAP_FRAME ((1ULL << 55) - 1)
#define FIELDS 512
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14 */
#endif

int verb_open(char **words)
{
	(void)words;
	vm.fd = open(VTXDRV_DEVICE, O_RDWR | O_CLOEXEC);
	return vm.fd < 0 ? errno : 0;
}

/* They come with project04. */
static bool has_run_pages(void)
{
	struct vtx_info info = { 0 };

	return !ioctl(vm.fd, VTXDRV_GET_INFO, &info) && (info.features & VTX_FEATURE_RUN);
}

static int map_all(void)
{
	void *at = mmap(NULL, vm.size, PROT_READ | PROT_WRITE, MAP_SHARED, vm.fd, VTX_MMAP_MEMORY);

	if (at == MAP_FAILED)
		return errno;
	vm.memory = at;
	for (int i = 0; i < vm.vcpus && has_run_pages(); i++) {
		at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, vm.fd, VTX_MMAP_RUN(i));
		if (at == MAP_FAILED)
			return errno;
		vm.run[i] = at;
	}
	return 0;
}

int verb_create(char **words)
{
	struct vtx_vm_config config = { .name = "grader" };
	int error = vm.fd < 0 ? verb_open(words) : 0;

	if (error)
		return error;
	config.guest_mem_size = vm.size = number(words[0]);
	config.num_vcpus = vm.vcpus = (int)number(words[1]);
	if (ioctl(vm.fd, VTXDRV_CREATE_VM, &config))
		return errno;
	answer("create\n");
	return map_all();
}

int verb_map(char **words)
{
	uint64_t length = number(words[1]);
	void *at = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, vm.fd,
			(off_t)number(words[0]));

	if (at == MAP_FAILED)
		return errno;
	munmap(at, length);
	return 0;
}

/* Does a range lie in the guest's memory? A test that asks for another one is wrong itself. */
static bool inside(uint64_t address, uint64_t length)
{
	return vm.memory && address <= vm.size && length <= vm.size - address;
}

static int fill(uint64_t address, const char *hex)
{
	uint64_t length = strlen(hex) / 2;

	if (!inside(address, length))
		return ERANGE;
	for (uint64_t i = 0; i < length; i++)
		if (sscanf(hex + 2 * i, "%2hhx", &vm.memory[address + i]) != 1)
			return EINVAL;
	return 0;
}

int verb_code(char **words)
{
	return fill(LOAD, words[0]);
}

int verb_fill(char **words)
{
	return fill(number(words[0]), words[1]);
}

int verb_read(char **words)
{
	uint64_t address = number(words[0]), length = number(words[1]);

	if (!inside(address, length))
		return ERANGE;
	answer("read address=%#llx data=", (unsigned long long)address);
	for (uint64_t i = 0; i < length; i++)
		answer("%02x", vm.memory[address + i]);
	answer("\n");
	return 0;
}

static void print_frames(const uint64_t *entries, uint64_t count)
{
	uint64_t first = 0;

	for (uint64_t i = 1; i <= count; i++) {
		if (i < count && entries[i] == entries[first] + i - first)
			continue;
		if (!(entries[first] & PAGEMAP_PRESENT)) {
			first = i;
			continue;
		}
		answer("frames address=%#llx frame=%#llx count=%llu\n",
		       (unsigned long long)(first * PAGE),
		       (unsigned long long)((entries[first] & PAGEMAP_FRAME) * PAGE),
		       (unsigned long long)(i - first));
		first = i;
	}
}

int verb_frames(char **words)
{
	uint64_t count = vm.size / PAGE, bytes = count * sizeof(uint64_t);
	uint64_t *entries = malloc(bytes);
	int fd = open(PAGEMAP, O_RDONLY);
	int error = 0;

	(void)words;
	if (!entries || fd < 0) {
		free(entries);
		return fd < 0 ? errno : ENOMEM;
	}
	/* Have it mapped; what the driver does not let us touch stays away. */
	for (uint64_t i = 0; i < count; i++)
		if (madvise(vm.memory + i * PAGE, PAGE, MADV_POPULATE_READ))
			break;
	if (pread(fd, entries, bytes, (off_t)((uintptr_t)vm.memory / PAGE * 8)) != (ssize_t)bytes)
		error = EIO;
	if (!error)
		print_frames(entries, count);
	close(fd);
	free(entries);
	return error;
}

int verb_info(char **words)
{
	struct vtx_vm_info info = { 0 };

	(void)words;
	if (ioctl(vm.fd, VTXDRV_VM_INFO, &info))
		return errno;
	answer("info id=%u owner=%u name=%.32s memory=%#llx huge=%llu small=%llu vcpus=%u\n",
	       info.id, info.owner, info.name, info.memory_size, info.huge_blocks,
	       info.small_blocks, info.vcpus);
	return 0;
}

int verb_vcpu(char **words)
{
	struct vtx_vcpu_info info = { .vcpu = (uint32_t)number(words[0]) };

	if (ioctl(vm.fd, VTXDRV_VCPU_INFO, &info))
		return errno;
	answer("vcpu vcpu=%u control=%#llx size=%u revision=%#x cpu=%d launched=%u\n", info.vcpu,
	       info.control_pa, info.control_size, info.revision_id, info.cpu, info.launched);
	return 0;
}

int verb_state(char **words)
{
	static struct vtx_field fields[FIELDS];
	struct vtx_state state = { .vcpu = (uint32_t)number(words[0]), .size = FIELDS,
				   .fields = (uintptr_t)fields };

	if (ioctl(vm.fd, VTXDRV_GET_STATE, &state))
		return errno;
	for (uint32_t i = 0; i < state.count && i < FIELDS; i++)
		if (!fields[i].error)
			answer("field encoding=%#x value=%#llx\n", fields[i].encoding,
			       fields[i].value);
	return 0;
}

int verb_close(char **words)
{
	(void)words;
	for (int i = 0; i < vm.vcpus; i++)
		if (vm.run[i])
			munmap(vm.run[i], PAGE);
	if (vm.memory)
		munmap(vm.memory, vm.size);
	if (vm.fd >= 0)
		close(vm.fd);
	vm = (struct vm){ .fd = -1 };
	return 0;
}
