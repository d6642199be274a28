// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl run: the thread of a vCPU. It runs the guest, and serves each exit that comes back.
 */
#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cmd_run_parts.h"
#include "ctl.h"

#define NS_PER_SECOND 1000000000ULL

u64 run_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

void run_finish(struct run_vcpu *vcpu, enum run_end end, int code, const struct vtx_exit *exit)
{
	struct run *run = vcpu->run;

	pthread_mutex_lock(&run->lock);
	if (run->end == RUN_GOES_ON) {
		run->end = end;
		run->code = code;
		run->end_vcpu = vcpu->id;
		run->end_ns = run_now();
		if (exit)
			run->exit = *exit;
	}
	pthread_mutex_unlock(&run->lock);
}

bool run_is_over(struct run *run)
{
	bool over;

	pthread_mutex_lock(&run->lock);
	over = run->end != RUN_GOES_ON;
	pthread_mutex_unlock(&run->lock);
	return over;
}

/* For the driver: 0 is no limit, so what is over is the shortest limit there is. */
static u64 time_left(const struct run *run)
{
	u64 spent;

	if (!run->options->timeout_ns)
		return 0;
	spent = run_now() - run->start_ns;
	return spent < run->options->timeout_ns ? run->options->timeout_ns - spent : 1;
}

static bool serve_timeout(struct run_vcpu *vcpu, const struct vtx_exit *exit)
{
	if (run_now() - vcpu->run->start_ns < vcpu->run->options->timeout_ns)
		return true;
	run_finish(vcpu, RUN_TIMEOUT, 0, exit);
	return false;
}

static void halt(struct run_vcpu *vcpu, const struct vtx_exit *exit)
{
	struct run *run = vcpu->run;

	pthread_mutex_lock(&run->lock);
	if (run->end == RUN_GOES_ON) {
		run->end_vcpu = vcpu->id;
		run->exit = *exit;
	}
	pthread_mutex_unlock(&run->lock);
}

static bool serve_exit(struct run_vcpu *vcpu, const struct vtx_exit *exit)
{
	enum run_served served = run_parts_serve(vcpu, exit);

	if (served != RUN_NOT_MINE)
		return served == RUN_SERVED;
	switch (exit->kind) {
	case VTX_EXIT_HYPERCALL:
		return run_hypercall(vcpu, exit);
	case VTX_EXIT_HLT:
		halt(vcpu, exit);
		return false;
	default:
		run_finish(vcpu, RUN_CRASHED, 0, exit);
		return false;
	}
}

/* Of these, handled means that the guest may go on, but somebody has to answer. */
static bool is_question(u32 kind)
{
	return kind == VTX_EXIT_IO || kind == VTX_EXIT_INTA || kind == VTX_EXIT_TIMER;
}

/* True if the guest goes on. That it was interrupted is no exit, and nobody has handled one. */
static bool serve(struct run_vcpu *vcpu, const struct vtx_exit *exit)
{
	switch (exit->kind) {
	case VTX_EXIT_SIGNAL:
		return true;
	case VTX_EXIT_TIMEOUT:
		return serve_timeout(vcpu, exit);
	case VTX_EXIT_SHUTDOWN:
		run_finish(vcpu, RUN_SHUT_DOWN, 0, exit);
		return false;
	default:
		return (exit->handled && !is_question(exit->kind)) || serve_exit(vcpu, exit);
	}
}

static bool refused(struct run_vcpu *vcpu, int err)
{
	if (err == EINTR)
		return true;
	run_finish(vcpu, RUN_REFUSED, err, NULL);
	return false;
}

/* One turn. The page belongs to driver and guest as well: it is read once. */
static bool turn(struct run_vcpu *vcpu)
{
	struct run *run = vcpu->run;
	struct vtx_exit exit;
	int wrong;

	vcpu->page->timeout_ns = time_left(run);
	wrong = ioctl(run->fd, VTXDRV_RUN_VCPU, vcpu->id);
	vcpu->page->flags &= ~VTX_RUN_SET_REGS; /* they were taken over once, and are stale now */
	if (wrong)
		return refused(vcpu, errno);
	exit = vcpu->page->exit;
	if (run->options->trace)
		run_trace(vcpu, &exit);
	return serve(vcpu, &exit);
}

void *run_thread(void *argument)
{
	struct run_vcpu *vcpu = argument;
	struct run *run = vcpu->run;

	while (!run_is_over(run) && turn(vcpu))
		;
	pthread_mutex_lock(&run->lock);
	vcpu->running = false;
	run->running--;
	pthread_mutex_unlock(&run->lock);
	kill(getpid(), SIGUSR2); /* the main thread waits for it */
	return NULL;
}
