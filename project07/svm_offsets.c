// SPDX-License-Identifier: GPL-2.0
/*
 * Numbers for svm_enter.S. Kbuild compiles this file into svm_offsets.h and does not link it.
 */
#include <linux/kbuild.h>

#include "svm_run.h"
#include "vtxdrv.h"

#define REG(name, field) OFFSET(REGS_##name, vtx_regs, field)

int main(void)
{
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
	DEFINE(OUTCOME_EXIT, SVM_OUTCOME_EXIT);
	DEFINE(OUTCOME_FAULT, SVM_OUTCOME_FAULT);
	DEFINE(OUTCOME_UNDONE, SVM_OUTCOME_UNDONE);
	return 0;
}
