// SPDX-License-Identifier: GPL-2.0
/*
 * In what do two processors of one machine differ?
 */
#include "detect_logic.h"
#include "x86_bits.h"

static bool leaf_differs(const struct vtx_cpuid *a, const struct vtx_cpuid *b)
{
	return memcmp(a, b, sizeof(*a));
}

/* EBX holds the APIC id; OSXSAVE and APIC show what software has switched on, CPU by CPU. */
static struct vtx_cpuid leaf1_common(const struct vtx_cpu_facts *f)
{
	struct vtx_cpuid leaf = f->leaf1;

	leaf.ebx = 0;
	leaf.ecx &= ~CPUID_1_ECX_OSXSAVE;
	leaf.edx &= ~CPUID_1_EDX_APIC;
	return leaf;
}

static struct vtx_cpuid ext1_common(const struct vtx_cpu_facts *f)
{
	struct vtx_cpuid leaf = f->ext1;

	leaf.edx &= ~CPUID_8000_0001_EDX_APIC;
	return leaf;
}

static bool names_differ(const struct vtx_cpu_facts *a, const struct vtx_cpu_facts *b)
{
	return memcmp(a->vendor, b->vendor, sizeof(a->vendor)) ||
	       memcmp(a->hv_signature, b->hv_signature, sizeof(a->hv_signature)) ||
	       (a->valid ^ b->valid) & VTX_FACT_HV_LEAF;
}

static bool cpuid_differs(const struct vtx_cpu_facts *a, const struct vtx_cpu_facts *b)
{
	struct vtx_cpuid leaf1_a = leaf1_common(a);
	struct vtx_cpuid leaf1_b = leaf1_common(b);
	struct vtx_cpuid ext1_a = ext1_common(a);
	struct vtx_cpuid ext1_b = ext1_common(b);

	return names_differ(a, b) || a->max_leaf != b->max_leaf ||
	       a->max_ext_leaf != b->max_ext_leaf || leaf_differs(&leaf1_a, &leaf1_b) ||
	       leaf_differs(&ext1_a, &ext1_b) || leaf_differs(&a->ext_svm, &b->ext_svm) ||
	       leaf_differs(&a->ext_addr, &b->ext_addr);
}

static bool msr_differs(const struct vtx_cpu_facts *a, const struct vtx_cpu_facts *b, u32 fact,
			u64 value_a, u64 value_b)
{
	return ((a->valid ^ b->valid) & fact) || value_a != value_b;
}

static bool vmx_msrs_differ(const struct vtx_cpu_facts *a, const struct vtx_cpu_facts *b)
{
	return a->vmx_msr_valid != b->vmx_msr_valid ||
	       memcmp(a->vmx_msr, b->vmx_msr, sizeof(a->vmx_msr));
}

static bool in_use(const struct vtx_cpu_facts *f)
{
	return (f->cr4 & CR4_VMXE) || (f->efer & IA32_EFER_SVME);
}

u32 detect_compare(const struct vtx_cpu_facts *a, const struct vtx_cpu_facts *b)
{
	u32 differs = 0;

	if (cpuid_differs(a, b))
		differs |= VTX_DIFF_CPUID;
	if (msr_differs(a, b, VTX_FACT_FEATURE_CONTROL, a->feature_control, b->feature_control))
		differs |= VTX_DIFF_FEATURE_CONTROL;
	if (msr_differs(a, b, VTX_FACT_VM_CR, a->vm_cr, b->vm_cr))
		differs |= VTX_DIFF_VM_CR;
	if (vmx_msrs_differ(a, b))
		differs |= VTX_DIFF_VMX_MSRS;
	if (in_use(a) != in_use(b))
		differs |= VTX_DIFF_HELD;
	return differs;
}
