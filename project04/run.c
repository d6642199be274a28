// SPDX-License-Identifier: GPL-2.0
/*
 * The run loop. It knows neither vendor nor exit: what it is made of is described in run.h.
 */
#include <linux/irqflags.h>
#include <linux/preempt.h>

#include "hv_ops.h"
#include "run.h"
#include "vtx_todo.h"

/*
 * EXERCISE 4.5 (20 points): The run loop
 * Do:   vtx_run_loop(): load the vCPU; then, with interrupts off, ask vtx_before_entry(), enter,
 *       answer the exit, give the host its turn, and again, as long as the answer is
 *       VTX_NEXT_GUEST. Otherwise put the vCPU and step aside, or return. With turn->every_exit,
 *       each exit goes to user space. An exit that goes there and is not handled is logged before
 *       the vCPU is put. An error of vtx_enter_once() is the loop's.
 * Read: project04/README.md, "The run loop"
 * Hint: preemption is off from before hv->vcpu_load() to behind hv->vcpu_put(). vtx_before_entry()
 *       has to be asked when its answer cannot change any more. vtx_load_failed() knows what to do
 *       when there is nothing to put.
 */
#ifndef TODO_4_5
/* Loaded, interrupts off. */
static enum vtx_next enter_and_answer(struct vtx_turn *turn)
{
	enum vtx_next next;

	turn->err = vtx_enter_once(turn);
	if (turn->err)
		return VTX_NEXT_USER;
	next = vtx_handle_exit(turn->vcpu);
	return turn->every_exit ? VTX_NEXT_USER : next;
}

static enum vtx_next run_loaded(struct vtx_turn *turn)
{
	enum vtx_next next;

	do {
		local_irq_disable();
		next = vtx_before_entry(turn);
		if (next == VTX_NEXT_GUEST)
			next = enter_and_answer(turn);
		vtx_host_turn();
	} while (next == VTX_NEXT_GUEST);
	return next;
}

static enum vtx_next load_and_run(struct vtx_turn *turn)
{
	enum vtx_next next;
	int err;

	preempt_disable();
	err = hv->vcpu_load(turn->vcpu);
	if (err) {
		preempt_enable();
		return vtx_load_failed(turn, err);
	}
	next = run_loaded(turn);
	if (next == VTX_NEXT_USER && !turn->err && !turn->vcpu->exit.handled)
		vtx_log_exit(turn->vcpu);
	hv->vcpu_put(turn->vcpu);
	preempt_enable();
	return next;
}

int vtx_run_loop(struct vtx_turn *turn)
{
	while (load_and_run(turn) == VTX_NEXT_ASIDE)
		vtx_step_aside(turn->vcpu);
	return turn->err;
}
#else
int vtx_run_loop(struct vtx_turn *turn)
{
	return VTX_TODO("4.5", "no vCPU runs");
}
#endif
