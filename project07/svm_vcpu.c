// SPDX-License-Identifier: GPL-2.0
/*
 * A VMCB for each vCPU, and where it ran last.
 *
 * Nothing of a VMCB stays in a processor but translations, which are the ASID's affair, and so
 * there is nothing to do when a vCPU moves. The lists serve those who ask where it is.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/io.h>
#include <asm/tlbflush.h>
#include <linux/cc_platform.h>
#include <linux/irqflags.h>
#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/smp.h>
#include <linux/spinlock.h>

#include "host_cpu.h"
#include "hv_ops.h"
#include "mem.h"
#include "svm_codes.h"
#include "svm_run.h"
#include "x86_bits.h"

/* ---- where they are -------------------------------------------------------------------------- */

/* The vCPUs that ran on this CPU last, by on_cpu; they and vcpu->cpu are the lock's. */
static DEFINE_PER_CPU(struct hlist_head, ran_here);
static DEFINE_RAW_SPINLOCK(ran_lock);

static void move_to(struct vtx_vcpu *vcpu, int cpu)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&ran_lock, flags);
	if (vcpu->cpu >= 0)
		hlist_del_init(&vcpu->on_cpu);
	if (cpu >= 0)
		hlist_add_head(&vcpu->on_cpu, per_cpu_ptr(&ran_here, cpu));
	WRITE_ONCE(vcpu->cpu, cpu);
	raw_spin_unlock_irqrestore(&ran_lock, flags);
}

/* Interrupts off between the two, as a reboot's interrupt takes the CPU from us. */
int svm_vcpu_load(struct vtx_vcpu *vcpu)
{
	unsigned long flags;
	int err = -ESHUTDOWN;

	local_irq_save(flags);
	if (this_cpu_read(vtx_cpu_ours)) {
		err = 0;
		if (vcpu->cpu != smp_processor_id())
			move_to(vcpu, smp_processor_id());
	}
	local_irq_restore(flags);
	return err;
}

void svm_vcpu_put(struct vtx_vcpu *vcpu)
{
}

void svm_vcpus_leave_cpu(void)
{
	struct vtx_vcpu *vcpu;
	struct hlist_node *next;

	raw_spin_lock(&ran_lock);
	hlist_for_each_entry_safe(vcpu, next, this_cpu_ptr(&ran_here), on_cpu) {
		hlist_del_init(&vcpu->on_cpu);
		WRITE_ONCE(vcpu->cpu, -1);
	}
	raw_spin_unlock(&ran_lock);
}

/* ---- creation and end ------------------------------------------------------------------------ */

static int check_processor(void)
{
	u32 features = cpuid_edx(CPUID_LEAF_8000_000A);

	if (cc_platform_has(CC_ATTR_HOST_MEM_ENCRYPT)) {
		pr_notice("create: the host encrypts its memory (mem_encrypt=on), and this driver "
			  "gives the processor addresses without the C-bit; expected: off\n");
		return -ENOTSUPP;
	}
	if (features & SVM_FEATURE_NP)
		return 0;
	pr_notice("create: a vCPU needs \"nested paging\", which this processor lacks\n");
	return -ENOTSUPP;
}

int svm_vcpu_alloc(struct vtx_vcpu *vcpu)
{
	struct svm_vcpu *svm;
	int err = check_processor();

	if (err)
		return err;
	svm = vtx_zalloc("vCPU of SVM", sizeof(*svm));
	if (!svm)
		return -ENOMEM;
	vcpu->arch = svm;
	svm->vmcb = vtx_pages_alloc(VMCB_SIZE);
	if (!svm->vmcb) {
		err = -ENOMEM;
		goto err_free;
	}
	svm->vmcb_pa = virt_to_phys(svm->vmcb);
	if (__read_cr4() & CR4_LA57) {
		svm->level5 = vtx_pages_alloc(PAGE_SIZE);
		if (!svm->level5) {
			err = -ENOMEM;
			goto err_vmcb;
		}
	}
	if (vtx_fail_here("controls of a VMCB")) {
		err = -EIO;
		goto err_vmcb;
	}
	err = svm_controls_init(vcpu);
	if (err && err != -ENOSYS)
		goto err_vmcb;
	return 0;

err_vmcb:
	vtx_pages_free(svm->level5, PAGE_SIZE);
	vtx_pages_free(svm->vmcb, VMCB_SIZE);
err_free:
	vtx_free(svm);
	vcpu->arch = NULL;
	return err;
}

void svm_vcpu_free(struct vtx_vcpu *vcpu)
{
	struct svm_vcpu *svm = svm_of(vcpu);

	move_to(vcpu, -1);
	vtx_pages_free(svm->level5, PAGE_SIZE);
	vtx_pages_free(svm->vmcb, VMCB_SIZE);
	vtx_free(svm);
	vcpu->arch = NULL;
}

void svm_vcpu_info(struct vtx_vcpu *vcpu, struct vtx_vcpu_info *info)
{
	info->control_pa = svm_of(vcpu)->vmcb_pa;
	info->control_size = VMCB_SIZE;
	info->cpu = READ_ONCE(vcpu->cpu);
}
