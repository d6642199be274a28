// SPDX-License-Identifier: GPL-2.0
/*
 * vtxdrv, driven as little as one can. What vtxctl run does with an access to a device is part of
 * the measurement: the instruction is emulated by the same code.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "cmd_emul.h"
#include "guest_walk_logic.h"
#include "vtxdrv.h"

#define MOVED 4096

struct bench_vm {
	int fd;
	size_t size;
	unsigned char *mapping, *memory; /* of it, and of guest-physical 0 */
	struct vtx_run *run;
	struct emul_decoder *decoder;
};

/* ---- the world of an emulated instruction: memory from 0 on, and one register --------------- */

static u8 *ram(void *opaque, u64 gpa, u32 size, bool write)
{
	struct bench_vm *vm = opaque;

	(void)write;
	return gpa < vm->size - MOVED && size <= vm->size - MOVED - gpa ? vm->memory + gpa : NULL;
}

static enum emul_translated translate(void *opaque, u64 linear, u32 access, u64 *gpa,
				      u32 *error_code)
{
	(void)opaque;
	(void)access;
	(void)error_code;
	*gpa = linear; /* the guest has no paging */
	return EMUL_MAPPED;
}

static u64 device_read(void *opaque, u64 gpa, u32 size)
{
	(void)opaque;
	(void)gpa;
	(void)size;
	return 0;
}

static const struct emul_ops ops = { .translate = translate, .ram = ram, .read = device_read };

static enum bench_exit emulate(struct bench_vm *vm)
{
	struct emul emul = { .ops = &ops,
			     .opaque = vm,
			     .decoder = vm->decoder,
			     .regs = &vm->run->regs,
			     .sregs = &vm->run->sregs };

	if (vm->run->exit.memory_access & VTX_ACCESS_WRITE || emul_step(&emul) != EMUL_DONE)
		return EXIT_OTHER;
	vm->run->flags = VTX_RUN_SET_REGS;
	return EXIT_MMIO_READ;
}

/* ---- the VM --------------------------------------------------------------------------------- */

/* Where memory and address space are not aligned alike, no page is large. */
static void move_memory(struct bench_vm *vm)
{
	struct vtx_slot all = { .slot = 0, .offset = MOVED, .size = vm->size - MOVED };

	bench_check(ioctl(vm->fd, VTXDRV_SET_SLOT, &all), "VTXDRV_SET_SLOT");
	vm->memory += MOVED;
}

static void *map(struct bench_vm *vm, size_t size, u64 offset)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vm->fd, offset);

	if (at == MAP_FAILED)
		bench_fail("mmap");
	return at;
}

static void begin(struct bench_vm *vm, uint32_t row)
{
	struct vtx_vcpu_init init = { .mode = VTX_MODE_PROTECTED,
				      .rip = GUEST_LOAD,
				      .rsp = GUEST_STACK };
	struct vtx_vcpu_regs regs = { .regs = { .rip = GUEST_LOAD,
						.rsp = GUEST_STACK,
						.rflags = 2,
						.rax = row,
						.rbx = bench_count } };

	bench_check(ioctl(vm->fd, VTXDRV_INIT_VCPU, &init), "VTXDRV_INIT_VCPU");
	bench_check(ioctl(vm->fd, VTXDRV_SET_REGS, &regs), "VTXDRV_SET_REGS");
}

static struct bench_vm *create(const struct bench_wish *wish, uint32_t row)
{
	struct bench_vm *vm = calloc(1, sizeof(*vm));
	struct vtx_vm_config config = { .name = "bench",
					.guest_mem_size = wish->memory,
					.num_vcpus = 1 };

	vm->size = wish->memory;
	vm->fd = bench_check(open(VTXDRV_DEVICE, O_RDWR | O_CLOEXEC), VTXDRV_DEVICE);
	bench_check(ioctl(vm->fd, VTXDRV_CREATE_VM, &config), "VTXDRV_CREATE_VM");
	vm->mapping = map(vm, vm->size, VTX_MMAP_MEMORY);
	vm->memory = vm->mapping;
	vm->run = map(vm, 4096, VTX_MMAP_RUN(0));
	if (wish->pages == PAGES_4K && vm->size > TOUCH_START)
		move_memory(vm);
	memcpy(vm->memory + GUEST_LOAD, guest_image, guest_image_end - guest_image);
	begin(vm, row);
	return vm;
}

static void destroy(struct bench_vm *vm)
{
	munmap(vm->run, 4096);
	munmap(vm->mapping, vm->size);
	close(vm->fd);
	emul_decoder_free(vm->decoder);
	free(vm);
}

static enum bench_exit run(struct bench_vm *vm, uint32_t *port)
{
	bench_check(ioctl(vm->fd, VTXDRV_RUN_VCPU, 0), "VTXDRV_RUN_VCPU");
	vm->run->flags = 0;
	switch (vm->run->exit.kind) {
	case VTX_EXIT_IO:
		*port = vm->run->exit.port;
		return EXIT_OUT;
	case VTX_EXIT_HLT:
		return EXIT_HLT;
	case VTX_EXIT_MMIO:
		if (!vm->decoder)
			vm->decoder = emul_decoder_new();
		return emulate(vm);
	default:
		return EXIT_OTHER;
	}
}

static void interrupt(struct bench_vm *vm)
{
	struct vtx_event event = { .kind = VTX_EVENT_INTERRUPT, .vector = GUEST_VECTOR };

	bench_check(ioctl(vm->fd, VTXDRV_EVENT, &event), "VTXDRV_EVENT");
}

static volatile uint32_t *result(struct bench_vm *vm)
{
	return (volatile uint32_t *)(vm->memory + GUEST_RESULT);
}

const struct bench_backend bench_vtx = { "vtxdrv",  create,    destroy, run,
					 interrupt, interrupt, result };
