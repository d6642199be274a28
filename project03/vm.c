// SPDX-License-Identifier: GPL-2.0
/*
 * Unit `vm`: a VM from its creation to its end.
 *
 * The owner is an open file. Whoever is in an ioctl on it, or has it mapped, holds the file, so the
 * last close comes when nobody uses the VM through it any more: also after a kill -9.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "hv_ops.h"
#include "mem.h"
#include "vm_unit.h"
#include "vmxon.h"

static void vcpu_delete(struct vtx_vcpu *vcpu)
{
	vtx_units_vcpu_destroy(vcpu);
	hv->vcpu_free(vcpu);
	vtx_free(vcpu);
}

static int vcpu_new(struct vtx_vm *vm, u32 id)
{
	struct vtx_vcpu *vcpu = vtx_zalloc("vCPU", sizeof(*vcpu));
	int err;

	if (!vcpu)
		return -ENOMEM;
	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->cpu = -1;
	mutex_init(&vcpu->lock);
	err = hv->vcpu_alloc(vcpu);
	if (err)
		goto err_free;
	err = vtx_units_vcpu_create(vcpu);
	if (err)
		goto err_vendor;
	vm->vcpus[id] = vcpu;
	return 0;

err_vendor:
	hv->vcpu_free(vcpu);
err_free:
	vtx_free(vcpu);
	return err;
}

static void vcpus_delete(struct vtx_vm *vm)
{
	u32 i = vm->nr_vcpus;

	while (i--) {
		if (vm->vcpus[i])
			vcpu_delete(vm->vcpus[i]);
	}
}

static int vcpus_new(struct vtx_vm *vm)
{
	int err = 0;
	u32 i;

	for (i = 0; i < vm->nr_vcpus && !err; i++)
		err = vcpu_new(vm, i);
	if (err)
		vcpus_delete(vm);
	return err;
}

void vm_free(struct vtx_vm *vm)
{
	vcpus_delete(vm);
	vtx_units_vm_destroy(vm);
	guest_mem_free(&vm->memory);
	vmxon_vm_put();
	put_pid(vm->owner);
	vtx_free(vm);
}

/* A VM is a user of VMX. What ERANGE and EFAULT say of CPUs, CREATE_VM says of its argument. */
static int use_vmx(void)
{
	struct vtx_enable why = { .cpu = -1 };
	int err = vmxon_vm_get(&why);

	return err == -ERANGE || err == -EFAULT ? -EPROTO : err;
}

/* From project05 on a page is got when it is touched. */
static int get_memory(struct guest_mem *memory, u64 size)
{
#if VTX_STAGE >= 5
	return guest_mem_reserve(memory, size);
#else
	return vm_memory_left(size) ?: guest_mem_alloc(memory, size);
#endif
}

/* 0 or an errno, and then nothing is left. */
static int vm_fill(struct vtx_vm *vm, const struct vtx_vm_config *config)
{
	int err = use_vmx();

	if (err)
		return err;
	err = get_memory(&vm->memory, config->guest_mem_size);
	if (err)
		goto err_vmx;
	err = vtx_units_vm_create(vm);
	if (err)
		goto err_memory;
	err = vcpus_new(vm);
	if (err)
		goto err_units;
	return 0;

err_units:
	vtx_units_vm_destroy(vm);
err_memory:
	guest_mem_free(&vm->memory);
err_vmx:
	vmxon_vm_put();
	return err;
}

static int vm_new(const struct vtx_vm_config *config, struct vtx_vm **made)
{
	struct vtx_vm *vm = vtx_zalloc("VM", sizeof(*vm));
	int err;

	if (!vm)
		return -ENOMEM;
	kref_init(&vm->refs);
	strscpy(vm->name, config->name, sizeof(vm->name));
	vm->nr_vcpus = config->num_vcpus;
	err = vm_fill(vm, config);
	if (err) {
		vtx_free(vm);
		return err;
	}
	vm->owner = get_pid(task_tgid(current));
	*made = vm;
	return 0;
}

/* file->lock is held: two threads may ask for a VM on one file. */
static int create_on(struct vtx_file *file, const struct vtx_vm_config *config)
{
	struct vtx_vm *vm;
	int err;

	if (file->vm) {
		pr_notice("create: this file has VM %u already, expected at most one\n",
			  file->vm->id);
		return -EEXIST;
	}
	err = vm_new(config, &vm);
	if (err)
		return err;
	err = vm_list_add(vm);
	if (err) {
		vtx_vm_put(vm);
		return err;
	}
	smp_store_release(&file->vm, vm);
	return 0;
}

static long ioctl_create_vm(struct vtx_file *file, void __user *arg)
{
	struct vm_limits limits = vm_limits();
	struct vtx_vm_config config;
	int err;

	if (copy_from_user(&config, arg, sizeof(config))) {
		pr_notice("create: struct vtx_vm_config at %px cannot be read\n", arg);
		return -EFAULT;
	}
	err = vm_config_check(&config, &limits);
	if (err) {
		vm_config_explain(&config, &limits, err);
		return err;
	}
	if (mutex_lock_killable(&file->lock))
		return -EINTR;
	err = create_on(file, &config);
	mutex_unlock(&file->lock);
	/* The log has said which control; ENOTSUPP is for the kernel's own use. */
	return err == -ENOTSUPP ? -ENODEV : err;
}

static void vm_file_closes(struct vtx_file *file)
{
	struct vtx_vm *vm = vtx_file_vm(file);

	if (!vm)
		return;
	vm_list_remove(vm);
	vtx_vm_put(vm);
}

static int vm_maps(struct vtx_file *file, struct vm_area_struct *vma)
{
	struct vtx_vm *vm = vtx_file_vm(file);

	if (vma->vm_pgoff >= VTX_MMAP_RUN(0) >> PAGE_SHIFT)
		return -ENXIO;
	if (!vm) {
		pr_notice("mmap of guest memory: this file has no VM\n");
		return -ENOENT;
	}
	return guest_mem_mmap(&vm->memory, vma);
}

static const struct vtx_ioctl vm_ioctls[] = {
	{ VTXDRV_CREATE_VM, ioctl_create_vm },
	{ VTXDRV_VM_INFO, vm_ioctl_vm_info },
	{ VTXDRV_VCPU_INFO, vm_ioctl_vcpu_info },
	{ VTXDRV_GET_STATE, vm_ioctl_get_state },
	{}
};

static void vm_cpu_leaves(void)
{
	hv->vcpus_leave_cpu();
}

const struct vtx_unit vm_unit = {
	.name = "vm",
	.features = VTX_FEATURE_VM,
	.ioctls = vm_ioctls,
	.cpu_leaves = vm_cpu_leaves,
	.file_closes = vm_file_closes,
	.mmap = vm_maps,
};
