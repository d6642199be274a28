/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file bench.h
 * @brief What is measured (bench_rows.c), under whom (bench_kvm.c, bench_vtx.c).
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Where the guest of bench_guest.S is loaded, and begins, in 32-bit protected mode. */
#define GUEST_LOAD 0x10000U
/** Where it leaves numbers. */
#define GUEST_RESULT 0x8000U
/** Where its stack ends. */
#define GUEST_STACK 0x7000U
/** Ports that it writes: ready, and from its interrupt handler. */
#define PORT_READY 0x11
#define PORT_HANDLER 0x12
/** An address without memory. */
#define MMIO_ADDRESS 0xd0000000U
/** The vector of its handler. */
#define GUEST_VECTOR 0x20
/** Where the memory begins that it touches. */
#define TOUCH_START 0x1000000U

/** Why a guest is not run any more. */
enum bench_exit { EXIT_OTHER, EXIT_HLT, EXIT_OUT, EXIT_MMIO_READ };

/** How memory is to be given. */
enum bench_pages { PAGES_ANY, PAGES_4K, PAGES_2M };

/** A VM with one vCPU. */
struct bench_vm;

/** What a VM is to have. */
struct bench_wish {
	size_t memory; /**< bytes */
	enum bench_pages pages; /**< of what lies at TOUCH_START */
	bool hlt_sleeps; /**< HLT is answered in the kernel */
};

/** A hypervisor. */
struct bench_backend {
	const char *name; /**< for the output */
	/** Create it, load the guest, and have it begin with EAX = row. Exits on failure. */
	struct bench_vm *(*create)(const struct bench_wish *wish, uint32_t row);
	void (*destroy)(struct bench_vm *vm); /**< free everything */
	/** Run until user space is needed; *port as it comes. MMIO reads are answered. */
	enum bench_exit (*run)(struct bench_vm *vm, uint32_t *port);
	void (*interrupt)(struct bench_vm *vm); /**< GUEST_VECTOR; the vCPU does not run */
	void (*wake)(struct bench_vm *vm); /**< the same while it sleeps in HLT */
	volatile uint32_t *(*result)(struct bench_vm *vm); /**< guest memory at GUEST_RESULT */
};

extern const struct bench_backend bench_kvm;
extern const struct bench_backend bench_vtx;

/** The image of the guest. */
extern const unsigned char guest_image[], guest_image_end[];

/** How often a guest that measures itself is to do it: EBX. */
extern uint32_t bench_count;

/** Give up: with errno's text. */
_Noreturn void bench_fail(const char *what);
/** @p result, if it is not negative. */
int bench_check(int result, const char *what);

#endif
