/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file torture.h
 * @brief Random guests: where they live, and where their numbers come from.
 */
#ifndef TORTURE_H
#define TORTURE_H

#include <stdbool.h>
#include <stdint.h>

/** Bytes of guest memory from address 0, which is what real mode can reach. */
#define TORTURE_MEMORY 0x10000ULL
/** The same memory again, and its offset: what is before it is one large page. */
#define TORTURE_ALIAS 0x200000ULL
/** The large page, read only. */
#define TORTURE_LARGE 0x400000ULL
/** All of it, as a word for verb_create(). */
#define TORTURE_SIZE "2112K"

/** Page tables of VTX_MODE_PAGED, where the driver has them, and four directories. */
#define TORTURE_PAE 0x1000U
#define TORTURE_PD 0x2000U
/** IDT of 64-bit gates; PDPT of four-level paging, GDT, TSS, and the stack below its address. */
#define TORTURE_IDT64 0x6000U
#define TORTURE_PDPT 0x7000U
#define TORTURE_GDT 0x7400U
#define TORTURE_TSS 0x7800ULL
#define TORTURE_STACK 0x7f00U
/** Where a sequence begins, its handlers for interrupts, IDT of 32-bit gates, the root. */
#define TORTURE_CODE 0x8000U
#define TORTURE_HANDLERS 0x9000U
#define TORTURE_IDT32 0x9800U
#define TORTURE_CR3 0xa000U
/** No slot is there. */
#define TORTURE_HOLE 0xd0000000U

/** Sequences that run in one VM, and those that find the same tables. */
#define TORTURE_SEQUENCES 1024
#define TORTURE_TABLES 64

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

/** Close the VM that there is, and create that of a sequence. @return 0 or an errno */
int torture_new_vm(uint64_t seed, uint64_t sequence);
/** All of its memory as a sequence finds it. */
void torture_refresh(uint64_t seed, uint64_t sequence);
/** The guest's memory in this process. */
uint8_t *torture_at(uint32_t address);
/** Has this code an instruction whose result is another one each time? */
bool torture_tells_time(const uint8_t *code, uint32_t length);

#endif
