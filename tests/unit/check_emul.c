// SPDX-License-Identifier: GPL-2.0
/*
 * Does the emulator do what this processor does? For test_emul.py.
 *
 *	check_emul SEED ROUNDS	each instruction of emul_native.S, ROUNDS times, both ways
 *
 * The memory of both is the same kilobytes of RAM here; for the emulator it is a device.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "cmd_emul.h"
#include "guest_walk_logic.h"
#include "vmx_entry_bits.h"
#include "x86_bits.h"

#define PAGE 4096
#define PAGES 4
#define SIZE (PAGES * PAGE)
#define DEFINED (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF | RFLAGS_DF)
#define DRAWN DEFINED

void emul_run(struct vtx_regs *regs, const void *code);
extern const u8 emul_native[];
extern const u8 emul_back[];

static u8 *memory; /* both work in it, one after the other */
static u8 *code;
static u64 seed;

static u64 draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* ---- the emulator's world -------------------------------------------------------------------- */

static enum emul_translated translate(void *opaque, u64 linear, u32 access, u64 *gpa, u32 *error)
{
	*gpa = linear;
	return EMUL_MAPPED;
}

static u8 *ram(void *opaque, u64 gpa, u32 size, bool write)
{
	bool mine = gpa >= (u64)code && gpa + size <= (u64)code + PAGE;

	return mine ? (u8 *)gpa : NULL;
}

static u64 device_read(void *opaque, u64 gpa, u32 size)
{
	u64 value = 0;

	if (gpa < (u64)memory || gpa + size > (u64)memory + SIZE) {
		printf("read of %u bytes at %#" PRIx64 ", outside\n", size, gpa);
		exit(1);
	}
	memcpy(&value, (void *)gpa, size);
	return value;
}

static void device_write(void *opaque, u64 gpa, u32 size, u64 value)
{
	if (gpa < (u64)memory || gpa + size > (u64)memory + SIZE) {
		printf("write of %u bytes at %#" PRIx64 ", outside\n", size, gpa);
		exit(1);
	}
	memcpy((void *)gpa, &value, size);
}

static const struct emul_ops ops = {
	.translate = translate,
	.ram = ram,
	.read = device_read,
	.write = device_write,
};

static struct vtx_sregs flat(void)
{
	struct vtx_sregs sregs = { .cr0 = CR0_PE | CR0_PG, .efer = IA32_EFER_LMA };
	u16 selector;

	sregs.cs.access = ACCESS_RIGHTS_L;
	__asm__("mov %%ds, %0" : "=r"(selector));
	sregs.ds.selector = selector;
	__asm__("mov %%ss, %0" : "=r"(selector));
	sregs.ss.selector = selector;
	return sregs;
}

/* ---- one instruction, both ways -------------------------------------------------------------- */

static struct vtx_regs drawn(void)
{
	struct vtx_regs regs;
	u64 *number = (u64 *)&regs;
	unsigned int i;

	for (i = 0; i < sizeof(regs) / sizeof(u64); i++)
		number[i] = draw();
	regs.rcx &= 15;
	regs.rbx = (u64)memory + SIZE / 2 - (draw() & 15);
	regs.rsi = (u64)memory + SIZE / 2 + 512 + (draw() & 63);
	regs.rdi = (u64)memory + SIZE / 2 - 512 - (draw() & 63);
	regs.rsp = (u64)memory + PAGE + (draw() & 7);
	regs.r12 = draw() % 4096 - 2048;
	regs.rflags = (draw() & DRAWN) | RFLAGS_RESERVED_1 | RFLAGS_IF;
	regs.rip = (u64)code;
	return regs;
}

static void fill(void)
{
	unsigned int i;

	for (i = 0; i < SIZE; i++)
		memory[i] = draw();
	/* Strings that are partly alike. */
	for (i = 0; i < 128; i++)
		memory[SIZE / 2 + 512 - 16 + i] = memory[SIZE / 2 - 576 - 16 + i] = draw() & 1;
}

static void place(const u8 *insn, u8 length)
{
	const u8 jump[6] = { 0xff, 0x25 }; /* JMP [RIP + 0], and the address behind it */
	u64 back = (u64)emul_back;

	memcpy(code, insn, length);
	memcpy(code + length, jump, sizeof(jump));
	memcpy(code + length + sizeof(jump), &back, sizeof(back));
}

static void complain(const u8 *insn, u8 length, const char *what)
{
	unsigned int i;

	printf("%s:", what);
	for (i = 0; i < length; i++)
		printf(" %02x", insn[i]);
	printf("\n");
}

static bool same(const struct vtx_regs *a, const struct vtx_regs *b, const u8 *insn, u8 length)
{
	static const char *const names[] = {
		"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
		"r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"
	};
	const u64 *x = (const u64 *)a;
	const u64 *y = (const u64 *)b;
	bool alike = true;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (x[i] == y[i])
			continue;
		complain(insn, length, names[i]);
		printf("  processor %#" PRIx64 ", emulator %#" PRIx64 "\n", x[i], y[i]);
		alike = false;
	}
	if ((a->rflags ^ b->rflags) & DEFINED) {
		complain(insn, length, "flags");
		printf("  processor %#" PRIx64 ", emulator %#" PRIx64 "\n", (u64)a->rflags,
		       (u64)b->rflags);
		alike = false;
	}
	return alike;
}

static bool both(struct emul *emul, const u8 *insn, u8 length)
{
	static u8 before[SIZE];
	static u8 after[SIZE];
	struct vtx_regs start = drawn();
	struct vtx_regs real;
	struct vtx_regs ours;
	enum emul_result result;

	fill();
	if (draw() & 1)
		memcpy((void *)start.rdi, &start.rax, sizeof(u64));
	real = start;
	ours = start;
	place(insn, length);
	memcpy(before, memory, SIZE);
	emul_run(&real, code);
	memcpy(after, memory, SIZE);
	memcpy(memory, before, SIZE);
	emul->regs = &ours;
	result = emul_step(emul);
	if (result != EMUL_DONE || ours.rip != start.rip + length) {
		complain(insn, length, emul->why ? emul->why : "not done");
		return false;
	}
	if (memcmp(memory, after, SIZE)) {
		complain(insn, length, "memory");
		return false;
	}
	return same(&real, &ours, insn, length);
}

static int native(unsigned int rounds)
{
	struct vtx_sregs sregs = flat();
	struct emul emul = { .ops = &ops, .decoder = emul_decoder_new(), .sregs = &sregs };
	unsigned int tried = 0;
	unsigned int round;
	const u8 *at;
	bool good = true;

	for (at = emul_native; *at; at += 1 + *at) {
		for (round = 0; round < rounds; round++)
			if (!both(&emul, at + 1, *at)) {
				good = false;
				break;
			}
		tried++;
	}
	emul_decoder_free(emul.decoder);
	printf("%u instructions\n", tried);
	return !good;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	seed = strtoull(argv[1], NULL, 0) | 1;
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT,
		      -1, 0);
	code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (memory == MAP_FAILED || code == MAP_FAILED)
		return 3;
	return native(strtoul(argv[2], NULL, 0));
}
