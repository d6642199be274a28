// SPDX-License-Identifier: GPL-2.0
/*
 * One CPU into VMX operation and out of it again: VMX's side of hv_ops.def for project 2.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/msr.h>
#include <asm/tlbflush.h>
#include <linux/cpumask.h>
#include <linux/irqflags.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/smp.h>

#include "host_cpu.h"
#include "hv_ops.h"
#include "mem.h"
#include "unit.h"
#include "vmx_cap_bits.h"
#include "vmx_insn.h"
#include "vmx_msrs.h"
#include "vmx_region.h"
#include "vmxon_logic.h"
#include "vtx_todo.h"
#include "x86_bits.h"

static DEFINE_PER_CPU(struct vmx_region, vmxon_region);
/* Why there are no regions; told to whoever enables. */
static int region_error;

/* ---- the regions, one for each CPU that may ever come online -------------------------------- */

void vmx_cpus_release(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		vmx_region_free(per_cpu_ptr(&vmxon_region, cpu));
}

int vmx_cpus_prepare(void)
{
	u64 basic;
	int cpu;
	int err;

	region_error = 0;
	if (!host_cpu_shows_vmx() || rdmsrl_safe(IA32_VMX_BASIC, &basic))
		return 0;
	for_each_possible_cpu(cpu) {
		err = vmx_region_alloc(per_cpu_ptr(&vmxon_region, cpu), basic);
		if (err)
			goto err_release;
	}
	return 0;

err_release:
	vmx_cpus_release();
	/* The module loads on processors that it cannot use, so that detect can explain. */
	region_error = err;
	return err == -ENOMEM ? err : 0;
}

void vmx_cpu_status(struct vtx_cpu_status *status)
{
	const struct vmx_region *region = per_cpu_ptr(&vmxon_region, status->cpu);

	status->region_pa = region->pa;
	status->region_size = region->size;
	status->revision_id = region->revision_id;
}

/* ---- before VMXON: each check fills *why and returns the errno that belongs to the cause ---- */

static int refuse(struct vtx_enable *why, int err, u32 cause, u64 value, u64 expected)
{
	why->cpu = raw_smp_processor_id();
	why->cause = cause;
	why->value = value;
	why->expected = expected;
	return err;
}

int vmx_refusal(const struct vtx_cpu_facts *facts, enum vtx_verdict verdict, struct vtx_enable *why)
{
	switch (verdict) {
	case VTX_VERDICT_USABLE:
		return 0;
	case VTX_VERDICT_HELD:
		return refuse(why, -EBUSY, VTX_CAUSE_HELD, facts->cr4, facts->cr4 & ~CR4_VMXE);
	case VTX_VERDICT_DISABLED_BY_FIRMWARE:
		return refuse(why, -EACCES, VTX_CAUSE_FEATURE_CONTROL, facts->feature_control,
			      FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX_OUTSIDE_SMX);
	default:
		return refuse(why, -ENODEV, VTX_CAUSE_NOT_USABLE, verdict, VTX_VERDICT_USABLE);
	}
}

static int check_held(struct vtx_enable *why)
{
	u64 cr4 = __read_cr4();

	if (cr4 & CR4_VMXE)
		return refuse(why, -EBUSY, VTX_CAUSE_HELD, cr4, cr4 & ~CR4_VMXE);
	return 0;
}

/* The CPUs of one machine may differ: the region was made for the one that loaded the module. */
static int check_region(struct vtx_enable *why)
{
	const struct vmx_region *region = this_cpu_ptr(&vmxon_region);
	u64 basic = 0;
	u32 revision;

	if (!host_cpu_shows_vmx() || rdmsrl_safe(IA32_VMX_BASIC, &basic))
		return refuse(why, -ENODEV, VTX_CAUSE_NOT_USABLE, VTX_VERDICT_NOT_SUPPORTED,
			      VTX_VERDICT_USABLE);
	if (region_error == -ENOSYS)
		return refuse(why, region_error, VTX_CAUSE_NONE, 0, 0);
	revision = VTX_FIELD(basic, IA32_VMX_BASIC_REVISION_ID_HIGH,
			     IA32_VMX_BASIC_REVISION_ID_LOW);
	if (!region->address || region->revision_id != revision)
		return refuse(why, -EPROTO, VTX_CAUSE_REGION, basic, region->revision_id);
	return 0;
}

/* Writing the lock cannot be taken back before the next reset; firmware normally does it. */
static int check_feature_control(struct vtx_enable *why)
{
	const u64 wanted = FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX_OUTSIDE_SMX;
	u64 msr = 0;
	u64 value;

	if (rdmsrl_safe(IA32_FEATURE_CONTROL, &msr))
		return refuse(why, -EACCES, VTX_CAUSE_FEATURE_CONTROL, msr, wanted);
	switch (vmxon_feature_control(msr, &value)) {
	case VMXON_FC_READY:
		return 0;
	case VMXON_FC_WRITE:
		if (!wrmsrl_safe(IA32_FEATURE_CONTROL, value))
			return 0;
		fallthrough;
	default:
		return refuse(why, -EACCES, VTX_CAUSE_FEATURE_CONTROL, msr, wanted);
	}
}

static int check_cr(struct vtx_enable *why, u32 cause, u64 cr, u32 fixed0_msr, u32 fixed1_msr)
{
	u64 fixed0 = 0;
	u64 fixed1 = ~0ULL;
	u64 needed;
	int err;

	rdmsrl_safe(fixed0_msr, &fixed0);
	rdmsrl_safe(fixed1_msr, &fixed1);
	err = vmxon_cr_check(cr, fixed0, fixed1, &needed);
	return err ? refuse(why, err, cause, cr, needed) : 0;
}

static int check_control_registers(struct vtx_enable *why)
{
	/* CR4 as it will be at VMXON. */
	u64 cr4 = __read_cr4() | CR4_VMXE;

	return check_cr(why, VTX_CAUSE_CR0_FIXED, read_cr0(), IA32_VMX_CR0_FIXED0,
			IA32_VMX_CR0_FIXED1) ?:
	       check_cr(why, VTX_CAUSE_CR4_FIXED, cr4, IA32_VMX_CR4_FIXED0, IA32_VMX_CR4_FIXED1);
}

/* ---- VMXON and VMXOFF ------------------------------------------------------------------------ */

/*
 * EXERCISE 2.4 (20 points): One CPU into VMX operation, and out again
 * Do:   enter_vmx(): set CR4.VMXE through the kernel's own accessor and execute VMXON with this
 *       CPU's region. If VMXON fails, clear CR4.VMXE again and return its errno: somebody else's
 *       check of that bit must not find a trace of the attempt. leave_vmx(): VMXOFF, then clear
 *       CR4.VMXE.
 * Read: Intel SDM vol. 3, VMXON and VMXOFF in "VMX Instruction Reference"; project02/README.md,
 *       "VMXON"
 * Hint: cr4_set_bits() and cr4_clear_bits() keep the kernel's copy of CR4 right; vmx_insn.h.
 */
#ifndef TODO_2_4
static int enter_vmx(u64 region_pa)
{
	int err;

	cr4_set_bits(CR4_VMXE);
	err = vmx_vmxon(region_pa);
	if (err)
		cr4_clear_bits(CR4_VMXE);
	return err;
}

static void leave_vmx(void)
{
	int err = vmx_vmxoff();

	if (err)
		pr_err("CPU %d: VMXOFF failed: error %d\n", smp_processor_id(), err);
	/* VMfail: the CPU is still inside, where clearing CR4.VMXE is #GP. */
	if (err != -EIO)
		cr4_clear_bits(CR4_VMXE);
}
#else
static int enter_vmx(u64 region_pa)
{
	return VTX_TODO("2.4", "no CPU enters VMX operation");
}

static void leave_vmx(void)
{
}
#endif

static int vmxon_here(struct vtx_enable *why)
{
	u64 pa = this_cpu_ptr(&vmxon_region)->pa;
	int err;

	if (vtx_fail_here("VMXON"))
		return refuse(why, -EIO, VTX_CAUSE_INJECTED, pa, 0);
	err = enter_vmx(pa);
	switch (err) {
	case 0:
		return 0;
	case -EFAULT:
		return refuse(why, err, VTX_CAUSE_VMXON_FAULT, pa, 0);
	case -EIO:
		return refuse(why, err, VTX_CAUSE_VMXON_FAILED, pa, 0);
	case -EBUSY:
		return refuse(why, err, VTX_CAUSE_HELD, __read_cr4(), 0);
	default: /* exercise 2.4 */
		return refuse(why, err, VTX_CAUSE_NONE, 0, 0);
	}
}

int vmx_cpu_enable(struct vtx_enable *why)
{
	int err = check_held(why) ?:
		  check_region(why) ?:
		  check_feature_control(why) ?:
		  check_control_registers(why) ?:
		  vmxon_here(why);

	if (!err)
		this_cpu_write(vtx_cpu_ours, true);
	return err;
}

void vmx_cpu_disable(void)
{
	unsigned long flags;

	/* Nobody may come back to this CPU between the units' farewell and VMXOFF. */
	local_irq_save(flags);
	vtx_units_cpu_leaves();
	leave_vmx();
	this_cpu_write(vtx_cpu_ours, false);
	local_irq_restore(flags);
}
