// SPDX-License-Identifier: GPL-2.0
/*
 * Unit `vmxon`: the ioctls, and the order in which things start and stop.
 *
 * vtxctl enable is a user that outlives its process: it stays until vtxctl disable, or until the
 * module goes. VMs (from project03 on) are users of their own: vtxctl disable cannot take one away.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/printk.h>
#include <linux/smp.h>
#include <linux/uaccess.h>

#include "detect.h"
#include "host_cpu.h"
#include "hv_ops.h"
#include "vmx_msrs.h"
#include "vmxon.h"

struct vmxon_state vmxon = {
	.lock = __MUTEX_INITIALIZER(vmxon.lock),
};

static int user_add(struct vtx_enable *why, bool is_vm)
{
	int err = -ESHUTDOWN;

	mutex_lock(&vmxon.lock);
	cpus_read_lock();
	if (vmxon.users == UINT_MAX)
		err = -EOVERFLOW;
	else if (vmxon.shutting_down)
		why->cause = VTX_CAUSE_SHUTDOWN;
	else
		err = vmxon_get(why);
	if (!err && is_vm)
		vmxon.vms++;
	why->users = vmxon.users;
	cpus_read_unlock();
	mutex_unlock(&vmxon.lock);
	if (err)
		pr_notice("enable: CPU %d: cause %u, value %#llx, expected %#llx: error %d\n",
			  why->cpu, why->cause, why->value, why->expected, err);
	return err;
}

static int disable(struct vtx_disable *answer)
{
	int err = -EALREADY;

	mutex_lock(&vmxon.lock);
	cpus_read_lock();
	/* If all that are left are VMs, there is no enable to take back. */
	if (!vmxon.vms || vmxon.users > vmxon.vms)
		err = vmxon_put();
	answer->users = vmxon.users;
	cpus_read_unlock();
	mutex_unlock(&vmxon.lock);
	return err;
}

int vmxon_vm_get(struct vtx_enable *why)
{
	return user_add(why, true);
}

void vmxon_vm_put(void)
{
	mutex_lock(&vmxon.lock);
	cpus_read_lock();
	vmxon.vms--;
	vmxon_put();
	cpus_read_unlock();
	mutex_unlock(&vmxon.lock);
}

static long ioctl_enable(struct vtx_file *file, void __user *arg)
{
	struct vtx_enable why;
	long err;

	if (copy_from_user(&why, arg, sizeof(why)))
		return -EFAULT;
	if (why.pad) {
		pr_notice("enable: pad is %#x, must be 0\n", why.pad);
		return -EINVAL;
	}
	why = (struct vtx_enable){ .cpu = -1 };
	err = user_add(&why, false);
	if (!copy_to_user(arg, &why, sizeof(why)))
		return err;
	/* The caller will take it for a failure, so he must not be counted as a user. */
	if (!err)
		disable(&(struct vtx_disable){});
	return -EFAULT;
}

static long ioctl_disable(struct vtx_file *file, void __user *arg)
{
	struct vtx_disable answer;
	long err;

	if (copy_from_user(&answer, arg, sizeof(answer)))
		return -EFAULT;
	if (answer.pad) {
		pr_notice("disable: pad is %#x, must be 0\n", answer.pad);
		return -EINVAL;
	}
	err = disable(&answer);
	return copy_to_user(arg, &answer, sizeof(answer)) ? -EFAULT : err;
}

/* Runs on the CPU in question, in an interrupt. */
static void status_here(void *data)
{
	struct vtx_cpu_status *status = data;

	status->online = 1;
	status->enabled = this_cpu_read(vtx_cpu_ours);
	status->cr4 = __read_cr4();
	rdmsrl_safe(IA32_EFER, &status->efer);
	if (host_cpu_shows_vmx())
		rdmsrl_safe(IA32_FEATURE_CONTROL, &status->feature_control);
	if (host_cpu_shows_svm())
		rdmsrl_safe(VM_CR, &status->vm_cr);
}

static long ioctl_cpu_status(struct vtx_file *file, void __user *arg)
{
	struct vtx_cpu_status status;
	u32 cpu;

	if (copy_from_user(&status, arg, sizeof(status)))
		return -EFAULT;
	cpu = status.cpu;
	if (cpu >= nr_cpu_ids || !cpu_possible(cpu)) {
		pr_notice("status: CPU %u, must be a possible CPU below %u\n", cpu, nr_cpu_ids);
		return -ERANGE;
	}
	status = (struct vtx_cpu_status){ .cpu = cpu, .users = READ_ONCE(vmxon.users) };
	hv->cpu_status(&status);
	/* -ENXIO says that the CPU is offline: then the fields stay 0. */
	smp_call_function_single(cpu, status_here, &status, 1);
	return copy_to_user(arg, &status, sizeof(status)) ? -EFAULT : 0;
}

static const struct vtx_ioctl vmxon_ioctls[] = {
	{ VTXDRV_ENABLE, ioctl_enable },
	{ VTXDRV_DISABLE, ioctl_disable },
	{ VTXDRV_CPU_STATUS, ioctl_cpu_status },
	{}
};

static int vmxon_init(void)
{
	int err;

	err = hv->cpus_prepare();
	if (err)
		return err;
	err = vmxon_events_register();
	if (err)
		hv->cpus_release();
	return err;
}

/* Until exercise 2.6 is done a CPU may still be in VMX operation: its region must stay. */
static bool any_cpu_left(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		if (per_cpu(vtx_cpu_ours, cpu)) {
			pr_err("CPU %d is still in VMX operation: no region is freed\n", cpu);
			return true;
		}
	}
	return false;
}

static void vmxon_exit(void)
{
	vmxon_events_unregister();
	if (!any_cpu_left())
		hv->cpus_release();
}

const struct vtx_unit vmxon_unit = {
	.name = "vmxon",
	.features = VTX_FEATURE_VMXON,
	.init = vmxon_init,
	.exit = vmxon_exit,
	.ioctls = vmxon_ioctls,
};
