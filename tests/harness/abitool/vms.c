// SPDX-License-Identifier: GPL-2.0
/* VMs: arguments that must be refused, and threads that get in each other's way. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abitool.h"
#include "vtxdrv.h"

#define THREADS 4
#define FIELDS 512

static struct vtx_vm_config small_vm(void)
{
	return (struct vtx_vm_config){ .name = "races", .guest_mem_size = 65536, .num_vcpus = 2 };
}

/* ---- hostile --------------------------------------------------------------------------------- */

static void hostile_without_vm(int fd)
{
	struct vtx_vm_info info = { 0 };
	struct vtx_vcpu_info vcpu = { 0 };
	struct vtx_state state = { 0 };

	expect("VM_INFO of a file without a VM", ioctl(fd, VTXDRV_VM_INFO, &info), ENOENT);
	expect("VCPU_INFO of a file without a VM", ioctl(fd, VTXDRV_VCPU_INFO, &vcpu), ENOENT);
	expect("GET_STATE of a file without a VM", ioctl(fd, VTXDRV_GET_STATE, &state), ENOENT);
	info = (struct vtx_vm_info){ .id = ~0U };
	expect("VM_INFO of VM 2^32 - 1", ioctl(fd, VTXDRV_VM_INFO, &info), ENOENT);
	vcpu = (struct vtx_vcpu_info){ .vm = ~0U };
	expect("VCPU_INFO of VM 2^32 - 1", ioctl(fd, VTXDRV_VCPU_INFO, &vcpu), ENOENT);
	info = (struct vtx_vm_info){ .pad = 9 };
	expect("VM_INFO with pad 9", ioctl(fd, VTXDRV_VM_INFO, &info), EINVAL);
	expect("VM_INFO with a null pointer", ioctl(fd, VTXDRV_VM_INFO, NULL), EFAULT);
	expect("VCPU_INFO with a null pointer", ioctl(fd, VTXDRV_VCPU_INFO, NULL), EFAULT);
	expect("GET_STATE with a null pointer", ioctl(fd, VTXDRV_GET_STATE, NULL), EFAULT);
}

static void hostile_state(int fd)
{
	static struct vtx_field fields[FIELDS];
	void *readonly = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vtx_state state = { .size = 1, .fields = 4096 };

	expect("GET_STATE into nowhere", ioctl(fd, VTXDRV_GET_STATE, &state), EFAULT);
	state.fields = -4096ULL;
	expect("GET_STATE into the kernel", ioctl(fd, VTXDRV_GET_STATE, &state), EFAULT);
	state.fields = (unsigned long)readonly;
	expect("GET_STATE into read-only memory", ioctl(fd, VTXDRV_GET_STATE, &state), EFAULT);
	state = (struct vtx_state){ .vcpu = 2, .size = FIELDS, .fields = (unsigned long)fields };
	expect("GET_STATE of vCPU 2 of 2", ioctl(fd, VTXDRV_GET_STATE, &state), ERANGE);
	state = (struct vtx_state){ .size = 0 };
	expect("GET_STATE without room", ioctl(fd, VTXDRV_GET_STATE, &state), 0);
	state = (struct vtx_state){ .size = 3, .fields = (unsigned long)fields };
	expect("GET_STATE with room for 3", ioctl(fd, VTXDRV_GET_STATE, &state), 0);
	if (state.count <= 3 || fields[2].encoding == 0 || fields[3].encoding != 0) {
		failures++;
		printf("GET_STATE with room for 3: expected more than 3 to be there and 3 to be "
		       "written, seen count %u\n", state.count);
	}
	/* Room for what the driver has is enough: a size is no promise of memory. */
	state = (struct vtx_state){ .size = ~0U, .fields = (unsigned long)fields };
	expect("GET_STATE with room for 2^32 - 1", ioctl(fd, VTXDRV_GET_STATE, &state), 0);
	munmap(readonly, 4096);
}

void hostile_vms(void)
{
	struct vtx_vm_config config = small_vm();
	struct vtx_vcpu_info vcpu = { .vcpu = 2 };
	int fd = open_device();

	hostile_without_vm(fd);
	expect("CREATE_VM", ioctl(fd, VTXDRV_CREATE_VM, &config), 0);
	expect("VCPU_INFO of vCPU 2 of 2", ioctl(fd, VTXDRV_VCPU_INFO, &vcpu), ERANGE);
	vcpu.vcpu = ~0U;
	expect("VCPU_INFO of vCPU 2^32 - 1", ioctl(fd, VTXDRV_VCPU_INFO, &vcpu), ERANGE);
	hostile_state(fd);
	close(fd);
}

/* ---- races ----------------------------------------------------------------------------------- */

struct race {
	pthread_barrier_t start;
	int fd; /* shared by the threads */
	int created; /* how many CREATE_VM succeeded */
	int wrong; /* answers that are neither success nor the errno of a loser */
};

static void count(int *counter)
{
	__atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
}

static void *create_too(void *data)
{
	struct vtx_vm_config config = small_vm();
	struct race *race = data;

	pthread_barrier_wait(&race->start);
	if (!ioctl(race->fd, VTXDRV_CREATE_VM, &config))
		count(&race->created);
	else if (errno != EEXIST)
		count(&race->wrong);
	return NULL;
}

/* Looks at the VM of this file, whether it is there or not, or closed in between. */
static void *look(void *data)
{
	static struct vtx_field fields[THREADS][FIELDS];
	static int next;
	struct race *race = data;
	struct vtx_state state = { .size = FIELDS };
	int mine = __atomic_fetch_add(&next, 1, __ATOMIC_SEQ_CST) % THREADS;

	state.fields = (unsigned long)fields[mine];
	pthread_barrier_wait(&race->start);
	for (int i = 0; i < 20; i++) {
		state.vm = 0;
		if (ioctl(race->fd, VTXDRV_GET_STATE, &state) && errno != ENOENT && errno != EBADF)
			count(&race->wrong);
	}
	return NULL;
}

/* Walks the list of all VMs, of which others come and go. */
static void *walk(void *data)
{
	struct vtx_vm_info info = { .id = 1 };
	struct race *race = data;
	int fd = open_device();

	pthread_barrier_wait(&race->start);
	for (int i = 0; i < 20; i++, info.id = 1) {
		while (!ioctl(fd, VTXDRV_VM_INFO, &info)) {
			if (strcmp(info.name, "races") || info.vcpus != 2)
				count(&race->wrong);
			info = (struct vtx_vm_info){ .id = info.id + 1 };
		}
	}
	close(fd);
	return NULL;
}

/* One round: two create on a file, two look at it, one walks, and the file is closed meanwhile. */
static void round_of(struct race *race, int number)
{
	void *(*const parts[])(void *) = { create_too, create_too, look, look, walk };
	enum { PARTS = sizeof(parts) / sizeof(*parts) };
	pthread_t threads[PARTS];

	race->fd = open_device();
	pthread_barrier_init(&race->start, NULL, PARTS + 1);
	for (int i = 0; i < PARTS; i++)
		pthread_create(&threads[i], NULL, parts[i], race);
	pthread_barrier_wait(&race->start);
	for (int i = 0; i < PARTS; i++) {
		/* By turns before and after the others are done with it. */
		if (i == 2 && number % 2)
			close(race->fd);
		pthread_join(threads[i], NULL);
	}
	if (number % 2 == 0)
		close(race->fd);
	pthread_barrier_destroy(&race->start);
}

int vm_races(int rounds)
{
	for (int i = 0; i < rounds; i++) {
		struct race race = { 0 };

		round_of(&race, i);
		if (race.created != 1 || race.wrong) {
			printf("round %d: expected one creation and no odd answer, seen %d and "
			       "%d\n", i, race.created, race.wrong);
			return 1;
		}
	}
	printf("%d rounds\n", rounds);
	return 0;
}
