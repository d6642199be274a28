// SPDX-License-Identifier: GPL-2.0
/*
 * The facts of the CPU that this code runs on: read here, interpreted in *_logic.c.
 */
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/special_insns.h>
#include <asm/tlbflush.h>
#include <linux/smp.h>

#include "hv_ops.h"
#include "vmx_caps_logic.h"
#include "vmx_msrs.h"
#include "vtx_todo.h"
#include "x86_bits.h"

/* A leaf beyond the maximum would return data of another leaf on Intel: leave it zero. */
static struct vtx_cpuid read_cpuid(u32 leaf, u32 max_leaf)
{
	struct vtx_cpuid r = {};

	if (leaf <= max_leaf)
		cpuid_count(leaf, 0, &r.eax, &r.ebx, &r.ecx, &r.edx);
	return r;
}

static void put_text(char *text, u32 first, u32 second, u32 third)
{
	memcpy(text, &first, 4);
	memcpy(text + 4, &second, 4);
	memcpy(text + 8, &third, 4);
}

static void read_cpuid_facts(struct vtx_cpu_facts *facts)
{
	struct vtx_cpuid r = read_cpuid(CPUID_LEAF_0, CPUID_LEAF_0);

	facts->max_leaf = r.eax;
	put_text(facts->vendor, r.ebx, r.edx, r.ecx);
	facts->max_ext_leaf = read_cpuid(CPUID_LEAF_8000_0000, CPUID_LEAF_8000_0000).eax;
	facts->leaf1 = read_cpuid(CPUID_LEAF_1, facts->max_leaf);
	facts->ext1 = read_cpuid(CPUID_LEAF_8000_0001, facts->max_ext_leaf);
	facts->ext_addr = read_cpuid(CPUID_LEAF_8000_0008, facts->max_ext_leaf);
	facts->ext_svm = read_cpuid(CPUID_LEAF_8000_000A, facts->max_ext_leaf);
	if (facts->leaf1.ecx & CPUID_1_ECX_HYPERVISOR) {
		r = read_cpuid(CPUID_LEAF_4000_0000, CPUID_LEAF_4000_0000);
		put_text(facts->hv_signature, r.ebx, r.ecx, r.edx);
		facts->valid |= VTX_FACT_HV_LEAF;
	}
}

static bool __maybe_unused read_msr(u32 index, u64 *value)
{
	return !rdmsrl_safe(index, value);
}

/*
 * EXERCISE 1.3 (15 points): Read the facts of one CPU
 * Do:   read CR0, CR4 and EFER; IA32_FEATURE_CONTROL where CPUID shows VMX (and set
 *       VTX_FACT_FEATURE_CONTROL), VM_CR where it shows SVM (VTX_FACT_VM_CR), and every capability
 *       MSR that exists into vmx_msr[], with its bit in vmx_msr_valid. Exercise 1.2 tells which
 *       ones exist, but it needs the values of the first ones to know about the rest: ask it again
 *       until it names nothing new. An MSR that does not exist raises #GP, so never read one on a
 *       guess.
 * Read: Intel SDM vol. 3, appendix A; project01/README.md, "Capability MSRs"
 * Hint: vmx_msrs_present(facts) & ~asked is what is left to read.
 */
#ifndef TODO_1_3
static void read_capability_msrs(struct vtx_cpu_facts *facts)
{
	u32 asked = 0;
	u32 next;
	int i;

	while ((next = vmx_msrs_present(facts) & ~asked)) {
		i = __ffs(next);
		asked |= BIT(i);
		if (read_msr(VTX_VMX_MSR_FIRST + i, &facts->vmx_msr[i]))
			facts->vmx_msr_valid |= BIT(i);
	}
}

static void read_msr_facts(struct vtx_cpu_facts *facts)
{
	facts->cr0 = read_cr0();
	facts->cr4 = __read_cr4();
	read_msr(IA32_EFER, &facts->efer);
	if (facts->leaf1.ecx & CPUID_1_ECX_VMX &&
	    read_msr(IA32_FEATURE_CONTROL, &facts->feature_control))
		facts->valid |= VTX_FACT_FEATURE_CONTROL;
	if (facts->ext1.ecx & CPUID_8000_0001_ECX_SVM && read_msr(VM_CR, &facts->vm_cr))
		facts->valid |= VTX_FACT_VM_CR;
	read_capability_msrs(facts);
}

int vmx_probe(struct vtx_cpu_facts *facts)
{
	memset(facts, 0, sizeof(*facts));
	facts->cpu = smp_processor_id();
	read_cpuid_facts(facts);
	read_msr_facts(facts);
	return 0;
}
#else
int vmx_probe(struct vtx_cpu_facts *facts)
{
	memset(facts, 0, sizeof(*facts));
	facts->cpu = smp_processor_id();
	read_cpuid_facts(facts);
	VTX_TODO("1.3", "no MSR and no control register is read: nothing to decide on");
	return 0;
}
#endif
