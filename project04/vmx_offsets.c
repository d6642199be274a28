// SPDX-License-Identifier: GPL-2.0
/*
 * Numbers for vmx_enter.S. Kbuild compiles this file into vmx_offsets.h and does not link it.
 */
#include <linux/kbuild.h>

#include "vmcs_fields.h"
#include "vmx_world.h"
#include "vtxdrv.h"

#define REG(name, field) OFFSET(REGS_##name, vtx_regs, field)

int main(void)
{
	REG(RAX, rax);
	REG(RCX, rcx);
	REG(RDX, rdx);
	REG(RBX, rbx);
	REG(RBP, rbp);
	REG(RSI, rsi);
	REG(RDI, rdi);
	REG(R8, r8);
	REG(R9, r9);
	REG(R10, r10);
	REG(R11, r11);
	REG(R12, r12);
	REG(R13, r13);
	REG(R14, r14);
	REG(R15, r15);
	BLANK();
	DEFINE(FIELD_HOST_RSP, VMCS_HOST_RSP);
	BLANK();
	DEFINE(OUTCOME_EXIT, VMX_OUTCOME_EXIT);
	DEFINE(OUTCOME_FAIL_INVALID, VMX_OUTCOME_FAIL_INVALID);
	DEFINE(OUTCOME_FAIL_VALID, VMX_OUTCOME_FAIL_VALID);
	DEFINE(OUTCOME_FAULT, VMX_OUTCOME_FAULT);
	DEFINE(OUTCOME_UNDONE, VMX_OUTCOME_UNDONE);
	return 0;
}
