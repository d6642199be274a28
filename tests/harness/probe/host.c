// SPDX-License-Identifier: GPL-2.0
/* What a VMCS has to bring back at a VM exit: selectors, descriptor tables and bases of a CPU. */
#include "probe.h"

#include <linux/kernel.h>
#include <asm/desc.h>
#include <asm/msr.h>
#include <asm/segment.h>
#include <asm/special_insns.h>

struct host_state {
	u16 es, cs, ss, ds, fs, gs, tr;
	struct desc_ptr gdt, idt;
	u64 tr_base, fs_base, gs_base, cr3;
};

/* SDM vol. 3, "TSS Descriptor in 64-bit mode": sixteen bytes, the base in four parts. */
static u64 tss_base(const struct desc_ptr *gdt, u16 selector)
{
	const struct ldttss_desc *tss = (void *)(gdt->address + (selector & ~7));

	return tss->base0 | (u64)tss->base1 << 16 | (u64)tss->base2 << 24 | (u64)tss->base3 << 32;
}

static void get_host(void *arg)
{
	struct host_state *h = arg;

	savesegment(es, h->es);
	savesegment(cs, h->cs);
	savesegment(ss, h->ss);
	savesegment(ds, h->ds);
	savesegment(fs, h->fs);
	savesegment(gs, h->gs);
	asm volatile("str %0" : "=m"(h->tr));
	asm volatile("sgdt %0" : "=m"(h->gdt));
	store_idt(&h->idt);
	h->tr_base = tss_base(&h->gdt, h->tr);
	rdmsrl(MSR_FS_BASE, h->fs_base);
	rdmsrl(MSR_GS_BASE, h->gs_base);
	asm volatile("mov %%cr3, %0" : "=r"(h->cr3));
}

/* For a task that asks from the CPU in question, FS and CR3 are its own. */
int probe_host(struct probe_query *q)
{
	struct host_state h = {};
	int err = probe_on_cpu(q->arg[0], get_host, &h);

	return err ?: scnprintf(q->out, PROBE_ANSWER,
				"es=%#x cs=%#x ss=%#x ds=%#x fs=%#x gs=%#x tr=%#x gdtr=%#lx"
				" idtr=%#lx tr_base=%#llx fs_base=%#llx gs_base=%#llx cr3=%#llx\n",
				h.es, h.cs, h.ss, h.ds, h.fs, h.gs, h.tr, h.gdt.address,
				h.idt.address, h.tr_base, h.fs_base, h.gs_base, h.cr3);
}
