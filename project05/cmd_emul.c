// SPDX-License-Identifier: GPL-2.0
/*
 * One instruction of the guest, done by vtxctl.
 */
#include "cmd_emul_insn.h"
#include "guest_walk_logic.h"
#include "vmx_entry_bits.h"
#include "x86_bits.h"

#define USER_LEVEL 3

static void find_mode(struct emul *emul)
{
	const struct vtx_sregs *sregs = emul->sregs;

	emul->why = NULL;
	emul->user = 0;
	if (sregs->efer & IA32_EFER_LMA && sregs->cs.access & ACCESS_RIGHTS_L)
		emul->bits = 64;
	else
		emul->bits = sregs->cs.access & ACCESS_RIGHTS_DB ? 32 : 16;
	if (sregs->cr0 & CR0_PE && ENTRY_FIELD(sregs->ss.access, ACCESS_RIGHTS_DPL) == USER_LEVEL)
		emul->user = GUEST_ACCESS_USER;
}

static void skip(struct emul *emul)
{
	u64 rip = emul->regs->rip + emul->insn->length;

	/* IP wraps where the code is of 16 bits, EIP where it is of 32. */
	emul->regs->rip = rip & emul_mask(emul->bits / EMUL_BYTE_BITS);
	emul->regs->rflags &= ~(u64)RFLAGS_RF;
}

enum emul_result emul_step(struct emul *emul)
{
	enum emul_result result;

	find_mode(emul);
	result = emul_decode(emul);
	if (result != EMUL_DONE)
		return result;
	result = emul->insn->op >= EMUL_MOVS ? emul_string(emul) : emul_plain(emul);
	if (result == EMUL_DONE)
		skip(emul);
	return result;
}

void emul_disassemble(struct emul *emul, char *text, size_t size)
{
	find_mode(emul);
	emul_disassemble_at(emul, text, size);
}
