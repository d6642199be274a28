// SPDX-License-Identifier: GPL-2.0
/*
 * The emulator's access to registers.
 */
#include "cmd_emul_insn.h"

/* emul_gpr() counts on it. */
_Static_assert(offsetof(struct vtx_regs, r15) == 15 * sizeof(u64), "registers by number");
_Static_assert(offsetof(struct vtx_sregs, gs) == EMUL_GS * sizeof(struct vtx_segment),
	       "segments by number");

u64 emul_mask(u32 size)
{
	return size < sizeof(u64) ? (1ULL << (size * EMUL_BYTE_BITS)) - 1 : ~0ULL;
}

u64 emul_sign_extend(u64 value, u32 size)
{
	u32 unused = (sizeof(u64) - size) * EMUL_BYTE_BITS;

	return (u64)((s64)(value << unused) >> unused);
}

struct emul_reg emul_gpr(u32 number, u32 size)
{
	return (struct emul_reg){ .number = number, .size = size };
}

const struct vtx_segment *emul_segment(const struct emul *emul, u32 segment)
{
	return &emul->sregs->es + segment;
}

u64 emul_get(const struct emul *emul, struct emul_reg reg)
{
	u64 value;

	if (reg.number == EMUL_REG_NONE)
		return 0;
	if (reg.number == EMUL_REG_RIP)
		return (emul->regs->rip + emul->insn->length) & emul_mask(reg.size);
	value = (&emul->regs->rax)[reg.number];
	return (reg.high ? value >> EMUL_BYTE_BITS : value) & emul_mask(reg.size);
}

void emul_set(struct emul *emul, struct emul_reg reg, u64 value)
{
	u64 *whole = (u64 *)&(&emul->regs->rax)[reg.number];
	u64 mask = emul_mask(reg.size);

	value &= mask;
	if (reg.size >= sizeof(u32)) {
		*whole = value;
		return;
	}
	if (reg.high) {
		mask <<= EMUL_BYTE_BITS;
		value <<= EMUL_BYTE_BITS;
	}
	*whole = (*whole & ~mask) | value;
}
