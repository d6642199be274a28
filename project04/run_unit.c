// SPDX-License-Identifier: GPL-2.0
/*
 * Unit `run`: what a vCPU needs to run, from the VM's creation to its end.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/fpu/api.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sched.h>

#include "guest_tables_logic.h"
#include "mem.h"
#include "run.h"

/* ---- the guest's page tables ----------------------------------------------------------------- */

/* What the functions below are given. */
struct table_memory {
	struct vtx_vm *vm;
	u64 *spare; /* written to in the place of a page that there is no memory for */
	bool failed;
};

#if VTX_STAGE < 5
static u64 table_frame(void *ctx, u64 gpa)
{
	const struct table_memory *memory = ctx;

	return guest_mem_frame(&memory->vm->memory, gpa);
}

static bool table_is_huge(void *ctx, u64 gpa)
{
	const struct table_memory *memory = ctx;

	return guest_mem_is_huge(&memory->vm->memory, gpa);
}
#else
/* Entries name guest-physical addresses now, where all of the memory is in large pieces. */
static u64 table_frame(void *ctx, u64 offset)
{
	return space_gpa(offset);
}

static bool table_is_huge(void *ctx, u64 offset)
{
	return true;
}
#endif

/* Called for each table: where a guest is large they are many. */
static u64 *table_page(void *ctx, u64 offset)
{
	struct table_memory *memory = ctx;
	u64 *page;

	cond_resched();
#if VTX_STAGE >= 5
	space_touch(memory->vm, offset);
#endif
	page = guest_mem_at(&memory->vm->memory, offset);
	if (!page)
		memory->failed = true;
	return page ?: memory->spare;
}

/*
 * Before the owner can map anything: whoever could write into the tables could name any frame of
 * the host in them. A VM that is too small for tables is still one, only no vCPU of it can run.
 */
static void build_tables(struct vtx_vm *vm)
{
	struct table_memory memory = { .vm = vm };
	struct guest_tables tables = {
		.size = vm->memory.size,
		.ctx = &memory,
		.frame = table_frame,
		.is_huge = table_is_huge,
		.page = table_page,
	};
	int err;

	memory.spare = vtx_pages_alloc(PAGE_SIZE);
	err = memory.spare ? guest_tables_build(&tables) : -ENOMEM;
	if (!err && memory.failed)
		err = -ENOMEM;
	vtx_pages_free(memory.spare, PAGE_SIZE);
	vm->tables_error = err;
	if (err) {
		if (err != -ENOSYS)
			pr_notice("%s: no page tables in %llu bytes of memory: error %d\n",
				  vm->name, vm->memory.size, err);
		return;
	}
	vm->guest_root = tables.root;
	vm->usable = tables.usable;
#if VTX_STAGE < 5
	vm->memory.mappable = tables.usable;
#endif
}

/* ---- what each vCPU has ---------------------------------------------------------------------- */

static int fpu_create(struct fpu_guest *fpu)
{
	if (vtx_fail_here("FPU state of a vCPU") || !fpu_alloc_guest_fpstate(fpu))
		return -ENOMEM;
	vtx_mem_note(1);
	return 0;
}

static void fpu_destroy(struct fpu_guest *fpu)
{
	fpu_free_guest_fpstate(fpu);
	vtx_mem_note(-1);
}

static int run_vcpu_create(struct vtx_vcpu *vcpu)
{
	int err = -ENOMEM;

	vcpu->run = vtx_pages_alloc(sizeof(*vcpu->run));
	if (!vcpu->run)
		return -ENOMEM;
	vcpu->stats = vtx_zalloc("statistics of a vCPU", sizeof(*vcpu->stats));
	if (!vcpu->stats)
		goto err_run;
	err = fpu_create(&vcpu->fpu);
	if (err)
		goto err_stats;
	vtx_deadline_init(vcpu);
	if (!vcpu->id)
		build_tables(vcpu->vm);
	return 0;

err_stats:
	vtx_free(vcpu->stats);
err_run:
	vtx_pages_free(vcpu->run, sizeof(*vcpu->run));
	return err;
}

static void run_vcpu_destroy(struct vtx_vcpu *vcpu)
{
	fpu_destroy(&vcpu->fpu);
	vtx_free(vcpu->stats);
	vtx_pages_free(vcpu->run, sizeof(*vcpu->run));
}

/* ---- the page that a vCPU shares with its caller --------------------------------------------- */

static int run_mmap(struct vtx_file *file, struct vm_area_struct *vma)
{
	struct vtx_vm *vm = vtx_file_vm(file);
	u64 first = VTX_MMAP_RUN(0) >> PAGE_SHIFT;
	u64 id = vma->vm_pgoff - first;

	if (vma->vm_pgoff < first || id >= VTX_MAX_VCPUS)
		return -ENXIO;
	if (!vm) {
		pr_notice("mmap of a vCPU's page: this file has no VM\n");
		return -ENOENT;
	}
	if (id >= vm->nr_vcpus || vma_pages(vma) != 1 || !(vma->vm_flags & VM_SHARED)) {
		pr_notice("mmap of a vCPU's page: vCPU %llu must be below %u, 1 page, MAP_SHARED\n",
			  id, vm->nr_vcpus);
		return -EINVAL;
	}
	vtx_vma_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	return vm_insert_page(vma, vma->vm_start, virt_to_page(vm->vcpus[id]->run));
}

static const struct vtx_ioctl run_ioctls[] = {
	{ VTXDRV_INIT_VCPU, vtx_ioctl_init },
	{ VTXDRV_RUN_VCPU, vtx_ioctl_run },
	{ VTXDRV_GET_REGS, vtx_ioctl_get_regs },
	{ VTXDRV_SET_REGS, vtx_ioctl_set_regs },
	{ VTXDRV_GET_SREGS, vtx_ioctl_get_sregs },
	{ VTXDRV_SET_SREGS, vtx_ioctl_set_sregs },
	{ VTXDRV_GET_STATS, vtx_ioctl_get_stats },
	{ VTXDRV_TRY_ENTRY, vtx_ioctl_try_entry },
	{}
};

static int run_init(void)
{
	vtx_collect_answers();
	return 0;
}

const struct vtx_unit run_unit = {
	.name = "run",
	.init = run_init,
	.exits = run_exits,
	.features = VTX_FEATURE_RUN,
	.ioctls = run_ioctls,
	.mmap = run_mmap,
	.vcpu_create = run_vcpu_create,
	.vcpu_destroy = run_vcpu_destroy,
};
