// SPDX-License-Identifier: GPL-2.0
/*
 * What happens to CPUs behind the users' backs: hotplug, suspend and resume, reboot, unload.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/irqflags.h>
#include <linux/printk.h>
#include <linux/reboot.h>
#include <linux/smp.h>

#include "host_cpu.h"
#include "hv_ops.h"
#include "last_cpu.h"
#include "vmxon.h"
#include "vtx_todo.h"

/*
 * EXERCISE 2.6 (20 points): Hotplug, suspend, reboot and unload
 * Do:   cpu_comes(): a CPU that comes online while there are users is enabled; if that fails, say
 *       so and return the errno, and the CPU stays offline. cpu_goes(): a CPU that goes offline
 *       leaves VMX operation, for INIT is blocked inside it and the CPU would never come back. The
 *       same for the last CPU, which suspends and resumes with interrupts off: machine_suspends(),
 *       machine_resumes(). machine_reboots(): nobody enables from now on, and every CPU leaves.
 *       driver_unloads(): every CPU leaves, whoever is still counted as a user.
 * Read: project02/README.md, "What the CPUs do behind our back"
 * Hint: vtx_cpu_ours tells whether this CPU is enabled; vmxon.users whether it should be. The
 *       callbacks of one CPU run on it. Mind the locks that vmxon_disable_all() asks for.
 */
#ifndef TODO_2_6
static int enable_this_cpu(void)
{
	struct vtx_enable why = {};
	unsigned long flags;
	int err;

	if (!vmxon.users || this_cpu_read(vtx_cpu_ours))
		return 0;
	/* KVM enables CPUs from an interrupt, before Linux 6.3 also in the middle of a hotplug. */
	local_irq_save(flags);
	err = hv->cpu_enable(&why);
	local_irq_restore(flags);
	if (err)
		pr_err("CPU %d cannot join the others in VMX operation: error %d, cause %u\n",
		       raw_smp_processor_id(), err, why.cause);
	return err;
}

static void disable_this_cpu(void)
{
	preempt_disable();
	if (this_cpu_read(vtx_cpu_ours))
		hv->cpu_disable();
	preempt_enable();
}

static int cpu_comes(unsigned int cpu)
{
	return enable_this_cpu();
}

static int cpu_goes(unsigned int cpu)
{
	disable_this_cpu();
	return 0;
}

static int machine_suspends(void)
{
	disable_this_cpu();
	return 0;
}

static void machine_resumes(void)
{
	enable_this_cpu();
}

static void disable_for_good(void)
{
	mutex_lock(&vmxon.lock);
	cpus_read_lock();
	vmxon.shutting_down = true;
	vmxon.users = 0;
	vmxon_disable_all();
	cpus_read_unlock();
	mutex_unlock(&vmxon.lock);
}

static int machine_reboots(struct notifier_block *block, unsigned long event, void *data)
{
	disable_for_good();
	return NOTIFY_DONE;
}

static void driver_unloads(void)
{
	disable_for_good();
}
#else
static int cpu_comes(unsigned int cpu)
{
	return 0;
}

static int cpu_goes(unsigned int cpu)
{
	return 0;
}

static int machine_suspends(void)
{
	return 0;
}

static void machine_resumes(void)
{
}

static int machine_reboots(struct notifier_block *block, unsigned long event, void *data)
{
	return NOTIFY_DONE;
}

static void driver_unloads(void)
{
	VTX_TODO("2.6", "a CPU that is still in VMX operation now stays there");
}
#endif

static struct notifier_block reboot_block = {
	.notifier_call = machine_reboots,
};

static int hotplug_state;

int vmxon_events_register(void)
{
	int err;

	/* Calls cpu_comes() on every CPU at once, which does nothing: nobody has enabled yet. */
	err = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "vtxdrv:online", cpu_comes, cpu_goes);
	if (err < 0)
		return err;
	hotplug_state = err;
	err = register_reboot_notifier(&reboot_block);
	if (err)
		goto err_hotplug;
	vtx_last_cpu_watch(machine_suspends, machine_resumes);
	return 0;

err_hotplug:
	cpuhp_remove_state(hotplug_state);
	return err;
}

void vmxon_events_unregister(void)
{
	driver_unloads();
	vtx_last_cpu_unwatch();
	unregister_reboot_notifier(&reboot_block);
	cpuhp_remove_state(hotplug_state);
}
