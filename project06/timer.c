// SPDX-License-Identifier: GPL-2.0
/*
 * Each vCPU has a timer, which is an hrtimer of the host's: when it expires, the guest gets an
 * interrupt, or user space an exit, wherever the thread that runs the vCPU is.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/printk.h>
#include <linux/uaccess.h>
#include <linux/version.h>

#include "events.h"
#include "vm.h"

/* A period that is shorter would let one vCPU take a CPU of the host's with timer interrupts. */
#define PERIOD_MIN_NS 20000ULL
/* Below are the vectors of exceptions: what "Interrupt, Task, and Processor Priority" of the SDM
 * calls legal vectors begins here. */
#define FIRST_VECTOR 16U
#define LAST_VECTOR 255U

static struct vtx_vcpu *vcpu_of(struct hrtimer *timer)
{
	return container_of(timer, struct vtx_vcpu, events.timer);
}

/* In the interrupt of the host's timer. */
static enum hrtimer_restart timer_expires(struct hrtimer *timer)
{
	struct vtx_vcpu *vcpu = vcpu_of(timer);
	struct vtx_vcpu_events_state *events = &vcpu->events;
	u64 period_ns;

	raw_spin_lock(&events->lock);
	period_ns = events->period_ns;
	if (events->timer_vector)
		event_interrupt(&events->queue, events->timer_vector);
	else
		events->expired = true;
	WRITE_ONCE(events->fresh, true);
	vtx_events_changed(vcpu);
	raw_spin_unlock(&events->lock);
	vtx_events_kick(vcpu);
	if (!period_ns)
		return HRTIMER_NORESTART;
	/* Expiries that nobody could have noticed are left out. */
	hrtimer_forward_now(timer, ns_to_ktime(period_ns));
	return HRTIMER_RESTART;
}

void vtx_timer_init(struct vtx_vcpu *vcpu)
{
	struct hrtimer *timer = &vcpu->events.timer;

	raw_spin_lock_init(&vcpu->events.timer_lock);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(timer, timer_expires, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
	timer->function = timer_expires;
#endif
}

void vtx_timer_stop(struct vtx_vcpu *vcpu)
{
	hrtimer_cancel(&vcpu->events.timer);
}

static int check_timer(const struct vtx_timer *timer)
{
	if (timer->vector && (timer->vector < FIRST_VECTOR || timer->vector > LAST_VECTOR)) {
		pr_notice("timer: vector %u, must be 0 or from %u to %u\n", timer->vector,
			  FIRST_VECTOR, LAST_VECTOR);
		return -EINVAL;
	}
	if (timer->first_ns > KTIME_MAX || timer->period_ns > KTIME_MAX) {
		pr_notice("timer: %llu ns, then every %llu ns; neither may be above %lld\n",
			  timer->first_ns, timer->period_ns, KTIME_MAX);
		return -EINVAL;
	}
	if (timer->period_ns && timer->period_ns < PERIOD_MIN_NS) {
		pr_notice("timer: period of %llu ns, must be 0 or at least %llu\n",
			  timer->period_ns, PERIOD_MIN_NS);
		return -EINVAL;
	}
	return 0;
}

static void set_timer(struct vtx_vcpu *vcpu, const struct vtx_timer *timer)
{
	struct vtx_vcpu_events_state *events = &vcpu->events;
	unsigned long flags;

	raw_spin_lock_irqsave(&events->lock, flags);
	events->timer_vector = timer->vector;
	events->period_ns = timer->period_ns;
	/* What has expired and was not seen belongs to the old one. */
	events->expired = false;
	vtx_events_changed(vcpu);
	raw_spin_unlock_irqrestore(&events->lock, flags);
	if (timer->first_ns)
		hrtimer_start(&events->timer, ns_to_ktime(timer->first_ns), HRTIMER_MODE_ABS_HARD);
}

/* A timer that one thread starts while another one's expires would be moved while it is queued. */
long vtx_ioctl_set_timer(struct vtx_file *file, void __user *arg)
{
	struct vtx_timer timer;
	struct vtx_vcpu *vcpu;
	int err;

	if (copy_from_user(&timer, arg, sizeof(timer)))
		return -EFAULT;
	vcpu = vtx_events_vcpu(file, timer.vcpu, "timer", &err);
	if (!vcpu)
		return err;
	err = check_timer(&timer);
	if (err)
		return err;
	raw_spin_lock(&vcpu->events.timer_lock);
	vtx_timer_stop(vcpu);
	set_timer(vcpu, &timer);
	raw_spin_unlock(&vcpu->events.timer_lock);
	return 0;
}
