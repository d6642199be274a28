// SPDX-License-Identifier: GPL-2.0
/*
 * All instructions but those on strings: find the operand in memory, of which there is one, read,
 * compute, write. Nothing is written before everything that can fault is over.
 */
#include "cmd_emul_insn.h"
#include "guest_walk_logic.h"
#include "vmx_entry_bits.h"
#include "x86_bits.h"

/* What an operation does with its first operand. */
enum { READS = 1, WRITES = 2 };

static const u8 uses[EMUL_OPS] = {
	[EMUL_MOV] = WRITES,
	[EMUL_MOVSX] = WRITES,
	[EMUL_MOVBE] = WRITES,
	[EMUL_XCHG] = READS | WRITES,
	[EMUL_ADD] = READS | WRITES,
	[EMUL_OR] = READS | WRITES,
	[EMUL_ADC] = READS | WRITES,
	[EMUL_SBB] = READS | WRITES,
	[EMUL_AND] = READS | WRITES,
	[EMUL_SUB] = READS | WRITES,
	[EMUL_XOR] = READS | WRITES,
	[EMUL_CMP] = READS,
	[EMUL_TEST] = READS,
	[EMUL_INC] = READS | WRITES,
	[EMUL_DEC] = READS | WRITES,
	[EMUL_NEG] = READS | WRITES,
	[EMUL_NOT] = READS | WRITES,
	[EMUL_XADD] = READS | WRITES,
	[EMUL_CMPXCHG] = READS | WRITES,
	[EMUL_BT] = READS,
	[EMUL_BTS] = READS | WRITES,
	[EMUL_BTR] = READS | WRITES,
	[EMUL_BTC] = READS | WRITES,
	[EMUL_SETCC] = WRITES,
	[EMUL_CMOVCC] = READS | WRITES,
};

/* An operand that has been found: read and write cannot fail any more. */
struct place {
	const struct emul_operand *operand;
	struct emul_span span;
};

static bool find_at(struct emul *emul, struct place *place, u64 offset, u32 uses_of_it)
{
	u32 access = 0;

	if (uses_of_it & READS)
		access |= VTX_ACCESS_READ;
	if (uses_of_it & WRITES)
		access |= VTX_ACCESS_WRITE;
	return emul_find(emul, place->operand->segment, offset, place->operand->size, access,
			 &place->span);
}

static bool find(struct emul *emul, struct place *place, u32 uses_of_it)
{
	if (place->operand->kind != EMUL_MEM)
		return true;
	return find_at(emul, place, emul_effective(emul, place->operand), uses_of_it);
}

static u64 get(struct emul *emul, const struct place *place)
{
	const struct emul_operand *operand = place->operand;

	switch (operand->kind) {
	case EMUL_MEM:
		return emul_load(emul, &place->span);
	case EMUL_REG:
		return emul_get(emul, operand->reg);
	case EMUL_SEGMENT_REG:
		return emul_segment(emul, operand->reg.number)->selector;
	default:
		return operand->imm & emul_mask(operand->size);
	}
}

static void put(struct emul *emul, const struct place *place, u64 value)
{
	if (place->operand->kind == EMUL_MEM)
		emul_store(emul, &place->span, value);
	else
		emul_set(emul, place->operand->reg, value);
}

/* BT and its relatives with a register: the bit may lie far away from the operand. */
static u64 bit_string(const struct emul *emul, const struct emul_insn *insn, u64 offset)
{
	const struct emul_operand *bit = &insn->operands[1];
	s64 index;

	if (insn->op < EMUL_BT || insn->op > EMUL_BTC || bit->kind != EMUL_REG)
		return offset;
	index = emul_sign_extend(emul_get(emul, bit->reg), bit->size);
	offset += (index >> __builtin_ctz(insn->size * EMUL_BYTE_BITS)) * insn->size;
	return offset & emul_mask(insn->address_size);
}

static void write_back(struct emul *emul, const struct emul_alu *alu, struct place *to,
		       const struct place *from)
{
	const struct emul_insn *insn = emul->insn;

	if (uses[insn->op] & WRITES)
		put(emul, to, alu->result);
	/* Both are exchanged; where they are the same register, the sum stays. */
	if (insn->op == EMUL_XCHG || (insn->op == EMUL_XADD && to->operand->kind == EMUL_MEM))
		put(emul, from, alu->a);
	if (insn->op == EMUL_CMPXCHG && !(alu->flags & RFLAGS_ZF))
		emul_set(emul, emul_gpr(EMUL_RAX, insn->size), alu->accumulator);
	emul->regs->rflags = alu->flags;
}

static enum emul_result compute(struct emul *emul)
{
	const struct emul_insn *insn = emul->insn;
	struct place to = { .operand = &insn->operands[0] };
	struct place from = { .operand = &insn->operands[1] };
	struct emul_alu alu = {
		.op = insn->op,
		.size = insn->size,
		.source_size = insn->operands[1].size,
		.condition = insn->condition,
		.flags = emul->regs->rflags,
		.accumulator = emul->regs->rax & emul_mask(insn->size),
	};
	bool found = true;

	if (to.operand->kind == EMUL_MEM)
		found = find_at(emul, &to, bit_string(emul, insn, emul_effective(emul, to.operand)),
				uses[insn->op]);
	/* XCHG may have its operand in memory second, and writes it. */
	if (!found || !find(emul, &from, insn->op == EMUL_XCHG ? READS | WRITES : READS))
		return emul_not_done(emul);
	if (uses[insn->op] & READS)
		alu.a = get(emul, &to);
	if (from.operand->kind != EMUL_NO_OPERAND)
		alu.b = get(emul, &from);
	emul_alu(&alu);
	write_back(emul, &alu, &to, &from);
	return EMUL_DONE;
}

/* ---- the stack ------------------------------------------------------------------------------- */

static u32 stack_bytes(const struct emul *emul)
{
	if (emul->bits == 64)
		return sizeof(u64);
	return emul_segment(emul, EMUL_SS)->access & ACCESS_RIGHTS_DB ? sizeof(u32) : sizeof(u16);
}

static enum emul_result push(struct emul *emul)
{
	struct place from = { .operand = &emul->insn->operands[0] };
	struct emul_reg sp = emul_gpr(EMUL_RSP, stack_bytes(emul));
	u64 top = (emul_get(emul, sp) - emul->insn->size) & emul_mask(sp.size);
	struct emul_span span;

	if (!find(emul, &from, READS) ||
	    !emul_find(emul, EMUL_SS, top, emul->insn->size, VTX_ACCESS_WRITE, &span))
		return emul_not_done(emul);
	emul_store(emul, &span, get(emul, &from));
	emul_set(emul, sp, top);
	return EMUL_DONE;
}

/* The address of POP's operand is that after the pop: SDM vol. 2, POP. */
static enum emul_result pop(struct emul *emul)
{
	struct place to = { .operand = &emul->insn->operands[0] };
	struct emul_reg sp = emul_gpr(EMUL_RSP, stack_bytes(emul));
	u64 top = emul_get(emul, sp);
	u64 before = emul->regs->rsp;
	struct emul_span span;

	if (!emul_find(emul, EMUL_SS, top, emul->insn->size, VTX_ACCESS_READ, &span))
		return emul_not_done(emul);
	emul_set(emul, sp, top + emul->insn->size);
	if (!find(emul, &to, WRITES)) {
		emul->regs->rsp = before;
		return emul_not_done(emul);
	}
	put(emul, &to, emul_load(emul, &span));
	return EMUL_DONE;
}

enum emul_result emul_plain(struct emul *emul)
{
	switch (emul->insn->op) {
	case EMUL_PUSH:
		return push(emul);
	case EMUL_POP:
		return pop(emul);
	default:
		return compute(emul);
	}
}
