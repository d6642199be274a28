// SPDX-License-Identifier: GPL-2.0
/*
 * What CPUID says about one processor, and the verdict.
 */
#include "detect_logic.h"
#if VTX_STAGE >= 7
#include "svm_verdict_logic.h"
#endif
#include "vtx_todo.h"
#include "x86_bits.h"

/* Bytes of a vendor or hypervisor name in the registers of CPUID. */
#define CPUID_NAME_BYTES 12

static const struct {
	const char *vendor;
	enum detect_arch arch;
} detect_vendors[] = {
	{ "GenuineIntel", DETECT_ARCH_VMX },
	{ "CentaurHauls", DETECT_ARCH_VMX },
	{ "  Shanghai  ", DETECT_ARCH_VMX },
	{ "AuthenticAMD", DETECT_ARCH_SVM },
	{ "HygonGenuine", DETECT_ARCH_SVM },
};

/*
 * EXERCISE 1.1 (15 points): What does CPUID say?
 * Do:   fill in *out. vendor and signature are the 12 bytes and a terminating 0; the signature is
 *       empty unless the hypervisor bit is set and leaf 4000_0000H was read (VTX_FACT_HV_LEAF).
 *       vmx, svm and hypervisor are single bits of leaf1 and ext1. arch comes from
 *       detect_vendors[]; for a vendor that is not there, from the bits: VMX if vmx is shown,
 *       else SVM if svm is shown.
 * Read: Intel SDM vol. 2, CPUID; AMD APM vol. 3, appendix E; project01/README.md, "CPUID"
 * Hint: CPUID_1_ECX_VMX and its neighbours are in common/arch/x86_bits.def. AMD's processors do not
 *       define CPUID.1:ECX[5], and Intel's not 8000_0001H:ECX[2]: report them all the same.
 */
#ifndef TODO_1_1
static enum detect_arch vendor_arch(const struct detect_cpuid_info *info)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(detect_vendors); i++) {
		if (!memcmp(info->vendor, detect_vendors[i].vendor, CPUID_NAME_BYTES))
			return detect_vendors[i].arch;
	}
	if (info->vmx)
		return DETECT_ARCH_VMX;
	return info->svm ? DETECT_ARCH_SVM : DETECT_ARCH_NONE;
}

int detect_cpuid(const struct vtx_cpu_facts *f, struct detect_cpuid_info *out)
{
	memset(out, 0, sizeof(*out));
	memcpy(out->vendor, f->vendor, CPUID_NAME_BYTES);
	out->vmx = f->leaf1.ecx & CPUID_1_ECX_VMX;
	out->svm = f->ext1.ecx & CPUID_8000_0001_ECX_SVM;
	out->hypervisor = f->leaf1.ecx & CPUID_1_ECX_HYPERVISOR;
	if (out->hypervisor && (f->valid & VTX_FACT_HV_LEAF))
		memcpy(out->signature, f->hv_signature, CPUID_NAME_BYTES);
	out->arch = vendor_arch(out);
	return 0;
}
#else
int detect_cpuid(const struct vtx_cpu_facts *f, struct detect_cpuid_info *out)
{
	(void)detect_vendors;
	memset(out, 0, sizeof(*out));
	return VTX_TODO("1.1", "nothing is known about the processor");
}
#endif

/*
 * EXERCISE 1.7 (15 points): The verdict
 * Do:   answer for one processor, by questions in this order: each of them makes sense only after
 *       the ones before, and each needs a more drastic remedy than the ones after it.
 *       1. Is this a maker of VMX? If not: a processor with SVM that shows it is not supported
 *          (this driver learns SVM in project07); one that should have SVM, does not show it
 *          and has the hypervisor bit set is hidden; anything else is not supported.
 *       2. Does CPUID show VMX? If not: hidden with the hypervisor bit set, else not supported.
 *          The MSRs and the CR4 bit of the next questions do not exist without it.
 *       3. Does firmware allow it? IA32_FEATURE_CONTROL not among the facts: unknown. Locked,
 *          and no "VMX outside SMX": disabled by firmware. Not locked is fine: project02 writes it.
 *       4. Does somebody else use it? CR4.VMXE set, and not by us (VTX_FACT_OURS): held.
 *       5. Otherwise it is usable.
 * Read: Intel SDM vol. 3, "Enabling and Entering VMX Operation"; project01/README.md, "The verdict"
 * Hint: detect_cpuid() knows the maker. "VMX inside SMX" does not help: Linux runs outside.
 */
#ifndef TODO_1_7
static enum vtx_verdict verdict_not_shown(const struct detect_cpuid_info *info)
{
	return info->hypervisor ? VTX_VERDICT_HIDDEN : VTX_VERDICT_NOT_SUPPORTED;
}

static enum vtx_verdict verdict_without_vmx(const struct detect_cpuid_info *info)
{
	if (info->arch == DETECT_ARCH_SVM && !info->svm)
		return verdict_not_shown(info);
	return VTX_VERDICT_NOT_SUPPORTED;
}

static bool firmware_locked_out(u64 feature_control)
{
	return (feature_control & FEATURE_CONTROL_LOCK) &&
	       !(feature_control & FEATURE_CONTROL_VMX_OUTSIDE_SMX);
}

enum vtx_verdict detect_verdict(const struct vtx_cpu_facts *f)
{
	struct detect_cpuid_info info;

	if (detect_cpuid(f, &info))
		return VTX_VERDICT_UNKNOWN;
#if VTX_STAGE >= 7
	if (info.arch == DETECT_ARCH_SVM)
		return svm_verdict(f, &info);
#endif
	if (info.arch != DETECT_ARCH_VMX)
		return verdict_without_vmx(&info);
	if (!info.vmx)
		return verdict_not_shown(&info);
	if (!(f->valid & VTX_FACT_FEATURE_CONTROL))
		return VTX_VERDICT_UNKNOWN;
	if (firmware_locked_out(f->feature_control))
		return VTX_VERDICT_DISABLED_BY_FIRMWARE;
	if ((f->cr4 & CR4_VMXE) && !(f->valid & VTX_FACT_OURS))
		return VTX_VERDICT_HELD;
	return VTX_VERDICT_USABLE;
}
#else
enum vtx_verdict detect_verdict(const struct vtx_cpu_facts *f)
{
	(void)VTX_TODO("1.7", "the verdict stays unknown");
	return VTX_VERDICT_UNKNOWN;
}
#endif
