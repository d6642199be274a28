// SPDX-License-Identifier: GPL-2.0
/*
 * Registers of a vCPU that does not run, for user space. VMRUN checks some of what is set here and
 * refuses it; what it would let pass, and must not be, is refused here.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/printk.h>

#include "hv_ops.h"
#include "regs_check.h"
#include "svm_run.h"
#include "svm_segment_logic.h"
#include "x86_bits.h"

int svm_get_regs(struct vtx_vcpu *vcpu, struct vtx_regs *regs)
{
	*regs = vcpu->regs;
	return 0;
}

int svm_set_regs(struct vtx_vcpu *vcpu, const struct vtx_regs *regs)
{
	int err = regs_check(&vcpu->regs, regs);

	if (err)
		return err;
	/* Without IF there is nothing for STI to hold back. */
	if (!(regs->rflags & RFLAGS_IF))
		vmcb_of(vcpu)->INTERRUPT_STATE &= ~(u64)SVM_INTERRUPT_STATE_SHADOW;
	vcpu->regs = *regs;
	return 0;
}

static void read_segments(const struct vmcb *vmcb, struct vtx_sregs *sregs)
{
	svm_segment_read(&vmcb->ES, &sregs->es);
	svm_segment_read(&vmcb->CS, &sregs->cs);
	svm_segment_read(&vmcb->SS, &sregs->ss);
	svm_segment_read(&vmcb->DS, &sregs->ds);
	svm_segment_read(&vmcb->FS, &sregs->fs);
	svm_segment_read(&vmcb->GS, &sregs->gs);
	svm_segment_read(&vmcb->LDTR, &sregs->ldtr);
	svm_segment_read(&vmcb->TR, &sregs->tr);
	sregs->gdtr.base = vmcb->GDTR.base;
	sregs->gdtr.limit = vmcb->GDTR.limit;
	sregs->idtr.base = vmcb->IDTR.base;
	sregs->idtr.limit = vmcb->IDTR.limit;
}

static void write_segments(struct vmcb *vmcb, const struct vtx_sregs *sregs)
{
	svm_segment_write(&vmcb->ES, &sregs->es);
	svm_segment_write(&vmcb->CS, &sregs->cs);
	svm_segment_write(&vmcb->SS, &sregs->ss);
	svm_segment_write(&vmcb->DS, &sregs->ds);
	svm_segment_write(&vmcb->FS, &sregs->fs);
	svm_segment_write(&vmcb->GS, &sregs->gs);
	svm_segment_write(&vmcb->LDTR, &sregs->ldtr);
	svm_segment_write(&vmcb->TR, &sregs->tr);
	vmcb->GDTR.base = sregs->gdtr.base;
	vmcb->GDTR.limit = sregs->gdtr.limit;
	vmcb->IDTR.base = sregs->idtr.base;
	vmcb->IDTR.limit = sregs->idtr.limit;
	vmcb->CPL = svm_segment_dpl(&vmcb->SS);
}

int svm_get_sregs(struct vtx_vcpu *vcpu, struct vtx_sregs *sregs)
{
	const struct vmcb *vmcb = vmcb_of(vcpu);

	memset(sregs, 0, sizeof(*sregs));
	read_segments(vmcb, sregs);
	sregs->cr0 = svm_get_cr(vcpu, 0);
	sregs->cr2 = vcpu->cr2;
	sregs->cr3 = vmcb->CR3;
	sregs->cr4 = svm_of(vcpu)->cr4;
	sregs->efer = svm_of(vcpu)->efer;
	memcpy(sregs->dr, vcpu->dr, sizeof(sregs->dr));
	sregs->dr[7] = vmcb->DR7;
	return 0;
}

/* The four entries of PAE paging are the processor's to read: pdptes does not matter. */
int svm_set_sregs(struct vtx_vcpu *vcpu, const struct vtx_sregs *sregs, const u64 *pdptes)
{
	struct vmcb *vmcb = vmcb_of(vcpu);
	struct vtx_sregs has;
	int err;

	err = svm_get_sregs(vcpu, &has) ?: sregs_check(&has, sregs);
	if (err)
		return err;
	write_segments(vmcb, sregs);
	svm_write_cr0(vcpu, sregs->cr0,
		      with_free_bits(vmcb->CR0, sregs->cr0, CR0_FREE));
	svm_write_cr4(vcpu, sregs->cr4,
		      with_free_bits(vmcb->CR4, sregs->cr4, CR4_FREE));
	vmcb->CR3 = sregs->cr3;
	vmcb->DR7 = sregs->dr[7];
	vcpu->cr2 = sregs->cr2;
	memcpy(vcpu->dr, sregs->dr, sizeof(vcpu->dr));
	vcpu->dr[7] = 0;
	/* DR0 to DR3 and DR6 that mean something have to be in the processor. */
	vcpu->dr_used = true;
	svm_of(vcpu)->stale = true;
	return 0;
}
