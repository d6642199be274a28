// SPDX-License-Identifier: GPL-2.0
/*
 * KVM, driven as little as one can: one vCPU, one memory slot, no device but an interrupt
 * controller where HLT is to be answered in the kernel.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

#define HUGE (2UL << 20)
#define CR0_PE 1

struct bench_vm {
	int kvm, vm, vcpu;
	struct kvm_run *run;
	size_t run_size, memory_size;
	unsigned char *memory, *mapping;
};

static void give_memory(struct bench_vm *vm, const struct bench_wish *wish)
{
	struct kvm_userspace_memory_region region = { .memory_size = wish->memory };

	vm->memory_size = wish->memory;
	vm->mapping = mmap(NULL, wish->memory + HUGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (vm->mapping == MAP_FAILED)
		bench_fail("mmap of guest memory");
	vm->memory = (unsigned char *)(((uintptr_t)vm->mapping + HUGE - 1) & ~(HUGE - 1));
	if (wish->pages != PAGES_ANY)
		madvise(vm->memory, wish->memory,
			wish->pages == PAGES_2M ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	region.userspace_addr = (uintptr_t)vm->memory;
	bench_check(ioctl(vm->vm, KVM_SET_USER_MEMORY_REGION, &region), "memory region");
}

static void flat(struct kvm_segment *segment, int selector, int type)
{
	*segment = (struct kvm_segment){ .limit = ~0U,
					 .selector = selector,
					 .type = type,
					 .present = 1,
					 .db = 1,
					 .s = 1,
					 .g = 1 };
}

static void set_registers(struct bench_vm *vm, uint32_t row, uint32_t count)
{
	struct kvm_regs regs = {
		.rip = GUEST_LOAD, .rsp = GUEST_STACK, .rflags = 2, .rax = row, .rbx = count
	};
	struct kvm_sregs sregs;

	bench_check(ioctl(vm->vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	flat(&sregs.cs, 8, 11);
	flat(&sregs.ds, 16, 3);
	flat(&sregs.es, 16, 3);
	flat(&sregs.ss, 16, 3);
	sregs.cr0 |= CR0_PE;
	bench_check(ioctl(vm->vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	bench_check(ioctl(vm->vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

static struct bench_vm *create(const struct bench_wish *wish, uint32_t row)
{
	struct bench_vm *vm = calloc(1, sizeof(*vm));

	vm->kvm = bench_check(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
	vm->vm = bench_check(ioctl(vm->kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	give_memory(vm, wish);
	if (wish->hlt_sleeps)
		bench_check(ioctl(vm->vm, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
	vm->vcpu = bench_check(ioctl(vm->vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	vm->run_size = bench_check(ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "size of kvm_run");
	vm->run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu, 0);
	if (vm->run == MAP_FAILED)
		bench_fail("mmap of kvm_run");
	memcpy(vm->memory + GUEST_LOAD, guest_image, guest_image_end - guest_image);
	set_registers(vm, row, bench_count);
	return vm;
}

static void destroy(struct bench_vm *vm)
{
	munmap(vm->run, vm->run_size);
	munmap(vm->mapping, vm->memory_size + HUGE);
	close(vm->vcpu);
	close(vm->vm);
	close(vm->kvm);
	free(vm);
}

static enum bench_exit run(struct bench_vm *vm, uint32_t *port)
{
	bench_check(ioctl(vm->vcpu, KVM_RUN, 0), "KVM_RUN");
	switch (vm->run->exit_reason) {
	case KVM_EXIT_IO:
		*port = vm->run->io.port;
		return EXIT_OUT;
	case KVM_EXIT_HLT:
		return EXIT_HLT;
	case KVM_EXIT_MMIO:
		memset(vm->run->mmio.data, 0, sizeof(vm->run->mmio.data));
		return vm->run->mmio.is_write ? EXIT_OTHER : EXIT_MMIO_READ;
	default:
		return EXIT_OTHER;
	}
}

static void interrupt(struct bench_vm *vm)
{
	struct kvm_interrupt what = { .irq = GUEST_VECTOR };

	bench_check(ioctl(vm->vcpu, KVM_INTERRUPT, &what), "KVM_INTERRUPT");
}

/* An edge of IRQ 0. */
static void wake(struct bench_vm *vm)
{
	struct kvm_irq_level line = { .irq = 0, .level = 1 };

	bench_check(ioctl(vm->vm, KVM_IRQ_LINE, &line), "KVM_IRQ_LINE");
	line.level = 0;
	bench_check(ioctl(vm->vm, KVM_IRQ_LINE, &line), "KVM_IRQ_LINE");
}

static volatile uint32_t *result(struct bench_vm *vm)
{
	return (volatile uint32_t *)(vm->memory + GUEST_RESULT);
}

const struct bench_backend bench_kvm = { "kvm", create, destroy, run, interrupt, wake, result };
