// SPDX-License-Identifier: GPL-2.0
/* Guest-physical memory: slots, protection, the dirty log, and what the tables map. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmtool.h"

#define PAGEFLAGS "/proc/kpageflags"
#define PAGEFLAG_BUDDY (1ULL << 10) /* KPF_BUDDY: nobody's, the allocator has it */
#define RANGES 64
#define PIECE 512

int verb_slot(char **words)
{
	struct vtx_slot slot = { .slot = (uint32_t)number(words[0]),
				 .flags = (uint32_t)number(words[1]), .gpa = number(words[2]),
				 .size = number(words[3]), .offset = number(words[4]) };

	return ioctl(vm.fd, VTXDRV_SET_SLOT, &slot) ? errno : 0;
}

int verb_slots(char **words)
{
	struct vtx_slot_info info = { 0 };

	(void)words;
	while (!ioctl(vm.fd, VTXDRV_SLOT_INFO, &info)) {
		answer("slot slot=%u flags=%#x gpa=%#llx size=%#llx offset=%#llx mapped=%#llx"
		       " dirty=%llu\n", info.slot, info.flags, info.gpa, info.size, info.offset,
		       info.mapped, info.dirty);
		info = (struct vtx_slot_info){ .slot = info.slot + 1 };
	}
	return errno == ENOENT ? 0 : errno;
}

int verb_protect(char **words)
{
	struct vtx_protect protect = { .access = (uint32_t)number(words[0]),
				       .gpa = number(words[1]), .size = number(words[2]) };

	return ioctl(vm.fd, VTXDRV_PROTECT, &protect) ? errno : 0;
}

int verb_dirtylog(char **words)
{
	struct vtx_dirty_log log = { .slot = (uint32_t)number(words[0]),
				     .clear = (uint32_t)number(words[1]),
				     .first_page = number(words[2]), .pages = number(words[3]) };
	uint64_t bytes = (log.pages + 63) / 64 * 8;
	/* What lies behind the last word is nobody's to write. */
	unsigned char *bitmap = calloc(1, bytes + 8);
	int error = 0;

	if (!bitmap)
		return ENOMEM;
	log.bitmap = (uintptr_t)bitmap;
	if (ioctl(vm.fd, VTXDRV_DIRTY_LOG, &log))
		error = errno;
	if (!error) {
		answer("dirtylog slot=%u count=%llu data=", log.slot, log.count);
		for (uint64_t i = 0; i < bytes + 8; i++)
			answer("%02x", bitmap[i]);
		answer("\n");
	}
	free(bitmap);
	return error;
}

int verb_walk(char **words)
{
	struct vtx_walk walk = { .gpa = number(words[0]) };

	if (ioctl(vm.fd, VTXDRV_WALK, &walk))
		return errno;
	answer("walk gpa=%#llx vendor=%u levels=%u result=%u hpa=%#llx page=%#llx pointer=%#llx",
	       walk.gpa, walk.vendor, walk.levels, walk.result, walk.hpa, walk.page_size,
	       walk.pointer);
	for (unsigned int i = 0; i < VTX_NPT_LEVELS; i++)
		answer(" table%u=%#llx entry%u=%#llx", i, walk.steps[i].table, i,
		       walk.steps[i].entry);
	answer("\n");
	return 0;
}

static void print_range(const struct vtx_map_range *range)
{
	answer("range gpa=%#llx size=%#llx hpa=%#llx page=%#x access=%u type=%u accessed=%u"
	       " dirty=%u contiguous=%u\n", range->gpa, range->size, range->hpa, range->page_size,
	       range->access, range->memory_type, range->accessed, range->dirty,
	       range->contiguous);
}

int verb_ranges(char **words)
{
	static struct vtx_map_range ranges[RANGES];
	struct vtx_map map = { .size = RANGES, .split = (uint32_t)number(words[0]),
			       .ranges = (uintptr_t)ranges };

	do {
		if (ioctl(vm.fd, VTXDRV_MAP, &map))
			return errno;
		for (uint32_t i = 0; i < map.count; i++)
			print_range(&ranges[i]);
	} while (map.gpa != ~0ULL && map.count);
	return 0;
}

int verb_memory(char **words)
{
	struct vtx_memory_info info = { 0 };

	(void)words;
	if (ioctl(vm.fd, VTXDRV_MEMORY_INFO, &info))
		return errno;
	answer("memory vpid=%u populated=%#llx tables=%#llx faults=%llu flushes=%llu\n", info.vpid,
	       info.populated, info.tables, info.faults, info.flushes);
	return 0;
}

/* ---- the owner touches his memory ----------------------------------------------------------- */

static sigjmp_buf no_memory;

static void on_bus_error(int signal)
{
	(void)signal;
	siglongjmp(no_memory, 1);
}

/* What was touched before there was no more memory; the next words have their turn all the same. */
int verb_touch(char **words)
{
	uint64_t offset = number(words[0]), length = number(words[1]), step = number(words[2]);
	struct sigaction action = { .sa_handler = on_bus_error }, before;
	static volatile uint64_t touched;

	if (!vm.memory || offset > vm.size || length > vm.size - offset || !step)
		return ERANGE;
	touched = 0;
	sigaction(SIGBUS, &action, &before);
	if (!sigsetjmp(no_memory, 1)) {
		for (uint64_t at = 0; at < length; at += step, touched++)
			*(volatile uint8_t *)(vm.memory + offset + at) = (uint8_t)(touched | 1);
		answer("touch pages=%llu end=all\n", (unsigned long long)touched);
	} else {
		answer("touch pages=%llu end=SIGBUS\n", (unsigned long long)touched);
	}
	sigaction(SIGBUS, &before, NULL);
	return 0;
}

int verb_zeros(char **words)
{
	uint64_t offset = number(words[0]), length = number(words[1]), used = 0;
	const uint64_t *memory = (const uint64_t *)(vm.memory + offset);

	if (!vm.memory || offset > vm.size || length > vm.size - offset)
		return ERANGE;
	for (uint64_t i = 0; i < length / sizeof(*memory); i++)
		used += memory[i] != 0;
	answer("zeros words=%llu\n", (unsigned long long)used);
	return 0;
}

/* The first word of each page says which page it is. */
int verb_number(char **words)
{
	uint64_t offset = number(words[0]), pages = number(words[1]), value = number(words[2]);
	uint64_t step = number(words[3]), flip = number(words[4]) ? ~0ULL : 0;

	if (!vm.memory || offset > vm.size || pages > (vm.size - offset) / PAGE)
		return ERANGE;
	for (uint64_t i = 0; i < pages; i++)
		*(uint64_t *)(vm.memory + offset + i * PAGE) = (value + i * step) ^ flip;
	return 0;
}

/* How many frames of a run are free: a table must not name one of those. */
int verb_freed(char **words)
{
	uint64_t frame = number(words[0]) / PAGE, count = number(words[1]), freed = 0;
	static uint64_t flags[PIECE];
	int fd = open(PAGEFLAGS, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	while (count) {
		uint64_t some = count < PIECE ? count : PIECE;

		if (pread(fd, flags, some * 8, (off_t)(frame * 8)) != (ssize_t)(some * 8)) {
			close(fd);
			return EIO;
		}
		for (uint64_t i = 0; i < some; i++)
			freed += !!(flags[i] & PAGEFLAG_BUDDY);
		frame += some;
		count -= some;
	}
	close(fd);
	answer("freed pages=%llu\n", (unsigned long long)freed);
	return 0;
}

/* ---- somebody else needs memory as well ----------------------------------------------------- */

static void *taken;
static uint64_t taken_bytes;

int verb_take(char **words)
{
	taken_bytes = number(words[0]);
	taken = mmap(NULL, taken_bytes, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	return taken == MAP_FAILED ? errno : 0;
}

/* All that this process has stays, and what it will need of its stack is there. */
int verb_lock(char **words)
{
	volatile char stack[16 * PAGE];

	(void)words;
	for (unsigned int i = 0; i < sizeof(stack); i += PAGE)
		stack[i] = 1;
	return mlockall(MCL_CURRENT) ? errno : 0;
}

int verb_release(char **words)
{
	(void)words;
	return munmap(taken, taken_bytes) ? errno : 0;
}

/* ---- damage --------------------------------------------------------------------------------- */

#define ENTRY_BYTES 8
#define WRITE_ONLY 2 /* SDM vol. 3, "EPT Misconfigurations" */

int verb_misconfigure(char **words)
{
	struct vtx_walk walk = { .gpa = number(words[0]) };
	char line[80], *probe[] = { line };
	uint64_t entry;

	if (ioctl(vm.fd, VTXDRV_WALK, &walk))
		return errno;
	if (!walk.levels || walk.result)
		return ENXIO;
	entry = walk.steps[walk.levels - 1].table +
		(walk.gpa >> (12 + 9 * (VTX_NPT_LEVELS - walk.levels)) & 511) * ENTRY_BYTES;
	snprintf(line, sizeof(line), "poke %#llx %#llx", (unsigned long long)entry,
		 (walk.steps[walk.levels - 1].entry & 0xf8) | WRITE_ONLY);
	return verb_probe(probe);
}
