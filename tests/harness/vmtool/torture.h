/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file torture.h
 * @brief Random guests: where they live, and where their numbers come from.
 */
#ifndef TORTURE_H
#define TORTURE_H

#include <stdint.h>

/** Bytes of guest memory; below 64 KiB is what real mode can reach. */
#define TORTURE_MEMORY (2ULL << 20)
/** Where a sequence begins, and where its handlers for interrupts are. */
#define TORTURE_CODE 0x8000U
#define TORTURE_HANDLERS 0x9000U
/** Tables: GDT, IDT of 64-bit gates, IDT of 32-bit gates, page tables (six pages). */
#define TORTURE_GDT 0x7000U
#define TORTURE_IDT64 0x4000U
#define TORTURE_IDT32 0x6000U
#define TORTURE_CR3 0x20000U
#define TORTURE_STACK 0x7f00U
/** No slot is there. */
#define TORTURE_HOLE 0xd0000000U

/** The state of a generator: each sequence has its own, so that one can be repeated alone. */
struct draw {
	uint64_t state;
};

/** 64 bits. */
uint64_t draw(struct draw *d);
/** Below @p limit. */
uint32_t draw_below(struct draw *d, uint32_t limit);
/** A number that may mean something: an address, an MSR, a port, bits of a control register. */
uint64_t draw_value(struct draw *d);
/** Write @p count random instructions. @return bytes, at most @p room */
unsigned int draw_code(struct draw *d, uint8_t *at, unsigned int room, unsigned int count);

#endif
