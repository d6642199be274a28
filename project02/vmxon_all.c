// SPDX-License-Identifier: GPL-2.0
/*
 * All CPUs or none: count the users, ask before touching, roll back on failure.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/printk.h>
#include <linux/smp.h>

#include "detect.h"
#include "detect_logic.h"
#include "host_cpu.h"
#include "hv_ops.h"
#include "mem.h"
#include "vmxon.h"
#include "vtx_todo.h"

struct enable_call {
	struct vtx_enable *why;
	int err;
};

/* Both run on the CPU in question, in an interrupt. */
static void enable_here(void *data)
{
	struct enable_call *call = data;

	call->err = hv->cpu_enable(call->why);
}

static void disable_here(void *unused)
{
	if (this_cpu_read(vtx_cpu_ours))
		hv->cpu_disable();
}

static int enable_cpu(int cpu, struct vtx_enable *why)
{
	struct enable_call call = { .why = why };

	return smp_call_function_single(cpu, enable_here, &call, 1) ?: call.err;
}

void vmxon_disable_all(void)
{
	on_each_cpu(disable_here, NULL, 1);
}

static int refuse_verdict(struct vtx_enable *why, const struct vtx_cpu_facts *facts)
{
	int err = hv->refusal(facts, detect_verdict(facts), why);

	why->cpu = err ? (s32)facts->cpu : -1;
	return err;
}

/* Ask every CPU before the first one is touched: nobody disturbs another hypervisor half-way. */
static int __maybe_unused ask_all(struct vtx_enable *why)
{
	struct vtx_cpu_facts *facts = vtx_pages_alloc(sizeof(*facts));
	int err = 0;
	int cpu;

	if (!facts) {
		why->cause = VTX_CAUSE_NO_MEMORY;
		why->value = sizeof(*facts);
		return -ENOMEM;
	}
	for_each_online_cpu(cpu) {
		err = detect_cpu(cpu, facts) ?: refuse_verdict(why, facts);
		if (err)
			break;
	}
	vtx_pages_free(facts, sizeof(*facts));
	return err;
}

/*
 * EXERCISE 2.5 (15 points): All CPUs or none
 * Do:   vmxon_get(): the first user enables every online CPU. Ask them all first (ask_all()), then
 *       enable one after the other; if one fails, disable those that were enabled, and return that
 *       CPU's errno. Later users only count. vmxon_put(): the last user disables all; without a
 *       user it is -EALREADY and nothing happens.
 * Read: project02/README.md, "All CPUs or none"
 * Hint: enable_cpu(), vmxon_disable_all(); a user who failed is not a user.
 */
#ifndef TODO_2_5
static int enable_all(struct vtx_enable *why)
{
	int err = ask_all(why);
	int cpu;

	if (err)
		return err;
	for_each_online_cpu(cpu) {
		err = enable_cpu(cpu, why);
		if (err) {
			vmxon_disable_all();
			return err;
		}
	}
	return 0;
}

int vmxon_get(struct vtx_enable *why)
{
	int err = vmxon.users ? 0 : enable_all(why);

	if (!err)
		vmxon.users++;
	return err;
}

int vmxon_put(void)
{
	if (!vmxon.users)
		return -EALREADY;
	if (--vmxon.users == 0)
		vmxon_disable_all();
	return 0;
}
#else
int vmxon_get(struct vtx_enable *why)
{
	VTX_TODO("2.5", "only the CPU that runs vtxctl is enabled, and nobody is counted");
	return enable_cpu(raw_smp_processor_id(), why);
}

int vmxon_put(void)
{
	VTX_TODO("2.5", "only the CPU that runs vtxctl is disabled");
	return smp_call_function_single(raw_smp_processor_id(), disable_here, NULL, 1);
}
#endif
