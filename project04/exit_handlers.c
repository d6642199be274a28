// SPDX-License-Identifier: GPL-2.0
/*
 * What the driver answers by itself, by kind of exit. A kind that no unit has an answer to goes to
 * user space.
 */
#include <asm/processor.h>
#include <linux/cache.h>

#include "hv_ops.h"
#include "run.h"
#include "x86_bits.h"

enum vtx_next vtx_answered(struct vtx_vcpu *vcpu)
{
	vcpu->exit.handled = !hv->skip_instruction(vcpu);
	return vcpu->exit.handled ? VTX_NEXT_GUEST : VTX_NEXT_USER;
}

/* The host has been served, or is about to be. */
static enum vtx_next go_on(struct vtx_vcpu *vcpu)
{
	vcpu->exit.handled = 1;
	return VTX_NEXT_GUEST;
}

/* ---- CPUID ----------------------------------------------------------------------------------- */

/* In EBX, ECX, EDX of leaf 4000_0000H, where every hypervisor has its own: VTXDRVVTXDRV. */
static const struct vtx_cpuid signature = {
	.eax = CPUID_LEAF_4000_0000, /* the highest of these leaves */
	.ebx = 'V' | 'T' << 8 | 'X' << 16 | 'D' << 24,
	.ecx = 'R' | 'V' << 8 | 'V' << 16 | 'T' << 24,
	.edx = 'X' | 'D' << 8 | 'R' << 16 | 'V' << 24,
};

/* What the guest cannot use: no CPU of ours lends it out, or CR4 and the controls forbid it. */
static void hide_features(u32 leaf, u32 subleaf, struct vtx_cpuid *answer)
{
	switch (leaf) {
	case CPUID_LEAF_1:
		answer->ecx &= ~(CPUID_1_ECX_VMX | CPUID_1_ECX_SMX | CPUID_1_ECX_MONITOR |
				 CPUID_1_ECX_PCID);
		answer->ecx |= CPUID_1_ECX_HYPERVISOR;
		break;
	case CPUID_LEAF_7:
		if (subleaf)
			break;
		answer->ebx &= ~(CPUID_7_EBX_SGX | CPUID_7_EBX_INVPCID);
		answer->ecx &= ~(CPUID_7_ECX_PKU | CPUID_7_ECX_WAITPKG);
		break;
	case CPUID_LEAF_D:
		if (subleaf == 1)
			answer->eax &= ~CPUID_D_1_EAX_XSAVES;
		break;
	case CPUID_LEAF_8000_0001:
		answer->ecx &= ~CPUID_8000_0001_ECX_SVM;
		answer->edx &= ~(CPUID_8000_0001_EDX_RDTSCP | CPUID_8000_0001_EDX_SYSCALL);
		break;
	default:
		break;
	}
}

static void answer_cpuid(u32 leaf, u32 subleaf, struct vtx_cpuid *answer)
{
	if (leaf >= CPUID_LEAF_4000_0000 && leaf <= CPUID_LEAF_4000_00FF) {
		*answer = (struct vtx_cpuid){};
		if (leaf == CPUID_LEAF_4000_0000)
			*answer = signature;
		return;
	}
	cpuid_count(leaf, subleaf, &answer->eax, &answer->ebx, &answer->ecx, &answer->edx);
	hide_features(leaf, subleaf, answer);
}

static enum vtx_next handle_cpuid(struct vtx_vcpu *vcpu)
{
	struct vtx_regs *regs = &vcpu->regs;
	struct vtx_cpuid answer;

	answer_cpuid(regs->rax, regs->rcx, &answer);
	regs->rax = answer.eax;
	regs->rbx = answer.ebx;
	regs->rcx = answer.ecx;
	regs->rdx = answer.edx;
	return vtx_answered(vcpu);
}

/* ---- registers ------------------------------------------------------------------------------- */

#define CR3_NUMBER 3
#define CR8_NUMBER 8

/*
 * CR0 and CR4: a read does not exit, and a write only if it would change something, which is user
 * space's to see. CR3 always exits, and there is only one value that it has and may have. There is
 * no interrupt controller, so CR8 is 0.
 */
static enum vtx_next handle_cr(struct vtx_vcpu *vcpu)
{
	const struct vtx_exit *exit = &vcpu->exit;
	u64 has = exit->cr == CR3_NUMBER ? vcpu->vm->guest_root : 0;

	if (exit->cr != CR3_NUMBER && exit->cr != CR8_NUMBER)
		return VTX_NEXT_USER;
	if (exit->access == VTX_CR_READ)
		(&vcpu->regs.rax)[exit->gpr] = has;
	else if (exit->value != has)
		return VTX_NEXT_USER;
	return vtx_answered(vcpu);
}

/* The instruction is not skipped: the next time it does not exit. */
static enum vtx_next handle_dr(struct vtx_vcpu *vcpu)
{
	vcpu->dr_used = true;
	return go_on(vcpu);
}

/* ---- what user space answers ----------------------------------------------------------------- */

static enum vtx_next handle_hlt(struct vtx_vcpu *vcpu)
{
	hv->skip_instruction(vcpu);
	return VTX_NEXT_USER;
}

static enum vtx_next handle_hypercall(struct vtx_vcpu *vcpu)
{
	vcpu->wants_result = true;
	hv->skip_instruction(vcpu);
	return VTX_NEXT_USER;
}

const struct vtx_exit_answer run_exits[] = {
	{ VTX_EXIT_HLT, handle_hlt },
	{ VTX_EXIT_HYPERCALL, handle_hypercall },
	{ VTX_EXIT_CPUID, handle_cpuid },
	{ VTX_EXIT_CR, handle_cr },
	{ VTX_EXIT_DR, handle_dr },
	{ VTX_EXIT_INTERRUPT, go_on },
	{ VTX_EXIT_NMI, go_on },
	{}
};

/* ---- who answers which kind ------------------------------------------------------------------ */

static enum vtx_next (*answers[VTX_EXIT_KINDS])(struct vtx_vcpu *vcpu) __ro_after_init;

void vtx_collect_answers(void)
{
	const struct vtx_exit_answer *entry;
	size_t i;

	for (i = 0; vtx_units[i]; i++) {
		for (entry = vtx_units[i]->exits; entry && entry->kind; entry++)
			answers[entry->kind] = entry->answer;
	}
}

enum vtx_next vtx_handle_exit(struct vtx_vcpu *vcpu)
{
	if (vcpu->exit.kind >= VTX_EXIT_KINDS || !answers[vcpu->exit.kind])
		return VTX_NEXT_USER;
	return answers[vcpu->exit.kind](vcpu);
}
