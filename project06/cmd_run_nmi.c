// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl run --nmi: what the NMI button of a PC does, again and again. The first vCPU gets them.
 */
#include <errno.h>
#include <sys/ioctl.h>
#include <time.h>

#include "cmd_run_parts.h"
#include "ctl.h"
#include "ctl_size.h"

#define KEY_NMI 1700
#define NS_IN_S 1000000000ULL
/* How often a vCPU in HLT looks whether the guest has ended meanwhile. */
#define LOOK_NS 20000000ULL

static const struct argp_option option_list[] = {
	{ "nmi", KEY_NMI, "SECONDS", 0,
	  "An NMI for the first vCPU, so many seconds (or a part of one) after the last", 0 },
	{ 0 },
};

static struct {
	u64 period_ns; /* 0: none */
	pthread_t thread;
	bool started;
	int fd;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed;
	bool over;
	u64 sent; /* NMIs */
} nmi = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	const char *wrong;

	if (key != KEY_NMI)
		return ARGP_ERR_UNKNOWN;
	wrong = ctl_parse_seconds(arg, &nmi.period_ns);
	if (wrong)
		argp_error(state, "--nmi %s: %s", arg, wrong);
	if (!nmi.period_ns)
		argp_error(state, "--nmi %s: more than 0 seconds are expected", arg);
	return 0;
}

static struct timespec from_now(u64 ns)
{
	struct timespec when;

	clock_gettime(CLOCK_REALTIME, &when);
	ns += (u64)when.tv_nsec;
	when.tv_sec += (time_t)(ns / NS_IN_S);
	when.tv_nsec = (long)(ns % NS_IN_S);
	return when;
}

/* The lock is held. */
static void wait_for_time(u64 ns)
{
	struct timespec until = from_now(ns);

	while (!nmi.over && pthread_cond_timedwait(&nmi.changed, &nmi.lock, &until) != ETIMEDOUT)
		;
}

static void *sender(void *argument)
{
	const struct vtx_event event = { .kind = VTX_EVENT_NMI };

	pthread_mutex_lock(&nmi.lock);
	for (;;) {
		wait_for_time(nmi.period_ns);
		if (nmi.over || ioctl(nmi.fd, VTXDRV_EVENT, &event))
			break;
		nmi.sent++;
		pthread_cond_broadcast(&nmi.changed);
	}
	pthread_mutex_unlock(&nmi.lock);
	return NULL;
}

static bool setup(struct run *run)
{
	if (!nmi.period_ns)
		return true;
	nmi.fd = run->fd;
	if (pthread_create(&nmi.thread, NULL, sender, NULL)) {
		ctl_error("run: --nmi: no thread");
		return false;
	}
	nmi.started = true;
	return true;
}

static void finish(struct run *run)
{
	if (!nmi.started)
		return;
	pthread_mutex_lock(&nmi.lock);
	nmi.over = true;
	pthread_cond_broadcast(&nmi.changed);
	pthread_mutex_unlock(&nmi.lock);
	pthread_join(nmi.thread, NULL);
	nmi.started = false;
}

/* A HLT with interrupts off, which the driver takes for the end: here an NMI can still come. */
static enum run_served serve(struct run_vcpu *vcpu, const struct vtx_exit *exit)
{
	struct timespec look;
	u64 sent;

	if (!nmi.started || vcpu->id || exit->kind != VTX_EXIT_HLT)
		return RUN_NOT_MINE;
	pthread_mutex_lock(&nmi.lock);
	sent = nmi.sent;
	while (sent == nmi.sent && !run_is_over(vcpu->run)) {
		look = from_now(LOOK_NS);
		pthread_cond_timedwait(&nmi.changed, &nmi.lock, &look);
	}
	pthread_mutex_unlock(&nmi.lock);
	return run_is_over(vcpu->run) ? RUN_ENDED : RUN_SERVED;
}

RUN_PART(nmi, { .options = option_list,
		.parse = parse_option,
		.setup = setup,
		.serve = serve,
		.finish = finish });
