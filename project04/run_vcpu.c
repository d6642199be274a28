// SPDX-License-Identifier: GPL-2.0
/*
 * VTXDRV_RUN_VCPU: what is around the run loop.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/fpu/api.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>
#include <linux/version.h>

#if VTX_STAGE >= 6
#include "exits.h"
#include "fpu.h"
#endif
#include "run.h"
#include "x86_bits.h"

/*
 * If the task still runs where the timer was set, the timer's interrupt has taken the guest out. If
 * not, this interrupts the CPU where it runs now.
 */
static enum hrtimer_restart deadline_fires(struct hrtimer *timer)
{
	kick_process(container_of(timer, struct vtx_vcpu, deadline)->runner);
	return HRTIMER_NORESTART;
}

void vtx_deadline_init(struct vtx_vcpu *vcpu)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(&vcpu->deadline, deadline_fires, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
#else
	hrtimer_init(&vcpu->deadline, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	vcpu->deadline.function = deadline_fires;
#endif
}

/* Most callers want none, and to ask for the time takes longer than many an exit. */
static void deadline_start(struct vtx_turn *turn, u64 timeout_ns)
{
	u64 now;

	turn->deadline = U64_MAX;
	if (!timeout_ns)
		return;
	now = ktime_get_mono_fast_ns();
	if (timeout_ns > KTIME_MAX - now)
		return;
	turn->deadline = now + timeout_ns;
	hrtimer_start(&turn->vcpu->deadline, ns_to_ktime(turn->deadline), HRTIMER_MODE_ABS);
}

static void deadline_stop(struct vtx_turn *turn)
{
	if (turn->deadline != U64_MAX)
		hrtimer_cancel(&turn->vcpu->deadline);
}

/* The flags that this stage knows. */
#define RUN_FLAGS \
	(VTX_RUN_EVERY_EXIT | (VTX_STAGE >= 5 ? VTX_RUN_SET_REGS : 0) | \
	 (VTX_STAGE >= 6 ? VTX_RUN_FAULT : 0))

#if VTX_STAGE >= 5
/*
 * After an instruction that user space has emulated, which leaves RFLAGS.VM as it is. Nothing is
 * loaded yet: what else belongs to it waits for the entry.
 */
static void take_registers(struct vtx_vcpu *vcpu)
{
	u64 mode = vcpu->regs.rflags & RFLAGS_VM;

	vcpu->regs = vcpu->run->regs;
	vcpu->regs.rflags = (vcpu->regs.rflags & ~(u64)RFLAGS_VM) | mode;
	vcpu->moved = true;
}
#endif

/* The page is the caller's to write at any time: each value is read once. */
static int read_page(struct vtx_turn *turn, u64 *timeout_ns)
{
	struct vtx_vcpu *vcpu = turn->vcpu;
	u32 flags = READ_ONCE(vcpu->run->flags);
	u32 pad = READ_ONCE(vcpu->run->pad);

	if (flags & ~RUN_FLAGS || pad) {
		pr_notice("run: flags %#x, must be within %#x; pad %#x, must be 0\n", flags,
			  RUN_FLAGS, pad);
		return -EINVAL;
	}
	turn->every_exit = flags & VTX_RUN_EVERY_EXIT;
	*timeout_ns = READ_ONCE(vcpu->run->timeout_ns);
	if (vcpu->wants_result)
		vcpu->regs.rax = READ_ONCE(vcpu->run->hypercall_result);
	vcpu->wants_result = false;
#if VTX_STAGE >= 5
	if (flags & VTX_RUN_SET_REGS)
		take_registers(vcpu);
#endif
#if VTX_STAGE >= 6
	vtx_take_answer(vcpu, flags, READ_ONCE(vcpu->run->data));
#endif
	return 0;
}

static void write_page(const struct vtx_vcpu *vcpu)
{
	vcpu->run->exit = vcpu->exit;
	WRITE_ONCE(vcpu->run->exits, vcpu->exits);
}

#if VTX_STAGE < 6
static void vtx_fpu_begin(struct vtx_vcpu *vcpu)
{
	fpu_swap_kvm_fpstate(&vcpu->fpu, true);
}

static void vtx_fpu_end(struct vtx_vcpu *vcpu)
{
	fpu_swap_kvm_fpstate(&vcpu->fpu, false);
}
#endif

static int run_held(struct vtx_vcpu *vcpu)
{
	struct vtx_turn turn = { .vcpu = vcpu };
	u64 timeout_ns;
	int err;

	if (!vcpu->initialised) {
		pr_notice("run: vCPU %u of VM %u was never initialised\n", vcpu->id, vcpu->vm->id);
		return -ENODATA;
	}
	err = read_page(&turn, &timeout_ns);
	if (err)
		return err;
	deadline_start(&turn, timeout_ns);
#if VTX_STAGE >= 6
	vcpu->turn = &turn;
#endif
	vtx_do_work(vcpu);
	vtx_fpu_begin(vcpu);
	err = vtx_run_loop(&turn);
	vtx_count_cost(&turn);
	vtx_fpu_end(vcpu);
#if VTX_STAGE >= 6
	vcpu->turn = NULL;
#endif
	deadline_stop(&turn);
	if (!err)
		write_page(vcpu);
	return err;
}

static int run_as_runner(struct vtx_vcpu *vcpu)
{
	int err;

	if (cmpxchg(&vcpu->runner, NULL, current)) {
		pr_notice_ratelimited("run: another thread runs vCPU %u of VM %u\n", vcpu->id,
				      vcpu->vm->id);
		return -EBUSY;
	}
	err = mutex_lock_killable(&vcpu->lock);
	if (!err) {
		err = run_held(vcpu);
		mutex_unlock(&vcpu->lock);
	}
	smp_store_release(&vcpu->runner, NULL);
	return err;
}

long vtx_ioctl_run(struct vtx_file *file, void __user *arg)
{
	struct vtx_vm *vm = vtx_file_vm(file);
	unsigned long id = (unsigned long)arg;

	if (!vm) {
		pr_notice("run: this file has no VM\n");
		return -ENOENT;
	}
	if (id >= vm->nr_vcpus) {
		pr_notice("run: vCPU %lu of VM %u, must be below %u\n", id, vm->id, vm->nr_vcpus);
		return -ERANGE;
	}
	return run_as_runner(vm->vcpus[id]);
}
