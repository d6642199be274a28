// SPDX-License-Identifier: GPL-2.0
/*
 * Lazy switching of the FPU's registers, where a guest uses them so seldom that it pays.
 *
 * What it saves: XSAVE and XRSTOR, twice for each VTXDRV_RUN_VCPU. What it costs: an exit at the
 * first use. Which of the two is more is a matter of the guest, so its last calls decide.
 */
#include <asm/fpu/api.h>
#include <linux/cache.h>
#include <linux/cpu.h>

#include "fpu.h"
#include "run.h"
#include "x86_exceptions.h"

/* After so many calls in a row that used the FPU, the next ones find it ready. */
#define OFTEN 5
/* After so many calls with it ready it is tried again whether the guest still needs it. */
#define TRY_AGAIN 250

static bool lazy __ro_after_init;

/*
 * While its first use exits, the guest runs with the task's registers in the processor. Some
 * processors let it compute with their values speculatively before the exit comes ("lazy FP state
 * restore", CVE-2018-3665). The kernel keeps no list of those; they are among the ones with
 * Meltdown. Who has switched mitigations off does not want this one either.
 */
void vtx_fpu_init(void)
{
	lazy = !boot_cpu_has_bug(X86_BUG_CPU_MELTDOWN) || cpu_mitigations_off();
}

/* Twice without the way back would lose the task's registers. */
void vtx_fpu_take(struct vtx_vcpu *vcpu)
{
	if (vcpu->fpu_inside)
		return;
	fpu_swap_kvm_fpstate(&vcpu->fpu, true);
	vcpu->fpu_inside = true;
}

void vtx_fpu_begin(struct vtx_vcpu *vcpu)
{
	if (!lazy || (vcpu->fpu_calls >= OFTEN && vcpu->fpu_calls <= TRY_AGAIN))
		vtx_fpu_take(vcpu);
}

void vtx_fpu_end(struct vtx_vcpu *vcpu)
{
	if (!vcpu->fpu_inside) {
		vcpu->fpu_calls = 0;
		return;
	}
	fpu_swap_kvm_fpstate(&vcpu->fpu, false);
	vcpu->fpu_inside = false;
	vcpu->fpu_calls = vcpu->fpu_calls > TRY_AGAIN ? OFTEN : vcpu->fpu_calls + 1;
}

/*
 * If the guest has set CR0.TS or CR0.EM itself, the instruction raises the exception again when the
 * registers are there, and then it is the guest's.
 */
bool vtx_fpu_wanted(const struct vtx_vcpu *vcpu)
{
	return vcpu->exit.vector == X86_EXCEPTION_NM && !vcpu->fpu_inside;
}

static enum vtx_next take(struct vtx_vcpu *vcpu)
{
	vtx_fpu_take(vcpu);
	return VTX_NEXT_GUEST;
}

enum vtx_next vtx_fpu_answer(struct vtx_vcpu *vcpu)
{
	vcpu->exit.handled = 1;
	return vtx_sleep_on(vcpu, take);
}
