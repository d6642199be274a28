// SPDX-License-Identifier: GPL-2.0
/*
 * What VM_CR and EFER say of SVM. AMD APM vol. 2, "Enabling SVM". A part of exercise 7.1, which is
 * described in svm_cpu.c.
 */
#include "svm_verdict_logic.h"
#include "vtx_todo.h"
#include "x86_bits.h"

#ifndef TODO_7_1
enum vtx_verdict svm_verdict(const struct vtx_cpu_facts *facts,
			     const struct detect_cpuid_info *info)
{
	if (!info->svm)
		return info->hypervisor ? VTX_VERDICT_HIDDEN : VTX_VERDICT_NOT_SUPPORTED;
	if (!(facts->valid & VTX_FACT_VM_CR))
		return VTX_VERDICT_UNKNOWN;
	if (facts->vm_cr & VM_CR_SVMDIS)
		return VTX_VERDICT_DISABLED_BY_FIRMWARE;
	if (facts->efer & IA32_EFER_SVME && !(facts->valid & VTX_FACT_OURS))
		return VTX_VERDICT_HELD;
	return VTX_VERDICT_USABLE;
}
#else
enum vtx_verdict svm_verdict(const struct vtx_cpu_facts *facts,
			     const struct detect_cpuid_info *info)
{
	(void)VTX_TODO("7.1", "the verdict on SVM stays unknown");
	return VTX_VERDICT_UNKNOWN;
}
#endif

static int refuse(struct vtx_enable *why, int err, u32 cause, u64 value, u64 expected)
{
	why->cause = cause;
	why->value = value;
	why->expected = expected;
	return err;
}

int svm_explain_verdict(const struct vtx_cpu_facts *facts, enum vtx_verdict verdict,
			struct vtx_enable *why)
{
	switch (verdict) {
	case VTX_VERDICT_USABLE:
		return 0;
	case VTX_VERDICT_HELD:
		return refuse(why, -EBUSY, VTX_CAUSE_HELD, facts->efer,
			      facts->efer & ~IA32_EFER_SVME);
	case VTX_VERDICT_DISABLED_BY_FIRMWARE:
		return refuse(why, -EACCES, VTX_CAUSE_VM_CR, facts->vm_cr,
			      facts->vm_cr & ~VM_CR_SVMDIS);
	default:
		return refuse(why, -ENODEV, VTX_CAUSE_NOT_USABLE, verdict, VTX_VERDICT_USABLE);
	}
}
