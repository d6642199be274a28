// SPDX-License-Identifier: GPL-2.0
/*
 * HLT: the guest has nothing to do until something happens, so the thread that runs it has nothing
 * to do either.
 */
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/rcuwait.h>
#include <linux/sched/signal.h>

#include "events.h"
#include "hv_ops.h"
#include "run.h"
#include "vmxon.h"
#include "vtx_todo.h"

/*
 * Is there a reason to stop sleeping? Others than an event are looked at by whoever is woken: the
 * run loop, which comes back if it was nothing.
 */
static bool __maybe_unused has_to_wake(struct vtx_vcpu *vcpu)
{
	return READ_ONCE(vcpu->events.fresh) || signal_pending(current) ||
	       atomic_read(&vcpu->visitors) || READ_ONCE(vmxon.shutting_down);
}

/* CLOCK_MONOTONIC. For schedule_hrtimeout(): NULL is no limit. */
static __maybe_unused ktime_t *sleep_limit(const struct vtx_turn *turn, ktime_t *limit)
{
	if (turn->deadline == U64_MAX)
		return NULL;
	*limit = ns_to_ktime(turn->deadline);
	return limit;
}

/*
 * EXERCISE 6.7 (10 points): A guest that waits does not spin
 * Do:   vtx_answer_hlt(): the HLT is done. If it is one that nothing can end (vtx_can_wake()),
 *       user space has to know: VTX_NEXT_USER, not handled. Otherwise vtx_set_halted() notes that
 *       the guest waits, and the run loop goes on: before the next entry it sees what is to be
 *       done. vtx_halt(): sleep, interruptibly, until has_to_wake() or until the limit, and return
 *       VTX_NEXT_GUEST: the run loop decides.
 * Read: project06/README.md, "HLT"; Intel SDM vol. 2, HLT; vol. 3, "Interruptibility State"
 * Hint: prepare_to_rcuwait(), set_current_state(TASK_INTERRUPTIBLE), the question, then
 *       schedule_hrtimeout(limit, HRTIMER_MODE_ABS), in a loop, and finish_rcuwait(). Whoever asks
 *       before he has said that he is about to sleep misses the wake-up in between. "sti; hlt" is
 *       the usual pair: what STI holds back has to be able to wake the guest.
 */
#ifndef TODO_6_7
enum vtx_next vtx_answer_hlt(struct vtx_vcpu *vcpu)
{
	if (vtx_answered(vcpu) != VTX_NEXT_GUEST)
		return VTX_NEXT_USER;
	if (!vtx_can_wake(vcpu)) {
		vcpu->exit.handled = 0;
		return VTX_NEXT_USER;
	}
	vtx_set_halted(vcpu);
	return VTX_NEXT_GUEST;
}

enum vtx_next vtx_halt(struct vtx_vcpu *vcpu)
{
	ktime_t limit_value;
	ktime_t *limit = sleep_limit(vcpu->turn, &limit_value);

	prepare_to_rcuwait(&vcpu->events.sleeper);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (has_to_wake(vcpu))
			break;
		if (!schedule_hrtimeout(limit, HRTIMER_MODE_ABS))
			break;
	}
	finish_rcuwait(&vcpu->events.sleeper);
	return VTX_NEXT_GUEST;
}
#else
enum vtx_next vtx_answer_hlt(struct vtx_vcpu *vcpu)
{
	(void)VTX_TODO("6.7", "a guest that executes HLT is not waited for");
	hv->skip_instruction(vcpu);
	return VTX_NEXT_USER;
}

enum vtx_next vtx_halt(struct vtx_vcpu *vcpu)
{
	return VTX_NEXT_GUEST;
}
#endif
