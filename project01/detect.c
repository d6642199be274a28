// SPDX-License-Identifier: GPL-2.0
/*
 * Unit `detect`: ask each CPU for its facts and find the one that differs.
 *
 * One CPU's answer is not the machine's: firmware locks IA32_FEATURE_CONTROL on each CPU by itself,
 * and a hypervisor that failed half-way leaves CR4.VMXE on some.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/printk.h>
#include <linux/smp.h>
#include <linux/uaccess.h>

#include "detect.h"
#include "detect_logic.h"
#include "host_cpu.h"
#include "hv_ops.h"
#include "mem.h"
#include "vtx_todo.h"

struct probe_call {
	struct vtx_cpu_facts *facts;
	int err;
};

/* Runs on the CPU in question, in an interrupt. */
static void probe_here(void *data)
{
	struct probe_call *call = data;

	call->err = hv->probe(call->facts);
	if (this_cpu_read(vtx_cpu_ours))
		call->facts->valid |= VTX_FACT_OURS;
}

int detect_cpu(int cpu, struct vtx_cpu_facts *facts)
{
	struct probe_call call = { .facts = facts };
	int err = smp_call_function_single(cpu, probe_here, &call, 1);

	return err ?: call.err;
}

/*
 * EXERCISE 1.4 (15 points): Ask every CPU, and report the one that differs
 * Do:   fill query->facts on CPU query->cpu and not on the one that happens to run this code, and
 *       query->differs with what distinguishes it from the lowest-numbered online CPU. Nobody may
 *       take a CPU offline in between. A CPU that is offline is -ENXIO.
 * Read: project01/README.md, "Every CPU is asked"; kernel documentation, core-api/cpu_hotplug
 * Hint: detect_cpu(), detect_compare(), cpus_read_lock(); `reference` is memory for the other CPU.
 */
#ifndef TODO_1_4
static int query_cpu(struct vtx_cpu_query *query, struct vtx_cpu_facts *reference)
{
	int err;

	cpus_read_lock();
	err = detect_cpu(query->cpu, &query->facts);
	if (!err)
		err = detect_cpu(cpumask_first(cpu_online_mask), reference);
	cpus_read_unlock();
	if (!err)
		query->differs = detect_compare(reference, &query->facts);
	return err;
}
#else
static int query_cpu(struct vtx_cpu_query *query, struct vtx_cpu_facts *reference)
{
	struct probe_call call = { .facts = &query->facts };

	VTX_TODO("1.4", "only the CPU that runs vtxctl is asked, whichever was meant");
	preempt_disable();
	probe_here(&call);
	preempt_enable();
	return call.err;
}
#endif

static int query_check(const struct vtx_cpu_query *query)
{
	if (query->pad) {
		pr_notice("query: pad is %#x, must be 0\n", query->pad);
		return -EINVAL;
	}
	if (query->cpu >= nr_cpu_ids) {
		pr_notice("query: CPU %u, must be below %u\n", query->cpu, nr_cpu_ids);
		return -ERANGE;
	}
	return 0;
}

static long query_answer(struct vtx_cpu_query *query, struct vtx_cpu_facts *reference)
{
	int err = query_check(query);

	if (err)
		return err;
	query->differs = 0;
	err = query_cpu(query, reference);
	if (err)
		return err;
	query->verdict = detect_verdict(&query->facts);
	return 0;
}

/* The facts are too large for the stack: both sets live in one allocation. */
struct query_memory {
	struct vtx_cpu_query query;
	struct vtx_cpu_facts reference;
};

static long ioctl_query_cpu(struct vtx_file *file, void __user *arg)
{
	struct query_memory *memory = vtx_pages_alloc(sizeof(*memory));
	long err = -ENOMEM;

	if (!memory)
		return err;
	err = -EFAULT;
	if (copy_from_user(&memory->query, arg, sizeof(memory->query)))
		goto out;
	err = query_answer(&memory->query, &memory->reference);
	if (!err && copy_to_user(arg, &memory->query, sizeof(memory->query)))
		err = -EFAULT;
out:
	vtx_pages_free(memory, sizeof(*memory));
	return err;
}

static long ioctl_get_info(struct vtx_file *file, void __user *arg)
{
	struct vtx_info info = {
		.abi_version = VTXDRV_ABI_VERSION,
		.stage = VTX_STAGE,
		.features = vtx_units_features() | vtx_vendor_features(),
		.nr_cpu_ids = nr_cpu_ids,
		.online_cpus = num_online_cpus(),
	};

	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

static const struct vtx_ioctl detect_ioctls[] = {
	{ VTXDRV_GET_INFO, ioctl_get_info },
	{ VTXDRV_QUERY_CPU, ioctl_query_cpu },
	{}
};

const struct vtx_unit detect_unit = {
	.name = "detect",
	.features = VTX_FEATURE_DETECT,
	.ioctls = detect_ioctls,
};
