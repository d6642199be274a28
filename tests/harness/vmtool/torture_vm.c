// SPDX-License-Identifier: GPL-2.0
/*
 * The VM of random guests: what a sequence finds in memory is the same whatever ran before.
 *
 * All that a guest can write to are 16 pages, so that they can be put back for each sequence. The
 * same pages appear a second time where the driver's own page tables for 64-bit guests name them,
 * and above that there are 2 MiB in one large page, which is read only.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "torture.h"
#include "vmtool.h"

#define PRESENT_WRITE 3ULL
#define ACCESSED_DIRTY (3ULL << 5)
#define HUGE_PAGE (1ULL << 7)
#define HUGE_SIZE (2ULL << 20)
#define DIRECTORIES 4
#define ENTRIES 512
#define GATES 256
#define HANDLERS 16
#define HANDLER_SIZE 16
#define TOUCH_NS 1000000000ULL

/* GCC's own vectors: memcpy() is REP MOVSB, of which an emulator counts each byte. */
typedef uint64_t wide __attribute__((vector_size(32), may_alias));

static uint8_t pages[TORTURE_MEMORY] __attribute__((aligned(4096)));

uint8_t *torture_at(uint32_t address)
{
	return vm.memory + TORTURE_ALIAS + address;
}

/* ---- what is in memory ---------------------------------------------------------------------- */

static void put64(uint32_t at, uint64_t value)
{
	memcpy(pages + at, &value, sizeof(value));
}

/*
 * The first 4 GiB one to one: what is no memory can be reached as well. Four-level paging and
 * VTX_MODE_PAGED, whose tables the driver has told the processor of, share the directories.
 */
static void make_page_tables(void)
{
	put64(TORTURE_CR3, TORTURE_PDPT | PRESENT_WRITE);
	for (uint32_t i = 0; i < DIRECTORIES; i++) {
		put64(TORTURE_PDPT + 8 * i, (TORTURE_PD + i * PAGE) | PRESENT_WRITE);
		put64(TORTURE_PAE + 8 * i, (TORTURE_PD + i * PAGE) | 1);
	}
	for (uint32_t i = 0; i < DIRECTORIES * ENTRIES; i++)
		put64(TORTURE_PD + 8 * i,
		      i * HUGE_SIZE | PRESENT_WRITE | ACCESSED_DIRTY | HUGE_PAGE);
}

static void make_gdt(void)
{
	static const uint64_t gdt[] = { 0,
					0x00af9b000000ffffULL,
					0x00cf93000000ffffULL,
					0x00cf9b000000ffffULL,
					0x00008b0000000067ULL + (TORTURE_TSS << 16),
					0,
					0x00009b000000ffffULL,
					0x000093000000ffffULL };

	memcpy(pages + TORTURE_GDT, gdt, sizeof(gdt));
}

static void make_gates(struct draw *d)
{
	for (uint32_t i = 0; i < GATES; i++) {
		uint64_t handler = TORTURE_HANDLERS + HANDLER_SIZE * draw_below(d, HANDLERS);

		put64(TORTURE_IDT64 + 16 * i, handler | 8 << 16 | 0x8e0000000000ULL);
		put64(TORTURE_IDT64 + 16 * i + 8, 0);
		put64(TORTURE_IDT32 + 8 * i, handler | 24 << 16 | 0x8e0000000000ULL);
	}
}

/* Only what the sequence itself has may tell the time, or nearly none could be compared. */
static unsigned int draw_handler(struct draw *d, uint8_t *handler)
{
	unsigned int length;

	do {
		memset(handler, 0, HANDLER_SIZE);
		length = draw_below(d, 3) ? draw_code(d, handler, 8, 1) : 0;
	} while (torture_tells_time(handler, length));
	return length;
}

static void make_handlers(struct draw *d)
{
	uint8_t *handler = pages + TORTURE_HANDLERS;

	for (unsigned int i = 0; i < HANDLERS; i++, handler += HANDLER_SIZE) {
		unsigned int length = draw_handler(d, handler);

		/* Most end the sequence (vmcall): one that faults for ever tells little. */
		memcpy(handler + length, draw_below(d, 4) ? "\x0f\x01\xc1\xf4" : "\x48\xcf\xf4\xf4",
		       4);
	}
}

static void make_tables(uint64_t seed, uint64_t number)
{
	struct draw d = { .state = seed ^ ~number };

	make_gdt();
	make_gates(&d);
	make_handlers(&d);
}

__attribute__((target_clones("avx", "default"))) static void copy(wide *to, const wide *from)
{
#pragma GCC unroll 8
	for (unsigned int i = 0; i < TORTURE_MEMORY / sizeof(*to); i++) {
		to[i] = from[i];
		asm volatile("" ::: "memory"); /* no memcpy() of it */
	}
}

void torture_refresh(uint64_t seed, uint64_t sequence)
{
	static uint64_t made = ~0ULL, made_for;
	uint64_t number = sequence / TORTURE_TABLES;

	if (made != number || made_for != seed)
		make_tables(seed, number);
	made = number;
	made_for = seed;
	copy((wide *)torture_at(0), (const wide *)pages);
}

/* ---- the VM --------------------------------------------------------------------------------- */

static int set_slot(uint32_t number, uint32_t flags, uint64_t gpa, uint64_t size, uint64_t offset)
{
	struct vtx_slot slot = {
		.slot = number, .flags = flags, .gpa = gpa, .size = size, .offset = offset
	};

	return ioctl(vm.fd, VTXDRV_SET_SLOT, &slot) ? errno : 0;
}

static int set_slots(void)
{
	return set_slot(0, 0, 0, TORTURE_MEMORY, TORTURE_ALIAS)			    ?:
		       set_slot(1, 0, TORTURE_ALIAS, TORTURE_MEMORY, TORTURE_ALIAS) ?:
		       set_slot(2, VTX_SLOT_READ_ONLY, TORTURE_LARGE, HUGE_SIZE, 0);
}

static int init_vcpu(uint32_t mode, uint64_t rdx, uint64_t rsi)
{
	struct vtx_vcpu_init how = { .mode = mode, .rip = TORTURE_CODE, .rdx = rdx, .rsi = rsi };

	return ioctl(vm.fd, VTXDRV_INIT_VCPU, &how) ? errno : 0;
}

/*
 * A guest that touches each page from the first address on, so that the first sequences in a VM
 * take no more time than others.
 */
static int touch(uint64_t first, uint64_t end, bool write)
{
	static const char code[] = "\x8a\x02" /* again: mov (%edx), %al */
				   "\x88\x02" /* mov %al, (%edx) */
				   "\x81\xc2\x00\x10\x00\x00" /* add $0x1000, %edx */
				   "\x39\xf2" /* cmp %esi, %edx */
				   "\x72\xf2" /* jb again */
				   "\x0f\x01\xc1"; /* vmcall */
	int error = init_vcpu(VTX_MODE_PROTECTED, first, end);

	memcpy(torture_at(TORTURE_CODE), code, sizeof(code));
	if (!write)
		memcpy(torture_at(TORTURE_CODE) + 2, "\x90\x90", 2);
	error = error ?: run_once(0, TOUCH_NS);
	if (!error && vm.run[0]->exit.kind != VTX_EXIT_HYPERCALL)
		error = EPROTO;
	memset(torture_at(TORTURE_CODE), 0, sizeof(code));
	return error;
}

static int touch_all(void)
{
	return touch(0, TORTURE_MEMORY, true)					  ?:
		       touch(TORTURE_ALIAS, TORTURE_ALIAS + TORTURE_MEMORY, true) ?:
		       touch(TORTURE_LARGE, TORTURE_LARGE + PAGE, false);
}

int torture_new_vm(uint64_t seed, uint64_t sequence)
{
	struct draw d = { .state = seed ^ sequence / TORTURE_SEQUENCES };
	struct vtx_msr_policy policy = { .action = VTX_MSR_USER };
	char *words[] = { TORTURE_SIZE, "1", NULL };
	bool was_quiet = quiet;
	int error;

	verb_close(NULL);
	quiet = true;
	error = verb_create(words);
	quiet = was_quiet;
	/* For this mode the driver writes tables into the large page: now, not now and then. */
	error = error ?: set_slots() ?: init_vcpu(VTX_MODE_PAGED, 0, 0) ?: touch_all();
	if (error)
		return error;
	/* With the driver's page tables, and with ours, which are the same for all sequences. */
	copy((wide *)pages, (const wide *)torture_at(0));
	make_page_tables();
	make_tables(seed, sequence / TORTURE_TABLES);
	if (draw_below(&d, 2))
		error = ioctl(vm.fd, VTXDRV_MSR_POLICY, &policy) ? errno : 0;
	return error;
}
