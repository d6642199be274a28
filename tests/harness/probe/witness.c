// SPDX-License-Identifier: GPL-2.0
/* What a test cannot ask any more: the state of the CPUs at the very end of a reboot. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "probe.h"

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/limits.h>
#include <linux/printk.h>
#include <linux/reboot.h>

static int witness(struct notifier_block *block, unsigned long event, void *data)
{
	bool inside;
	int cpu;

	for_each_online_cpu(cpu) {
		inside = false;
		if (!probe_on_cpu(cpu, probe_vmptrst, &inside))
			pr_emerg("reboot: CPU %d in VMX operation: %d\n", cpu, inside);
	}
	return NOTIFY_DONE;
}

static struct notifier_block witness_block = {
	.notifier_call = witness,
	.priority = INT_MIN, /* the last one */
};

int probe_witness_start(void)
{
	return register_reboot_notifier(&witness_block);
}

void probe_witness_stop(void)
{
	unregister_reboot_notifier(&witness_block);
}
