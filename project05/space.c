// SPDX-License-Identifier: GPL-2.0
/*
 * Unit `space`: the address space of a VM from its creation to its end, and exits about memory.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/io.h>
#include <asm/processor.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/smp.h>

#include "hv_ops.h"
#include "mem.h"
#include "run.h"
#include "space.h"
#include "vm.h"

/* ---- where tables come from ------------------------------------------------------------------ */

/* One frame at many addresses takes many tables. */
static u64 table_alloc(void *ctx)
{
	void *table = space_memory_is_scarce(1) ? NULL : vtx_pages_alloc(NPT_PAGE_SIZE);

	return table ? virt_to_phys(table) : 0;
}

static void table_free_later(void *ctx, u64 table)
{
	struct vtx_space *space = ctx;

	cond_resched(); /* a sparse guest has many */
	list_add(&pfn_to_page(PHYS_PFN(table))->lru, &space->garbage);
}

static u64 *table_at(void *ctx, u64 table)
{
	return phys_to_virt(table);
}

static void free_garbage(struct vtx_space *space)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &space->garbage, lru) {
		cond_resched();
		list_del(&page->lru);
		vtx_pages_free(page_address(page), NPT_PAGE_SIZE);
	}
}

/* ---- no processor remembers ------------------------------------------------------------------ */

static void nothing(void *data)
{
}

/*
 * A vCPU that is in the guest leaves it for the interrupt; one that is not will see the new
 * generation before it is entered.
 */
void space_flush(struct vtx_vm *vm)
{
	u32 i;
	int cpu;

	hv->npt_flush(vm);
	for (i = 0; i < vm->nr_vcpus; i++) {
		cpu = vm->vcpus[i] ? READ_ONCE(vm->vcpus[i]->cpu) : -1;
		if (cpu >= 0)
			smp_call_function_single(cpu, nothing, NULL, 1);
	}
	free_garbage(&vm->space);
}

/* ---- creation and end ------------------------------------------------------------------------ */

static void space_exit(struct vtx_vm *vm)
{
	struct vtx_space *space = &vm->space;
	u32 i;

	npt_destroy(&space->npt);
	free_garbage(space);
	for (i = 0; i < VTX_MAX_SLOTS; i++)
		vtx_free(space->dirty[i]);
	mtree_destroy(&space->protections);
	if (space->flushed) {
		free_percpu(space->flushed);
		vtx_mem_note(-1);
	}
}

/* What the VM has when it begins: all of its memory, with a hole for devices below 4 GiB. */
static int default_slots(struct vtx_vm *vm)
{
	u64 low = min(vm->memory.size, VTX_LOW_MEMORY_END);
	struct vtx_slot slot = { .size = low };
	int err;

	err = space_set_slot(vm, &slot);
	if (err || low == vm->memory.size)
		return err;
	slot = (struct vtx_slot){
		.slot = 1,
		.gpa = VTX_HIGH_MEMORY_START,
		.size = vm->memory.size - low,
		.offset = low,
	};
	return space_set_slot(vm, &slot);
}

static int space_fill(struct vtx_vm *vm)
{
	struct vtx_space *space = &vm->space;
	int err;

	space->flushed = alloc_percpu(u64);
	if (!space->flushed)
		return -ENOMEM;
	vtx_mem_note(1);
	err = hv->npt_setup(vm) ?: npt_create(&space->npt);
	if (err)
		return err;
	space->limits.memory = vm->memory.size;
	space->limits.end = 1ULL << min_t(u32, space->npt.format.width,
					   boot_cpu_data.x86_phys_bits);
	mutex_lock(&space->lock);
	err = default_slots(vm);
	mutex_unlock(&space->lock);
	return err;
}

static int space_vm_create(struct vtx_vm *vm)
{
	struct vtx_space *space = &vm->space;
	int err;

	mutex_init(&space->lock);
	spin_lock_init(&space->slots_lock);
	mt_init(&space->protections);
	INIT_LIST_HEAD(&space->garbage);
	space->npt.ctx = space;
	space->npt.alloc = table_alloc;
	space->npt.free = table_free_later;
	space->npt.at = table_at;
	err = space_fill(vm);
	/* What an exercise that is not done leaves out, exits will say. */
	if (err == -ENOSYS)
		return 0;
	if (err)
		space_exit(vm);
	return err;
}

/* ---- exits ----------------------------------------------------------------------------------- */

void space_show_registers(struct vtx_vcpu *vcpu)
{
	hv->get_regs(vcpu, &vcpu->run->regs);
	hv->get_sregs(vcpu, &vcpu->run->sregs);
}

static bool is_memory(struct vtx_vm *vm, u64 gpa)
{
	bool found;

	spin_lock(&vm->space.slots_lock);
	found = slot_find(&vm->space.slots, gpa);
	spin_unlock(&vm->space.slots_lock);
	return found;
}

static u32 slot_number(struct vtx_vm *vm, u64 gpa)
{
	const struct vtx_slot *slot;
	u32 number;

	spin_lock(&vm->space.slots_lock);
	slot = slot_find(&vm->space.slots, gpa);
	number = slot ? slot->slot : 0;
	spin_unlock(&vm->space.slots_lock);
	return number;
}

/*
 * Whoever emulates the instruction needs the registers, which are in the control structure. Where
 * it cannot be had, for this CPU goes offline, the guest executes the instruction again; an error
 * that lasts will end the run.
 */
static enum vtx_next to_user(struct vtx_vcpu *vcpu, enum vtx_exit_kind kind)
{
	if (vtx_fail_here("registers of an exit") || vtx_vcpu_load(vcpu))
		return VTX_NEXT_GUEST;
	vcpu->exit.kind = kind;
	vcpu->exit.handled = 0;
	space_show_registers(vcpu);
	vtx_vcpu_put(vcpu);
	return VTX_NEXT_USER;
}

static enum vtx_next populate_work(struct vtx_vcpu *vcpu)
{
	struct vtx_exit *exit = &vcpu->exit;
	struct vtx_vm *vm = vcpu->vm;
	u32 access = exit->memory_access & (VTX_PROT_READ | VTX_PROT_WRITE | VTX_PROT_EXECUTE);
	int err;

	mutex_lock(&vm->space.lock);
	err = space_populate(vm, exit->gpa, access);
	vm->space.faults += !err;
	mutex_unlock(&vm->space.lock);
	switch (err) {
	case 0:
		return VTX_NEXT_GUEST;
	case -ENOENT:
		return to_user(vcpu, VTX_EXIT_MMIO);
	case -EACCES:
		exit->slot = slot_number(vm, exit->gpa);
		return to_user(vcpu, VTX_EXIT_PROTECTION);
	default:
		return to_user(vcpu, VTX_EXIT_NO_MEMORY);
	}
}

static enum vtx_next handle_access(struct vtx_vcpu *vcpu)
{
	if (is_memory(vcpu->vm, vcpu->exit.gpa)) {
		vcpu->exit.handled = 1;
		return vtx_sleep_on(vcpu, populate_work);
	}
	vcpu->exit.kind = VTX_EXIT_MMIO;
	space_show_registers(vcpu);
	return VTX_NEXT_USER;
}

/* It is the driver's fault: everything that could tell how it came about goes to the log. */
static enum vtx_next handle_misconfiguration(struct vtx_vcpu *vcpu)
{
	struct vtx_walk_step steps[VTX_NPT_LEVELS];
	u64 gpa = vcpu->exit.gpa;
	u32 count = npt_walk(&vcpu->vm->space.npt, gpa, steps);
	u32 i;

	pr_err_ratelimited("VM %u, vCPU %u: %#llx leads to an entry that no processor takes\n",
			   vcpu->vm->id, vcpu->id, gpa);
	for (i = 0; i < count; i++)
		pr_err_ratelimited("  level %u: table %#llx, entry %#llx\n", VTX_NPT_LEVELS - i,
				   steps[i].table, steps[i].entry);
	return VTX_NEXT_USER;
}

const struct vtx_exit_answer space_exits[] = {
	{ VTX_EXIT_NOT_PRESENT, handle_access },
	{ VTX_EXIT_MISCONFIGURED, handle_misconfiguration },
	{}
};

static const struct vtx_ioctl space_ioctls[] = {
	{ VTXDRV_SET_SLOT, space_ioctl_set_slot },
	{ VTXDRV_SLOT_INFO, space_ioctl_slot_info },
	{ VTXDRV_PROTECT, space_ioctl_protect },
	{ VTXDRV_DIRTY_LOG, space_ioctl_dirty_log },
	{ VTXDRV_WALK, space_ioctl_walk },
	{ VTXDRV_MAP, space_ioctl_map },
	{ VTXDRV_MEMORY_INFO, space_ioctl_info },
	{}
};

/* In the mode that was asked for, with the tables of this VM. */
static int space_vcpu_reset(struct vtx_vcpu *vcpu, u32 mode)
{
	vcpu->moved = false;
	return hv->vcpu_start(vcpu, mode);
}

const struct vtx_unit space_unit = {
	.name = "space",
	.features = VTX_FEATURE_MEMORY,
	.ioctls = space_ioctls,
	.vm_create = space_vm_create,
	.vm_destroy = space_exit,
	.vcpu_reset = space_vcpu_reset,
	.exits = space_exits,
};
