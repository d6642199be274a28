// SPDX-License-Identifier: GPL-2.0
/* Break the machine on purpose: the harness has to tell these apart, and is tested with them. */
#include "probe.h"

#include <linux/bug.h>
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/workqueue.h>
#include <asm/desc.h>
#include <asm/processor.h>

static void spin_forever(void *arg)
{
	local_irq_disable();
	for (;;)
		cpu_relax();
}

int probe_hang(struct probe_query *q)
{
	on_each_cpu(spin_forever, NULL, 1);
	return 0;
}

static long spin_with_interrupts(void *arg)
{
	preempt_disable();
	for (;;)
		cpu_relax();
	return 0;
}

int probe_lockup(struct probe_query *q)
{
	if (q->arg[0] >= nr_cpu_ids || !cpu_online(q->arg[0]))
		return -ENXIO;
	return (int)work_on_cpu((int)q->arg[0], spin_with_interrupts, NULL);
}

/* With an empty IDT neither the breakpoint nor the double fault after it can be delivered. */
int probe_triplefault(struct probe_query *q)
{
	const struct desc_ptr nothing = {};

	local_irq_disable();
	load_idt(&nothing);
	asm volatile("int3");
	return 0;
}

int probe_oops(struct probe_query *q)
{
	/* Below the lowest mapped page: the classical NULL pointer with an offset. */
	WRITE_ONCE(*(volatile int *)0x10, 1);
	return 0;
}

int probe_warn(struct probe_query *q)
{
	WARN(1, "vtxprobe: warned on purpose\n");
	return 0;
}
