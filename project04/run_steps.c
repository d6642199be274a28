// SPDX-License-Identifier: GPL-2.0
/*
 * What the run loop is made of.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/fpu/api.h>
#include <asm/msr.h>
#include <asm/nospec-branch.h>
#include <asm/tsc.h>
#include <linux/delay.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/task_work.h>
#include <linux/timekeeping.h>
#include <linux/vtime.h>

#include "host_cpu.h"
#include "hv_ops.h"
#include "run.h"
#include "vmxon.h"

/* How long to wait for a visitor before looking again: he has to wake up, and reads 200 fields. */
#define VISIT_US_MIN 20
#define VISIT_US_MAX 200
/* How often to look: who is visited without end has a deadline all the same. */
#define VISIT_LOOKS 50

void vtx_exit_set(struct vtx_vcpu *vcpu, enum vtx_exit_kind kind)
{
	vcpu->exit = (struct vtx_exit){
		.kind = kind,
		.rip = vcpu->regs.rip,
		.time_ns = ktime_get_mono_fast_ns(),
		.handled = kind != VTX_EXIT_SHUTDOWN,
	};
}

static enum vtx_next to_user(struct vtx_turn *turn, enum vtx_exit_kind kind)
{
	vtx_exit_set(turn->vcpu, kind);
	return VTX_NEXT_USER;
}

/*
 * Work that somebody has given the task to do on its way to user mode, as a signal, would otherwise
 * wait as long as the guest runs.
 */
static noinline bool wanted_in_user_mode(void)
{
	return signal_pending(current) || task_work_pending(current);
}

/* Each of the two sets one of these as well. */
static bool user_work_flagged(void)
{
	return read_thread_flags() & (_TIF_SIGPENDING | _TIF_NOTIFY_SIGNAL | _TIF_NOTIFY_RESUME);
}

static bool is_over(const struct vtx_turn *turn)
{
	return turn->deadline != U64_MAX && ktime_get_mono_fast_ns() >= turn->deadline;
}

enum vtx_next vtx_before_entry(struct vtx_turn *turn)
{
	struct vtx_vcpu *vcpu = turn->vcpu;

	if (vcpu->to_user) {
		vcpu->to_user = false;
		return VTX_NEXT_USER;
	}
	if (user_work_flagged() && wanted_in_user_mode())
		return to_user(turn, VTX_EXIT_SIGNAL);
	if (is_over(turn))
		return to_user(turn, VTX_EXIT_TIMEOUT);
	if (!this_cpu_read(vtx_cpu_ours) || vcpu->cpu != smp_processor_id())
		return VTX_NEXT_ASIDE;
	if (need_resched() || atomic_read(&vcpu->visitors))
		return VTX_NEXT_ASIDE;
#if VTX_STAGE >= 6
	if (vtx_events_wait(vcpu))
		return vtx_events_before_entry(vcpu);
#endif
	return VTX_NEXT_GUEST;
}

enum vtx_next vtx_sleep_on(struct vtx_vcpu *vcpu, enum vtx_next (*work)(struct vtx_vcpu *vcpu))
{
	vcpu->work = work;
	return VTX_NEXT_ASIDE;
}

void vtx_do_work(struct vtx_vcpu *vcpu)
{
	enum vtx_next (*work)(struct vtx_vcpu *vcpu) = vcpu->work;

	if (!work)
		return;
	vcpu->work = NULL;
	vcpu->to_user = work(vcpu) == VTX_NEXT_USER;
}

enum vtx_next vtx_load_failed(struct vtx_turn *turn, int err)
{
	if (err != -ESHUTDOWN) {
		turn->err = err;
		return VTX_NEXT_USER;
	}
	if (READ_ONCE(vmxon.shutting_down))
		return to_user(turn, VTX_EXIT_SHUTDOWN);
	/* A CPU goes offline: the scheduler will soon have the task somewhere else. */
	if (wanted_in_user_mode())
		return to_user(turn, VTX_EXIT_SIGNAL);
	if (is_over(turn))
		return to_user(turn, VTX_EXIT_TIMEOUT);
	usleep_range(VISIT_US_MIN, VISIT_US_MAX);
	return VTX_NEXT_ASIDE;
}

/* ---- one entry ------------------------------------------------------------------------------- */

static struct vtx_exit_count *count_of(const struct vtx_vcpu *vcpu)
{
	/* The basic exit reason; those that have no element of their own have the last one. */
	u32 reason = min_t(u32, vcpu->exit.reason & U16_MAX, VTX_EXIT_REASONS - 1);

	return &vcpu->stats->exits[reason];
}

void vtx_count_cost(struct vtx_turn *turn)
{
	if (turn->counting)
		turn->counting->cycles += rdtsc() - turn->exit_tsc;
	turn->counting = NULL;
}

static void count_exit(struct vtx_turn *turn)
{
	struct vtx_vcpu *vcpu = turn->vcpu;

	if (vcpu->exit.kind == VTX_EXIT_ENTRY_FAILED)
		return;
	vcpu->exits++;
	vcpu->stats->entries++;
	turn->counting = count_of(vcpu);
	turn->counting->count++;
}

/*
 * The guest's FPU state is the task's, but not always in the processor: an interrupt's code may
 * have needed the registers, and then the state is in memory until somebody wants it back.
 */
static void fpu_ready(const struct vtx_vcpu *vcpu)
{
#if VTX_STAGE >= 6
	if (!vcpu->fpu_inside)
		return;
#endif
	fpregs_assert_state_consistent();
	if (test_thread_flag(TIF_NEED_FPU_LOAD))
		switch_fpu_return();
}

/* The vCPU that has run on this CPU last: ids of a VM and of a vCPU, which no other has later. */
static DEFINE_PER_CPU(u64, ran_last);

/* What one guest has taught the branch predictor is not to steer another one. */
static void forget_other_guests(const struct vtx_vcpu *vcpu)
{
	u64 who = (u64)vcpu->vm->id << 32 | vcpu->id;

	if (likely(this_cpu_read(ran_last) == who))
		return;
	this_cpu_write(ran_last, who);
	indirect_branch_prediction_barrier();
}

int vtx_enter_once(struct vtx_turn *turn)
{
	struct vtx_vcpu *vcpu = turn->vcpu;
	int err;

	fpu_ready(vcpu);
	forget_other_guests(vcpu);
	vtx_count_cost(turn);
	vtime_account_guest_enter();
	/*
	 * Where RCU does not follow the switch by itself, this CPU is seen to hold nothing now. To
	 * come from user mode says as much.
	 */
	if (turn->entered)
		rcu_note_context_switch(false);
	turn->entered = true;
	err = hv->enter(vcpu);
	turn->exit_tsc = rdtsc();
	if (err)
		return err;
	hv->exit_decode(vcpu);
	if (turn->every_exit)
		vcpu->exit.time_ns = ktime_get_mono_fast_ns();
	count_exit(turn);
	return 0;
}

void vtx_host_turn(void)
{
	local_irq_enable();
	/* STI takes effect behind the instruction that follows it. */
	asm volatile("nop" : : : "memory");
	local_irq_disable();
	vtime_account_guest_exit();
	local_irq_enable();
}

/* ---- between the turns ----------------------------------------------------------------------- */

static DEFINE_RATELIMIT_STATE(dump_limit, 5 * HZ, 3);

void vtx_log_exit(struct vtx_vcpu *vcpu)
{
	const struct vtx_exit *exit = &vcpu->exit;

	if (exit->kind != VTX_EXIT_UNHANDLED && exit->kind != VTX_EXIT_ENTRY_FAILED)
		return;
	if (!__ratelimit(&dump_limit))
		return;
	pr_notice("VM %u, vCPU %u: %s: reason %#x, qualification %#llx, RIP %#llx, error %u\n",
		  vcpu->vm->id, vcpu->id,
		  exit->kind == VTX_EXIT_UNHANDLED ? "no handler for this exit" : "entry failed",
		  exit->reason, exit->qualification, exit->rip, exit->instruction_error);
	if (exit->kind == VTX_EXIT_ENTRY_FAILED)
		hv->state_check(vcpu);
	hv->state_log(vcpu);
}

static void wait_for_visitors(struct vtx_vcpu *vcpu)
{
	unsigned int looks = VISIT_LOOKS;

	mutex_unlock(&vcpu->lock);
	while (looks-- && atomic_read(&vcpu->visitors) && !signal_pending(current))
		usleep_range(VISIT_US_MIN, VISIT_US_MAX);
	mutex_lock(&vcpu->lock);
}

void vtx_step_aside(struct vtx_vcpu *vcpu)
{
	vtx_do_work(vcpu);
	if (atomic_read(&vcpu->visitors))
		wait_for_visitors(vcpu);
	cond_resched();
}
