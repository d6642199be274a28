// SPDX-License-Identifier: GPL-2.0
/*
 * The emulator's way to memory: segment, page tables, memory or device. The whole operand is
 * translated before its first byte moves: an instruction that faults has done nothing.
 */
#include "cmd_emul_insn.h"
#include "guest_walk_logic.h"
#include "vmx_entry_bits.h"
#include "x86_bits.h"
#include "x86_exceptions.h"

#define PAGE 4096ULL
#define LINEAR_BITS 48
#define LINEAR_BITS_LA57 57

bool emul_raise(struct emul *emul, u32 vector, bool has_code, u32 error_code)
{
	emul->fault = (struct emul_fault){
		.vector = vector,
		.has_code = has_code,
		.error_code = error_code,
	};
	return false;
}

enum emul_result emul_not_done(const struct emul *emul)
{
	return emul->why ? EMUL_FAILED : EMUL_FAULT;
}

/* ---- linear addresses ------------------------------------------------------------------------ */

u64 emul_effective(const struct emul *emul, const struct emul_operand *operand)
{
	u64 offset = operand->imm + emul_get(emul, operand->base) +
		     emul_get(emul, operand->index) * operand->scale;

	return offset & emul_mask(emul->insn->address_size);
}

/* #SS for the stack segment, #GP for the others; error code 0. */
static bool segment_fault(struct emul *emul, u32 segment)
{
	u32 vector = segment == EMUL_SS ? X86_EXCEPTION_SS : X86_EXCEPTION_GP;

	return emul_raise(emul, vector, true, 0);
}

static bool is_canonical(const struct emul *emul, u64 linear)
{
	u32 bits = emul->sregs->cr4 & CR4_LA57 ? LINEAR_BITS_LA57 : LINEAR_BITS;
	u32 unused = sizeof(u64) * EMUL_BYTE_BITS - bits;

	return (u64)((s64)(linear << unused) >> unused) == linear;
}

/* SDM vol. 3, "Limit Checking": of an expand-down segment the limit is the lower bound. */
static bool inside_limit(const struct vtx_segment *segment, u64 offset, u32 size)
{
	u64 last = offset + size - 1;
	u64 top = segment->access & ACCESS_RIGHTS_DB ? UINT32_MAX : UINT16_MAX;
	bool down = !(segment->access & ACCESS_RIGHTS_CODE) &&
		    (ENTRY_FIELD(segment->access, ACCESS_RIGHTS_TYPE) | ACCESS_RIGHTS_READ_WRITE) ==
			    SEGMENT_TYPE_DATA_RW_DOWN;

	if (down)
		return offset > segment->limit && last <= top;
	return last <= segment->limit;
}

/* SDM vol. 3, "Type Checking". In real mode and in virtual-8086 mode the limit alone counts. */
static bool right_type(const struct emul *emul, const struct vtx_segment *segment, u32 access)
{
	u32 rights = segment->access;

	if (!(emul->sregs->cr0 & CR0_PE) || emul->regs->rflags & RFLAGS_VM)
		return true;
	if (rights & ACCESS_RIGHTS_UNUSABLE)
		return false;
	if (rights & ACCESS_RIGHTS_CODE)
		return !(access & VTX_ACCESS_WRITE) && rights & ACCESS_RIGHTS_READ_WRITE;
	return !(access & VTX_ACCESS_WRITE) || rights & ACCESS_RIGHTS_READ_WRITE;
}

static bool find_linear_64(struct emul *emul, u32 number, u64 offset, u32 size, u64 *linear)
{
	*linear = offset;
	if (number == EMUL_FS || number == EMUL_GS)
		*linear += emul_segment(emul, number)->base;
	if (is_canonical(emul, *linear) && is_canonical(emul, *linear + size - 1))
		return true;
	return segment_fault(emul, number);
}

static bool find_linear(struct emul *emul, u32 number, u64 offset, u32 size, u32 access,
			u64 *linear)
{
	const struct vtx_segment *segment = emul_segment(emul, number);

	if (emul->bits == 64)
		return find_linear_64(emul, number, offset, size, linear);
	if (!right_type(emul, segment, access) || !inside_limit(segment, offset, size))
		return segment_fault(emul, number);
	*linear = (segment->base + offset) & UINT32_MAX;
	return true;
}

/* ---- pages ----------------------------------------------------------------------------------- */

static bool translate(struct emul *emul, u64 linear, u32 access, u64 *gpa)
{
	u32 error_code = 0;

	switch (emul->ops->translate(emul->opaque, linear, access | emul->user, gpa, &error_code)) {
	case EMUL_MAPPED:
		return true;
	case EMUL_PAGE_FAULT:
		emul_raise(emul, X86_EXCEPTION_PF, true, error_code);
		emul->fault.address = linear;
		return false;
	default:
		emul->why = "its page tables are not in memory";
		return false;
	}
}

bool emul_find(struct emul *emul, u32 segment, u64 offset, u32 size, u32 access,
	       struct emul_span *span)
{
	u64 linear;
	u64 next;

	if (!find_linear(emul, segment, offset, size, access, &linear))
		return false;
	span->size = size;
	span->first = size;
	if (!translate(emul, linear, access, &span->gpa[0]))
		return false;
	if (linear % PAGE + size <= PAGE)
		return true;
	span->first = PAGE - linear % PAGE;
	next = linear + span->first;
	if (emul->bits != 64)
		next &= UINT32_MAX;
	return translate(emul, next, access, &span->gpa[1]);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

/* What lies across two pages comes in pieces that no device would understand: single bytes. */
static bool is_natural(u32 size)
{
	return !(size & (size - 1));
}

static u64 load_part(struct emul *emul, u64 gpa, u32 size)
{
	const u8 *ram = emul->ops->ram(emul->opaque, gpa, size, false);
	u64 value = 0;
	u32 i;

	if (ram)
		memcpy(&value, ram, size);
	else if (is_natural(size))
		value = emul->ops->read(emul->opaque, gpa, size);
	else
		for (i = 0; i < size; i++)
			value |= emul->ops->read(emul->opaque, gpa + i, 1) << (i * EMUL_BYTE_BITS);
	return value;
}

static void store_part(struct emul *emul, u64 gpa, u32 size, u64 value)
{
	u8 *ram = emul->ops->ram(emul->opaque, gpa, size, true);
	u32 i;

	if (ram)
		memcpy(ram, &value, size);
	else if (is_natural(size))
		emul->ops->write(emul->opaque, gpa, size, value & emul_mask(size));
	else
		for (i = 0; i < size; i++)
			emul->ops->write(emul->opaque, gpa + i, 1,
					 (value >> (i * EMUL_BYTE_BITS)) & emul_mask(1));
}

u64 emul_load(struct emul *emul, const struct emul_span *span)
{
	u64 value = load_part(emul, span->gpa[0], span->first);

	if (span->first < span->size)
		value |= load_part(emul, span->gpa[1], span->size - span->first)
			 << (span->first * EMUL_BYTE_BITS);
	return value;
}

void emul_store(struct emul *emul, const struct emul_span *span, u64 value)
{
	store_part(emul, span->gpa[0], span->first, value);
	if (span->first < span->size)
		store_part(emul, span->gpa[1], span->size - span->first,
			   value >> (span->first * EMUL_BYTE_BITS));
}
