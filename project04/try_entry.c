// SPDX-License-Identifier: GPL-2.0
/*
 * VTXDRV_TRY_ENTRY: the proof that the rules of a VM entry are the processor's. Who may use it can
 * take the machine down with it, so it is off unless the module parameter says otherwise.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/fpu/api.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/uaccess.h>

#include "hv_ops.h"
#include "run.h"

static bool allow_try_entry;
module_param(allow_try_entry, bool, 0600);
MODULE_PARM_DESC(allow_try_entry, "VTXDRV_TRY_ENTRY enters with values that may end the machine");

static int check_request(const struct vtx_try_entry *try)
{
	u32 i;

	if (!try->count || try->count > VTX_TRY_FIELDS) {
		pr_notice("try_entry: %u fields, must be 1 to %u\n", try->count, VTX_TRY_FIELDS);
		return -EINVAL;
	}
	for (i = 0; i < try->count; i++) {
		if (!try->fields[i].error)
			continue;
		pr_notice("try_entry: field %u: error is %u, must be 0\n", i, try->fields[i].error);
		return -EINVAL;
	}
	return 0;
}

/* Held still. */
static int try_held(struct vtx_vcpu *vcpu, struct vtx_try_entry *try)
{
	int err;

	if (READ_ONCE(vcpu->runner))
		return -EBUSY;
	if (!vcpu->initialised)
		return -ENODATA;
	fpu_swap_kvm_fpstate(&vcpu->fpu, true);
#if VTX_STAGE >= 6
	vcpu->fpu_inside = true;
#endif
	err = hv->try_entry(vcpu, try);
#if VTX_STAGE >= 6
	vcpu->fpu_inside = false;
#endif
	fpu_swap_kvm_fpstate(&vcpu->fpu, false);
	return err;
}

static int try_entry(struct vtx_vm *vm, struct vtx_try_entry *try)
{
	struct vtx_vcpu *vcpu;
	int err = vtx_vcpu_visit(vm, try->vcpu, &vcpu);

	if (err)
		return err;
	err = try_held(vcpu, try);
	vtx_vcpu_leave(vcpu);
	return err;
}

long vtx_ioctl_try_entry(struct vtx_file *file, void __user *arg)
{
	struct vtx_vm *vm = vtx_file_vm(file);
	struct vtx_try_entry try;
	int err;

	if (!READ_ONCE(allow_try_entry)) {
		pr_notice("try_entry: the module parameter allow_try_entry is not set\n");
		return -EPERM;
	}
	if (!vm)
		return -ENOENT;
	if (copy_from_user(&try, arg, sizeof(try)))
		return -EFAULT;
	err = check_request(&try) ?: try_entry(vm, &try);
	if (!err && copy_to_user(arg, &try, sizeof(try)))
		return -EFAULT;
	return err;
}
