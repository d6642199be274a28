// SPDX-License-Identifier: GPL-2.0
/* Guest memory: arguments that must be refused, and threads that change it at the same moment. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abitool.h"
#include "vtxdrv.h"

#define MIB (1ULL << 20)
#define SIZE (4 * MIB)
#define HOLE 0xd0000000ULL
#define THREADS 4

struct call {
	unsigned long cmd;
	const char *name;
};

static const struct call calls[] = {
	{ VTXDRV_SET_SLOT, "SET_SLOT" },   { VTXDRV_SLOT_INFO, "SLOT_INFO" },
	{ VTXDRV_PROTECT, "PROTECT" },	   { VTXDRV_DIRTY_LOG, "DIRTY_LOG" },
	{ VTXDRV_WALK, "WALK" },	   { VTXDRV_MAP, "MAP" },
	{ VTXDRV_MEMORY_INFO, "MEMORY_INFO" },
};

static void hostile_pointers(int fd, int without_vm)
{
	static union {
		struct vtx_slot slot;
		struct vtx_protect protect;
		struct vtx_map map;
		char bytes[256];
	} all;
	char text[80];

	for (unsigned int i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		snprintf(text, sizeof(text), "%s with a null pointer", calls[i].name);
		expect(text, ioctl(fd, calls[i].cmd, NULL), EFAULT);
		snprintf(text, sizeof(text), "%s with a kernel pointer", calls[i].name);
		expect(text, ioctl(fd, calls[i].cmd, -4096L), EFAULT);
		if (!without_vm)
			continue;
		all.slot = (struct vtx_slot){ .gpa = HOLE, .size = 4096 };
		if (calls[i].cmd == VTXDRV_PROTECT)
			all.protect = (struct vtx_protect){ .access = VTX_PROT_READ, .size = 4096 };
		else if (calls[i].cmd != VTXDRV_SET_SLOT)
			all.map = (struct vtx_map){ .size = calls[i].cmd == VTXDRV_MAP };
		snprintf(text, sizeof(text), "%s of a file without a VM", calls[i].name);
		expect(text, ioctl(fd, calls[i].cmd, &all), ENOENT);
	}
}

static void hostile_pads(int fd)
{
	struct vtx_slot slot = { .slot = 3, .gpa = HOLE, .size = 4096, .pad = 1 };
	struct vtx_slot_info info = { .pad = 1 };
	struct vtx_protect protect = { .access = VTX_PROT_READ, .size = 4096, .pad = 1 };
	struct vtx_walk walk = { .pad = { 0, 1 } };
	struct vtx_map map = { .pad = 1 };
	struct vtx_memory_info memory = { .pad = 1 };

	expect("SET_SLOT with pad 1", ioctl(fd, VTXDRV_SET_SLOT, &slot), EINVAL);
	expect("SLOT_INFO with pad 1", ioctl(fd, VTXDRV_SLOT_INFO, &info), EINVAL);
	expect("PROTECT with pad 1", ioctl(fd, VTXDRV_PROTECT, &protect), EINVAL);
	expect("WALK with pad[1] 1", ioctl(fd, VTXDRV_WALK, &walk), EINVAL);
	expect("MAP with pad 1", ioctl(fd, VTXDRV_MAP, &map), EINVAL);
	expect("MEMORY_INFO with pad 1", ioctl(fd, VTXDRV_MEMORY_INFO, &memory), EINVAL);
}

static void expect_protect(int fd, const char *what, __u32 access, __u64 gpa, __u64 size,
			   int wanted)
{
	struct vtx_protect protect = { .access = access, .gpa = gpa, .size = size };

	expect(what, ioctl(fd, VTXDRV_PROTECT, &protect), wanted);
}

static void hostile_protect(int fd)
{
	expect_protect(fd, "PROTECT to write only", VTX_PROT_WRITE, 0, 4096, EINVAL);
	expect_protect(fd, "PROTECT with bit 3", 8 | VTX_PROT_READ, 0, 4096, EINVAL);
	expect_protect(fd, "PROTECT of 0 bytes", VTX_PROT_READ, 0, 0, EINVAL);
	expect_protect(fd, "PROTECT of half a page", VTX_PROT_READ, 0, 2048, EINVAL);
	expect_protect(fd, "PROTECT from half a page on", VTX_PROT_READ, 2048, 4096, EINVAL);
	expect_protect(fd, "PROTECT where no slot is", VTX_PROT_READ, HOLE, 4096, ERANGE);
	expect_protect(fd, "PROTECT beyond the slot", VTX_PROT_READ, SIZE - 4096, 8192, ERANGE);
	expect_protect(fd, "PROTECT of nearly everything", VTX_PROT_READ, 4096, -4096ULL, ERANGE);
	expect_protect(fd, "PROTECT beyond all addresses", VTX_PROT_READ, -4096ULL, 4096, ERANGE);
}

static void expect_log(int fd, const char *what, struct vtx_dirty_log log, int wanted)
{
	expect(what, ioctl(fd, VTXDRV_DIRTY_LOG, &log), wanted);
}

static void hostile_log(int fd)
{
	static __u64 words[SIZE / 4096 / 64];
	struct vtx_slot slot = { .slot = 2, .flags = VTX_SLOT_LOG_DIRTY, .gpa = HOLE,
				 .size = SIZE - 4096 };
	struct vtx_dirty_log log = { .slot = 2, .pages = 64, .bitmap = (unsigned long)words };

	expect("SET_SLOT with a log", ioctl(fd, VTXDRV_SET_SLOT, &slot), 0);
	expect_log(fd, "DIRTY_LOG", log, 0);
	log.first_page = 32;
	expect_log(fd, "DIRTY_LOG from page 32 on", log, EINVAL);
	log = (struct vtx_dirty_log){ .slot = 2, .pages = 32, .bitmap = log.bitmap };
	expect_log(fd, "DIRTY_LOG of 32 pages", log, EINVAL);
	log.pages = SIZE / 4096 - 1;
	expect_log(fd, "DIRTY_LOG to the end of the slot", log, 0);
	log.pages = SIZE / 4096;
	expect_log(fd, "DIRTY_LOG beyond the slot", log, ERANGE);
	log = (struct vtx_dirty_log){ .slot = 2, .first_page = -64ULL, .pages = 64,
				      .bitmap = log.bitmap };
	expect_log(fd, "DIRTY_LOG beyond all pages", log, ERANGE);
	log = (struct vtx_dirty_log){ .slot = 2, .clear = 2, .pages = 64, .bitmap = log.bitmap };
	expect_log(fd, "DIRTY_LOG with clear 2", log, EINVAL);
	log = (struct vtx_dirty_log){ .slot = 0, .pages = 64, .bitmap = log.bitmap };
	expect_log(fd, "DIRTY_LOG of a slot without a log", log, ENOENT);
	log.slot = ~0U;
	expect_log(fd, "DIRTY_LOG of slot 2^32 - 1", log, ENOENT);
	log = (struct vtx_dirty_log){ .slot = 2, .pages = 64, .bitmap = -4096ULL };
	expect_log(fd, "DIRTY_LOG into the kernel", log, EFAULT);
	slot.size = 0;
	expect("SET_SLOT with size 0", ioctl(fd, VTXDRV_SET_SLOT, &slot), 0);
}

static void hostile_tables(int fd)
{
	struct vtx_map_range ranges[4] = { { 0 } };
	struct vtx_walk walk = { .gpa = 1ULL << 48 };
	struct vtx_map map = { .size = 4097, .ranges = (unsigned long)ranges };

	expect("WALK of 2^48", ioctl(fd, VTXDRV_WALK, &walk), ERANGE);
	walk = (struct vtx_walk){ .gpa = ~0ULL };
	expect("WALK of 2^64 - 1", ioctl(fd, VTXDRV_WALK, &walk), ERANGE);
	walk = (struct vtx_walk){ .vm = ~0U };
	expect("WALK of VM 2^32 - 1", ioctl(fd, VTXDRV_WALK, &walk), ENOENT);
	expect("MAP into 4097 ranges", ioctl(fd, VTXDRV_MAP, &map), E2BIG);
	map.size = ~0U;
	expect("MAP into 2^32 - 1 ranges", ioctl(fd, VTXDRV_MAP, &map), E2BIG);
	map = (struct vtx_map){ .size = 4, .split = 2, .ranges = (unsigned long)ranges };
	expect("MAP with split 2", ioctl(fd, VTXDRV_MAP, &map), EINVAL);
	map = (struct vtx_map){ .size = 0, .ranges = (unsigned long)ranges };
	expect("MAP without room", ioctl(fd, VTXDRV_MAP, &map), E2BIG);
	map = (struct vtx_map){ .size = 4, .gpa = ~0ULL, .ranges = (unsigned long)ranges };
	expect("MAP behind all addresses", ioctl(fd, VTXDRV_MAP, &map), 0);
}

void hostile_memory(void)
{
	struct vtx_vm_config config = { "memory", SIZE, 1 };
	int fd = open_device();

	hostile_pointers(fd, 1);
	expect("CREATE_VM", ioctl(fd, VTXDRV_CREATE_VM, &config), 0);
	hostile_pointers(fd, 0);
	hostile_pads(fd);
	hostile_protect(fd);
	hostile_log(fd);
	hostile_tables(fd);
	close(fd);
}

/* ---- races: everything that changes or reads the tables of a VM, at once -------------------- */

struct race {
	pthread_barrier_t start;
	int fd, rounds, wrong;
	unsigned char *memory;
};

static void result(struct race *race, int failed, int allowed)
{
	if (failed && errno != allowed)
		__atomic_add_fetch(&race->wrong, 1, __ATOMIC_SEQ_CST);
}

static void *slots(void *data)
{
	struct race *race = data;

	pthread_barrier_wait(&race->start);
	for (int i = 0; i < race->rounds; i++) {
		struct vtx_slot slot = { .slot = 2, .gpa = HOLE + (__u64)(i % 3) * MIB,
					 .size = i % 4 ? MIB : 0, .offset = (__u64)(i % 2) * MIB,
					 .flags = i % 5 ? VTX_SLOT_LOG_DIRTY : 0 };

		result(race, ioctl(race->fd, VTXDRV_SET_SLOT, &slot), ENOENT);
	}
	return NULL;
}

static void *rights(void *data)
{
	struct race *race = data;

	pthread_barrier_wait(&race->start);
	for (int i = 0; i < race->rounds; i++) {
		struct vtx_protect protect = { .access = i % 2 ? VTX_PROT_READ :
					       VTX_PROT_READ | VTX_PROT_WRITE,
					       .gpa = HOLE + MIB, .size = 8192 };

		result(race, ioctl(race->fd, VTXDRV_PROTECT, &protect), ERANGE);
	}
	return NULL;
}

static void *looks(void *data)
{
	static struct vtx_map_range ranges[THREADS * 16];
	static __u64 words[64];
	struct race *race = data;

	pthread_barrier_wait(&race->start);
	for (int i = 0; i < race->rounds; i++) {
		struct vtx_map map = { .size = 16, .split = 1, .ranges = (unsigned long)ranges };
		struct vtx_walk walk = { .gpa = HOLE + MIB };
		struct vtx_dirty_log log = { .slot = 2, .clear = 1, .pages = MIB / 4096,
					     .bitmap = (unsigned long)words };

		result(race, ioctl(race->fd, VTXDRV_MAP, &map), 0);
		result(race, ioctl(race->fd, VTXDRV_WALK, &walk), 0);
		result(race, ioctl(race->fd, VTXDRV_DIRTY_LOG, &log), ENOENT);
	}
	return NULL;
}

static void *touches(void *data)
{
	struct race *race = data;

	pthread_barrier_wait(&race->start);
	for (int i = 0; i < race->rounds; i++)
		race->memory[(unsigned int)i * 4096 % SIZE]++;
	return NULL;
}

int memory_races(int rounds)
{
	void *(*const parts[])(void *) = { slots, rights, looks, touches };
	struct vtx_vm_config config = { "races", SIZE, 1 };
	struct race race = { .fd = open_device(), .rounds = rounds };
	pthread_t threads[THREADS];

	if (ioctl(race.fd, VTXDRV_CREATE_VM, &config))
		return 1;
	race.memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, race.fd, 0);
	if (race.memory == MAP_FAILED)
		return 1;
	pthread_barrier_init(&race.start, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, parts[i], &race);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	munmap(race.memory, SIZE);
	close(race.fd);
	if (race.wrong)
		printf("%d answers that are neither success nor a loser's errno\n", race.wrong);
	else
		printf("%d rounds\n", rounds);
	return race.wrong != 0;
}
