// SPDX-License-Identifier: GPL-2.0
/*
 * Call the world switch of the module under test, with registers of the test's own, and see what
 * comes back: in the guest's registers and in the caller's.
 *
 * The VMCS that is current on the CPU is entered; the test has had it made. What a VM exit does not
 * bring back, the limits of GDT and IDT, is brought back here.
 */
#include "probe.h"

#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <asm/asm.h>
#include <asm/desc.h>
#include <asm/nospec-branch.h>
#include <asm/special_insns.h>
#include <asm/tlbflush.h>

/* SDM vol. 3, appendix B. */
#define VMCS_EXIT_REASON 0x4402
#define VMCS_INSTRUCTION_ERROR 0x4400
#define VMCS_GUEST_RSP 0x681c
#define VMCS_GUEST_RIP 0x681e
#define VMCS_GUEST_RFLAGS 0x6820
#define VMCS_HOST_CR3 0x6c02
#define VMCS_HOST_CR4 0x6c04
#define RFLAGS_ALWAYS 2
#define EXTERNAL_INTERRUPT 1
#define TRIES 100

/* struct vtx_regs: the order is the ABI's. */
#define REGS 18
#define REG_RSP 4
#define SAVED 6 /* RBX, RBP, R12 to R15: the caller's */

struct world {
	u64 function, rip, launched, seed;
	u64 regs[REGS];
	u64 caller[SAVED]; /* what the caller's registers have in the end */
	u64 reason, error;
	int outcome;
};

static u64 number_of(u64 seed, int i)
{
	return (seed + i + 1) * 0x9e3779b97f4a7c15ULL ^ seed << (i % 13);
}

static void vmcs_put(unsigned long encoding, u64 value)
{
	asm volatile("1: vmwrite %1, %0\n2:\n\t" _ASM_EXTABLE(1b, 2b)
		     :
		     : "r"(encoding), "rm"(value)
		     : "cc");
}

static u64 vmcs_get(unsigned long encoding)
{
	u64 value = 0;

	asm volatile("1: vmread %1, %0\n2:\n\t" _ASM_EXTABLE(1b, 2b)
		     : "+r"(value)
		     : "r"(encoding)
		     : "cc");
	return value;
}

/*
 * As C calls it, but with numbers in the registers that are the caller's: a switch that loses one
 * is found, and the kernel goes on.
 */
static int call_switch(struct world *w, u64 *host_rsp)
{
	unsigned long function = w->function;
	int outcome;

	asm volatile("push %%rbp\n\t"
		     "push %%rbx\n\t"
		     "push %%r12\n\t"
		     "push %%r13\n\t"
		     "push %%r14\n\t"
		     "push %%r15\n\t"
		     "push %[caller]\n\t"
		     "mov $0x1b, %%ebx\n\t"
		     "mov $0x1c, %%ebp\n\t"
		     "mov $0x12, %%r12d\n\t"
		     "mov $0x13, %%r13d\n\t"
		     "mov $0x14, %%r14d\n\t"
		     "mov $0x15, %%r15d\n\t"
		     ANNOTATE_RETPOLINE_SAFE
		     "call *%%rax\n\t"
		     "pop %%rcx\n\t"
		     "mov %%rbx, (%%rcx)\n\t"
		     "mov %%rbp, 8(%%rcx)\n\t"
		     "mov %%r12, 16(%%rcx)\n\t"
		     "mov %%r13, 24(%%rcx)\n\t"
		     "mov %%r14, 32(%%rcx)\n\t"
		     "mov %%r15, 40(%%rcx)\n\t"
		     "pop %%r15\n\t"
		     "pop %%r14\n\t"
		     "pop %%r13\n\t"
		     "pop %%r12\n\t"
		     "pop %%rbx\n\t"
		     "pop %%rbp"
		     : "=a"(outcome)
		     : "a"(function), "D"(w->regs), "S"(w->launched),
		       "d"(host_rsp), [caller] "r"(w->caller)
		     : "rcx", "r8", "r9", "r10", "r11", "cc", "memory");
	return outcome;
}

static void fill(struct world *w)
{
	int i;

	for (i = 0; i < REGS; i++)
		w->regs[i] = number_of(w->seed, i);
}

static void switch_once(struct world *w)
{
	struct desc_ptr gdt, idt;
	unsigned long flags;
	u64 host_rsp = 0;

	local_irq_save(flags);
	asm volatile("sgdt %0" : "=m"(gdt));
	store_idt(&idt);
	vmcs_put(VMCS_HOST_CR3, __read_cr3());
	vmcs_put(VMCS_HOST_CR4, __read_cr4());
	vmcs_put(VMCS_GUEST_RIP, w->rip);
	vmcs_put(VMCS_GUEST_RFLAGS, RFLAGS_ALWAYS);
	w->outcome = call_switch(w, &host_rsp);
	load_gdt(&gdt);
	load_idt(&idt);
	w->reason = vmcs_get(VMCS_EXIT_REASON);
	w->error = vmcs_get(VMCS_INSTRUCTION_ERROR);
	local_irq_restore(flags);
}

/* An interrupt of the host that came first is no answer, but the guest has been launched. */
static void switch_on(void *arg)
{
	struct world *w = arg;
	int tries;

	for (tries = 0; tries < TRIES; tries++) {
		fill(w);
		switch_once(w);
		if (w->outcome || w->reason != EXTERNAL_INTERRUPT)
			return;
		w->launched = 1;
	}
}

static const u64 sentinels[SAVED] = { 0x1b, 0x1c, 0x12, 0x13, 0x14, 0x15 };

int probe_switch(struct probe_query *q)
{
	struct world w = { .function = q->arg[1], .rip = q->arg[2], .launched = q->arg[3],
			   .seed = q->arg[4] };
	int err = probe_is_function(w.function) ? 0 : -EINVAL;
	int i, out, kept;

	err = err ?: probe_on_cpu(q->arg[0], switch_on, &w);
	if (err)
		return err;
	kept = !memcmp(w.caller, sentinels, sizeof(w.caller));
	out = scnprintf(q->out, PROBE_ANSWER, "outcome=%d reason=%#llx error=%llu caller=%d",
			w.outcome, w.reason, w.error, kept);
	for (i = 0; i < REGS - 2; i++)
		out += scnprintf(q->out + out, PROBE_ANSWER - out, " r%d=%#llx/%#llx", i,
				 number_of(w.seed, i), w.regs[i]);
	return out + scnprintf(q->out + out, PROBE_ANSWER - out, "\n");
}
