// SPDX-License-Identifier: GPL-2.0
/* What no test can ask: the state of the CPUs at the end of a reboot, and in a suspend. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "probe.h"

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/printk.h>
#include <linux/reboot.h>
#include <linux/syscore_ops.h>

/* A number that the test has drawn: the same words of somebody else's do not have it. */
static u64 sign;

int probe_witness(struct probe_query *q)
{
	sign = q->arg[0];
	return scnprintf(q->out, PROBE_ANSWER, "ok\n");
}

static int witness(struct notifier_block *block, unsigned long event, void *data)
{
	bool inside;
	int cpu;

	for_each_online_cpu(cpu) {
		inside = false;
		if (!probe_on_cpu(cpu, probe_in_use, &inside))
			pr_emerg("reboot %#llx: CPU %d in VMX operation: %d\n", sign, cpu,
				 inside);
	}
	return NOTIFY_DONE;
}

static struct notifier_block witness_block = {
	.notifier_call = witness,
	.priority = INT_MIN, /* the last one */
};

/* Called in the reverse of the order of registration: the module under test was here before. */
static bool asleep_inside;
static bool has_slept;

static int falls_asleep(void)
{
	asleep_inside = false;
	probe_in_use(&asleep_inside);
	has_slept = true;
	return 0;
}

#ifdef HAVE_REGISTER_SYSCORE
static int suspends(void *unused)
{
	return falls_asleep();
}

static const struct syscore_ops ops = { .suspend = suspends };
static struct syscore syscore = { .ops = &ops };

#define syscore_start() register_syscore(&syscore)
#define syscore_stop() unregister_syscore(&syscore)
#else
static struct syscore_ops ops = { .suspend = falls_asleep };

#define syscore_start() register_syscore_ops(&ops)
#define syscore_stop() unregister_syscore_ops(&ops)
#endif

int probe_slept(struct probe_query *q)
{
	if (!has_slept)
		return -ENODATA;
	return scnprintf(q->out, PROBE_ANSWER, "%d\n", asleep_inside);
}

int probe_witness_start(void)
{
	int err = register_reboot_notifier(&witness_block);

	if (!err)
		syscore_start();
	return err;
}

void probe_witness_stop(void)
{
	syscore_stop();
	unregister_reboot_notifier(&witness_block);
}
