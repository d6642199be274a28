// SPDX-License-Identifier: GPL-2.0
/*
 * Is a CPU in VMX operation, and the part of another hypervisor that is there already. With SVM
 * there is nothing to enter: a CPU is in use while its EFER.SVME is 1.
 */
#include "probe.h"

#include <linux/cpumask.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <asm/asm.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/special_insns.h>
#include <asm/tlbflush.h>

/* Intel SDM vol. 3, A.1: bits 30:0 of IA32_VMX_BASIC are the revision identifier. */
#define REVISION_MASK 0x7fffffffU

static DEFINE_PER_CPU(struct page *, region);

/* SDM vol. 3, "VMPTRST": #UD outside VMX operation, no condition in root operation at CPL 0. */
static void vmptrst(void *arg)
{
	bool inside = false;
	u64 pointer = 0;

	asm volatile("1: vmptrst %1\n\t"
		     "movb $1, %0\n"
		     "2:\n\t" _ASM_EXTABLE(1b, 2b)
		     : "+qm"(inside), "+m"(pointer)
		     :
		     : "cc", "memory");
	*(bool *)arg = inside;
}

/* @return true if it was set */
static bool svme_change(bool set)
{
	u64 efer;

	rdmsrl(MSR_EFER, efer);
	if (!!(efer & EFER_SVME) != set)
		wrmsrl(MSR_EFER, efer ^ EFER_SVME);
	return efer & EFER_SVME;
}

void probe_in_use(void *arg)
{
	u64 efer;

	if (!boot_cpu_has(X86_FEATURE_SVM)) {
		vmptrst(arg);
		return;
	}
	rdmsrl(MSR_EFER, efer);
	*(bool *)arg = efer & EFER_SVME;
}

int probe_vmxop(struct probe_query *q)
{
	bool inside = false;
	int err = probe_on_cpu(q->arg[0], probe_in_use, &inside);

	return err ?: scnprintf(q->out, PROBE_ANSWER, "%d\n", inside);
}

/* @return true if the CPU is in VMX operation afterwards by this instruction */
static bool do_vmxon(phys_addr_t pa)
{
	bool good = false;

	asm volatile("1: vmxon %1\n\t"
		     "seta %0\n" /* neither CF (VMfailInvalid) nor ZF */
		     "2:\n\t" _ASM_EXTABLE(1b, 2b)
		     : "+qm"(good)
		     : "m"(pa)
		     : "cc", "memory");
	return good;
}

static void vmxon_here(void *arg)
{
	struct page *page = this_cpu_read(region);
	int *err = arg;
	u64 basic;

	if (boot_cpu_has(X86_FEATURE_SVM)) {
		*err = svme_change(true) ? -EBUSY : 0;
		return;
	}
	*err = -EOPNOTSUPP;
	if (rdmsrl_safe(MSR_IA32_VMX_BASIC, &basic))
		return;
	*err = -EBUSY; /* clearing VMXE under somebody's VMX operation would be a #GP */
	if (__read_cr4() & X86_CR4_VMXE)
		return;
	*(u32 *)page_address(page) = (u32)basic & REVISION_MASK;
	cr4_set_bits(X86_CR4_VMXE);
	*err = do_vmxon(page_to_phys(page)) ? 0 : -EIO;
	if (*err)
		cr4_clear_bits(X86_CR4_VMXE);
}

int probe_vmxon(struct probe_query *q)
{
	struct page **slot;
	int refused = 0;
	int err;

	if (q->arg[0] >= nr_cpu_ids || !cpu_possible(q->arg[0]))
		return -ERANGE;
	slot = per_cpu_ptr(&region, q->arg[0]);
	if (*slot)
		return -EALREADY;
	*slot = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!*slot)
		return -ENOMEM;
	err = probe_on_cpu(q->arg[0], vmxon_here, &refused);
	err = err ?: refused;
	if (err) {
		__free_page(*slot);
		*slot = NULL;
	}
	return err ?: scnprintf(q->out, PROBE_ANSWER, "ok\n");
}

static void vmxoff_here(void *arg)
{
	bool done = false;

	if (boot_cpu_has(X86_FEATURE_SVM)) {
		*(bool *)arg = svme_change(false);
		return;
	}
	asm volatile("1: vmxoff\n\t"
		     "movb $1, %0\n"
		     "2:\n\t" _ASM_EXTABLE(1b, 2b)
		     : "+qm"(done)
		     :
		     : "cc", "memory");
	cr4_clear_bits(X86_CR4_VMXE);
	*(bool *)arg = done;
}

int probe_vmxoff(struct probe_query *q)
{
	struct page **slot;
	bool done = false;
	int err;

	if (q->arg[0] >= nr_cpu_ids || !cpu_possible(q->arg[0]))
		return -ERANGE;
	slot = per_cpu_ptr(&region, q->arg[0]);
	if (!*slot)
		return -ENOENT; /* somebody else's VMX operation is not ours to end */
	err = probe_on_cpu(q->arg[0], vmxoff_here, &done);
	if (err)
		return err;
	__free_page(*slot);
	*slot = NULL;
	return scnprintf(q->out, PROBE_ANSWER, "%s\n", done ? "ok" : "fault");
}

/* Clearing CR4.VMXE inside VMX operation would be a #GP: VMXOFF comes first, and may be #UD. */
int probe_vmxscrub(struct probe_query *q)
{
	bool done = false;
	int err = probe_on_cpu(q->arg[0], vmxoff_here, &done);

	return err ?: scnprintf(q->out, PROBE_ANSWER, "%s\n", done ? "scrubbed" : "clean");
}

void probe_vmx_cleanup(void)
{
	struct page **slot;
	bool done;
	int cpu;

	for_each_possible_cpu(cpu) {
		slot = per_cpu_ptr(&region, cpu);
		if (!*slot)
			continue;
		/* An offline CPU has left VMX operation by its INIT. */
		probe_on_cpu((u64)cpu, vmxoff_here, &done);
		__free_page(*slot);
		*slot = NULL;
	}
}
