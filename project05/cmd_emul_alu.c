// SPDX-License-Identifier: GPL-2.0
/*
 * The emulator's arithmetic, with the flags that the SDM vol. 1, "Status Flags", asks for. Where it
 * leaves one undefined (AF of AND), it is what processors make of it: 0.
 */
#include "cmd_emul_insn.h"
#include "x86_bits.h"

#define ARITHMETIC (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)
/* The carry out of bit 3 shows in bit 4, where AF is as well. */
#define HALF_CARRY RFLAGS_AF

static u64 sign_bit(const struct emul_alu *alu)
{
	return 1ULL << (alu->size * EMUL_BYTE_BITS - 1);
}

/* ZF, SF and PF follow from every result. */
static u64 flags_of(const struct emul_alu *alu, u64 result)
{
	u64 flags = 0;

	if (!result)
		flags |= RFLAGS_ZF;
	if (result & sign_bit(alu))
		flags |= RFLAGS_SF;
	if (!__builtin_parity((u8)result))
		flags |= RFLAGS_PF;
	return flags;
}

static void set_flags(struct emul_alu *alu, u64 changed, u64 flags)
{
	alu->flags = (alu->flags & ~changed) | (flags & changed);
}

static u64 add(struct emul_alu *alu, u64 a, u64 b, bool carry, u64 changed)
{
	u64 result = (a + b + carry) & emul_mask(alu->size);
	u64 flags = flags_of(alu, result) | ((a ^ b ^ result) & HALF_CARRY);

	if (result < a || (carry && result == a))
		flags |= RFLAGS_CF;
	if ((a ^ result) & (b ^ result) & sign_bit(alu))
		flags |= RFLAGS_OF;
	set_flags(alu, changed, flags);
	return result;
}

static u64 subtract(struct emul_alu *alu, u64 a, u64 b, bool borrow, u64 changed)
{
	u64 result = (a - b - borrow) & emul_mask(alu->size);
	u64 flags = flags_of(alu, result) | ((a ^ b ^ result) & HALF_CARRY);

	if (a < b || (borrow && a == b))
		flags |= RFLAGS_CF;
	if ((a ^ b) & (a ^ result) & sign_bit(alu))
		flags |= RFLAGS_OF;
	set_flags(alu, changed, flags);
	return result;
}

static u64 logic(struct emul_alu *alu, u64 result)
{
	set_flags(alu, ARITHMETIC, flags_of(alu, result));
	return result;
}

/* On equality the source goes to the destination; otherwise the accumulator gets it. */
static u64 compare_exchange(struct emul_alu *alu)
{
	subtract(alu, alu->accumulator, alu->a, false, ARITHMETIC);
	if (alu->flags & RFLAGS_ZF)
		return alu->b;
	alu->accumulator = alu->a;
	return alu->a;
}

static u64 bit_operation(struct emul_alu *alu)
{
	u64 bit = 1ULL << (alu->b & (alu->size * EMUL_BYTE_BITS - 1));

	set_flags(alu, RFLAGS_CF, alu->a & bit ? RFLAGS_CF : 0);
	switch (alu->op) {
	case EMUL_BTS:
		return alu->a | bit;
	case EMUL_BTR:
		return alu->a & ~bit;
	case EMUL_BTC:
		return alu->a ^ bit;
	default:
		return alu->a;
	}
}

/* SDM vol. 2, "EFLAGS Condition Codes": pairs, of which the odd one is the opposite. */
bool emul_condition(u32 condition, u64 flags)
{
	bool less = !(flags & RFLAGS_SF) != !(flags & RFLAGS_OF);
	const bool met[] = {
		flags & RFLAGS_OF,
		flags & RFLAGS_CF,
		flags & RFLAGS_ZF,
		flags & (RFLAGS_CF | RFLAGS_ZF),
		flags & RFLAGS_SF,
		flags & RFLAGS_PF,
		less,
		less || flags & RFLAGS_ZF,
	};

	return met[(condition >> 1) % ARRAY_SIZE(met)] != (condition & 1);
}

static u64 arithmetic(struct emul_alu *alu)
{
	bool carry = alu->flags & RFLAGS_CF;

	switch (alu->op) {
	case EMUL_ADC:
		return add(alu, alu->a, alu->b, carry, ARITHMETIC);
	case EMUL_SBB:
		return subtract(alu, alu->a, alu->b, carry, ARITHMETIC);
	case EMUL_SUB:
	case EMUL_CMP:
		return subtract(alu, alu->a, alu->b, false, ARITHMETIC);
	case EMUL_INC:
		return add(alu, alu->a, 1, false, ARITHMETIC & ~RFLAGS_CF);
	case EMUL_DEC:
		return subtract(alu, alu->a, 1, false, ARITHMETIC & ~RFLAGS_CF);
	case EMUL_NEG:
		return subtract(alu, 0, alu->a, false, ARITHMETIC);
	default:
		return add(alu, alu->a, alu->b, false, ARITHMETIC);
	}
}

static u64 move(const struct emul_alu *alu)
{
	u32 unused = (sizeof(u64) - alu->size) * EMUL_BYTE_BITS;

	switch (alu->op) {
	case EMUL_MOVSX:
		return emul_sign_extend(alu->b, alu->source_size);
	case EMUL_MOVBE:
		return __builtin_bswap64(alu->b) >> unused;
	case EMUL_SETCC:
		return emul_condition(alu->condition, alu->flags);
	case EMUL_CMOVCC:
		return emul_condition(alu->condition, alu->flags) ? alu->b : alu->a;
	default:
		return alu->b;
	}
}

void emul_alu(struct emul_alu *alu)
{
	switch (alu->op) {
	case EMUL_AND:
	case EMUL_TEST:
		alu->result = logic(alu, alu->a & alu->b);
		break;
	case EMUL_OR:
		alu->result = logic(alu, alu->a | alu->b);
		break;
	case EMUL_XOR:
		alu->result = logic(alu, alu->a ^ alu->b);
		break;
	case EMUL_NOT:
		alu->result = ~alu->a;
		break;
	case EMUL_CMPXCHG:
		alu->result = compare_exchange(alu);
		break;
	case EMUL_BT:
	case EMUL_BTS:
	case EMUL_BTR:
	case EMUL_BTC:
		alu->result = bit_operation(alu);
		break;
	case EMUL_ADD:
	case EMUL_ADC:
	case EMUL_SUB:
	case EMUL_SBB:
	case EMUL_CMP:
	case EMUL_INC:
	case EMUL_DEC:
	case EMUL_NEG:
	case EMUL_XADD:
		alu->result = arithmetic(alu);
		break;
	default:
		alu->result = move(alu);
	}
	alu->result &= emul_mask(alu->size);
}
