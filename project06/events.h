/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file events.h
 * @brief Unit `events`: interrupts, NMIs and exceptions for the guest, its timer, and HLT.
 *
 * What waits is in struct event_queue (event_logic.h), behind a lock that any context may take: an
 * event comes from any thread and from timers. Whoever adds one calls vtx_events_add() or a
 * function that does; the run loop asks vtx_events_wait() at each entry, which costs nothing while
 * nothing waits.
 */
#ifndef EVENTS_H
#define EVENTS_H

#include <linux/hrtimer.h>
#include <linux/rcuwait.h>
#include <linux/spinlock.h>

#include "event_logic.h"
#include "unit.h"

struct vtx_turn;

/** What the unit keeps for each vCPU: struct vtx_vcpu.events. */
struct vtx_vcpu_events_state {
	raw_spinlock_t lock; /**< of queue, any and of the timer's fields; interrupts off */
	struct event_queue queue; /**< what waits */
	bool expired; /**< a timer without a vector: VTX_EXIT_TIMER is to come */
	bool any; /**< is there anything to look at before the next entry? Read without the lock */
	bool fresh; /**< something has come since the last decision: HLT looks again */
	bool window; /**< the processor has been asked for a window */
	struct vtx_injection injected; /**< by the last entry: it comes back if that fails */
	struct rcuwait sleeper; /**< the task that waits in HLT */
	raw_spinlock_t timer_lock; /**< of who stops and starts the timer: before lock */
	struct hrtimer timer; /**< VTXDRV_SET_TIMER */
	u64 period_ns; /**< of the timer; 0: once */
	u8 timer_vector; /**< 0: VTX_EXIT_TIMER */
};

/** Events from user space and from timers, and their way into the guest. */
extern const struct vtx_unit events_unit;

/* ---- events.c -------------------------------------------------------------------------------- */

/** Has this vCPU anything that vtx_events_before_entry() has to look at? Any context. */
#define vtx_events_wait(vcpu) unlikely(READ_ONCE((vcpu)->events.any))

/**
 * Decide what the next entry delivers, and have it delivered. The last thing before the entry, as
 * an event that comes later interrupts it. Loaded, interrupts off.
 *
 * @return VTX_NEXT_GUEST; VTX_NEXT_ASIDE: the guest waits in HLT, see vtx_sleep_on();
 *         VTX_NEXT_USER: vcpu->exit has been filled in, or vcpu->turn->err
 */
enum vtx_next vtx_events_before_entry(struct vtx_vcpu *vcpu);

/**
 * The guest is to see an exception instead of the instruction that has exited, which is not
 * skipped. Without an IDT of the guest's the exception goes to user space, as in project04.
 * Loaded, interrupts off.
 *
 * @param vcpu which one
 * @param vector enum x86_exception, not that of the NMI
 * @param error_code bits 15:0; 0 if that exception has none
 * @return what the handler of the exit returns
 */
enum vtx_next vtx_raise(struct vtx_vcpu *vcpu, u32 vector, u32 error_code);

/** The same with everything that an exception may have. */
enum vtx_next vtx_raise_event(struct vtx_vcpu *vcpu, const struct vtx_injection *exception);

/**
 * An exit has cut short the delivery of @p event: the next entry delivers it again. Loaded,
 * interrupts off.
 */
void vtx_events_again(struct vtx_vcpu *vcpu, const struct vtx_injection *event);

/** The last entry failed: what it was to deliver waits again. Loaded, interrupts off. */
void vtx_events_not_entered(struct vtx_vcpu *vcpu);

/**
 * User space answers VTX_EXIT_INTA. vcpu->lock held.
 *
 * @param vcpu which one
 * @param data a vector, or VTX_NO_VECTOR (and anything above 255): there is none
 */
void vtx_take_vector(struct vtx_vcpu *vcpu, u64 data);

/** Change queue under the lock, and have it looked at: out of the guest, and out of HLT. */
void vtx_events_add(struct vtx_vcpu *vcpu, void (*add)(struct event_queue *queue, u8 vector),
		    u8 vector);

/** queue or expired have changed; the lock is held, so interrupts are off. */
void vtx_events_changed(struct vtx_vcpu *vcpu);

/** Get whoever runs the vCPU out of the guest, or out of HLT. Any context but NMI. */
void vtx_events_kick(struct vtx_vcpu *vcpu);

/** Is there anything that can end a HLT: interrupts that are not masked, or an NMI? Loaded. */
bool vtx_can_wake(struct vtx_vcpu *vcpu);

/** The guest waits in HLT, until an event is delivered. Loaded, interrupts off. */
void vtx_set_halted(struct vtx_vcpu *vcpu);

/* ---- hlt.c ----------------------------------------------------------------------------------- */

/** Answer VTX_EXIT_HLT (exercise 6.7). */
enum vtx_next vtx_answer_hlt(struct vtx_vcpu *vcpu);

/**
 * The guest is in HLT: sleep until there is something to look at (exercise 6.7). For
 * vtx_sleep_on(): not loaded, vcpu->lock held.
 */
enum vtx_next vtx_halt(struct vtx_vcpu *vcpu);

/* ---- timer.c --------------------------------------------------------------------------------- */

/** At the vCPU's creation. Any context. */
void vtx_timer_init(struct vtx_vcpu *vcpu);
/** No expiry comes any more. Does not sleep. */
void vtx_timer_stop(struct vtx_vcpu *vcpu);
/** VTXDRV_SET_TIMER. */
long vtx_ioctl_set_timer(struct vtx_file *file, void __user *arg);

/* ---- event_ioctls.c -------------------------------------------------------------------------- */

/** The vCPU of this file's VM with this id, or NULL and the reason in the log and *err. */
struct vtx_vcpu *vtx_events_vcpu(struct vtx_file *file, u32 id, const char *what, int *err);
/** VTXDRV_EVENT. */
long vtx_ioctl_event(struct vtx_file *file, void __user *arg);
/** VTXDRV_GET_EVENTS. */
long vtx_ioctl_get_events(struct vtx_file *file, void __user *arg);

#endif
