// SPDX-License-Identifier: GPL-2.0
/*
 * Unit `events`: between what waits for a vCPU and its next entry.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/irqflags.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "events.h"
#include "fpu.h"
#include "hv_ops.h"
#include "run.h"
#include "x86_exceptions.h"

/* ---- what waits ------------------------------------------------------------------------------ */

/* A window that nobody needs any more has to be closed: that is to be looked at, too. */
void vtx_events_changed(struct vtx_vcpu *vcpu)
{
	struct vtx_vcpu_events_state *events = &vcpu->events;

	lockdep_assert_held(&events->lock);
	WRITE_ONCE(events->any, event_any(&events->queue) || events->expired || events->window);
}

/*
 * Whoever runs the vCPU reads "any" with interrupts off. If he has done so before it was set, he is
 * on his CPU, and the interrupt that kick_process() sends there waits for the entry and ends it. He
 * is gone from memory a grace period after he is the runner no more.
 */
void vtx_events_kick(struct vtx_vcpu *vcpu)
{
	struct task_struct *runner;

	smp_mb();
	rcu_read_lock();
	runner = READ_ONCE(vcpu->runner);
	if (runner)
		kick_process(runner);
	rcu_read_unlock();
	rcuwait_wake_up(&vcpu->events.sleeper);
}

void vtx_events_add(struct vtx_vcpu *vcpu, void (*add)(struct event_queue *queue, u8 vector),
		    u8 vector)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&vcpu->events.lock, flags);
	add(&vcpu->events.queue, vector);
	WRITE_ONCE(vcpu->events.fresh, true);
	vtx_events_changed(vcpu);
	raw_spin_unlock_irqrestore(&vcpu->events.lock, flags);
	vtx_events_kick(vcpu);
}

void vtx_events_again(struct vtx_vcpu *vcpu, const struct vtx_injection *event)
{
	raw_spin_lock(&vcpu->events.lock);
	vcpu->events.queue.again = *event;
	vtx_events_changed(vcpu);
	raw_spin_unlock(&vcpu->events.lock);
}

void vtx_events_not_entered(struct vtx_vcpu *vcpu)
{
	if (vcpu->events.injected.type)
		vtx_events_again(vcpu, &vcpu->events.injected);
}

void vtx_take_vector(struct vtx_vcpu *vcpu, u64 data)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&vcpu->events.lock, flags);
	event_acknowledge(&vcpu->events.queue, data < VTX_NO_VECTOR ? (int)data : -1);
	vtx_events_changed(vcpu);
	raw_spin_unlock_irqrestore(&vcpu->events.lock, flags);
}

bool vtx_can_wake(struct vtx_vcpu *vcpu)
{
	struct vtx_event_state state;

	hv->event_state(vcpu, &state);
	return state.interrupt_flag || (READ_ONCE(vcpu->events.queue.nmis) && !state.nmi_blocked);
}

void vtx_set_halted(struct vtx_vcpu *vcpu)
{
	raw_spin_lock(&vcpu->events.lock);
	vcpu->events.queue.halted = true;
	vtx_events_changed(vcpu);
	raw_spin_unlock(&vcpu->events.lock);
}

/* ---- before the entry ------------------------------------------------------------------------ */

static enum vtx_next to_user(struct vtx_vcpu *vcpu, enum vtx_exit_kind kind)
{
	vtx_exit_set(vcpu, kind);
	return VTX_NEXT_USER;
}

/* Interrupts are off, and the lock is held, so what is decided is done. */
static int decide(struct vtx_vcpu *vcpu, struct event_plan *plan)
{
	struct vtx_vcpu_events_state *events = &vcpu->events;
	struct vtx_event_state state;
	int err;

	hv->event_state(vcpu, &state);
	event_reconsider(&events->queue, &state);
	err = event_plan(&events->queue, &state, plan);
	if (!err && plan->step == EVENT_STEP_INJECT)
		err = hv->inject(vcpu, &plan->what);
	if (err)
		return err;
	event_taken(&events->queue, plan);
	events->injected = plan->what;
	events->window = plan->interrupt_window || plan->nmi_window;
	hv->request_window(vcpu, plan->interrupt_window, plan->nmi_window);
	return 0;
}

static enum vtx_next do_step(struct vtx_vcpu *vcpu, const struct event_plan *plan)
{
	switch (plan->step) {
	case EVENT_STEP_ASK:
		vcpu->policy.awaits = VTX_AWAITS_VECTOR;
		return to_user(vcpu, VTX_EXIT_INTA);
	case EVENT_STEP_WAIT:
		return vtx_sleep_on(vcpu, vtx_halt);
	case EVENT_STEP_SHUTDOWN:
		to_user(vcpu, VTX_EXIT_TRIPLE_FAULT);
		vcpu->exit.handled = 0;
		return VTX_NEXT_USER;
	default:
		return VTX_NEXT_GUEST;
	}
}

/* User space does not get a guest that cannot go on as one that has answered an exit. */
static enum vtx_next failed(struct vtx_vcpu *vcpu, int err)
{
	if (err != -ENOSYS)
		pr_err_ratelimited("VM %u, vCPU %u: an event cannot be delivered: error %d\n",
				   vcpu->vm->id, vcpu->id, err);
	vcpu->turn->err = err == -ENOSYS ? err : -EIO;
	return VTX_NEXT_USER;
}

enum vtx_next vtx_events_before_entry(struct vtx_vcpu *vcpu)
{
	struct vtx_vcpu_events_state *events = &vcpu->events;
	struct event_plan plan;
	bool expired;
	int err = 0;

	raw_spin_lock(&events->lock);
	expired = events->expired;
	events->expired = false;
	WRITE_ONCE(events->fresh, false);
	if (!expired)
		err = decide(vcpu, &plan);
	vtx_events_changed(vcpu);
	raw_spin_unlock(&events->lock);
	if (expired)
		return to_user(vcpu, VTX_EXIT_TIMER);
	return err ? failed(vcpu, err) : do_step(vcpu, &plan);
}

/* ---- exceptions ------------------------------------------------------------------------------ */

static enum vtx_next crash(struct vtx_vcpu *vcpu, const struct vtx_injection *exception)
{
	vcpu->exit.kind = VTX_EXIT_EXCEPTION;
	vcpu->exit.handled = 0;
	vcpu->exit.vector = exception->vector;
	vcpu->exit.error_code = exception->error_code;
	vcpu->exit.address = exception->address;
	return VTX_NEXT_USER;
}

enum vtx_next vtx_raise_event(struct vtx_vcpu *vcpu, const struct vtx_injection *exception)
{
	int err;

	if (!hv->has_idt(vcpu))
		return crash(vcpu, exception);
	raw_spin_lock(&vcpu->events.lock);
	err = event_raise(&vcpu->events.queue, exception);
	vtx_events_changed(vcpu);
	raw_spin_unlock(&vcpu->events.lock);
	/* The one that waits goes first, and then the instruction is executed again. */
	if (err && err != -EBUSY)
		return failed(vcpu, err);
	vcpu->exit.handled = 1;
	return VTX_NEXT_GUEST;
}

enum vtx_next vtx_raise(struct vtx_vcpu *vcpu, u32 vector, u32 error_code)
{
	const struct vtx_injection exception = {
		.type = VTX_INJECT_EXCEPTION,
		.vector = vector,
		.has_error_code = event_has_error_code(vector),
		.error_code = error_code,
	};

	return vtx_raise_event(vcpu, &exception);
}

/*
 * Exceptions exit until the guest has an IDT: without one each of them is its end, and user space
 * can say more of the first than of the triple fault that would follow.
 */
static enum vtx_next answer_exception(struct vtx_vcpu *vcpu)
{
	struct vtx_injection exception;

	if (vtx_fpu_wanted(vcpu))
		return vtx_fpu_answer(vcpu);
	if (!hv->has_idt(vcpu))
		return VTX_NEXT_USER;
	hv->take_exception(vcpu, &exception);
	return vtx_raise_event(vcpu, &exception);
}

/* vtx_events_before_entry() looks at everything anew. */
static enum vtx_next answer_window(struct vtx_vcpu *vcpu)
{
	vcpu->exit.handled = 1;
	return VTX_NEXT_GUEST;
}

/* ---- the unit -------------------------------------------------------------------------------- */

static int events_vcpu_create(struct vtx_vcpu *vcpu)
{
	raw_spin_lock_init(&vcpu->events.lock);
	rcuwait_init(&vcpu->events.sleeper);
	vtx_timer_init(vcpu);
	return 0;
}

static void events_vcpu_destroy(struct vtx_vcpu *vcpu)
{
	vtx_timer_stop(vcpu);
}

static int events_vcpu_reset(struct vtx_vcpu *vcpu, u32 mode)
{
	struct vtx_vcpu_events_state *events = &vcpu->events;
	unsigned long flags;

	/* Else a timer that somebody sets meanwhile could run, and what it sends be forgotten. */
	raw_spin_lock(&events->timer_lock);
	vtx_timer_stop(vcpu);
	raw_spin_lock_irqsave(&events->lock, flags);
	events->queue = (struct event_queue){};
	events->expired = false;
	events->window = false;
	events->injected = (struct vtx_injection){};
	vtx_events_changed(vcpu);
	raw_spin_unlock_irqrestore(&events->lock, flags);
	raw_spin_unlock(&events->timer_lock);
	hv->request_window(vcpu, false, false);
	return 0;
}

static const struct vtx_exit_answer events_exits[] = { { VTX_EXIT_HLT, vtx_answer_hlt },
						       { VTX_EXIT_EXCEPTION, answer_exception },
						       { VTX_EXIT_IRQ_WINDOW, answer_window },
						       { VTX_EXIT_NMI_WINDOW, answer_window },
						       {} };

static const struct vtx_ioctl events_ioctls[] = { { VTXDRV_EVENT, vtx_ioctl_event },
						  { VTXDRV_SET_TIMER, vtx_ioctl_set_timer },
						  { VTXDRV_GET_EVENTS, vtx_ioctl_get_events },
						  {} };

const struct vtx_unit events_unit = {
	.name = "events",
	.ioctls = events_ioctls,
	.exits = events_exits,
	.vcpu_create = events_vcpu_create,
	.vcpu_destroy = events_vcpu_destroy,
	.vcpu_reset = events_vcpu_reset,
};
