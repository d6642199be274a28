// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions that can be intercepted. AMD APM vol. 3, "Instruction Encoding"; opcodes there and
 * in appendix A.
 */
#include "svm_insn_logic.h"

#include "svm_codes.h"
#include "vtx_todo.h"
#include "x86_exceptions.h"

/* Opcode maps. */
enum map {
	MAP_1, /* one byte */
	MAP_0F, /* 0F and a byte */
	MAP_0F01, /* 0F 01 and all of ModRM: one instruction each */
	MAP_0F38, /* 0F 38 and a byte */
};

/* What stands behind the opcode. */
enum operands {
	NONE,
	MODRM, /* any ModRM, with what belongs to it */
	REG_RM, /* ModRM whose mod does not count: always two registers (MOV CR, MOV DR) */
	IMM8, /* one byte */
};

#define ANY 0xff

static const struct opcode {
	u16 first, last; /* exit codes that it may cause */
	u8 map;
	u8 byte;
	u8 extension; /* ModRM.reg, or ANY */
	u8 operands;
	u8 kind; /* enum svm_insn_kind; 0: the exit code says all */
} opcodes[] __maybe_unused = {
	{ VMEXIT_CR0_READ, VMEXIT_CR15_READ, MAP_0F, 0x20, ANY, REG_RM, 0 },
	{ VMEXIT_CR0_WRITE, VMEXIT_CR15_WRITE, MAP_0F, 0x22, ANY, REG_RM, 0 },
	{ VMEXIT_CR0_SEL_WRITE, VMEXIT_CR0_SEL_WRITE, MAP_0F, 0x22, ANY, REG_RM, 0 },
	{ VMEXIT_CR0_READ, VMEXIT_CR0_READ, MAP_0F, 0x01, 4, MODRM, SVM_INSN_SMSW },
	{ VMEXIT_CR0_WRITE, VMEXIT_CR0_WRITE, MAP_0F, 0x01, 6, MODRM, SVM_INSN_LMSW },
	{ VMEXIT_CR0_SEL_WRITE, VMEXIT_CR0_SEL_WRITE, MAP_0F, 0x01, 6, MODRM, SVM_INSN_LMSW },
	{ VMEXIT_CR0_WRITE, VMEXIT_CR0_WRITE, MAP_0F, 0x06, ANY, NONE, SVM_INSN_CLTS },
	{ VMEXIT_DR0_READ, VMEXIT_DR15_READ, MAP_0F, 0x21, ANY, REG_RM, 0 },
	{ VMEXIT_DR0_WRITE, VMEXIT_DR15_WRITE, MAP_0F, 0x23, ANY, REG_RM, 0 },
	{ VMEXIT_EXCP3, VMEXIT_EXCP3, MAP_1, 0xcc, ANY, NONE, 0 }, /* INT3 */
	{ VMEXIT_EXCP4, VMEXIT_EXCP4, MAP_1, 0xce, ANY, NONE, 0 }, /* INTO */
	{ VMEXIT_EXCP6, VMEXIT_EXCP6, MAP_0F01, 0xc1, ANY, NONE, 0 }, /* VMCALL, Intel's */
	{ VMEXIT_ICEBP, VMEXIT_ICEBP, MAP_1, 0xf1, ANY, NONE, 0 }, /* INT1 */
	{ VMEXIT_IDTR_READ, VMEXIT_IDTR_READ, MAP_0F, 0x01, 1, MODRM, 0 },
	{ VMEXIT_GDTR_READ, VMEXIT_GDTR_READ, MAP_0F, 0x01, 0, MODRM, 0 },
	{ VMEXIT_LDTR_READ, VMEXIT_LDTR_READ, MAP_0F, 0x00, 0, MODRM, 0 },
	{ VMEXIT_TR_READ, VMEXIT_TR_READ, MAP_0F, 0x00, 1, MODRM, 0 },
	{ VMEXIT_IDTR_WRITE, VMEXIT_IDTR_WRITE, MAP_0F, 0x01, 3, MODRM, 0 },
	{ VMEXIT_GDTR_WRITE, VMEXIT_GDTR_WRITE, MAP_0F, 0x01, 2, MODRM, 0 },
	{ VMEXIT_LDTR_WRITE, VMEXIT_LDTR_WRITE, MAP_0F, 0x00, 2, MODRM, 0 },
	{ VMEXIT_TR_WRITE, VMEXIT_TR_WRITE, MAP_0F, 0x00, 3, MODRM, 0 },
	{ VMEXIT_RDTSC, VMEXIT_RDTSC, MAP_0F, 0x31, ANY, NONE, 0 },
	{ VMEXIT_RDPMC, VMEXIT_RDPMC, MAP_0F, 0x33, ANY, NONE, 0 },
	{ VMEXIT_CPUID, VMEXIT_CPUID, MAP_0F, 0xa2, ANY, NONE, 0 },
	{ VMEXIT_IRET, VMEXIT_IRET, MAP_1, 0xcf, ANY, NONE, 0 },
	{ VMEXIT_SWINT, VMEXIT_SWINT, MAP_1, 0xcd, ANY, IMM8, 0 },
	{ VMEXIT_INVD, VMEXIT_INVD, MAP_0F, 0x08, ANY, NONE, 0 },
	{ VMEXIT_WBINVD, VMEXIT_WBINVD, MAP_0F, 0x09, ANY, NONE, 0 },
	{ VMEXIT_WBINVD, VMEXIT_WBINVD, MAP_0F, 0x08, ANY, NONE, 0 }, /* INVD, as QEMU tells it */
	{ VMEXIT_PAUSE, VMEXIT_PAUSE, MAP_1, 0x90, ANY, NONE, 0 },
	{ VMEXIT_HLT, VMEXIT_HLT, MAP_1, 0xf4, ANY, NONE, 0 },
	{ VMEXIT_INVLPG, VMEXIT_INVLPG, MAP_0F, 0x01, 7, MODRM, 0 },
	{ VMEXIT_INVLPGA, VMEXIT_INVLPGA, MAP_0F01, 0xdf, ANY, NONE, 0 },
	{ VMEXIT_MSR, VMEXIT_MSR, MAP_0F, 0x30, ANY, NONE, 0 },
	{ VMEXIT_MSR, VMEXIT_MSR, MAP_0F, 0x32, ANY, NONE, 0 },
	{ VMEXIT_VMRUN, VMEXIT_VMRUN, MAP_0F01, 0xd8, ANY, NONE, 0 },
	{ VMEXIT_VMMCALL, VMEXIT_VMMCALL, MAP_0F01, 0xd9, ANY, NONE, 0 },
	{ VMEXIT_RDTSCP, VMEXIT_RDTSCP, MAP_0F01, 0xf9, ANY, NONE, 0 },
	{ VMEXIT_RDPRU, VMEXIT_RDPRU, MAP_0F01, 0xfd, ANY, NONE, 0 },
	{ VMEXIT_MONITOR, VMEXIT_MONITOR, MAP_0F01, 0xc8, ANY, NONE, 0 },
	{ VMEXIT_MONITOR, VMEXIT_MONITOR, MAP_0F01, 0xfa, ANY, NONE, 0 }, /* MONITORX */
	{ VMEXIT_MWAIT, VMEXIT_MWAIT_CONDITIONAL, MAP_0F01, 0xc9, ANY, NONE, 0 },
	{ VMEXIT_MWAIT, VMEXIT_MWAIT_CONDITIONAL, MAP_0F01, 0xfb, ANY, NONE, 0 }, /* MWAITX */
	{ VMEXIT_XSETBV, VMEXIT_XSETBV, MAP_0F01, 0xd1, ANY, NONE, 0 },
	{ VMEXIT_INVPCID, VMEXIT_INVPCID, MAP_0F38, 0x82, ANY, MODRM, 0 },
};

#define REX_FIRST 0x40
#define REX_LAST 0x4f
#define REX_R 0x4
#define REX_B 0x1
#define ESCAPE 0x0f
#define ESCAPE_38 0x38
#define GROUP_7 0x01
#define RM_SIB 4
#define BASE_NONE 5
#define RM16_ABSOLUTE 6

/* A reader of bytes that stops at the last one. */
struct reader {
	const u8 *bytes;
	u32 count;
	u32 at;
	enum svm_code_size size;
	bool address_other; /* prefix 67 */
	bool short_of; /* a byte was wanted that is not there */
};

static u8 __maybe_unused next(struct reader *r)
{
	if (r->at < r->count)
		return r->bytes[r->at++];
	r->short_of = true;
	return 0;
}

static u8 __maybe_unused peek(const struct reader *r)
{
	return r->at < r->count ? r->bytes[r->at] : 0;
}

/*
 * EXERCISE 7.5 (10 points): How long is an instruction?
 * Do:   svm_insn_read(): prefixes, then REX in 64-bit mode, then the opcode in its map; find it in
 *       opcodes[] among those that may cause this exit. Fill in what ModRM has, and count what
 *       belongs to it: SIB, displacement. Bytes that are not there, or another instruction, are
 *       -ENOENT: another vCPU may have changed the code since the exit.
 * Read: AMD APM vol. 3, "Instruction Encoding"; project07/README.md, "How long is an instruction?"
 * Hint: what the prefix 67 makes of addresses depends on the mode, and in 64-bit mode mod 0, rm 5
 *       is relative to RIP. A REX counts only right before the opcode.
 */
#ifndef TODO_7_5
static bool is_legacy_prefix(u8 byte)
{
	static const u8 prefixes[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67,
				       0xf0, 0xf2, 0xf3 };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (prefixes[i] == byte)
			return true;
	}
	return false;
}

static u8 read_prefixes(struct reader *r)
{
	u8 rex = 0;

	for (;;) {
		if (is_legacy_prefix(peek(r))) {
			r->address_other |= next(r) == 0x67;
			rex = 0;
		} else if (r->size == SVM_CODE_64 && peek(r) >= REX_FIRST && peek(r) <= REX_LAST) {
			rex = next(r);
		} else {
			return rex;
		}
	}
}

static u8 read_opcode(struct reader *r, u8 *map)
{
	u8 byte = next(r);

	*map = MAP_1;
	if (byte != ESCAPE)
		return byte;
	byte = next(r);
	*map = MAP_0F;
	if (byte == ESCAPE_38) {
		*map = MAP_0F38;
		return next(r);
	}
	if (byte == GROUP_7 && peek(r) >> 6 == SVM_MODRM_REGISTER) {
		*map = MAP_0F01;
		return peek(r);
	}
	return byte;
}

/* In group 7 the registers' half has instructions of its own, and those with an extension. */
static const struct opcode *find(struct reader *r, u32 code, u8 map, u8 byte)
{
	u8 extension = peek(r) >> 3 & 7;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(opcodes); i++) {
		const struct opcode *o = &opcodes[i];
		bool group_7 = map == MAP_0F01 && o->map == MAP_0F && o->byte == GROUP_7 &&
			       o->kind != SVM_INSN_ONLY;

		if (code < o->first || code > o->last)
			continue;
		if (!group_7 && (o->map != map || o->byte != byte))
			continue;
		if (o->extension == ANY || o->extension == extension)
			return o;
	}
	return NULL;
}

static void skip(struct reader *r, u32 bytes)
{
	while (bytes--)
		next(r);
}

static void skip_memory_16(struct reader *r, const struct svm_insn *insn, u8 rm)
{
	if (insn->mod == 1)
		skip(r, 1);
	else if (insn->mod == 2 || rm == RM16_ABSOLUTE)
		skip(r, 2);
}

static void skip_memory(struct reader *r, const struct svm_insn *insn, u8 rm)
{
	u8 base = rm == RM_SIB ? next(r) & 7 : rm;

	if (insn->mod == 1)
		skip(r, 1);
	else if (insn->mod == 2 || base == BASE_NONE)
		skip(r, 4);
}

static void read_modrm(struct reader *r, struct svm_insn *insn, bool registers)
{
	bool short_address = r->size == SVM_CODE_16 ? !r->address_other :
						      r->size == SVM_CODE_32 && r->address_other;
	u8 byte = next(r);

	insn->mod = registers ? SVM_MODRM_REGISTER : byte >> 6;
	insn->reg = (byte >> 3 & 7) | (insn->rex & REX_R ? 8 : 0);
	insn->rm = (byte & 7) | (insn->rex & REX_B ? 8 : 0);
	if (insn->mod == SVM_MODRM_REGISTER)
		return;
	if (short_address)
		skip_memory_16(r, insn, byte & 7);
	else
		skip_memory(r, insn, byte & 7);
}

int svm_insn_read(const u8 *bytes, u32 count, enum svm_code_size size, u32 code,
		  struct svm_insn *insn)
{
	struct reader r = { .bytes = bytes, .count = min(count, SVM_INSN_MAX), .size = size };
	const struct opcode *opcode;
	u8 byte, map;

	*insn = (struct svm_insn){ .rex = read_prefixes(&r) };
	byte = read_opcode(&r, &map);
	opcode = find(&r, code, map, byte);
	if (!opcode)
		return -ENOENT;
	insn->kind = opcode->kind;
	if (opcode->map == MAP_0F01)
		next(&r);
	else if (opcode->operands == MODRM || opcode->operands == REG_RM)
		read_modrm(&r, insn, opcode->operands == REG_RM);
	else if (opcode->operands == IMM8)
		next(&r);
	insn->length = r.at;
	return r.short_of ? -ENOENT : 0;
}
#else
int svm_insn_read(const u8 *bytes, u32 count, enum svm_code_size size, u32 code,
		  struct svm_insn *insn)
{
	return VTX_TODO("7.5", "nobody knows where the next instruction begins");
}
#endif
