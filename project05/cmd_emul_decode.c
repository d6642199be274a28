// SPDX-License-Identifier: GPL-2.0
/*
 * The emulator's decoder: Capstone says what the bytes mean, and this file says it in our words.
 * An instruction that was decoded is kept, under its address and with its bytes: a guest that polls
 * a device is decoded once, and one that changes its own code is decoded again.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cmd_emul_capstone.h"
#include "guest_walk_logic.h"
#include "x86_exceptions.h"

#define PAGE 4096ULL
/* A power of two: about as many instructions as a driver has that touch its device. */
#define CACHE_SIZE 64
/* 15 bytes and one that is always 0, compared as two words. */
#define CODE_WORDS 2
#define CODE_ROOM (CODE_WORDS * sizeof(u64))
#define MODES 3

/* Instruction bytes, and how many of them could be read. */
struct code {
	u64 words[CODE_WORDS];
	u32 bytes;
};

struct cached {
	u64 linear;
	u32 bits; /* 0: empty */
	u64 words[CODE_WORDS];
	u64 masks[CODE_WORDS]; /* of the bytes that belong to the instruction */
	struct emul_insn insn;
};

struct emul_decoder {
	csh handles[MODES]; /* 0: not opened yet */
	struct cached cache[CACHE_SIZE];
};

struct emul_decoder *emul_decoder_new(void)
{
	return calloc(1, sizeof(struct emul_decoder));
}

void emul_decoder_free(struct emul_decoder *decoder)
{
	unsigned int i;

	if (!decoder)
		return;
	for (i = 0; i < MODES; i++) {
		if (decoder->handles[i])
			cs_close(&decoder->handles[i]);
	}
	free(decoder);
}

/* 0 if the library refuses: another version, or no memory. */
static csh handle(struct emul_decoder *decoder, u32 bits)
{
	static const cs_mode modes[MODES] = { CS_MODE_16, CS_MODE_32, CS_MODE_64 };
	u32 which = bits / 32;
	csh *opened = &decoder->handles[which];

	if (*opened)
		return *opened;
	if (cs_open(CS_ARCH_X86, modes[which], opened) != CS_ERR_OK) {
		*opened = 0;
	} else if (cs_option(*opened, CS_OPT_DETAIL, CS_OPT_ON) != CS_ERR_OK) {
		cs_close(opened);
		*opened = 0;
	}
	return *opened;
}

/* ---- the code -------------------------------------------------------------------------------- */

static u64 code_linear(const struct emul *emul)
{
	u64 rip = emul->regs->rip;

	return emul->bits == 64 ? rip : (emul->sregs->cs.base + rip) & UINT32_MAX;
}

static bool read_code(struct emul *emul, u64 linear, u8 *to, u32 bytes)
{
	const u8 *ram;
	u32 error_code = 0;
	u64 gpa;

	switch (emul->ops->translate(emul->opaque, linear, VTX_ACCESS_EXECUTE | emul->user, &gpa,
				     &error_code)) {
	case EMUL_MAPPED:
		break;
	case EMUL_PAGE_FAULT:
		emul_raise(emul, X86_EXCEPTION_PF, true, error_code);
		emul->fault.address = linear;
		return false;
	default:
		emul->why = "its page tables are not in memory";
		return false;
	}
	ram = emul->ops->ram(emul->opaque, gpa, bytes, false);
	if (ram)
		memcpy(to, ram, bytes);
	else
		emul->why = "the instruction itself is not in memory";
	return ram;
}

/* The next page may be missing: that counts only if the instruction reaches it. */
static bool fetch(struct emul *emul, u64 linear, struct code *code)
{
	u32 first = EMUL_MAX_LENGTH;
	u8 *bytes = (u8 *)code->words;

	memset(code, 0, sizeof(*code));
	if (PAGE - linear % PAGE < first)
		first = PAGE - linear % PAGE;
	if (!read_code(emul, linear, bytes, first))
		return false;
	code->bytes = first;
	if (first == EMUL_MAX_LENGTH)
		return true;
	if (read_code(emul, linear + first, bytes + first, EMUL_MAX_LENGTH - first))
		code->bytes = EMUL_MAX_LENGTH;
	return true;
}

/* ---- the cache ------------------------------------------------------------------------------- */

static struct cached *place_of(struct emul_decoder *decoder, u64 linear)
{
	return &decoder->cache[(linear ^ linear / CACHE_SIZE) % CACHE_SIZE];
}

static bool is_cached(const struct cached *cached, u64 linear, u32 bits, const struct code *code)
{
	u64 differ = cached->linear ^ linear;
	unsigned int i;

	for (i = 0; i < CODE_WORDS; i++)
		differ |= (cached->words[i] ^ code->words[i]) & cached->masks[i];
	return !differ && cached->bits == bits;
}

static void remember(struct cached *cached, u64 linear, u32 bits, const struct code *code)
{
	u8 mask[CODE_ROOM] = { 0 };

	memset(mask, UINT8_MAX, cached->insn.length);
	memcpy(cached->masks, mask, sizeof(mask));
	memcpy(cached->words, code->words, sizeof(cached->words));
	cached->linear = linear;
	cached->bits = bits;
}

static cs_insn *disassemble(struct emul *emul, u64 linear, const struct code *code)
{
	csh opened = handle(emul->decoder, emul->bits);
	const u8 *bytes = (const u8 *)code->words;
	size_t left = code->bytes;
	uint64_t address = linear;
	cs_insn *decoded = opened ? cs_malloc(opened) : NULL;

	if (decoded && cs_disasm_iter(opened, &bytes, &left, &address, decoded))
		return decoded;
	if (decoded)
		cs_free(decoded, 1);
	return NULL;
}

static enum emul_result decode(struct emul *emul, u64 linear, const struct code *code,
			       struct cached *cached)
{
	cs_insn *decoded = disassemble(emul, linear, code);
	bool taken = decoded && emul_take(decoded, emul->bits, &cached->insn);

	if (decoded)
		cs_free(decoded, 1);
	cached->bits = 0;
	if (taken) {
		emul->why = NULL; /* of bytes that the instruction does not have */
		remember(cached, linear, emul->bits, code);
		return EMUL_DONE;
	}
	/* Bytes that end where a page does may go on where there is none. */
	if (!decoded && code->bytes < EMUL_MAX_LENGTH)
		return emul_not_done(emul);
	emul->why = decoded ? "vtxctl does not emulate this instruction" :
			      "these bytes are no instruction";
	return EMUL_FAILED;
}

enum emul_result emul_decode(struct emul *emul)
{
	u64 linear = code_linear(emul);
	struct cached *cached = place_of(emul->decoder, linear);
	struct code code;

	if (!fetch(emul, linear, &code))
		return emul_not_done(emul);
	if (!is_cached(cached, linear, emul->bits, &code)) {
		enum emul_result result = decode(emul, linear, &code, cached);

		if (result != EMUL_DONE)
			return result;
	}
	emul->why = NULL;
	emul->insn = &cached->insn;
	return EMUL_DONE;
}

void emul_disassemble_at(struct emul *emul, char *text, size_t size)
{
	u64 linear = code_linear(emul);
	cs_insn *decoded = NULL;
	struct code code;

	*text = '\0';
	if (fetch(emul, linear, &code))
		decoded = disassemble(emul, emul->regs->rip, &code);
	if (!decoded)
		return;
	snprintf(text, size, "%s%s%s", decoded->mnemonic, *decoded->op_str ? " " : "",
		 decoded->op_str);
	cs_free(decoded, 1);
}
