// SPDX-License-Identifier: GPL-2.0
/*
 * Which CPU has it? Where each VMCS is active, and how it gets to another CPU.
 *
 * The list of a CPU, and cpu, on_cpu and launched of the vCPUs in it, change on that CPU only, with
 * interrupts off. So the lists need no lock.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/irqflags.h>
#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/smp.h>

#include "host_cpu.h"
#include "hv_ops.h"
#include "vmcs_insn.h"
#if VTX_STAGE >= 4
#include "vmx_run.h"
#endif
#include "vmx_vcpu.h"
#include "vtx_todo.h"

/* The vCPUs whose VMCS is active on this CPU, by on_cpu. */
static DEFINE_PER_CPU(struct hlist_head, active_here) __maybe_unused;
/* The one whose VMCS is current on this CPU, or NULL. */
static DEFINE_PER_CPU(struct vtx_vcpu *, current_here) __maybe_unused;

/* The address is right and the VMCS is ours: only a bug, or somebody who damages memory. */
static void __maybe_unused complain(const char *instruction, struct vtx_vcpu *vcpu, int err)
{
	pr_err_ratelimited("%s of VM %u, vCPU %u, at %#llx on CPU %d: error %d\n", instruction,
			   vcpu->vm->id, vcpu->id, vmx_of(vcpu)->vmcs.pa, smp_processor_id(), err);
}

/*
 * EXERCISE 3.5 (20 points): Which CPU has it?
 * Do:   vmx_vcpu_load(): make the VMCS of a vCPU active and current on this CPU, and note it in
 *       active_here and current_here. If it is active on another CPU, have it VMCLEARed there
 *       first. If it is current here already, nothing is to do. A CPU that is not ours (any more)
 *       is -ESHUTDOWN. vmx_track_clear(): take the VMCS from wherever it is active.
 *       vmx_vcpus_leave_cpu(): no VMCS is active on this CPU any more. Each VMCLEAR resets cpu to
 *       -1 and launched to false, and takes the vCPU off the list.
 * Read: Intel SDM vol. 3, "Software Use of Virtual-Machine Control Structures";
 *       project03/README.md, "Moving to another CPU"
 * Hint: smp_call_function_single() waits, needs interrupts on, and runs the function with
 *       interrupts off, also on this CPU. A reboot's interrupt may come between any two
 *       instructions of yours until interrupts are off. A CPU that went offline has let go of
 *       everything before.
 */
#ifndef TODO_3_5
/* On the CPU that the VMCS is active on, interrupts off. */
static void let_go(struct vtx_vcpu *vcpu)
{
	int err = vmcs_clear(vmx_of(vcpu)->vmcs.pa);

	if (err)
		complain("VMCLEAR", vcpu, err);
	if (this_cpu_read(current_here) == vcpu)
		this_cpu_write(current_here, NULL);
	hlist_del_init(&vcpu->on_cpu);
	vmx_of(vcpu)->launched = false;
	WRITE_ONCE(vcpu->cpu, -1);
}

/* The CPU may have let go while the interrupt was on its way. */
static void let_go_here(void *data)
{
	struct vtx_vcpu *vcpu = data;

	if (vcpu->cpu == smp_processor_id())
		let_go(vcpu);
}

void vmx_track_clear(struct vtx_vcpu *vcpu)
{
	int cpu = READ_ONCE(vcpu->cpu);

	/* An error says that the CPU has gone offline, and so has let go. */
	if (cpu >= 0)
		smp_call_function_single(cpu, let_go_here, vcpu, 1);
}

/* Interrupts off. */
static int load_here(struct vtx_vcpu *vcpu)
{
	int err;

	if (!this_cpu_read(vtx_cpu_ours))
		return -ESHUTDOWN;
	if (this_cpu_read(current_here) == vcpu)
		return 0;
	err = vmcs_load(vmx_of(vcpu)->vmcs.pa);
	if (err) {
		complain("VMPTRLD", vcpu, err);
		return err == -ENOSYS ? err : -EIO;
	}
	this_cpu_write(current_here, vcpu);
	if (vcpu->cpu < 0) {
		hlist_add_head(&vcpu->on_cpu, this_cpu_ptr(&active_here));
		WRITE_ONCE(vcpu->cpu, smp_processor_id());
	}
	return 0;
}

int vmx_vcpu_load(struct vtx_vcpu *vcpu)
{
	unsigned long flags;
	int err;

	if (READ_ONCE(vcpu->cpu) != smp_processor_id())
		vmx_track_clear(vcpu);
	local_irq_save(flags);
	err = load_here(vcpu);
	local_irq_restore(flags);
	return err;
}

void vmx_vcpus_leave_cpu(void)
{
	struct vtx_vcpu *vcpu;
	struct hlist_node *next;

	hlist_for_each_entry_safe(vcpu, next, this_cpu_ptr(&active_here), on_cpu)
		let_go(vcpu);
}
#else
int vmx_vcpu_load(struct vtx_vcpu *vcpu)
{
	return VTX_TODO("3.5", "no VMCS becomes active, so nobody can look at one");
}

void vmx_track_clear(struct vtx_vcpu *vcpu)
{
}

void vmx_vcpus_leave_cpu(void)
{
}
#endif

/* It stays active here until another CPU takes it: mostly the next one to load it is this one. */
void vmx_vcpu_put(struct vtx_vcpu *vcpu)
{
#if VTX_STAGE >= 4
	vmx_world_end(vcpu);
#endif
}
