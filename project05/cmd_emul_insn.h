/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_emul_insn.h
 * @brief What the files of the emulator share: a decoded instruction, and the steps of doing it.
 */
#ifndef CMD_EMUL_INSN_H
#define CMD_EMUL_INSN_H

#include "cmd_emul.h"

/** Longest instruction; SDM vol. 2, "Instruction Prefixes". */
#define EMUL_MAX_LENGTH 15
/** Explicit operands that an instruction of ours has at most. */
#define EMUL_OPERANDS 3
/** Bits of a byte. */
#define EMUL_BYTE_BITS 8

/** Operations. Those from EMUL_MOVS on are string operations. */
enum emul_op {
	EMUL_NONE = 0, /**< not one of ours */
	EMUL_MOV, /**< also MOVZX, MOVNTI: the rest of the destination becomes 0 */
	EMUL_MOVSX, /**< with the sign */
	EMUL_MOVBE, /**< bytes in reverse order */
	EMUL_XCHG,
	EMUL_ADD,
	EMUL_OR,
	EMUL_ADC,
	EMUL_SBB,
	EMUL_AND,
	EMUL_SUB,
	EMUL_XOR,
	EMUL_CMP,
	EMUL_TEST,
	EMUL_INC,
	EMUL_DEC,
	EMUL_NEG,
	EMUL_NOT,
	EMUL_XADD,
	EMUL_CMPXCHG,
	EMUL_BT,
	EMUL_BTS,
	EMUL_BTR,
	EMUL_BTC,
	EMUL_SETCC,
	EMUL_CMOVCC,
	EMUL_PUSH,
	EMUL_POP,
	EMUL_MOVS,
	EMUL_CMPS,
	EMUL_STOS,
	EMUL_LODS,
	EMUL_SCAS,
	EMUL_INS,
	EMUL_OUTS,
	EMUL_OPS /**< how many there are */
};

/** Segment registers, in the order of struct vtx_sregs. */
enum emul_segment { EMUL_ES, EMUL_CS, EMUL_SS, EMUL_DS, EMUL_FS, EMUL_GS, EMUL_SEGMENTS };

/** General registers by number, as in struct vtx_regs. */
enum emul_gpr { EMUL_RAX, EMUL_RCX, EMUL_RDX, EMUL_RBX, EMUL_RSP, EMUL_RBP, EMUL_RSI, EMUL_RDI };

/** A register. */
struct emul_reg {
	u8 number; /**< of struct vtx_regs; EMUL_REG_NONE, EMUL_REG_RIP */
	u8 size; /**< bytes */
	bool high; /**< AH, CH, DH, BH */
};

/** No register. */
#define EMUL_REG_NONE 0xff
/** The instruction pointer: of the next instruction. */
#define EMUL_REG_RIP 0xfe

/** What an operand is. */
enum emul_operand_kind { EMUL_NO_OPERAND = 0, EMUL_REG, EMUL_SEGMENT_REG, EMUL_IMM, EMUL_MEM };

/** An operand. */
struct emul_operand {
	enum emul_operand_kind kind; /**< what it is */
	u8 size; /**< bytes */
	struct emul_reg reg; /**< EMUL_REG; number of EMUL_SEGMENT_REG */
	u64 imm; /**< EMUL_IMM; displacement of EMUL_MEM */
	struct emul_reg base; /**< of EMUL_MEM */
	struct emul_reg index; /**< of EMUL_MEM */
	u8 scale; /**< of EMUL_MEM */
	u8 segment; /**< of EMUL_MEM */
};

/** How a string instruction repeats. */
enum emul_rep { EMUL_REP_NONE, EMUL_REP, EMUL_REPNE };

/** A decoded instruction. */
struct emul_insn {
	enum emul_op op; /**< what it does */
	u8 length; /**< bytes */
	u8 size; /**< bytes of the destination, or of a string's element */
	u8 address_size; /**< bytes */
	u8 condition; /**< of SETcc and CMOVcc */
	u8 segment; /**< of a string's source */
	enum emul_rep rep; /**< how often */
	struct emul_operand operands[EMUL_OPERANDS]; /**< the destination first */
};

/** An operand in memory: two pages at most. */
struct emul_span {
	u64 gpa[2]; /**< of its bytes on the first and on the second page */
	u32 first; /**< bytes on the first page */
	u32 size; /**< all bytes */
};

/* ---- cmd_emul_decode.c ----------------------------------------------------------------------- */

/** Decode what is at CS:RIP into emul->insn, or find it. EMUL_DONE, _FAULT or _FAILED. */
enum emul_result emul_decode(struct emul *emul);

/** emul_disassemble(), with emul->bits and emul->user set. */
void emul_disassemble_at(struct emul *emul, char *text, size_t size);

/* ---- cmd_emul_reg.c -------------------------------------------------------------------------- */

/** All ones in size bytes. */
u64 emul_mask(u32 size);
/** A value of size bytes with its sign. */
u64 emul_sign_extend(u64 value, u32 size);
/** Read a general register. */
u64 emul_get(const struct emul *emul, struct emul_reg reg);
/** Write one: 4 bytes clear the upper half, fewer leave the rest as it is. */
void emul_set(struct emul *emul, struct emul_reg reg, u64 value);
/** A register by number, with this many bytes. */
struct emul_reg emul_gpr(u32 number, u32 size);
/** A segment register. */
const struct vtx_segment *emul_segment(const struct emul *emul, u32 segment);

/* ---- cmd_emul_mem.c -------------------------------------------------------------------------- */

/** The effective address of an operand. */
u64 emul_effective(const struct emul *emul, const struct emul_operand *operand);
/**
 * Check an access as the processor would, and translate it.
 *
 * @param emul the instruction
 * @param segment enum emul_segment
 * @param offset in it
 * @param size bytes
 * @param access VTX_ACCESS_*
 * @param span out
 * @return false: see emul->fault, or emul->why
 */
bool emul_find(struct emul *emul, u32 segment, u64 offset, u32 size, u32 access,
	       struct emul_span *span);
/** Read it. */
u64 emul_load(struct emul *emul, const struct emul_span *span);
/** Write it. */
void emul_store(struct emul *emul, const struct emul_span *span, u64 value);
/** The instruction causes an exception. @return false */
bool emul_raise(struct emul *emul, u32 vector, bool has_code, u32 error_code);
/** What came of a step that was not done: EMUL_FAULT or EMUL_FAILED. */
enum emul_result emul_not_done(const struct emul *emul);

/* ---- cmd_emul_alu.c -------------------------------------------------------------------------- */

/** One operation on numbers. */
struct emul_alu {
	enum emul_op op; /**< which one */
	u8 size; /**< bytes of a, b and result */
	u8 source_size; /**< bytes of b, for EMUL_MOVSX */
	u8 condition; /**< of SETcc and CMOVcc */
	u64 a; /**< the destination as it was */
	u64 b; /**< the source */
	u64 accumulator; /**< of CMPXCHG */
	u64 result; /**< out: the destination */
	u64 flags; /**< in, out: RFLAGS */
};

/** Do it. */
void emul_alu(struct emul_alu *alu);
/** Is a condition (the lower 4 bits of Jcc, SETcc, CMOVcc) met? */
bool emul_condition(u32 condition, u64 flags);

/* ---- cmd_emul_exec.c, cmd_emul_string.c ------------------------------------------------------ */

/** All but string instructions. */
enum emul_result emul_plain(struct emul *emul);
/** String instructions. */
enum emul_result emul_string(struct emul *emul);

#endif
