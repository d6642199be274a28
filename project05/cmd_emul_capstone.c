// SPDX-License-Identifier: GPL-2.0
/*
 * From Capstone's words for an instruction to ours.
 */
#include "cmd_emul_capstone.h"

#define LOW_NIBBLE 15
#define REX_W 8

/* ---- what Capstone calls things -------------------------------------------------------------- */

#define SIZES(number, byte, word, half, whole)                                            \
	[X86_REG_##byte] = { number, 1, false }, [X86_REG_##word] = { number, 2, false }, \
	[X86_REG_##half] = { number, 4, false }, [X86_REG_##whole] = { number, 8, false }

static const struct emul_reg registers[X86_REG_ENDING] = {
	SIZES(0, AL, AX, EAX, RAX),
	SIZES(1, CL, CX, ECX, RCX),
	SIZES(2, DL, DX, EDX, RDX),
	SIZES(3, BL, BX, EBX, RBX),
	SIZES(4, SPL, SP, ESP, RSP),
	SIZES(5, BPL, BP, EBP, RBP),
	SIZES(6, SIL, SI, ESI, RSI),
	SIZES(7, DIL, DI, EDI, RDI),
	SIZES(8, R8B, R8W, R8D, R8),
	SIZES(9, R9B, R9W, R9D, R9),
	SIZES(10, R10B, R10W, R10D, R10),
	SIZES(11, R11B, R11W, R11D, R11),
	SIZES(12, R12B, R12W, R12D, R12),
	SIZES(13, R13B, R13W, R13D, R13),
	SIZES(14, R14B, R14W, R14D, R14),
	SIZES(15, R15B, R15W, R15D, R15),
	[X86_REG_AH] = { 0, 1, true },
	[X86_REG_CH] = { 1, 1, true },
	[X86_REG_DH] = { 2, 1, true },
	[X86_REG_BH] = { 3, 1, true },
	[X86_REG_RIP] = { EMUL_REG_RIP, 8, false },
	[X86_REG_EIP] = { EMUL_REG_RIP, 4, false },
};

/* 1 more than enum emul_segment, so that 0 is none. */
static const u8 segments[X86_REG_ENDING] = {
	[X86_REG_ES] = EMUL_ES + 1, [X86_REG_CS] = EMUL_CS + 1, [X86_REG_SS] = EMUL_SS + 1,
	[X86_REG_DS] = EMUL_DS + 1, [X86_REG_FS] = EMUL_FS + 1, [X86_REG_GS] = EMUL_GS + 1,
};

static const u8 operations[X86_INS_ENDING] = {
#define EMUL_NAME(capstone, op) [X86_INS_##capstone] = EMUL_##op,
/* Each condition has an instruction of its own; which one it is, the opcode says. */
#define EMUL_CONDITIONS(name, op)                                                              \
	EMUL_NAME(name##O, op)                                                                 \
	EMUL_NAME(name##NO, op)                                                                \
	EMUL_NAME(name##B, op)                                                                 \
	EMUL_NAME(name##AE, op) EMUL_NAME(name##E, op) EMUL_NAME(name##NE, op)                 \
		EMUL_NAME(name##BE, op) EMUL_NAME(name##A, op) EMUL_NAME(name##S, op)          \
			EMUL_NAME(name##NS, op) EMUL_NAME(name##P, op) EMUL_NAME(name##NP, op) \
				EMUL_NAME(name##L, op) EMUL_NAME(name##GE, op)                 \
					EMUL_NAME(name##LE, op) EMUL_NAME(name##G, op)
#include "cmd_emul_names.def"
#undef EMUL_CONDITIONS
#undef EMUL_NAME
};

/* The opcode of a string operation on bytes; that on more is the next one. */
static const u8 string_opcodes[EMUL_OPS] = {
	[EMUL_MOVS] = 0xa4, [EMUL_CMPS] = 0xa6, [EMUL_STOS] = 0xaa, [EMUL_LODS] = 0xac,
	[EMUL_SCAS] = 0xae, [EMUL_INS] = 0x6c,	[EMUL_OUTS] = 0x6e,
};

/* ---- operands -------------------------------------------------------------------------------- */

/* X86_REG_EIZ and _RIZ say that there is an index byte without an index. */
static bool take_address_register(x86_reg reg, struct emul_reg *out)
{
	*out = (struct emul_reg){ .number = EMUL_REG_NONE };
	if (reg == X86_REG_INVALID || reg == X86_REG_EIZ || reg == X86_REG_RIZ)
		return true;
	*out = registers[reg];
	return out->size;
}

/* SDM vol. 1, "Specifying a Segment Selector": the stack's where the base is its pointer. */
static u8 default_segment(const struct emul_operand *operand)
{
	bool stack = operand->base.number == EMUL_RSP || operand->base.number == EMUL_RBP;

	return stack ? EMUL_SS : EMUL_DS;
}

static bool take_memory(const x86_op_mem *mem, struct emul_operand *out)
{
	if (!take_address_register(mem->base, &out->base) ||
	    !take_address_register(mem->index, &out->index))
		return false;
	out->kind = EMUL_MEM;
	out->imm = mem->disp;
	out->scale = mem->scale;
	out->segment = segments[mem->segment] ? segments[mem->segment] - 1 : default_segment(out);
	return true;
}

static bool take_register(x86_reg reg, struct emul_operand *out)
{
	if (segments[reg]) {
		out->kind = EMUL_SEGMENT_REG;
		out->reg.number = segments[reg] - 1;
		return true;
	}
	out->kind = EMUL_REG;
	out->reg = registers[reg];
	return out->reg.size && out->reg.number != EMUL_REG_RIP;
}

static bool take_operand(const cs_x86_op *op, struct emul_operand *out)
{
	out->size = op->size;
	switch (op->type) {
	case X86_OP_REG:
		return take_register(op->reg, out);
	case X86_OP_IMM:
		out->kind = EMUL_IMM;
		out->imm = op->imm;
		return true;
	case X86_OP_MEM:
		return take_memory(&op->mem, out);
	default:
		return false;
	}
}

/* ---- instructions ---------------------------------------------------------------------------- */

static enum emul_rep repetition(u8 prefix)
{
	switch (prefix) {
	case X86_PREFIX_REP:
		return EMUL_REP;
	case X86_PREFIX_REPNE:
		return EMUL_REPNE;
	default:
		return EMUL_REP_NONE;
	}
}

static u8 string_segment(const cs_x86 *x86)
{
	switch (x86->prefix[1]) {
	case X86_PREFIX_ES:
		return EMUL_ES;
	case X86_PREFIX_CS:
		return EMUL_CS;
	case X86_PREFIX_SS:
		return EMUL_SS;
	case X86_PREFIX_FS:
		return EMUL_FS;
	case X86_PREFIX_GS:
		return EMUL_GS;
	default:
		return EMUL_DS;
	}
}

static u8 string_size(const cs_x86 *x86, const struct emul_insn *insn, u32 bits)
{
	bool ports = insn->op == EMUL_INS || insn->op == EMUL_OUTS;
	bool short_by_default = bits == 16;
	bool changed = x86->prefix[2] == X86_PREFIX_OPSIZE;

	if (x86->opcode[0] == string_opcodes[insn->op])
		return sizeof(u8);
	if (x86->rex & REX_W && !ports)
		return sizeof(u64);
	if (x86->rex & REX_W)
		return sizeof(u32);
	return short_by_default == changed ? sizeof(u32) : sizeof(u16);
}

/* MOVSD and CMPSD are instructions of SSE as well, with an opcode of two bytes. */
static bool take_string(const cs_x86 *x86, u32 bits, struct emul_insn *insn)
{
	if ((x86->opcode[0] & ~1) != string_opcodes[insn->op])
		return false;
	insn->rep = repetition(x86->prefix[0]);
	insn->segment = string_segment(x86);
	insn->size = string_size(x86, insn, bits);
	return true;
}

static bool take_operands(const cs_x86 *x86, struct emul_insn *insn)
{
	u8 i;

	if (!x86->op_count || x86->op_count >= EMUL_OPERANDS)
		return false;
	for (i = 0; i < x86->op_count; i++) {
		if (!take_operand(&x86->operands[i], &insn->operands[i]))
			return false;
	}
	insn->size = insn->operands[0].size;
	/* The condition is in the opcode's lower half. */
	insn->condition = x86->opcode[1] & LOW_NIBBLE;
	/* Loading a segment register takes more than a number. */
	return insn->op == EMUL_PUSH || insn->operands[0].kind == EMUL_REG ||
	       insn->operands[0].kind == EMUL_MEM;
}

bool emul_take(const cs_insn *from, u32 bits, struct emul_insn *insn)
{
	const cs_x86 *x86 = &from->detail->x86;

	*insn = (struct emul_insn){
		.op = from->id < X86_INS_ENDING ? operations[from->id] : EMUL_NONE,
		.length = from->size,
		.address_size = x86->addr_size,
	};
	if (insn->op == EMUL_NONE)
		return false;
	if (insn->op >= EMUL_MOVS)
		return take_string(x86, bits, insn);
	return take_operands(x86, insn);
}
