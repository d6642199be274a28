// SPDX-License-Identifier: GPL-2.0
/*
 * Which tables a vCPU uses, and when a processor has to forget what it remembers of them.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/msr.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/smp.h>

#include "hv_ops.h"
#include "vm.h"
#include "vmcs_access.h"
#include "vmx_cap_bits.h"
#include "vmx_ept.h"
#include "vmx_msrs.h"
#include "vmx_vcpu.h"
#include "vtx_todo.h"

/* The same on every CPU: it is set up before the first VM's tables exist. */
static struct vmx_ept_caps caps;

int vmx_npt_setup(struct vtx_vm *vm)
{
	struct vmx_ept_caps found;
	u64 cap = 0;
	int err;

	rdmsrl_safe(IA32_VMX_EPT_VPID_CAP, &cap);
	err = vmx_ept_caps(cap, &found);
	if (err == -ENOTSUPP)
		pr_notice("create: IA32_VMX_EPT_VPID_CAP is %#llx: 4 levels, WB, INVEPT expected\n",
			  cap);
	if (err)
		return err;
	/* The same words again, but for the first time: a vCPU of another VM may read them now. */
	caps = found;
	vm->space.npt.format = found.format;
	vm->space.pointer = found.pointer;
	vm->space.execute_only = cap & IA32_VMX_EPT_VPID_CAP_EXECUTE_ONLY;
	return 0;
}

static void __maybe_unused complain(const char *instruction, struct vtx_vcpu *vcpu, int err)
{
	pr_err_ratelimited("%s for VM %u, vCPU %u: error %d\n", instruction, vcpu->vm->id,
			   vcpu->id, err);
}

/*
 * EXERCISE 5.5 (15 points): EPTP, VPID, and forgetting
 * Do:   vmx_npt_set_root(): write EPT_POINTER (space->pointer has all but the address) and, where
 *       the vCPU has one, its VPID. vmx_npt_flush(): the tables have changed: count up
 *       space->generation. vmx_tlb_before_entry(): if this CPU has not yet forgotten what it knew
 *       of the tables before the present generation, INVEPT, note the generation in space->flushed,
 *       and count it in space->flushes. If the vCPU comes from another CPU, what this one remembers
 *       of its VPID is old: INVVPID, counted too. Each as narrow as the processor can, and only
 *       then.
 * Read: Intel SDM vol. 3, "Caching Translation Information", "Guidelines for Use of the INVVPID
 *       Instruction" and "… of the INVEPT Instruction"; project05/README.md, "What a processor
 *       remembers"
 * Hint: caps.invept, caps.invvpid, this_cpu_read(*vm->space.flushed), vmx_of(vcpu)->tlb.cpu. A
 *       root's frame may have been the root of another VM before. Without VPIDs the processor
 *       forgets linear addresses at each entry by itself.
 */
#ifndef TODO_5_5
void vmx_npt_set_root(struct vtx_vcpu *vcpu, u64 root)
{
	vmcs_write64(VMCS_EPT_POINTER, vcpu->vm->space.pointer | root);
	if (vcpu->address_tag)
		vmcs_write16(VMCS_VIRTUAL_PROCESSOR_IDENTIFIER, vcpu->address_tag);
}

void vmx_npt_flush(struct vtx_vm *vm)
{
	atomic64_inc(&vm->space.generation);
}

static void forget_tables(struct vtx_vcpu *vcpu, u64 generation)
{
	struct vtx_space *space = &vcpu->vm->space;
	bool single = caps.invept == VMX_INVALIDATE_SINGLE;
	int err = vmx_invept(caps.invept, single ? space->pointer | space->npt.root : 0);

	if (err)
		complain("INVEPT", vcpu, err);
	this_cpu_write(*space->flushed, generation);
	atomic64_inc(&space->flushes);
}

static void forget_vpid(struct vtx_vcpu *vcpu)
{
	bool single = caps.invvpid == VMX_INVALIDATE_SINGLE;
	int err = vmx_invvpid(caps.invvpid, single ? vcpu->address_tag : 0);

	if (err)
		complain("INVVPID", vcpu, err);
	atomic64_inc(&vcpu->vm->space.flushes);
}

void vmx_tlb_before_entry(struct vtx_vcpu *vcpu)
{
	struct vtx_space *space = &vcpu->vm->space;
	u64 generation = atomic64_read(&space->generation);

	if (this_cpu_read(*space->flushed) != generation)
		forget_tables(vcpu, generation);
	if (vcpu->address_tag && vmx_of(vcpu)->tlb.cpu != smp_processor_id()) {
		forget_vpid(vcpu);
		vmx_of(vcpu)->tlb.cpu = smp_processor_id();
	}
}
#else
void vmx_npt_set_root(struct vtx_vcpu *vcpu, u64 root)
{
	(void)VTX_TODO("5.5", "the VMCS names no tables, so VM entry fails");
}

void vmx_npt_flush(struct vtx_vm *vm)
{
}

void vmx_tlb_before_entry(struct vtx_vcpu *vcpu)
{
}
#endif
