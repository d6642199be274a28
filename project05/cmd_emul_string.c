// SPDX-License-Identifier: GPL-2.0
/*
 * String instructions: element by element, so that a fault in the middle leaves the registers as a
 * processor would; SDM vol. 2, "REP/REPE/REPZ/REPNE/REPNZ". An element is translated on both sides
 * before it moves, for reading from a device cannot be taken back.
 */
#include "cmd_emul_insn.h"
#include "x86_bits.h"

struct string {
	struct emul *emul;
	const struct emul_insn *insn;
	struct emul_reg source; /* (R)SI */
	struct emul_reg target; /* (R)DI */
	struct emul_reg accumulator;
};

static bool find_source(struct string *string, struct emul_span *span)
{
	return emul_find(string->emul, string->insn->segment,
			 emul_get(string->emul, string->source), string->insn->size,
			 VTX_ACCESS_READ, span);
}

/* Always in ES: no prefix changes that. */
static bool find_target(struct string *string, u32 access, struct emul_span *span)
{
	return emul_find(string->emul, EMUL_ES, emul_get(string->emul, string->target),
			 string->insn->size, access, span);
}

static void compare(struct string *string, u64 a, u64 b)
{
	struct emul_alu alu = {
		.op = EMUL_CMP,
		.size = string->insn->size,
		.a = a,
		.b = b,
		.flags = string->emul->regs->rflags,
	};

	emul_alu(&alu);
	string->emul->regs->rflags = alu.flags;
}

/* ---- one element ----------------------------------------------------------------------------- */

static bool do_movs(struct string *string)
{
	struct emul_span from;
	struct emul_span to;

	if (!find_source(string, &from) || !find_target(string, VTX_ACCESS_WRITE, &to))
		return false;
	emul_store(string->emul, &to, emul_load(string->emul, &from));
	return true;
}

static bool do_cmps(struct string *string)
{
	struct emul_span from;
	struct emul_span to;
	u64 first;

	if (!find_source(string, &from) || !find_target(string, VTX_ACCESS_READ, &to))
		return false;
	first = emul_load(string->emul, &from);
	compare(string, first, emul_load(string->emul, &to));
	return true;
}

static bool do_stos(struct string *string)
{
	struct emul_span to;

	if (!find_target(string, VTX_ACCESS_WRITE, &to))
		return false;
	emul_store(string->emul, &to, emul_get(string->emul, string->accumulator));
	return true;
}

static bool do_lods(struct string *string)
{
	struct emul_span from;

	if (!find_source(string, &from))
		return false;
	emul_set(string->emul, string->accumulator, emul_load(string->emul, &from));
	return true;
}

static bool do_scas(struct string *string)
{
	struct emul_span to;

	if (!find_target(string, VTX_ACCESS_READ, &to))
		return false;
	compare(string, emul_get(string->emul, string->accumulator), emul_load(string->emul, &to));
	return true;
}

static u32 port(const struct string *string)
{
	return emul_get(string->emul, emul_gpr(EMUL_RDX, sizeof(u16)));
}

static bool do_ins(struct string *string)
{
	struct emul *emul = string->emul;
	struct emul_span to;

	if (!find_target(string, VTX_ACCESS_WRITE, &to))
		return false;
	emul_store(emul, &to, emul->ops->port_read(emul->opaque, port(string), string->insn->size));
	return true;
}

static bool do_outs(struct string *string)
{
	struct emul *emul = string->emul;
	struct emul_span from;

	if (!find_source(string, &from))
		return false;
	emul->ops->port_write(emul->opaque, port(string), string->insn->size,
			      emul_load(emul, &from));
	return true;
}

/* What an operation does, and which of the two pointers move. */
static const struct {
	bool (*element)(struct string *string);
	bool source;
	bool target;
	bool compares;
} operations[EMUL_OPS] = {
	[EMUL_MOVS] = { do_movs, true, true, false },
	[EMUL_CMPS] = { do_cmps, true, true, true },
	[EMUL_STOS] = { do_stos, false, true, false },
	[EMUL_LODS] = { do_lods, true, false, false },
	[EMUL_SCAS] = { do_scas, false, true, true },
	[EMUL_INS] = { do_ins, false, true, false },
	[EMUL_OUTS] = { do_outs, true, false, false },
};

/* ---- all of them ----------------------------------------------------------------------------- */

static void move(struct string *string, struct emul_reg pointer)
{
	u64 step = string->insn->size;

	if (string->emul->regs->rflags & RFLAGS_DF)
		step = -step;
	emul_set(string->emul, pointer, emul_get(string->emul, pointer) + step);
}

static bool do_one(struct string *string)
{
	enum emul_op op = string->insn->op;

	if (!operations[op].element(string))
		return false;
	if (operations[op].source)
		move(string, string->source);
	if (operations[op].target)
		move(string, string->target);
	return true;
}

/* REPE goes on while the elements are equal, REPNE while they are not. */
static bool goes_on(const struct string *string)
{
	bool equal = string->emul->regs->rflags & RFLAGS_ZF;

	if (!operations[string->insn->op].compares)
		return true;
	return equal == (string->insn->rep == EMUL_REP);
}

static enum emul_result repeat(struct string *string)
{
	struct emul *emul = string->emul;
	struct emul_reg counter = emul_gpr(EMUL_RCX, string->insn->address_size);
	/* A processor that steps stops behind each element. */
	u32 limit = emul->regs->rflags & RFLAGS_TF ? 1 : EMUL_REP_LIMIT;
	u32 done;

	for (done = 0; emul_get(emul, counter); done++) {
		if (done == limit)
			return EMUL_AGAIN;
		if (!do_one(string))
			return emul_not_done(emul);
		emul_set(emul, counter, emul_get(emul, counter) - 1);
		if (!goes_on(string))
			break;
	}
	return EMUL_DONE;
}

enum emul_result emul_string(struct emul *emul)
{
	const struct emul_insn *insn = emul->insn;
	struct string string = {
		.emul = emul,
		.insn = insn,
		.source = emul_gpr(EMUL_RSI, insn->address_size),
		.target = emul_gpr(EMUL_RDI, insn->address_size),
		.accumulator = emul_gpr(EMUL_RAX, insn->size),
	};

	if (insn->rep != EMUL_REP_NONE)
		return repeat(&string);
	return do_one(&string) ? EMUL_DONE : emul_not_done(emul);
}
