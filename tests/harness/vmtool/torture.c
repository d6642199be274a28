// SPDX-License-Identifier: GPL-2.0
/*
 * Guests that nobody has written: random instructions in every mode of the processor, with the IDT
 * where no memory is, with a stack in a hole, beside events that nobody expects, and a user who
 * answers anything. Whatever becomes of them, the host has to stay as it is.
 *
 * A sequence is drawn from the seed and its own number, and begins with the vCPU initialised and
 * all memory as it is for that number: what ran before in the same VM leaves no trace. `torture
 * SEED NUMBER 1 1` repeats it; its digest is the same, unless time has taken part.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "torture.h"
#include "vmtool.h"

#define TURNS 8 /* of one part of a sequence */
#define TURN_NS 100000ULL
#define INSTRUCTIONS 16
#define CODE_ROOM 256U
#define US 1000ULL
#define CANONICAL 0x7fffffffffffULL
#define FRAMES 0xfffff000ULL
#define EIP 0xffffffffULL
#define VECTOR_NM 7
#define DRIVER_EXITS 64
#define FNV_PRIME 0x100000001b3ULL
#define FNV_BASIS 0xcbf29ce484222325ULL

/* What has happened in all sequences. */
static struct {
	uint64_t kinds[VTX_EXIT_KINDS + 1], refused, turns;
	int last_error;
} total;

enum verbose { SUM, DIGESTS, EXITS };

static uint64_t sequence;
static enum verbose verbose;

/* What became of the sequence: all that user space saw; and has time had a part in it? */
static uint64_t digest;
static bool timed;

static void mix(uint64_t value)
{
	digest = (digest ^ value) * FNV_PRIME;
	digest ^= digest >> 32;
}

static void mix_exit(const struct vtx_exit *exit)
{
	mix(exit->kind | (uint64_t)exit->reason << 32);
	mix(exit->rip);
	mix(exit->qualification);
	mix(exit->vector | (uint64_t)exit->error_code << 32);
	mix(exit->address);
	mix(exit->nr);
	mix(exit->value);
	mix(exit->gpa ^ exit->linear << 16);
	mix(exit->memory_access | (uint64_t)exit->slot << 32);
	mix(exit->port | exit->io_flags << 16 | (uint64_t)exit->msr << 32);
	mix(exit->data);
}

static unsigned int make_code(struct draw *d)
{
	uint8_t *code = torture_at(TORTURE_CODE);
	unsigned int length = draw_code(d, code, CODE_ROOM, 1 + draw_below(d, INSTRUCTIONS));

	memcpy(code + length, "\x0f\x01\xc1\xf4\xeb\xfd", 6); /* vmcall; hlt; and again */
	timed |= torture_tells_time(code, length);
	return length;
}

static void note(int error)
{
	mix((uint64_t)error);
	if (error) {
		total.refused++;
		total.last_error = error;
	}
}

/* ---- where it begins ------------------------------------------------------------------------ */

static int start(struct draw *d, uint32_t mode)
{
	struct vtx_vcpu_init how = { .mode = mode,
				     .rip = TORTURE_CODE,
				     .rsp = TORTURE_STACK,
				     .rdi = draw_value(d),
				     .rsi = draw_value(d),
				     .rdx = draw_value(d) };

	return ioctl(vm.fd, VTXDRV_INIT_VCPU, &how) ? errno : 0;
}

/* With the next turn, which costs no ioctl, or by the ioctl. */
static int start_regs(struct draw *d)
{
	struct vtx_vcpu_regs all = { 0 };
	__u64 *reg = &all.regs.rax;
	struct vtx_run *run = vm.run[0];

	for (int i = 0; i < 16; i++)
		reg[i] = draw_value(d);
	if (draw_below(d, 3))
		all.regs.rsp = TORTURE_STACK;
	all.regs.rip = TORTURE_CODE;
	all.regs.rflags = 2 | (draw(d) & (draw_below(d, 4) ? 0x200 : 0x44700));
	if (!draw_below(d, 8))
		return ioctl(vm.fd, VTXDRV_SET_REGS, &all) ? errno : 0;
	run->regs = all.regs;
	run->flags |= VTX_RUN_SET_REGS;
	return 0;
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

/* After VTXDRV_INIT_VCPU they are the same each time. */
static int get_sregs(struct vtx_vcpu_sregs *all, uint32_t mode, bool fresh)
{
	static struct vtx_vcpu_sregs known[VTX_VCPU_MODES];
	static bool is_known[VTX_VCPU_MODES];

	if (fresh && is_known[mode]) {
		*all = known[mode];
		return 0;
	}
	*all = (struct vtx_vcpu_sregs){ 0 };
	if (ioctl(vm.fd, VTXDRV_GET_SREGS, all))
		return errno;
	if (fresh)
		known[mode] = *all;
	is_known[mode] |= fresh;
	return 0;
}

/* IDT, GDT and page tables: right, or in a hole, or anywhere. */
static int start_sregs(struct draw *d, uint32_t mode, bool fresh)
{
	struct vtx_vcpu_sregs all;
	int error = get_sregs(&all, mode, fresh);

	if (error)
		return error;
	all.sregs.idtr.base = table_base(d, mode == VTX_MODE_LONG ? TORTURE_IDT64 : TORTURE_IDT32);
	all.sregs.idtr.limit = draw_below(d, 4) ? 0xfff : (uint16_t)draw(d);
	all.sregs.gdtr.base = table_base(d, TORTURE_GDT);
	all.sregs.gdtr.limit = 0xff;
	if (mode == VTX_MODE_LONG && draw_below(d, 4))
		all.sregs.cr3 = draw_below(d, 8) ? TORTURE_CR3 : draw_value(d) & FRAMES;
	return ioctl(vm.fd, VTXDRV_SET_SREGS, &all) ? errno : 0;
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

		timed = true;
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

/*
 * Exits that are the driver's affair, which user space sees only because it asked for every one:
 * memory that got its frame, an FPU state that was away.
 */
static bool is_of_driver(const struct vtx_exit *exit)
{
	return exit->handled && (exit->kind == VTX_EXIT_NOT_PRESENT ||
				 (exit->kind == VTX_EXIT_EXCEPTION && exit->vector == VECTOR_NM));
}

static int one_turn(void)
{
	int error, again = DRIVER_EXITS;

	do {
		error = run_once(0, TURN_NS);
	} while (!error && is_of_driver(&vm.run[0]->exit) && --again);
	return error;
}

/* When an interrupt of the host comes, or a limit is reached, nobody can say. */
static bool tells_time(uint32_t kind)
{
	return kind == VTX_EXIT_TIMEOUT || kind == VTX_EXIT_TIMER || kind == VTX_EXIT_INTERRUPT ||
	       kind == VTX_EXIT_NMI;
}

static void note_exit(const struct vtx_exit *exit)
{
	total.turns++;
	total.kinds[exit->kind < VTX_EXIT_KINDS ? exit->kind : VTX_EXIT_KINDS]++;
	timed |= tells_time(exit->kind);
	mix_exit(exit);
	if (verbose == EXITS)
		print_exit(0, 0);
	if (exit->kind == VTX_EXIT_ENTRY_FAILED)
		answer("failed sequence=%llu reason=%#x\n", (unsigned long long)sequence,
		       exit->reason);
}

/* Returns false if the vCPU cannot go on. */
static bool run_part(struct draw *d)
{
	struct vtx_run *run = vm.run[0];
	bool on = true;

	for (int turn = 0; turn < TURNS && on; turn++) {
		int error = one_turn();

		note(error);
		if (error)
			return false;
		note_exit(&run->exit);
		on = answer_exit(d, run);
	}
	return run->exit.kind != VTX_EXIT_TIMEOUT;
}

/* ---- one sequence after the other ----------------------------------------------------------- */

static void print_code(uint32_t mode, unsigned int length)
{
	answer("sequence mode=%u code=", mode);
	for (unsigned int i = 0; i < length + 6; i++)
		answer("%02x", torture_at(TORTURE_CODE)[i]);
	answer("\n");
}

/* Code, registers, events, and a run; the vCPU is as INIT or the part before has left it. */
static bool one_part(struct draw *d, uint32_t mode, bool fresh)
{
	unsigned int length = make_code(d);

	vm.run[0]->flags = 0;
	if (verbose == EXITS)
		print_code(mode, length);
	note(start_regs(d));
	if (draw_below(d, 4))
		note(start_sregs(d, mode, fresh));
	if (!draw_below(d, 3))
		send_events(d);
	return run_part(d);
}

static int one_sequence(uint64_t seed, bool new_vm)
{
	static const uint32_t modes[] = { VTX_MODE_LONG, VTX_MODE_LONG,	     VTX_MODE_LONG,
					  VTX_MODE_LONG, VTX_MODE_PROTECTED, VTX_MODE_REAL,
					  VTX_MODE_REAL, VTX_MODE_PAGED };
	struct draw d = { .state = seed + sequence * 0xd1342543de82ef95ULL };
	uint32_t mode = modes[draw_below(&d, 8)];
	int parts = draw_below(&d, 8) ? 1 : 2 + draw_below(&d, 3);
	int error = new_vm ? torture_new_vm(seed, sequence) : 0;

	if (error)
		return error;
	digest = FNV_BASIS;
	timed = false;
	torture_refresh(seed, sequence);
	error = start(&d, mode);
	if (error)
		return error;
	for (int part = 0; part < parts; part++)
		if (!one_part(&d, mode, !part))
			break;
	if (verbose)
		answer("digest sequence=%llu timed=%d value=%#llx\n", (unsigned long long)sequence,
		       timed, (unsigned long long)digest);
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
			answer(" %s=%llu", kind_name(kind), (unsigned long long)total.kinds[kind]);
	answer("\n");
}

int verb_torture(char **words)
{
	uint64_t seed = number(words[0]), first = number(words[1]), count = number(words[2]);
	int error = 0;

	verbose = (enum verbose)number(words[3]);
	for (sequence = first; sequence < first + count && !error; sequence++)
		error = one_sequence(seed, sequence == first || !(sequence % TORTURE_SEQUENCES));
	if (error)
		answer("stopped sequence=%llu\n", (unsigned long long)(sequence - 1));
	print_total(sequence - first);
	return error;
}
