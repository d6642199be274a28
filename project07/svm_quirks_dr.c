// SPDX-License-Identifier: GPL-2.0
/*
 * A guest's breakpoints under QEMU, which makes its own of what MOV writes to DR7, and only then.
 * VMRUN and #VMEXIT change DR7 and leave them: a guest's would stop the next guest, or the host. So
 * the host sets and removes them around VMRUN, and the guest's writes exit and are executed here.
 */
#include <linux/percpu.h>
#include <asm/processor.h>
#include <asm/debugreg.h>

#include "hv_ops.h"
#include "svm_codes.h"
#include "svm_quirks.h"
#include "svm_run.h"
#include "x86_bits.h"
#include "x86_exceptions.h"

#define BREAKPOINTS 4
#define ENABLED 3UL /* L0 and G0 */
#define ENABLED_BITS 2
/* With CR4.DE clear DR4 and DR5 are other names of these. */
#define DR6 6
#define ALIASED_BY 2
#define DR7_FIXED 0x400UL

/* Between MOV and VMRUN the host would meet them: none in its half of the addresses. */
static u64 without_kernel(const struct vtx_vcpu *vcpu, u64 dr7)
{
	unsigned int i;

	dr7 &= ~(u64)DR7_GD;
	for (i = 0; i < BREAKPOINTS; i++)
		if (vcpu->dr[i] >> 63)
			dr7 &= ~(ENABLED << ENABLED_BITS * i);
	return dr7;
}

void svm_tcg_breakpoints_in(struct vtx_vcpu *vcpu)
{
	if (vcpu->dr_used)
		set_debugreg(without_kernel(vcpu, vmcb_of(vcpu)->DR7), 7);
}

void svm_tcg_breakpoints_out(const struct vtx_vcpu *vcpu)
{
	if (vcpu->dr_used)
		set_debugreg(0UL, 7);
}

/* Becomes the exit of what the instruction has raised. */
static void raised(struct vtx_vcpu *vcpu, u32 vector)
{
	vmcb_of(vcpu)->EXITCODE = VMEXIT_EXCP0 + vector;
	vmcb_of(vcpu)->EXITINFO1 = 0;
}

static void write_register(struct vtx_vcpu *vcpu, unsigned int number, u64 value)
{
	if (number < BREAKPOINTS)
		vcpu->dr[number] = value;
	else if (number == DR6)
		vcpu->dr[DR6] = value | DR6_RESERVED;
	else
		vmcb_of(vcpu)->DR7 = value | DR7_FIXED;
}

/* Done: what is left is an exit of the host's. */
static void finish(struct vtx_vcpu *vcpu, u32 length)
{
	vcpu->regs.rip += length;
	vmcb_of(vcpu)->INTERRUPT_STATE &= ~(u64)SVM_INTERRUPT_STATE_SHADOW;
	vmcb_of(vcpu)->EXITCODE = VMEXIT_INTR;
	svm_single_step(vcpu);
}

void svm_tcg_mov_to_dr(struct vtx_vcpu *vcpu)
{
	const struct svm_insn *insn = &svm_of(vcpu)->insn;
	u64 code = vmcb_of(vcpu)->EXITCODE;
	unsigned int number = code - VMEXIT_DR0_WRITE;
	u64 value;

	if (!vcpu->dr_used || code < VMEXIT_DR0_WRITE || code > VMEXIT_DR7_WRITE ||
	    svm_fetch(vcpu, code))
		return;
	value = (&vcpu->regs.rax)[insn->rm];
	if (number == DR6 - ALIASED_BY || number == DR6 - ALIASED_BY + 1) {
		if (vmcb_of(vcpu)->CR4 & CR4_DE)
			return raised(vcpu, X86_EXCEPTION_UD);
		number += ALIASED_BY;
	}
	if (number >= BREAKPOINTS && value >> 32)
		return raised(vcpu, X86_EXCEPTION_GP);
	write_register(vcpu, number, value);
	finish(vcpu, insn->length);
}
