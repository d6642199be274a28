/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A made-up guest for check_emul_world.c: memory, page tables, a device, ports.
 */
#ifndef EMUL_WORLD_H
#define EMUL_WORLD_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd_emul.h"
#include "guest_walk_logic.h"
#include "vmx_entry_bits.h"
#include "x86_bits.h"
#include "x86_exceptions.h"

#define RAM_SIZE 0x40000
#define WIDTH 36
#define PAGE 0x1000
/* Linear pages from 0x10000 on, in the tables of make_tables(). */
#define CODE 0x10000
#define DATA 0x12000 /* two pages of memory, and then a hole */
#define HOLE 0x14000 /* not present */
#define DEVICE 0x16000 /* leads to DEVICE_GPA, two pages */
#define DEVICE_GPA 0x80000000ULL
#define READ_ONLY 0x18000
#define USER_PAGE 0x19000
#define NO_EXECUTE 0x1a000
#define PML4 0x1000
#define PDPT 0x2000
#define PD 0x3000
#define PT 0x4000

extern u8 memory[RAM_SIZE];
extern u8 device[2 * PAGE];
extern struct vtx_regs regs;
extern struct vtx_sregs sregs;
extern unsigned int failures;
extern const char *name; /* of the case */
extern const struct emul_ops ops;

/* Complain if a number is not as expected. */
void expect(const char *what, u64 seen, u64 wanted);
/* The same for all that device and ports have seen; empties it. */
void expect_log(const char *wanted);
/* For the tables' walk. */
u8 *ram(void *opaque, u64 gpa, u32 size, bool write);
void set64(u64 at, u64 value);
void map_page(u64 linear, u64 gpa, u64 flags);
/* A fresh world: bits of the code, and what is at CODE. */
void begin(const char *case_name, u32 bits, const char *code, size_t length);

#define BEGIN(case_name, bits, code) begin(case_name, bits, code, sizeof(code) - 1)

#endif
