// SPDX-License-Identifier: GPL-2.0
/*
 * Guests that nobody has written: random instructions in every mode of the processor, with the IDT
 * where no memory is, with a stack in a hole, beside events that nobody expects, and a user who
 * answers anything. Whatever becomes of them, the host has to stay as it is.
 *
 * A sequence is drawn from the seed and its own number: `torture SEED NUMBER 1 1` repeats it, but
 * not what the 511 before it, at most, have left in the same VM.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "torture.h"
#include "vmtool.h"

#define TURNS 8 /* of one sequence */
#define TURN_NS 100000ULL
#define SEQUENCES_A_VM 512
#define INSTRUCTIONS 16
#define CODE_ROOM 256U
#define FILL 64
#define US 1000ULL
#define PRESENT_WRITE 3ULL
#define HUGE_PAGE (1ULL << 7)
#define HUGE_SIZE (2ULL << 20)
#define ENTRIES 512
#define GATES 256
#define CANONICAL 0x7fffffffffffULL
#define FRAMES 0xfffff000ULL
#define EIP 0xffffffffULL

/* What has happened in all sequences. */
static struct {
	uint64_t kinds[VTX_EXIT_KINDS + 1], refused, turns;
	int last_error;
} total;

static uint64_t first_vm, sequence;
static uint32_t started; /* enum vtx_vcpu_mode of the last INIT_VCPU */

/* ---- the guest's memory --------------------------------------------------------------------- */

static void put64(uint32_t at, uint64_t value)
{
	memcpy(vm.memory + at, &value, sizeof(value));
}

/* The first 4 GiB one to one: what is no memory can be reached as well. */
static void make_page_tables(void)
{
	uint32_t pdpt = TORTURE_CR3 + PAGE, pd = pdpt + PAGE;

	put64(TORTURE_CR3, pdpt | PRESENT_WRITE);
	for (uint32_t i = 0; i < 4; i++)
		put64(pdpt + 8 * i, (pd + i * PAGE) | PRESENT_WRITE);
	for (uint32_t i = 0; i < 4 * ENTRIES; i++)
		put64(pd + 8 * i, i * HUGE_SIZE | PRESENT_WRITE | HUGE_PAGE);
}

static void make_tables(struct draw *d)
{
	static const uint64_t gdt[] = { 0,
					0x00af9b000000ffffULL,
					0x00cf93000000ffffULL,
					0x00cf9b000000ffffULL,
					0x00008b0000000067ULL + (0x7800ULL << 16),
					0,
					0x00009b000000ffffULL,
					0x000093000000ffffULL };

	memcpy(vm.memory + TORTURE_GDT, gdt, sizeof(gdt));
	for (uint32_t i = 0; i < GATES; i++) {
		uint64_t handler = TORTURE_HANDLERS + 16 * draw_below(d, 16);

		put64(TORTURE_IDT64 + 16 * i, handler | 8 << 16 | 0x8e0000000000ULL);
		put64(TORTURE_IDT64 + 16 * i + 8, 0);
		put64(TORTURE_IDT32 + 8 * i, handler | 24 << 16 | 0x8e0000000000ULL);
	}
	make_page_tables();
}

static void make_code(struct draw *d)
{
	uint8_t *code = vm.memory + TORTURE_CODE;
	unsigned int length = draw_code(d, code, CODE_ROOM, 1 + draw_below(d, INSTRUCTIONS));

	memcpy(code + length, "\x0f\x01\xc1\xf4\xeb\xfd", 6); /* vmcall; hlt; and again */
}

static void make_handlers(struct draw *d)
{
	unsigned int length;

	for (unsigned int i = 0; i < 16; i++) {
		uint8_t *handler = vm.memory + TORTURE_HANDLERS + 16 * i;

		length = draw_below(d, 3) ? draw_code(d, handler, 8, 1) : 0;
		/* Most end the sequence (vmcall): one that faults for ever tells little. */
		memcpy(handler + length, draw_below(d, 4) ? "\x0f\x01\xc1\xf4" : "\x48\xcf\xf4\xf4",
		       4);
	}
}

/* ---- where it begins ------------------------------------------------------------------------ */

static int start(struct draw *d, uint32_t mode)
{
	struct vtx_vcpu_init how = { .mode = mode, .rip = TORTURE_CODE, .rsp = TORTURE_STACK,
				     .rdi = draw_value(d), .rsi = draw_value(d),
				     .rdx = draw_value(d) };

	return ioctl(vm.fd, VTXDRV_INIT_VCPU, &how) ? errno : 0;
}

static int start_regs(struct draw *d)
{
	struct vtx_vcpu_regs all = { 0 };
	__u64 *reg = &all.regs.rax;

	for (int i = 0; i < 16; i++)
		reg[i] = draw_value(d);
	if (draw_below(d, 3))
		all.regs.rsp = TORTURE_STACK;
	all.regs.rip = TORTURE_CODE;
	all.regs.rflags = 2 | (draw(d) & (draw_below(d, 4) ? 0x200 : 0x44700));
	return ioctl(vm.fd, VTXDRV_SET_REGS, &all) ? errno : 0;
}

static uint64_t table_base(struct draw *d, uint64_t there)
{
	switch (draw_below(d, 4)) {
	case 0:
		return TORTURE_HOLE;
	case 1: /* canonical: what SET_SREGS takes and an entry does not is the user's mistake */
		return draw_value(d) & CANONICAL;
	default:
		return there;
	}
}

/* IDT, GDT and page tables: right, or in a hole, or anywhere. */
static int start_sregs(struct draw *d, uint32_t mode)
{
	struct vtx_vcpu_sregs all = { 0 };

	if (ioctl(vm.fd, VTXDRV_GET_SREGS, &all))
		return errno;
	all.sregs.idtr.base = table_base(d, mode == VTX_MODE_LONG ? TORTURE_IDT64 : TORTURE_IDT32);
	all.sregs.idtr.limit = draw_below(d, 4) ? 0xfff : (uint16_t)draw(d);
	all.sregs.gdtr.base = table_base(d, TORTURE_GDT);
	all.sregs.gdtr.limit = 0xff;
	if (mode == VTX_MODE_LONG && draw_below(d, 4))
		all.sregs.cr3 = draw_below(d, 8) ? TORTURE_CR3 : draw_value(d) & FRAMES;
	return ioctl(vm.fd, VTXDRV_SET_SREGS, &all) ? errno : 0;
}

static void note(int error)
{
	if (error) {
		total.refused++;
		total.last_error = error;
	}
}

static void send_events(struct draw *d)
{
	struct vtx_event event = { .kind = draw_below(d, 4), .vector = 16 + draw_below(d, 240) };

	if (event.kind == VTX_EVENT_EXCEPTION)
		event.vector %= 20;
	if (!draw_below(d, 32))
		event.vector = draw_below(d, 512);
	if (event.kind == VTX_EVENT_LINE || event.kind == VTX_EVENT_NMI)
		event.vector = 0;
	if (event.kind == VTX_EVENT_LINE || event.kind == VTX_EVENT_EXCEPTION)
		event.value = event.kind == VTX_EVENT_LINE ? draw_below(d, 2) :
							     0x27d00 >> event.vector & 1;
	if (event.value && event.kind == VTX_EVENT_EXCEPTION)
		event.error_code = draw_below(d, 64);
	note(ioctl(vm.fd, VTXDRV_EVENT, &event) ? errno : 0);
	if (!draw_below(d, 8)) {
		struct vtx_timer timer = { .vector = draw_below(d, 2) ? 16 + draw_below(d, 240) : 0,
					   .first_ns = draw_below(d, 4) ? 1 : 0,
					   .period_ns = 20 * US + draw_below(d, 1000000) };

		note(ioctl(vm.fd, VTXDRV_SET_TIMER, &timer) ? errno : 0);
	}
}

/* ---- what the user answers ------------------------------------------------------------------ */

static void move_on(struct draw *d, struct vtx_run *run)
{
	__u64 *reg = &run->regs.rax;

	run->regs.rip = (run->regs.rip & ~EIP) | ((run->regs.rip + 1 + draw_below(d, 8)) & EIP);
	reg[draw_below(d, 16)] = draw_value(d);
	run->flags |= VTX_RUN_SET_REGS;
}

/* Returns false when the sequence is over. */
static bool answer_exit(struct draw *d, struct vtx_run *run)
{
	run->flags = draw_below(d, 16) ? 0 : VTX_RUN_EVERY_EXIT;
	switch (run->exit.kind) {
	case VTX_EXIT_IO:
		run->data = draw_value(d);
		if (run->exit.io_flags & VTX_IO_STRING)
			move_on(d, run);
		return true;
	case VTX_EXIT_RDMSR:
	case VTX_EXIT_WRMSR:
		run->data = draw_value(d);
		run->flags |= draw_below(d, 2) ? VTX_RUN_FAULT : 0;
		return true;
	case VTX_EXIT_INTA:
		run->data = draw_below(d, 4) ? draw_below(d, VTX_NO_VECTOR + 2) : draw_value(d);
		return true;
	case VTX_EXIT_MMIO:
	case VTX_EXIT_PROTECTION:
		move_on(d, run);
		return draw_below(d, 2);
	case VTX_EXIT_HYPERCALL:
	case VTX_EXIT_HLT:
		run->hypercall_result = draw(d);
		return draw_below(d, 2);
	case VTX_EXIT_TIMEOUT:
		return false;
	}
	return run->exit.handled;
}

static void run_sequence(struct draw *d, bool verbose)
{
	struct vtx_run *run = vm.run[0];

	for (int turn = 0; turn < TURNS; turn++) {
		int error = run_once(0, TURN_NS);

		note(error);
		if (error)
			break;
		total.turns++;
		total.kinds[run->exit.kind < VTX_EXIT_KINDS ? run->exit.kind : VTX_EXIT_KINDS]++;
		if (verbose)
			print_exit(0, 0);
		if (run->exit.kind == VTX_EXIT_ENTRY_FAILED)
			answer("failed sequence=%llu reason=%#x\n", (unsigned long long)sequence,
			       run->exit.reason);
		if (!answer_exit(d, run))
			break;
	}
	run->flags = 0;
}

/* ---- one sequence after the other ----------------------------------------------------------- */

static int new_vm(uint64_t seed)
{
	struct draw d = { .state = seed ^ sequence / SEQUENCES_A_VM };
	char *words[] = { "2M", "1", NULL };
	bool was_quiet = quiet;
	int error;

	verb_close(NULL);
	quiet = true;
	error = verb_create(words);
	quiet = was_quiet;
	if (!error) {
		make_tables(&d);
		make_handlers(&d);
	}
	if (!error && draw_below(&d, 2)) {
		struct vtx_msr_policy policy = { .action = VTX_MSR_USER };

		error = ioctl(vm.fd, VTXDRV_MSR_POLICY, &policy) ? errno : 0;
	}
	return error;
}

static int one_sequence(uint64_t seed, bool verbose)
{
	static const uint32_t modes[] = { VTX_MODE_LONG, VTX_MODE_LONG, VTX_MODE_LONG,
					  VTX_MODE_REAL, VTX_MODE_PROTECTED, VTX_MODE_PAGED };
	struct draw d = { .state = seed + sequence * 0xd1342543de82ef95ULL };
	uint32_t mode = modes[draw_below(&d, 6)];
	bool fresh = sequence == first_vm || sequence % SEQUENCES_A_VM == 0;
	bool again = fresh || !draw_below(&d, 3);
	int error = fresh ? new_vm(seed) : 0;

	if (error)
		return error;
	if (!draw_below(&d, 16)) /* otherwise as the one before has left them */
		make_tables(&d);
	if (!draw_below(&d, 16))
		make_handlers(&d);
	make_code(&d);
	if (again) { /* often the vCPU goes on in whatever state the last sequence has left it */
		error = start(&d, mode);
		started = mode;
	}
	if (error)
		return error;
	if (verbose) {
		answer("sequence mode=%u code=", started);
		for (unsigned int i = 0; i < FILL; i++)
			answer("%02x", vm.memory[TORTURE_CODE + i]);
		answer("\n");
	}
	note(start_regs(&d));
	if (draw_below(&d, 4))
		note(start_sregs(&d, started));
	if (!draw_below(&d, 3))
		send_events(&d);
	run_sequence(&d, verbose);
	return 0;
}

static void print_total(uint64_t sequences)
{
	answer("torture sequences=%llu turns=%llu refused=%llu last=%s",
	       (unsigned long long)sequences, (unsigned long long)total.turns,
	       (unsigned long long)total.refused,
	       total.last_error ? errno_name(total.last_error) : "0");
	for (uint32_t kind = 0; kind <= VTX_EXIT_KINDS; kind++)
		if (total.kinds[kind])
			answer(" %s=%llu", kind_name(kind),
			       (unsigned long long)total.kinds[kind]);
	answer("\n");
}

int verb_torture(char **words)
{
	uint64_t seed = number(words[0]), count = number(words[2]);
	bool verbose = number(words[3]);
	int error = 0;

	first_vm = number(words[1]);
	for (sequence = first_vm; sequence < first_vm + count && !error; sequence++)
		error = one_sequence(seed, verbose);
	if (error)
		answer("stopped sequence=%llu\n", (unsigned long long)(sequence - 1));
	print_total(sequence - first_vm);
	return error;
}
