// SPDX-License-Identifier: GPL-2.0
/*
 * Looking at VMs, also at those of others: who has what, and the state of a vCPU.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/printk.h>
#include <linux/uaccess.h>

#include "hv_ops.h"
#include "mem.h"
#include "vm_unit.h"

/* More fields than any control structure has: what a caller cannot make the driver allocate. */
#define STATE_FIELDS_MAX 512U

/* ---- hold a vCPU still ----------------------------------------------------------------------- */

int vtx_vcpu_visit(struct vtx_vm *vm, u32 id, struct vtx_vcpu **visited)
{
	struct vtx_vcpu *vcpu;
	int err;

	if (id >= vm->nr_vcpus) {
		pr_notice("vCPU %u of VM %u, must be below %u\n", id, vm->id, vm->nr_vcpus);
		return -ERANGE;
	}
	vcpu = vm->vcpus[id];
	atomic_inc(&vcpu->visitors);
#if VTX_STAGE >= 6
	/* Who sleeps in HLT holds the lock. */
	vtx_events_kick(vcpu);
#endif
	err = mutex_lock_killable(&vcpu->lock);
	atomic_dec(&vcpu->visitors);
	if (!err)
		*visited = vcpu;
	return err;
}

void vtx_vcpu_leave(struct vtx_vcpu *vcpu)
{
	mutex_unlock(&vcpu->lock);
}

int vtx_vcpu_load(struct vtx_vcpu *vcpu)
{
	int err;

	lockdep_assert_held(&vcpu->lock);
	cpus_read_lock();
	preempt_disable();
	err = hv->vcpu_load(vcpu);
	if (err) {
		preempt_enable();
		cpus_read_unlock();
	}
	return err;
}

void vtx_vcpu_put(struct vtx_vcpu *vcpu)
{
	hv->vcpu_put(vcpu);
	preempt_enable();
	cpus_read_unlock();
}

/* ---- the ioctls ------------------------------------------------------------------------------ */

static void fill_vm_info(struct vtx_vm_info *info, struct vtx_vm *vm)
{
	*info = (struct vtx_vm_info){
		.id = vm->id,
		.owner = pid_vnr(vm->owner),
		.memory_size = vm->memory.size,
		.huge_blocks = guest_mem_huge_blocks(&vm->memory),
		.small_blocks = guest_mem_small_blocks(&vm->memory),
		.vcpus = vm->nr_vcpus,
	};
	strscpy(info->name, vm->name, sizeof(info->name));
}

long vm_ioctl_vm_info(struct vtx_file *file, void __user *arg)
{
	struct vtx_vm_info info;
	struct vtx_vm *vm;

	if (copy_from_user(&info, arg, sizeof(info)))
		return -EFAULT;
	if (info.pad) {
		pr_notice("VM info: pad is %#x, must be 0\n", info.pad);
		return -EINVAL;
	}
	vm = info.id ? vm_list_from(info.id) : vtx_vm_find(file, 0);
	if (!vm)
		return -ENOENT;
	fill_vm_info(&info, vm);
	vtx_vm_put(vm);
	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

long vm_ioctl_vcpu_info(struct vtx_file *file, void __user *arg)
{
	struct vtx_vcpu_info info;
	struct vtx_vcpu *vcpu;
	struct vtx_vm *vm;
	int err;

	if (copy_from_user(&info, arg, sizeof(info)))
		return -EFAULT;
	vm = vtx_vm_find(file, info.vm);
	if (!vm)
		return -ENOENT;
	info = (struct vtx_vcpu_info){ .vm = vm->id, .vcpu = info.vcpu };
	err = vtx_vcpu_visit(vm, info.vcpu, &vcpu);
	if (!err) {
		hv->vcpu_info(vcpu, &info);
		vtx_vcpu_leave(vcpu);
	}
	vtx_vm_put(vm);
	if (err)
		return err;
	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

/* Into memory of the kernel: the caller's may have to be fetched, and nothing sleeps meanwhile. */
static int read_state(struct vtx_vm *vm, struct vtx_state *state, struct vtx_field *fields)
{
	struct vtx_vcpu *vcpu;
	int err;

	err = vtx_vcpu_visit(vm, state->vcpu, &vcpu);
	if (err)
		return err;
	err = vtx_vcpu_load(vcpu);
	if (!err) {
		state->count = hv->state_dump(vcpu, fields, state->size);
		vtx_vcpu_put(vcpu);
		if (!state->count) /* a reboot came between */
			err = -ESHUTDOWN;
	}
	vtx_vcpu_leave(vcpu);
	return err;
}

static int copy_state(struct vtx_vm *vm, struct vtx_state *state)
{
	struct vtx_field *fields;
	int err;

	state->size = min(state->size, STATE_FIELDS_MAX);
	fields = vtx_zalloc("fields of a state", max(state->size, 1U) * sizeof(*fields));
	if (!fields)
		return -ENOMEM;
	err = read_state(vm, state, fields);
	if (!err && copy_to_user(u64_to_user_ptr(state->fields), fields,
				 min(state->size, state->count) * sizeof(*fields)))
		err = -EFAULT;
	vtx_free(fields);
	return err;
}

long vm_ioctl_get_state(struct vtx_file *file, void __user *arg)
{
	struct vtx_state state;
	struct vtx_state answer;
	struct vtx_vm *vm;
	int err;

	if (copy_from_user(&state, arg, sizeof(state)))
		return -EFAULT;
	vm = vtx_vm_find(file, state.vm);
	if (!vm)
		return -ENOENT;
	answer = state;
	err = copy_state(vm, &answer);
	vtx_vm_put(vm);
	if (err)
		return err;
	state.count = answer.count;
	return copy_to_user(arg, &state, sizeof(state)) ? -EFAULT : 0;
}
