// SPDX-License-Identifier: GPL-2.0
/*
 * What a VM exit does not bring back (SDM vol. 3, "Loading Host State"): GDTR and IDTR get limits
 * of FFFFH, TR one of 67H, LDTR becomes unusable, selectors get what is in the VMCS, and
 * IA32_KERNEL_GS_BASE is not touched at all.
 *
 * The kernel itself can live with that for a while. User mode, and the next task, cannot: so it is
 * kept before the first entry after vcpu_load, and restored before vcpu_put. In between preemption
 * is off.
 */
#include <asm/desc.h>
#include <asm/msr.h>
#include <asm/segment.h>

#include "vmx_msrs.h"
#include "vmx_run.h"

static void keep(struct vmx_host_kept *kept)
{
	native_store_gdt(&kept->gdt);
	store_idt(&kept->idt);
	savesegment(ds, kept->ds);
	savesegment(es, kept->es);
	savesegment(fs, kept->fs);
	savesegment(gs, kept->gs);
	asm("sldt %0" : "=rm"(kept->ldt));
	kept->any = kept->ds | kept->es | kept->fs | kept->gs | kept->ldt;
	kept->kernel_gs_base = __rdmsr(IA32_KERNEL_GS_BASE);
}

/*
 * Loading a selector into FS or GS loads a base as well, from the descriptor, which is not what a
 * 64-bit task has there: FS base is restored behind it, and load_gs_index() takes care of GS.
 */
static void restore_fs_gs(const struct vmx_host_kept *kept)
{
	u64 fs_base;

	if (kept->fs) {
		rdmsrl(IA32_FS_BASE, fs_base);
		loadsegment(fs, kept->fs);
		wrmsrl(IA32_FS_BASE, fs_base);
	}
	if (kept->gs)
		load_gs_index(kept->gs);
}

static void restore_selectors(const struct vmx_host_kept *kept)
{
	if (kept->ldt)
		asm volatile("lldt %0" : : "rm"(kept->ldt));
	if (kept->ds)
		loadsegment(ds, kept->ds);
	if (kept->es)
		loadsegment(es, kept->es);
	restore_fs_gs(kept);
}

static void restore(const struct vmx_host_kept *kept)
{
	/* The tables first: the selectors are looked up in them. */
	native_load_gdt(&kept->gdt);
	native_load_idt(&kept->idt);
	/* A 64-bit task has none. */
	if (kept->any)
		restore_selectors(kept);
	/* 67H leaves the I/O permission bitmap out, which a task may have. */
	invalidate_tss_limit();
}

/* Mostly both are 0, and to write an MSR takes long. */
static void kernel_gs_base_change(u64 from, u64 to)
{
	if (from != to)
		native_wrmsrl(IA32_KERNEL_GS_BASE, to);
}

void vmx_world_begin(struct vtx_vcpu *vcpu)
{
	struct vmx_world *world = &vmx_of(vcpu)->world;

	if (world->guest_inside)
		return;
	keep(&world->kept);
	vmx_host_state_task();
	kernel_gs_base_change(world->kept.kernel_gs_base, vcpu->kernel_gs_base);
	world->guest_inside = true;
#if VTX_STAGE >= 6
	vmx_syscall_msrs_load(world);
#endif
}

void vmx_world_end(struct vtx_vcpu *vcpu)
{
	struct vmx_world *world = &vmx_of(vcpu)->world;

	if (!world->guest_inside)
		return;
#if VTX_STAGE >= 6
	vmx_syscall_msrs_put(world);
#endif
	vcpu->kernel_gs_base = __rdmsr(IA32_KERNEL_GS_BASE);
	kernel_gs_base_change(vcpu->kernel_gs_base, world->kept.kernel_gs_base);
	restore(&world->kept);
	world->guest_inside = false;
}
