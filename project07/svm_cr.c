// SPDX-License-Identifier: GPL-2.0
/*
 * CR0, CR3, CR4 and IA32_EFER of a guest in the VMCB. There are no masks and shadows: what the
 * guest sees is what the VMCB has, or else reads exit as well.
 */
#include <asm/tlbflush.h>

#include "cr_logic.h"
#include "exits.h"
#include "hv_ops.h"
#include "svm_codes.h"
#include "svm_run.h"
#include "x86_bits.h"
#include "x86_exceptions.h"

#define CR0_NUMBER 0
#define CR3_NUMBER 3
/* With the first use of the FPU exiting. */
#define FPU_TRAP (CR0_TS | CR0_MP)

/*
 * CR4.MCE is the host's: with 0 a machine check would shut the processor down, also while a guest
 * runs.
 */
static void limits_of(struct cr_limits *limits)
{
	*limits = (struct cr_limits){
		.cr0_fixed1 = ~0ULL,
		.cr4_fixed0 = __read_cr4() & CR4_MCE,
		.cr4_fixed1 = ~0ULL,
		.cr4_allowed = vtx_guest_cr4_bits(),
		.efer_allowed = vtx_guest_efer_bits(),
		.unrestricted = true,
	};
}

/*
 * Where guest and processor agree, only writes are of interest that change more than TS and MP. The
 * processor knows those by itself.
 */
static void intercept_cr0(struct vtx_vcpu *vcpu)
{
	const struct svm_vcpu *svm = svm_of(vcpu);
	bool same = svm->cr0 == svm->vmcb->CR0;
	bool every_write = !same || svm->fpu_exiting;

	vmcb_intercept(svm->vmcb, VMEXIT_CR0_READ, !same);
	vmcb_intercept(svm->vmcb, VMEXIT_CR0_WRITE, every_write);
	vmcb_intercept(svm->vmcb, VMEXIT_CR0_SEL_WRITE, !every_write);
}

/*
 * LME means nothing before paging. With LME and neither CR0.PG nor CR4.PAE, QEMU 7.2 leaves out CR0
 * when it loads the host at #VMEXIT.
 */
static void write_efer(struct svm_vcpu *svm)
{
	u64 efer = svm->efer | IA32_EFER_SVME;

	if (!(svm->vmcb->CR0 & CR0_PG) && !(svm->vmcb->CR4 & CR4_PAE))
		efer &= ~(u64)IA32_EFER_LME;
	svm->vmcb->EFER = efer;
}

void svm_write_cr0(struct vtx_vcpu *vcpu, u64 seen, u64 real)
{
	struct svm_vcpu *svm = svm_of(vcpu);

	svm->cr0 = seen;
	svm->vmcb->CR0 = svm->fpu_exiting ? real | FPU_TRAP : real;
	write_efer(svm);
	intercept_cr0(vcpu);
}

void svm_write_cr4(struct vtx_vcpu *vcpu, u64 seen, u64 real)
{
	struct svm_vcpu *svm = svm_of(vcpu);

	svm->cr4 = seen;
	svm->vmcb->CR4 = real | (__read_cr4() & CR4_MCE);
	write_efer(svm);
	vmcb_intercept(svm->vmcb, VMEXIT_CR4_READ, svm->cr4 != svm->vmcb->CR4);
	vcpu->policy.osxsave = seen & CR4_OSXSAVE;
}

void svm_write_efer(struct vtx_vcpu *vcpu, u64 efer)
{
	svm_of(vcpu)->efer = efer;
	write_efer(svm_of(vcpu));
}

/* What the guest itself may have changed without an exit is in the VMCB. */
static u64 seen_cr0(struct vtx_vcpu *vcpu)
{
	const struct svm_vcpu *svm = svm_of(vcpu);

	if (vmcb_intercepts(svm->vmcb, VMEXIT_CR0_WRITE))
		return svm->cr0;
	return svm->vmcb->CR0;
}

u64 svm_get_cr(struct vtx_vcpu *vcpu, u32 cr)
{
	switch (cr) {
	case CR0_NUMBER:
		return seen_cr0(vcpu);
	case CR3_NUMBER:
		return vmcb_of(vcpu)->CR3;
	default:
		return svm_of(vcpu)->cr4;
	}
}

static void state_of(struct vtx_vcpu *vcpu, struct cr_state *state)
{
	const struct vmcb *vmcb = vmcb_of(vcpu);

	state->cr0 = seen_cr0(vcpu);
	state->cr4 = svm_of(vcpu)->cr4;
	state->efer = svm_of(vcpu)->efer;
	state->cs_l = vmcb->CS.attributes & SVM_SEGMENT_L;
	state->code64 = state->cs_l && state->efer & IA32_EFER_LMA;
}

/* PAE paging has no registers for the four entries here: the processor reads them when it walks. */
static int carry_out(struct vtx_vcpu *vcpu, const struct cr_plan *plan)
{
	svm_write_efer(vcpu, plan->efer);
	svm_write_cr0(vcpu, plan->cr0, plan->real_cr0);
	svm_write_cr4(vcpu, plan->cr4, plan->real_cr4);
	svm_of(vcpu)->stale = true;
	return 0;
}

int svm_set_cr(struct vtx_vcpu *vcpu, u32 cr, u64 value)
{
	struct cr_limits limits;
	struct cr_state state;
	struct cr_plan plan;
	int err;

	state_of(vcpu, &state);
	/* Outside 64-bit mode the operand has 32 bits. */
	if (!state.code64)
		value = (u32)value;
	if (cr == CR3_NUMBER) {
		vmcb_of(vcpu)->CR3 = value;
		svm_of(vcpu)->stale = true;
		return 0;
	}
	limits_of(&limits);
	err = cr == CR0_NUMBER ? cr0_write(&limits, &state, value, &plan) :
				 cr4_write(&limits, &state, value, &plan);
	return err ?: carry_out(vcpu, &plan);
}

int svm_set_efer(struct vtx_vcpu *vcpu, u64 value)
{
	struct cr_limits limits;
	struct cr_state state;
	struct cr_plan plan;
	int err;

	limits_of(&limits);
	state_of(vcpu, &state);
	err = efer_write(&limits, &state, value, &plan);
	return err ?: carry_out(vcpu, &plan);
}

/* ---- lazy switching of the FPU: see fpu.c ---------------------------------------------------- */

/* Vector 2 is the NMI's, and no exception. */
#define ALL_EXCEPTIONS ((u32)~BIT(X86_EXCEPTION_NMI))

static void write_exceptions(struct vtx_vcpu *vcpu)
{
	struct svm_vcpu *svm = svm_of(vcpu);
	u32 bitmap = svm->exceptions;

	if (svm->fpu_exiting)
		bitmap |= BIT(X86_EXCEPTION_NM);
	if (svm->delivering)
		bitmap |= ALL_EXCEPTIONS;
	svm->vmcb->INTERCEPT_EXCEPTION = bitmap;
}

void svm_delivering(struct vtx_vcpu *vcpu, bool on)
{
	if (svm_of(vcpu)->delivering == on)
		return;
	svm_of(vcpu)->delivering = on;
	write_exceptions(vcpu);
}

void svm_exceptions(struct vtx_vcpu *vcpu, u32 bitmap)
{
	svm_of(vcpu)->exceptions = bitmap;
	write_exceptions(vcpu);
}

static void fpu_exiting(struct vtx_vcpu *vcpu, bool on)
{
	struct svm_vcpu *svm = svm_of(vcpu);
	u64 seen = seen_cr0(vcpu);
	/* ET and NE may differ from what is seen; CD and NW always do. */
	u64 real = (svm->vmcb->CR0 & ~(u64)FPU_TRAP) | (seen & FPU_TRAP);

	svm->fpu_exiting = on;
	svm_write_cr0(vcpu, seen, real);
	write_exceptions(vcpu);
}

void svm_fpu_fields(struct vtx_vcpu *vcpu)
{
	if (svm_of(vcpu)->fpu_exiting)
		fpu_exiting(vcpu, false);
}

void svm_fpu_before_entry(struct vtx_vcpu *vcpu)
{
	if (unlikely(svm_of(vcpu)->fpu_exiting == vcpu->fpu_inside))
		fpu_exiting(vcpu, !vcpu->fpu_inside);
}
