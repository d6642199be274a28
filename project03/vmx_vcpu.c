// SPDX-License-Identifier: GPL-2.0
/*
 * A VMCS for each vCPU: made, filled with its controls, and given back.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/msr.h>
#include <linux/cpu.h>
#include <linux/irqflags.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/printk.h>

#include "host_cpu.h"
#include "hv_ops.h"
#include "mem.h"
#include "vmcs_access.h"
#include "vmcs_insn.h"
#include "vmx_vcpu.h"
#include "vtx_todo.h"

/*
 * VMCLEAR on whichever CPU this is: it does not matter for a VMCS that is active nowhere. The lock
 * keeps this CPU from going offline, and so from leaving VMX operation; only a reboot can end that.
 */
static int __maybe_unused clear_somewhere(u64 pa)
{
	unsigned long flags;
	int err = -ESHUTDOWN;

	cpus_read_lock();
	local_irq_save(flags);
	if (this_cpu_read(vtx_cpu_ours))
		err = vmcs_clear(pa);
	local_irq_restore(flags);
	cpus_read_unlock();
	return err;
}

/*
 * EXERCISE 3.4 (15 points): A VMCS for each vCPU
 * Do:   vmcs_create(): get a region as IA32_VMX_BASIC asks for it, with the revision identifier and
 *       the shadow-VMCS indicator (bit 31 of the first word) clear, and VMCLEAR it: before that it
 *       is no VMCS. A failure leaves nothing allocated. vmcs_destroy(): the VMCS is active nowhere,
 *       and then the region is given back.
 * Read: Intel SDM vol. 3, "Format of the VMCS Region" and "Initializing a VMCS";
 *       project03/README.md, "The VMCS region"
 * Hint: vmx_region_alloc() of project 2, clear_somewhere(), vmx_track_clear(). A processor may
 *       write back what it holds of a VMCS at any time, also into memory that is somebody else's by
 *       then.
 */
#ifndef TODO_3_4
static int vmcs_create(struct vmx_region *vmcs)
{
	u64 basic;
	int err;

	if (rdmsrl_safe(IA32_VMX_BASIC, &basic))
		return -EPROTO;
	err = vmx_region_alloc(vmcs, basic);
	if (err)
		return err;
	err = clear_somewhere(vmcs->pa);
	if (err)
		vmx_region_free(vmcs);
	return err;
}

static void vmcs_destroy(struct vtx_vcpu *vcpu)
{
	vmx_track_clear(vcpu);
	vmx_region_free(&vmx_of(vcpu)->vmcs);
}
#else
static int vmcs_create(struct vmx_region *vmcs)
{
	return VTX_TODO("3.4", "a vCPU has no VMCS, so it cannot be used");
}

static void vmcs_destroy(struct vtx_vcpu *vcpu)
{
}
#endif

/* ---- the controls ---------------------------------------------------------------------------- */

static void controls_write(const struct vmx_controls *controls)
{
	const u64 *value = controls->value;

	vmcs_write32(VMCS_PIN_BASED_VM_EXECUTION_CONTROLS, value[VMX_CTL_PIN]);
	vmcs_write32(VMCS_PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, value[VMX_CTL_PRIMARY]);
	vmcs_write32(VMCS_PRIMARY_VM_EXIT_CONTROLS, value[VMX_CTL_EXIT]);
	vmcs_write32(VMCS_VM_ENTRY_CONTROLS, value[VMX_CTL_ENTRY]);
	if (controls->active & BIT(VMX_CTL_SECONDARY))
		vmcs_write32(VMCS_SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
			     value[VMX_CTL_SECONDARY]);
	if (controls->active & BIT(VMX_CTL_TERTIARY))
		vmcs_write64(VMCS_TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
			     value[VMX_CTL_TERTIARY]);
	if (controls->active & BIT(VMX_CTL_EXIT2))
		vmcs_write64(VMCS_SECONDARY_VM_EXIT_CONTROLS, value[VMX_CTL_EXIT2]);
	/* No lists of MSRs. Zeroed memory is no promise of it: "Initializing a VMCS". */
	vmcs_write32(VMCS_VM_EXIT_MSR_STORE_COUNT, 0);
	vmcs_write32(VMCS_VM_EXIT_MSR_LOAD_COUNT, 0);
	vmcs_write32(VMCS_VM_ENTRY_MSR_LOAD_COUNT, 0);
}

/* By the names of the SDM: vtxctl controls says where each of them stands. */
static const struct {
	enum vmx_ctl_group group;
	u64 mask;
	const char *name;
} control_names[] = {
#define VMX_CTL(group, bit, ident, name) { VMX_CTL_##group, VMX_##group##_##ident, name },
#include "vmx_ctls.def"
#undef VMX_CTL
};

static void explain_missing(const struct vmx_controls *controls)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(control_names); i++) {
		if (control_names[i].group == controls->missing_group &&
		    controls->missing_bits & control_names[i].mask)
			pr_notice("create: a vCPU needs \"%s\", which this processor lacks\n",
				  control_names[i].name);
	}
}

static int controls_compute(struct vmx_controls *controls)
{
	struct vtx_cpu_facts *facts = vtx_zalloc("facts for the controls", sizeof(*facts));
	int err;

	if (!facts)
		return -ENOMEM;
	preempt_disable();
	hv->probe(facts);
	preempt_enable();
	err = vmx_controls_compute(facts, controls);
	if (err == -ENOTSUPP)
		explain_missing(controls);
	vtx_free(facts);
	return err;
}

/* EINVAL and EFAULT would be taken for a fault of the configuration's or of its pointer's. */
static int failed_instruction(int err)
{
	return err == -EINVAL || err == -EFAULT ? -EIO : err;
}

/* Both halves belong to later exercises; until they are done the VMCS has no controls. */
static int controls_init(struct vtx_vcpu *vcpu)
{
	int err;

	err = controls_compute(&vmx_of(vcpu)->controls);
	if (err)
		return err == -ENOSYS ? 0 : err;
#if VTX_STAGE >= 5
	err = vmx_vpid_get(vcpu);
	if (err)
		return err;
#endif
	if (vtx_fail_here("controls of a VMCS"))
		return -EIO;
	mutex_lock(&vcpu->lock);
	err = vtx_vcpu_load(vcpu);
	if (!err) {
		controls_write(&vmx_of(vcpu)->controls);
		err = vmcs_error();
		vtx_vcpu_put(vcpu);
	}
	mutex_unlock(&vcpu->lock);
	return err == -ENOSYS ? 0 : failed_instruction(err);
}

/* ---- VMX's side of hv_ops.def ---------------------------------------------------------------- */

int vmx_vcpu_alloc(struct vtx_vcpu *vcpu)
{
	int err;

	vcpu->arch = vtx_zalloc("vCPU of VMX", sizeof(struct vmx_vcpu));
	if (!vcpu->arch)
		return -ENOMEM;
	err = vmcs_create(&vmx_of(vcpu)->vmcs);
	if (err == -ENOSYS)
		return 0; /* exercises 3.3 and 3.4: a VM's memory can be looked at without them */
	err = failed_instruction(err);
	if (err)
		goto err_free;
	err = controls_init(vcpu);
	if (err)
		goto err_vmcs;
	return 0;

err_vmcs:
#if VTX_STAGE >= 5
	vmx_vpid_put(vcpu);
#endif
	vmcs_destroy(vcpu);
err_free:
	vtx_free(vcpu->arch);
	vcpu->arch = NULL;
	return err;
}

void vmx_vcpu_free(struct vtx_vcpu *vcpu)
{
#if VTX_STAGE >= 5
	vmx_vpid_put(vcpu);
#endif
	vmcs_destroy(vcpu);
	vtx_free(vcpu->arch);
	vcpu->arch = NULL;
}

void vmx_vcpu_info(struct vtx_vcpu *vcpu, struct vtx_vcpu_info *info)
{
	const struct vmx_region *vmcs = &vmx_of(vcpu)->vmcs;

	info->control_pa = vmcs->pa;
	info->control_size = vmcs->size;
	info->revision_id = vmcs->revision_id;
	info->cpu = READ_ONCE(vcpu->cpu);
	info->launched = vmx_of(vcpu)->launched;
}
