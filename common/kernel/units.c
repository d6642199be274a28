// SPDX-License-Identifier: GPL-2.0
/*
 * The walk over the units of a stage: forward at load, in reverse at unload and when an init fails.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cache.h>
#include <linux/ioctl.h>
#include <linux/printk.h>

#include "unit.h"

/* Undo the units before vtx_units[count], the last one first. */
static void units_exit_from(size_t count)
{
	while (count--) {
		if (vtx_units[count]->exit)
			vtx_units[count]->exit();
	}
}

static size_t units_count(void)
{
	size_t count = 0;

	while (vtx_units[count])
		count++;
	return count;
}

/* By _IOC_NR: VTXDRV_RUN_VCPU comes so often that a search would be felt. */
static const struct vtx_ioctl *ioctls[1 << _IOC_NRBITS] __ro_after_init;

static void collect_ioctls(void)
{
	const struct vtx_ioctl *entry;
	size_t i;

	for (i = 0; vtx_units[i]; i++) {
		for (entry = vtx_units[i]->ioctls; entry && entry->cmd; entry++)
			ioctls[_IOC_NR(entry->cmd)] = entry;
	}
}

const struct vtx_ioctl *vtx_units_ioctl(unsigned int cmd)
{
	const struct vtx_ioctl *entry = ioctls[_IOC_NR(cmd)];

	return entry && entry->cmd == cmd ? entry : NULL;
}

int vtx_units_init(void)
{
	size_t i;
	int err;

	collect_ioctls();
	for (i = 0; vtx_units[i]; i++) {
		err = vtx_units[i]->init ? vtx_units[i]->init() : 0;
		if (err) {
			pr_err("unit %s does not start: error %d\n", vtx_units[i]->name, err);
			units_exit_from(i);
			return err;
		}
	}
	return 0;
}

void vtx_units_exit(void)
{
	units_exit_from(units_count());
}

u64 vtx_units_features(void)
{
	u64 features = 0;
	size_t i;

	for (i = 0; vtx_units[i]; i++)
		features |= vtx_units[i]->features;
	return features;
}

void vtx_units_cpu_leaves(void)
{
	size_t i = units_count();

	while (i--) {
		if (vtx_units[i]->cpu_leaves)
			vtx_units[i]->cpu_leaves();
	}
}

void vtx_units_file_closes(struct vtx_file *file)
{
	size_t i = units_count();

	while (i--) {
		if (vtx_units[i]->file_closes)
			vtx_units[i]->file_closes(file);
	}
}

int vtx_units_mmap(struct vtx_file *file, struct vm_area_struct *vma)
{
	int err = -ENXIO;
	size_t i;

	for (i = 0; vtx_units[i] && err == -ENXIO; i++) {
		if (vtx_units[i]->mmap)
			err = vtx_units[i]->mmap(file, vma);
	}
	return err;
}

/* Undo vtx_units[count - 1] and those before it. */
static void vcpu_destroy_from(struct vtx_vcpu *vcpu, size_t count)
{
	while (count--) {
		if (vtx_units[count]->vcpu_destroy)
			vtx_units[count]->vcpu_destroy(vcpu);
	}
}

int vtx_units_vcpu_create(struct vtx_vcpu *vcpu)
{
	size_t i;
	int err;

	for (i = 0; vtx_units[i]; i++) {
		err = vtx_units[i]->vcpu_create ? vtx_units[i]->vcpu_create(vcpu) : 0;
		if (err) {
			vcpu_destroy_from(vcpu, i);
			return err;
		}
	}
	return 0;
}

void vtx_units_vcpu_destroy(struct vtx_vcpu *vcpu)
{
	vcpu_destroy_from(vcpu, units_count());
}

int vtx_units_vcpu_reset(struct vtx_vcpu *vcpu, u32 mode)
{
	size_t i;
	int err = 0;

	for (i = 0; vtx_units[i] && !err; i++) {
		if (vtx_units[i]->vcpu_reset)
			err = vtx_units[i]->vcpu_reset(vcpu, mode);
	}
	return err;
}

/* Undo vtx_units[count - 1] and those before it. */
static void vm_destroy_from(struct vtx_vm *vm, size_t count)
{
	while (count--) {
		if (vtx_units[count]->vm_destroy)
			vtx_units[count]->vm_destroy(vm);
	}
}

int vtx_units_vm_create(struct vtx_vm *vm)
{
	size_t i;
	int err;

	for (i = 0; vtx_units[i]; i++) {
		err = vtx_units[i]->vm_create ? vtx_units[i]->vm_create(vm) : 0;
		if (err) {
			vm_destroy_from(vm, i);
			return err;
		}
	}
	return 0;
}

void vtx_units_vm_destroy(struct vtx_vm *vm)
{
	vm_destroy_from(vm, units_count());
}
