// SPDX-License-Identifier: GPL-2.0
/*
 * What every guest's VMCB begins with: what exits, and how.
 */
#include "host_cpu.h"
#include "hv_ops.h"
#include "svm_codes.h"
#include "svm_run.h"
#include "vtx_todo.h"

/* Exit codes, and so the numbers of the intercepts' bits. */
static const u16 wishes[] __maybe_unused = {
#define SVM_WISH(ident, why) VMEXIT_##ident,
#include "svm_wishes.def"
#undef SVM_WISH
};

/* The same three as in vmx_intercepts.c: a loop of PAUSEs with small gaps exits after so many. */
#define PAUSE_GAP 128
#define PAUSE_COUNT 3000

static void __maybe_unused use_pause_filter(struct vmcb *vmcb)
{
	u32 features = cpuid_edx(CPUID_LEAF_8000_000A);

	if (!(features & SVM_FEATURE_PauseFilter))
		return;
	vmcb_intercept(vmcb, VMEXIT_PAUSE, true);
	vmcb->PAUSE_FILTER_COUNT = PAUSE_COUNT;
	if (features & SVM_FEATURE_PauseFilterThreshold)
		vmcb->PAUSE_FILTER_THRESHOLD = PAUSE_GAP;
}

/*
 * EXERCISE 7.2 (10 points): What exits?
 * Do:   svm_controls_init(): begin with a VMCB of zeros. Intercept what svm_wishes.def lists, and
 *       PAUSE where there is a filter for it (use_pause_filter()). Switch on nested paging, and
 *       V_INTR_MASKING: IF and CR8 of the guest say nothing about the host's interrupts.
 * Read: AMD APM vol. 2, "Intercept Operation", "Nested Paging" and "Virtualizing APIC.TPR";
 *       appendix B; project07/README.md, "The VMCB"
 * Hint: vmcb_intercept(), wishes[].
 */
#ifndef TODO_7_2
int svm_controls_init(struct vtx_vcpu *vcpu)
{
	struct vmcb *vmcb = vmcb_of(vcpu);
	u32 i;

	memset(vmcb, 0, sizeof(*vmcb));
	for (i = 0; i < ARRAY_SIZE(wishes); i++)
		vmcb_intercept(vmcb, wishes[i], true);
	use_pause_filter(vmcb);
	vmcb->V_INTR = SVM_V_INTR_MASKING;
	vmcb->NP_CONTROL = SVM_NP_CONTROL_ENABLE;
	return 0;
}
#else
int svm_controls_init(struct vtx_vcpu *vcpu)
{
	return VTX_TODO("7.2", "a VMCB has no intercepts, so VMRUN is refused");
}
#endif
