// SPDX-License-Identifier: GPL-2.0
/*
 * One CPU with SVM enabled, and disabled again: SVM's side of hv_ops.def for project 2.
 *
 * There is no operation to enter, as VMXON is: a bit of EFER allows the instructions, and an MSR
 * says where VMRUN may save the host's state.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/io.h>
#include <asm/msr.h>
#include <linux/cpumask.h>
#include <linux/irqflags.h>
#include <linux/printk.h>
#include <linux/smp.h>

#include "host_cpu.h"
#include "hv_ops.h"
#include "mem.h"
#include "svm_codes.h"
#include "svm_cpu.h"
#include "svm_quirks.h"
#include "svm_verdict_logic.h"
#include "unit.h"
#include "vmx_msrs.h"
#include "vtx_todo.h"
#include "x86_bits.h"

DEFINE_PER_CPU(struct svm_cpu, svm_cpu);

/* project01 asks for the facts of both extensions, whichever there is. */
int svm_probe(struct vtx_cpu_facts *facts)
{
	return vmx_probe(facts);
}

int svm_refusal(const struct vtx_cpu_facts *facts, enum vtx_verdict verdict, struct vtx_enable *why)
{
	return svm_explain_verdict(facts, verdict, why);
}

/* ---- memory, for each CPU that may ever come online ------------------------------------------ */

void svm_cpus_release(void)
{
	struct svm_cpu *here;
	int cpu;

	for_each_possible_cpu(cpu) {
		here = per_cpu_ptr(&svm_cpu, cpu);
		vtx_pages_free(here->save_area, PAGE_SIZE);
		vtx_pages_free(here->host, VMCB_SIZE);
		vtx_pages_free(here->asked, VMCB_SIZE);
		*here = (struct svm_cpu){};
	}
}

int svm_cpus_prepare(void)
{
	struct svm_cpu *here;
	int cpu;

	if (!host_cpu_shows_svm())
		return 0;
	svm_quirks_init();
	for_each_possible_cpu(cpu) {
		here = per_cpu_ptr(&svm_cpu, cpu);
		here->save_area = vtx_pages_alloc(PAGE_SIZE);
		here->host = vtx_pages_alloc(VMCB_SIZE);
		here->asked = vtx_pages_alloc(VMCB_SIZE);
		if (!here->save_area || !here->host || !here->asked) {
			svm_cpus_release();
			return -ENOMEM;
		}
		here->host_pa = virt_to_phys(here->host);
	}
	return 0;
}

void svm_cpu_status(struct vtx_cpu_status *status)
{
	const struct svm_cpu *here = per_cpu_ptr(&svm_cpu, status->cpu);

	if (!here->save_area)
		return;
	status->region_pa = virt_to_phys(here->save_area);
	status->region_size = PAGE_SIZE;
}

/* ---- enable and disable ---------------------------------------------------------------------- */

static int refuse(struct vtx_enable *why, int err, u32 cause, u64 value, u64 expected)
{
	why->cpu = smp_processor_id();
	why->cause = cause;
	why->value = value;
	why->expected = expected;
	return err;
}

static int check_here(struct vtx_enable *why)
{
	u64 efer = 0;
	u64 vm_cr = 0;

	rdmsrl_safe(IA32_EFER, &efer);
	if (efer & IA32_EFER_SVME)
		return refuse(why, -EBUSY, VTX_CAUSE_HELD, efer, efer & ~IA32_EFER_SVME);
	if (!host_cpu_shows_svm())
		return refuse(why, -ENODEV, VTX_CAUSE_NOT_USABLE, VTX_VERDICT_NOT_SUPPORTED,
			      VTX_VERDICT_USABLE);
	if (!rdmsrl_safe(VM_CR, &vm_cr) && vm_cr & VM_CR_SVMDIS)
		return refuse(why, -EACCES, VTX_CAUSE_VM_CR, vm_cr, vm_cr & ~VM_CR_SVMDIS);
	return 0;
}

/*
 * EXERCISE 7.1 (10 points): EFER.SVME on each CPU
 * Do:   svm_on(): note what VM_HSAVE_PA has, give it this CPU's save area, set EFER.SVME, and read
 *       it back: a hypervisor below may drop the bit. After a failure both MSRs are as they were.
 *       svm_off(): clear EFER.SVME and give VM_HSAVE_PA back what it had.
 *       svm_verdict() in svm_verdict_logic.c, in this order: without SVM it is hidden below a
 *       hypervisor, and else not supported; unknown where VM_CR was not read (VTX_FACT_VM_CR);
 *       disabled by firmware with SVMDIS; held with EFER.SVME that is not ours (VTX_FACT_OURS).
 * Read: AMD APM vol. 2, "Enabling SVM" and "VM_HSAVE_PA MSR"; project07/README.md, "One bit and a
 *       page"
 * Hint: rdmsrl_safe() and wrmsrl_safe() return an errno where the MSR raises #GP. While SVME is 1
 *       the save area belongs to the processor.
 */
#ifndef TODO_7_1
static int set_svme(void)
{
	u64 efer = 0;
	int err;

	rdmsrl(IA32_EFER, efer);
	err = wrmsrl_safe(IA32_EFER, efer | IA32_EFER_SVME);
	if (err)
		return -EFAULT;
	rdmsrl(IA32_EFER, efer);
	return efer & IA32_EFER_SVME ? 0 : -EIO;
}

static int svm_on(struct svm_cpu *here)
{
	int err;

	if (rdmsrl_safe(VM_HSAVE_PA, &here->old_save_area) ||
	    wrmsrl_safe(VM_HSAVE_PA, virt_to_phys(here->save_area)))
		return -EFAULT;
	err = set_svme();
	if (err)
		wrmsrl(VM_HSAVE_PA, here->old_save_area);
	return err;
}

static void svm_off(struct svm_cpu *here)
{
	u64 efer;

	rdmsrl(IA32_EFER, efer);
	wrmsrl(IA32_EFER, efer & ~IA32_EFER_SVME);
	wrmsrl(VM_HSAVE_PA, here->old_save_area);
}
#else
static int svm_on(struct svm_cpu *here)
{
	return VTX_TODO("7.1", "SVM is enabled on no CPU");
}

static void svm_off(struct svm_cpu *here)
{
}
#endif

static int enable_here(struct vtx_enable *why)
{
	struct svm_cpu *here = this_cpu_ptr(&svm_cpu);
	u64 pa, efer;
	int err;

	if (!here->save_area)
		return refuse(why, -ENODEV, VTX_CAUSE_NOT_USABLE, VTX_VERDICT_NOT_SUPPORTED,
			      VTX_VERDICT_USABLE);
	pa = virt_to_phys(here->save_area);
	if (vtx_fail_here("EFER.SVME"))
		return refuse(why, -EIO, VTX_CAUSE_INJECTED, pa, 0);
	err = svm_on(here);
	switch (err) {
	case 0:
		return 0;
	case -EFAULT:
		return refuse(why, err, VTX_CAUSE_SVM_FAULT, pa, 0);
	case -EIO:
		rdmsrl(IA32_EFER, efer);
		return refuse(why, err, VTX_CAUSE_SVME, efer, efer | IA32_EFER_SVME);
	default: /* exercise 7.1 */
		return refuse(why, err, VTX_CAUSE_NONE, 0, 0);
	}
}

/* What an exit that is answered at once (svm_fast.c) leaves alone: nothing of it is RAX or RIP. */
#define CLEAN_BITS \
	(SVM_CLEAN_INTERCEPTS | SVM_CLEAN_IOPM | SVM_CLEAN_ASID | SVM_CLEAN_TPR | SVM_CLEAN_NP | \
	 SVM_CLEAN_CRX | SVM_CLEAN_DRX | SVM_CLEAN_DT | SVM_CLEAN_SEG | SVM_CLEAN_CR2)

/* What the CPU remembers of guests is from before it was disabled: svm_asid_restart(). */
static void ask_processor(struct svm_cpu *here)
{
	struct vtx_cpuid leaf = {};

	cpuid(CPUID_LEAF_8000_000A, &leaf.eax, &leaf.ebx, &leaf.ecx, &leaf.edx);
	svm_asid_restart(&here->asids, leaf.ebx, leaf.edx & SVM_FEATURE_FlushByAsid);
	here->clean_bits = leaf.edx & SVM_FEATURE_VmcbClean ? CLEAN_BITS : 0;
}

int svm_cpu_enable(struct vtx_enable *why)
{
	int err = check_here(why) ?: enable_here(why);

	if (err)
		return err;
	ask_processor(this_cpu_ptr(&svm_cpu));
	this_cpu_write(vtx_cpu_ours, true);
	return 0;
}

void svm_cpu_disable(void)
{
	unsigned long flags;

	/* Nobody may come back to this CPU between the units' farewell and the end. */
	local_irq_save(flags);
	vtx_units_cpu_leaves();
	svm_off(this_cpu_ptr(&svm_cpu));
	this_cpu_write(vtx_cpu_ours, false);
	local_irq_restore(flags);
}
