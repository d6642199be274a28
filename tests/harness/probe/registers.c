// SPDX-License-Identifier: GPL-2.0
/* Control registers, MSRs and CPUID of a named CPU. */
#include "probe.h"

#include <linux/kernel.h>
#include <asm/asm.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/special_insns.h>
#include <asm/tlbflush.h>

struct cr_write {
	u64 value;
	bool fault;
};

static int answer_u64(struct probe_query *q, u64 value)
{
	return scnprintf(q->out, PROBE_ANSWER, "%#llx\n", value);
}

static int answer_ok(struct probe_query *q, bool fault)
{
	return scnprintf(q->out, PROBE_ANSWER, "%s\n", fault ? "fault" : "ok");
}

static void get_cr0(void *arg)
{
	*(u64 *)arg = read_cr0();
}

static void get_cr4(void *arg)
{
	unsigned long cr4;

	/* Not the kernel's shadow copy: the register itself is what a test asks about. */
	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	*(u64 *)arg = cr4;
}

/* What the kernel writes back with its next change of any other bit. */
static void get_cr4_copy(void *arg)
{
	*(u64 *)arg = cr4_read_shadow();
}

static int read_on(struct probe_query *q, void (*fn)(void *arg))
{
	u64 value = 0;
	int err = probe_on_cpu(q->arg[0], fn, &value);

	return err ?: answer_u64(q, value);
}

int probe_cr0(struct probe_query *q)
{
	return read_on(q, get_cr0);
}

int probe_cr4(struct probe_query *q)
{
	return read_on(q, get_cr4);
}

int probe_cr4copy(struct probe_query *q)
{
	return read_on(q, get_cr4_copy);
}

int probe_efer(struct probe_query *q)
{
	struct probe_query msr = { .arg = { q->arg[0], MSR_EFER }, .out = q->out };

	return probe_rdmsr(&msr);
}

/* The kernel's write_cr0() pins CR0.WP and warns: here any value goes, and #GP is an answer. */
#define DEFINE_SET_CR(name, reg)                                        \
	static void name(void *arg)                                     \
	{                                                               \
		struct cr_write *w = arg;                               \
		bool fault = true;                                      \
									\
		asm volatile("1: mov %1, %%" reg "\n\t"                 \
			     "movb $0, %0\n"                            \
			     "2:\n\t" _ASM_EXTABLE(1b, 2b)              \
			     : "+qm"(fault)                             \
			     : "r"((unsigned long)w->value)             \
			     : "memory");                               \
		w->fault = fault;                                       \
	}

DEFINE_SET_CR(set_cr0, "cr0")
DEFINE_SET_CR(set_cr4, "cr4")

static int write_on(struct probe_query *q, void (*fn)(void *arg))
{
	struct cr_write w = { .value = q->arg[1] };
	int err = probe_on_cpu(q->arg[0], fn, &w);

	return err ?: answer_ok(q, w.fault);
}

int probe_setcr0(struct probe_query *q)
{
	return write_on(q, set_cr0);
}

int probe_setcr4(struct probe_query *q)
{
	return write_on(q, set_cr4);
}

struct msr_access {
	u32 index;
	u64 value;
	int err;
};

static void get_msr(void *arg)
{
	struct msr_access *m = arg;

	m->err = rdmsrl_safe(m->index, &m->value);
}

static void set_msr(void *arg)
{
	struct msr_access *m = arg;

	m->err = wrmsrl_safe(m->index, m->value);
}

int probe_rdmsr(struct probe_query *q)
{
	struct msr_access m = { .index = (u32)q->arg[1] };
	int err = probe_on_cpu(q->arg[0], get_msr, &m);

	if (err)
		return err;
	return m.err ? answer_ok(q, true) : answer_u64(q, m.value);
}

int probe_wrmsr(struct probe_query *q)
{
	struct msr_access m = { .index = (u32)q->arg[1], .value = q->arg[2] };
	int err = probe_on_cpu(q->arg[0], set_msr, &m);

	return err ?: answer_ok(q, m.err);
}

static void get_cpuid(void *arg)
{
	u32 *r = arg;

	cpuid_count(r[0], r[2], &r[0], &r[1], &r[2], &r[3]);
}

int probe_cpuid(struct probe_query *q)
{
	u32 r[4] = { (u32)q->arg[1], 0, (u32)q->arg[2], 0 };
	int err = probe_on_cpu(q->arg[0], get_cpuid, r);

	return err ?: scnprintf(q->out, PROBE_ANSWER, "%#x %#x %#x %#x\n", r[0], r[1], r[2], r[3]);
}
