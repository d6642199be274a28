// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl run: the main thread, while the vCPUs run. It waits for signals: those of the user, and
 * SIGUSR2, by which a thread says that it has ended. SIGUSR1 calls a thread back from the driver.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "cmd_run.h"
#include "ctl.h"

#define NS_PER_SECOND 1000000000ULL
/* The driver stops the guest itself when the time is over; this is for one that does not. */
#define GRACE_NS 100000000ULL
/* A signal between a thread's question and its next ioctl is lost: so it is sent again. */
#define CALL_AGAIN_NS 10000000ULL
#define CALLS_UNTIL_COMPLAINT 300

static const int users_signals[] = { SIGINT, SIGTERM, SIGHUP };

static void nothing(int signal)
{
}

/* What a shell has told a background job to ignore stays ignored. */
static bool ignored(int signal)
{
	struct sigaction action;

	return !sigaction(signal, NULL, &action) && action.sa_handler == SIG_IGN;
}

/* Threads inherit what is blocked here, so all these wait for the main thread. */
static void block_signals(sigset_t *set)
{
	struct sigaction call = { .sa_handler = nothing };
	size_t i;

	sigemptyset(set);
	sigaddset(set, SIGUSR2);
	for (i = 0; i < ARRAY_SIZE(users_signals); i++) {
		if (!ignored(users_signals[i]))
			sigaddset(set, users_signals[i]);
	}
	pthread_sigmask(SIG_BLOCK, set, NULL);
	sigaction(SIGUSR1, &call, NULL);
}

/* The number of a signal; 0: the time was over first. */
static int wait_signal(const sigset_t *set, u64 nanoseconds)
{
	struct timespec limit = {
		.tv_sec = nanoseconds / NS_PER_SECOND,
		.tv_nsec = nanoseconds % NS_PER_SECOND,
	};
	int signal;

	do
		signal = nanoseconds ? sigtimedwait(set, NULL, &limit) : sigwaitinfo(set, NULL);
	while (signal < 0 && errno == EINTR);
	return signal < 0 ? 0 : signal;
}

static u32 still_running(struct run *run)
{
	u32 running;

	pthread_mutex_lock(&run->lock);
	running = run->running;
	pthread_mutex_unlock(&run->lock);
	return running;
}

/* 0: no limit. */
static u64 time_left(const struct run *run)
{
	u64 limit = run->options->timeout_ns + GRACE_NS;
	u64 spent = run_now() - run->start_ns;

	if (!run->options->timeout_ns)
		return 0;
	return spent < limit ? limit - spent : 1;
}

static void wait_for_end(struct run *run, const sigset_t *set)
{
	while (still_running(run) && !run_is_over(run)) {
		int signal = wait_signal(set, time_left(run));

		if (!signal)
			run_finish(&run->vcpus[0], RUN_TIMEOUT, 0, NULL);
		else if (signal != SIGUSR2)
			run_finish(&run->vcpus[0], RUN_INTERRUPTED, signal, NULL);
	}
}

static void call_back(struct run *run)
{
	u32 i;

	pthread_mutex_lock(&run->lock);
	for (i = 0; i < run->info.vcpus; i++) {
		if (run->vcpus[i].running)
			pthread_kill(run->vcpus[i].thread, SIGUSR1);
	}
	pthread_mutex_unlock(&run->lock);
}

static void wait_for_threads(struct run *run, const sigset_t *set)
{
	unsigned int calls = 0;

	while (still_running(run)) {
		call_back(run);
		wait_signal(set, CALL_AGAIN_NS);
		if (++calls == CALLS_UNTIL_COMPLAINT)
			ctl_error(
				"run: a vCPU does not come back from VTXDRV_RUN_VCPU, although a "
				"signal is pending: the run loop has to look for it (exercise "
				"4.5). Still waiting; kill -9 ends vtxctl only if the loop does.");
	}
}

/* How many threads there are now: all, or there was an error. */
static u32 start(struct run *run)
{
	u32 i;
	int err;

	run->start_ns = run_now();
	for (i = 0; i < run->info.vcpus; i++) {
		struct run_vcpu *vcpu = &run->vcpus[i];

		pthread_mutex_lock(&run->lock);
		err = pthread_create(&vcpu->thread, NULL, run_thread, vcpu);
		vcpu->running = !err;
		run->running += !err;
		pthread_mutex_unlock(&run->lock);
		if (err) {
			ctl_error("run: no thread for vCPU %u: %s", i, strerror(err));
			run_finish(vcpu, RUN_REFUSED, err, NULL);
			break;
		}
	}
	return i;
}

bool run_guest(struct run *run)
{
	sigset_t set;
	u32 started;
	u32 i;

	block_signals(&set);
	started = start(run);
	wait_for_end(run, &set);
	wait_for_threads(run, &set);
	for (i = 0; i < started; i++)
		pthread_join(run->vcpus[i].thread, NULL);
	if (run->end == RUN_GOES_ON) {
		run->end = RUN_HALTED;
		run->end_ns = run_now();
	}
	return started == run->info.vcpus;
}

void run_hold(const struct run *run)
{
	sigset_t set;
	int signal;

	ctl_error("run: VM %u (%s) is kept; Ctrl-C or SIGTERM ends it.", run->info.id,
		  run->info.name);
	block_signals(&set);
	do
		signal = wait_signal(&set, 0);
	while (signal == SIGUSR2);
}
