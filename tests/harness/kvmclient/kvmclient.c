// SPDX-License-Identifier: GPL-2.0
/*
 * The smallest client of /dev/kvm that proves KVM to work: a real-mode guest adds two numbers,
 * writes the sum to a port and halts.
 *
 *	kvmclient A B      prints the guest's answer (A + B modulo 256)
 *	kvmclient hold     the same with 1 and 2, then keeps the VM until it is killed
 *
 * Exit status: 0 the guest ran to its HLT; 1 it did not, with the reason on stderr.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define GUEST_BASE 0x1000
#define GUEST_SIZE 0x1000
#define ANSWER_PORT 0x10

/* mov dx, ANSWER_PORT; add al, bl; out dx, al; hlt */
static const unsigned char guest_code[] = { 0xba, ANSWER_PORT, 0x00, 0x00, 0xd8, 0xee, 0xf4 };

static int fail(const char *what)
{
	perror(what);
	exit(1);
}

static int checked(int result, const char *what)
{
	return result < 0 ? fail(what) : result;
}

static void give_memory(int vm)
{
	void *memory = mmap(NULL, GUEST_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			    -1, 0);
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = GUEST_BASE,
		.memory_size = GUEST_SIZE,
		.userspace_addr = (unsigned long)memory,
	};

	if (memory == MAP_FAILED)
		fail("mmap of guest memory");
	memcpy(memory, guest_code, sizeof(guest_code));
	checked(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
}

static void set_registers(int vcpu, int a, int b)
{
	struct kvm_regs regs = { .rip = GUEST_BASE, .rax = a, .rbx = b, .rflags = 2 };
	struct kvm_sregs sregs;

	checked(ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	checked(ioctl(vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	checked(ioctl(vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

static int run(int vcpu, const struct kvm_run *run)
{
	const unsigned char *data;

	for (;;) {
		checked(ioctl(vcpu, KVM_RUN, NULL), "KVM_RUN");
		if (run->exit_reason == KVM_EXIT_HLT)
			return 0;
		if (run->exit_reason != KVM_EXIT_IO || run->io.port != ANSWER_PORT) {
			fprintf(stderr, "kvmclient: exit reason %u, expected %u on port %#x\n",
				run->exit_reason, KVM_EXIT_IO, ANSWER_PORT);
			return 1;
		}
		data = (const unsigned char *)run + run->io.data_offset;
		printf("%u\n", *data);
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	int hold = argc == 2 && !strcmp(argv[1], "hold");
	int kvm, vm, vcpu, size, status;
	void *shared;

	if (!hold && argc != 3) {
		fprintf(stderr, "usage: kvmclient A B | kvmclient hold\n");
		return 2;
	}
	kvm = checked(open("/dev/kvm", O_RDWR), "/dev/kvm");
	vm = checked(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	give_memory(vm);
	vcpu = checked(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	size = checked(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
	shared = mmap(NULL, size, PROT_READ, MAP_SHARED, vcpu, 0);
	if (shared == MAP_FAILED)
		fail("mmap of kvm_run");
	set_registers(vcpu, hold ? 1 : atoi(argv[1]), hold ? 2 : atoi(argv[2]));
	status = run(vcpu, shared);
	if (hold && !status)
		pause();
	return status;
}
