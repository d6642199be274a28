// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls about a vCPU that stands still: initialise it, read and write its registers, read its
 * statistics.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/fpu/api.h>
#include <asm/fpu/types.h>
#include <asm/tsc.h>
#include <linux/printk.h>
#include <linux/uaccess.h>

#include "hv_ops.h"
#include "mem.h"
#include "run.h"
#include "x86_paging.h"

/* Between the stacks that vCPUs get if nobody asks for another place. */
#define STACK_BYTES 0x10000ULL

typedef int (*vcpu_action)(struct vtx_vcpu *vcpu, void *data);

/* Any VM: hold it, hold the vCPU still, load it, do something, and all of it back. */
static int with_vcpu(struct vtx_file *file, u32 vm_id, u32 id, vcpu_action action, void *data)
{
	struct vtx_vm *vm = vtx_vm_find(file, vm_id);
	struct vtx_vcpu *vcpu;
	int err;

	if (!vm)
		return -ENOENT;
	err = vtx_vcpu_visit(vm, id, &vcpu);
	if (err)
		goto out_vm;
	err = vtx_vcpu_load(vcpu);
	if (!err) {
		err = action(vcpu, data);
		vtx_vcpu_put(vcpu);
	}
	vtx_vcpu_leave(vcpu);
out_vm:
	vtx_vm_put(vm);
	return err;
}

/* Who is in the middle of a run finds his vCPU as he left it. */
static int check_still(const struct vtx_vcpu *vcpu, const char *what)
{
	if (READ_ONCE(vcpu->runner)) {
		pr_notice_ratelimited("%s: a thread runs vCPU %u of VM %u\n", what, vcpu->id,
				      vcpu->vm->id);
		return -EBUSY;
	}
	if (!vcpu->initialised) {
		pr_notice("%s: vCPU %u of VM %u was never initialised\n", what, vcpu->id,
			  vcpu->vm->id);
		return -ENODATA;
	}
	return 0;
}

/* ---- VTXDRV_INIT_VCPU ------------------------------------------------------------------------ */

static int check_init(struct vtx_vm *vm, struct vtx_vcpu_init *init)
{
	if (init->vcpu >= vm->nr_vcpus) {
		pr_notice("init: vCPU %u of VM %u, must be below %u\n", init->vcpu, vm->id,
			  vm->nr_vcpus);
		return -ERANGE;
	}
#if VTX_STAGE >= 5
	if (init->mode)
		return space_check_init(vm, init);
#endif
	if (!vm->guest_root) {
		pr_notice("init: VM %u: %llu bytes of memory have no page tables\n", vm->id,
			  vm->memory.size);
		return vm->tables_error == -ENOSYS ? -ENOSYS : -EINVAL;
	}
	init->usable = vm->usable;
	if (!init->rsp && init->vcpu * STACK_BYTES < vm->usable)
		init->rsp = vm->usable - init->vcpu * STACK_BYTES;
	if (init->mode || init->rip >= vm->usable || !init->rsp || init->rsp > vm->usable) {
		pr_notice("init: RIP %#llx and RSP %#llx must be below %#llx; mode %u must be 0\n",
			  init->rip, init->rsp, vm->usable, init->mode);
		return -EINVAL;
	}
	return 0;
}

/* SDM vol. 1, "x87 FPU Control Word", and "SSE Initialization". */
#define FCW_AFTER_FNINIT 0x037f
#define MXCSR_AT_RESET 0x1f80

/* x87 and SSE as here; of what the header does not name, the initial state. */
static int reset_fpu(struct vtx_vcpu *vcpu)
{
	static const struct xregs_state fresh = {
		.i387 = { .cwd = FCW_AFTER_FNINIT, .mxcsr = MXCSR_AT_RESET },
		.header = { .xfeatures = XFEATURE_MASK_FPSSE },
	};

	return fpu_copy_uabi_to_guest_fpstate(&vcpu->fpu, &fresh, XFEATURE_MASK_FPSSE, NULL);
}

static int do_init(struct vtx_vcpu *vcpu, void *data)
{
	const struct vtx_vcpu_init *init = data;
	int err;

	if (READ_ONCE(vcpu->runner))
		return check_still(vcpu, "init");
	err = reset_fpu(vcpu) ?: hv->guest_init(vcpu, vcpu->vm->guest_root);
	if (err)
		return err;
	vcpu->regs.rip = init->rip;
	vcpu->regs.rsp = init->rsp;
	vcpu->regs.rdi = init->rdi;
	vcpu->regs.rsi = init->rsi;
	vcpu->regs.rdx = init->rdx;
	vcpu->exit = (struct vtx_exit){ .rip = init->rip };
	vcpu->wants_result = false;
	vcpu->work = NULL;
	vcpu->to_user = false;
	err = vtx_units_vcpu_reset(vcpu, init->mode);
	vcpu->initialised = !err;
	return err;
}

long vtx_ioctl_init(struct vtx_file *file, void __user *arg)
{
	struct vtx_vm *vm = vtx_file_vm(file);
	struct vtx_vcpu_init init;
	int err;

	if (copy_from_user(&init, arg, sizeof(init)))
		return -EFAULT;
	if (!vm) {
		pr_notice("init: this file has no VM\n");
		return -ENOENT;
	}
	err = check_init(vm, &init) ?: with_vcpu(file, 0, init.vcpu, do_init, &init);
	if (err)
		return err;
	return copy_to_user(arg, &init, sizeof(init)) ? -EFAULT : 0;
}

/* ---- registers ------------------------------------------------------------------------------- */

static int do_get_regs(struct vtx_vcpu *vcpu, void *data)
{
	return hv->get_regs(vcpu, data);
}

static int do_set_regs(struct vtx_vcpu *vcpu, void *data)
{
	int err = check_still(vcpu, "set registers");

	if (err)
		return err;
	/* RAX is what the caller says, also where a hypercall waits for its result. */
	vcpu->wants_result = false;
	return hv->set_regs(vcpu, data);
}

static int do_get_sregs(struct vtx_vcpu *vcpu, void *data)
{
	return hv->get_sregs(vcpu, data);
}

struct sregs_request {
	const struct vtx_sregs *sregs;
	u64 pdptes[X86_PDPTES];
	bool has_pdptes;
};

#if VTX_STAGE >= 5
/* With PAE paging a new CR3 brings four entries along, which are in the guest's memory. */
static int find_pdptes(struct vtx_file *file, struct sregs_request *request)
{
	const struct vtx_sregs *sregs = request->sregs;
	struct vtx_vm *vm = vtx_file_vm(file);
	int err;

	if (!vm || !x86_pae_paging(sregs->cr0, sregs->cr4, sregs->efer))
		return 0;
	err = space_read_pdptes(vm, sregs->cr3, request->pdptes);
	request->has_pdptes = !err;
	return err == -ENOMEM ? err : 0;
}
#else
/* Nobody but the driver sets CR3. */
static int find_pdptes(struct vtx_file *file, struct sregs_request *request)
{
	return 0;
}
#endif

static int do_set_sregs(struct vtx_vcpu *vcpu, void *data)
{
	const struct sregs_request *request = data;

	return check_still(vcpu, "set registers") ?:
		       hv->set_sregs(vcpu, request->sregs,
				     request->has_pdptes ? request->pdptes : NULL);
}

static int check_own(u32 vm)
{
	if (!vm)
		return 0;
	pr_notice("set registers: vm is %u, must be 0: only the owner sets them\n", vm);
	return -EINVAL;
}

long vtx_ioctl_get_regs(struct vtx_file *file, void __user *arg)
{
	struct vtx_vcpu_regs regs;
	int err;

	if (copy_from_user(&regs, arg, sizeof(regs)))
		return -EFAULT;
	err = with_vcpu(file, regs.vm, regs.vcpu, do_get_regs, &regs.regs);
	return err ?: copy_to_user(arg, &regs, sizeof(regs)) ? -EFAULT : 0;
}

long vtx_ioctl_set_regs(struct vtx_file *file, void __user *arg)
{
	struct vtx_vcpu_regs regs;

	if (copy_from_user(&regs, arg, sizeof(regs)))
		return -EFAULT;
	return check_own(regs.vm) ?: with_vcpu(file, 0, regs.vcpu, do_set_regs, &regs.regs);
}

long vtx_ioctl_get_sregs(struct vtx_file *file, void __user *arg)
{
	struct vtx_vcpu_sregs sregs;
	int err;

	if (copy_from_user(&sregs, arg, sizeof(sregs)))
		return -EFAULT;
	err = with_vcpu(file, sregs.vm, sregs.vcpu, do_get_sregs, &sregs.sregs);
	return err ?: copy_to_user(arg, &sregs, sizeof(sregs)) ? -EFAULT : 0;
}

long vtx_ioctl_set_sregs(struct vtx_file *file, void __user *arg)
{
	struct vtx_vcpu_sregs sregs;
	struct sregs_request request = { .sregs = &sregs.sregs };

	if (copy_from_user(&sregs, arg, sizeof(sregs)))
		return -EFAULT;
	return check_own(sregs.vm) ?:
		       find_pdptes(file, &request) ?:
		       with_vcpu(file, 0, sregs.vcpu, do_set_sregs, &request);
}

/* ---- statistics ------------------------------------------------------------------------------ */

static int do_get_stats(struct vtx_vcpu *vcpu, void *data)
{
	memcpy(data, vcpu->stats, sizeof(*vcpu->stats));
	return 0;
}

long vtx_ioctl_get_stats(struct vtx_file *file, void __user *arg)
{
	struct vtx_vcpu_stats *stats;
	u32 head[2];
	int err;

	if (copy_from_user(head, arg, sizeof(head)))
		return -EFAULT;
	stats = vtx_zalloc("copy of statistics", sizeof(*stats));
	if (!stats)
		return -ENOMEM;
	err = with_vcpu(file, head[0], head[1], do_get_stats, stats);
	stats->vm = head[0];
	stats->vcpu = head[1];
	stats->tsc_khz = tsc_khz;
	if (!err && copy_to_user(arg, stats, sizeof(*stats)))
		err = -EFAULT;
	vtx_free(stats);
	return err;
}
