// SPDX-License-Identifier: GPL-2.0
/*
 * Accesses to control registers that exit: those that change a bit which the guest does not own,
 * and CR8, which belongs to a processor that there is not.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/processor.h>
#include <linux/err.h>
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/printk.h>

#include "cr_logic.h"
#include "events.h"
#include "exits.h"
#include "hv_ops.h"
#include "run.h"
#include "space.h"
#include "x86_bits.h"
#include "x86_exceptions.h"
#include "x86_paging.h"

#define CR0_NUMBER 0
#define CR3_NUMBER 3
#define CR8_NUMBER 8
#define CR8_MAX 15

static u64 *general_register(struct vtx_vcpu *vcpu)
{
	return &(&vcpu->regs.rax)[vcpu->exit.gpr];
}

/* ---- CR8: the task priority ------------------------------------------------------------------ */

static enum vtx_next answer_cr8(struct vtx_vcpu *vcpu)
{
	if (vcpu->exit.access == VTX_CR_READ) {
		*general_register(vcpu) = vcpu->policy.cr8;
		return vtx_answered(vcpu);
	}
	if (vcpu->exit.value > CR8_MAX)
		return vtx_raise(vcpu, X86_EXCEPTION_GP, 0);
	vcpu->policy.cr8 = vcpu->exit.value;
	return vtx_answered(vcpu);
}

/* ---- CR0, CR3, CR4 --------------------------------------------------------------------------- */

/* What the decoder says of CLTS and LMSW is right in the bits that they write. */
static u64 wanted(struct vtx_vcpu *vcpu)
{
	u64 value = vcpu->exit.value;

	switch (vcpu->exit.access) {
	case VTX_CR_CLTS:
		return cr0_after_clts(hv->get_cr(vcpu, CR0_NUMBER));
	case VTX_CR_LMSW:
		return cr0_after_lmsw(hv->get_cr(vcpu, CR0_NUMBER), value);
	default:
		return value;
	}
}

/* 0, or the guest's exit is not for the driver to answer. */
static enum vtx_next outcome(struct vtx_vcpu *vcpu, int err)
{
	if (!err)
		return vtx_answered(vcpu);
	if (err == -EAGAIN)
		return VTX_NEXT_GUEST; /* the instruction is executed again */
	if (err == -EPERM)
		return vtx_raise(vcpu, X86_EXCEPTION_GP, 0);
	if (err == -EINVAL)
		pr_notice_ratelimited("VM %u, vCPU %u: CR%u %#llx: without \"unrestricted guest\" "
				      "this processor runs no guest so\n",
				      vcpu->vm->id, vcpu->id, vcpu->exit.cr, vcpu->exit.value);
	return VTX_NEXT_USER;
}

/* ---- PAE paging begins, or gets other tables ------------------------------------------------- */

static int fill_in_pdptes(struct vtx_vcpu *vcpu, u64 cr3)
{
	u64 *pdptes = vcpu->policy.pdptes;
	int err = space_read_pdptes(vcpu->vm, cr3, pdptes);
	int i;

	for (i = 0; i < X86_PDPTES && !err; i++) {
		if (!pdpte_is_valid(pdptes[i], boot_cpu_data.x86_phys_bits))
			err = -EPERM;
	}
	return err;
}

/* Loaded, interrupts off. */
static int set_with_pdptes(struct vtx_vcpu *vcpu, u64 cr3, int err)
{
	if (err)
		return err;
	/* Somebody else may have written CR3 while the vCPU was not loaded. */
	if (vcpu->exit.cr != CR3_NUMBER && hv->get_cr(vcpu, CR3_NUMBER) != cr3)
		return -EAGAIN;
	vcpu->policy.pdptes_ready = true;
	err = hv->set_cr(vcpu, vcpu->exit.cr, wanted(vcpu));
	vcpu->policy.pdptes_ready = false;
	return err;
}

/* For vtx_sleep_on(): guest memory is got and read, which may sleep. */
static enum vtx_next change_with_pdptes(struct vtx_vcpu *vcpu)
{
	u64 cr3 = vcpu->policy.cr3;
	int err = fill_in_pdptes(vcpu, cr3);
	enum vtx_next next;

	if (err == -ENOMEM) {
		vcpu->exit.kind = VTX_EXIT_NO_MEMORY;
		vcpu->exit.gpa = cr3 & X86_PDPT_ADDRESS;
		vcpu->exit.handled = 0;
		return VTX_NEXT_USER;
	}
	/* If that fails, the instruction is executed again, and exits again. */
	if (vtx_vcpu_load(vcpu))
		return VTX_NEXT_GUEST;
	local_irq_disable();
	next = outcome(vcpu, set_with_pdptes(vcpu, cr3, err));
	local_irq_enable();
	vtx_vcpu_put(vcpu);
	return next;
}

enum vtx_next vtx_answer_cr(struct vtx_vcpu *vcpu)
{
	const struct vtx_exit *exit = &vcpu->exit;
	int err;

	if (exit->cr == CR8_NUMBER)
		return answer_cr8(vcpu);
	if (exit->access == VTX_CR_READ) {
		*general_register(vcpu) = hv->get_cr(vcpu, exit->cr);
		return vtx_answered(vcpu);
	}
	err = hv->set_cr(vcpu, exit->cr, wanted(vcpu));
	if (err != -EAGAIN)
		return outcome(vcpu, err);
	vcpu->policy.cr3 = exit->cr == CR3_NUMBER ? exit->value : hv->get_cr(vcpu, CR3_NUMBER);
	vcpu->exit.handled = 1;
	return vtx_sleep_on(vcpu, change_with_pdptes);
}
