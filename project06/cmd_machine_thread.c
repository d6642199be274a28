// SPDX-License-Identifier: GPL-2.0
/*
 * The thread of the devices. It sleeps until the next interrupt of a timer is due, until somebody
 * types, or until a vCPU has changed something that it has to know.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "cmd_bus.h"
#include "cmd_machine.h"
#include "cmd_serial.h"
#include "ctl.h"

#define NS_PER_SECOND 1000000000ULL
/* A guest may ask for a million interrupts a second; no more than these keep a CPU busy. */
#define SHORTEST_SLEEP_NS 100000ULL

void machine_wake(void)
{
	u64 one = 1;

	/* It fails only where 2^64 of them wait: then it is awake anyway. */
	if (machine.wake >= 0 && write(machine.wake, &one, sizeof(one)) < 0)
		return;
}

static void forget_wakes(void)
{
	u64 count;

	if (read(machine.wake, &count, sizeof(count)) < 0)
		return; /* nobody has woken us: it does not block */
}

/* Under bus_lock(); it is not held while the thread sleeps. */
static void sleep_until(u64 deadline)
{
	struct pollfd fds[] = {
		{ .fd = machine.wake, .events = POLLIN },
		{ .fd = serial_input(), .events = POLLIN },
	};
	u64 now = run_now();
	u64 ns = deadline > now + SHORTEST_SLEEP_NS ? deadline - now : SHORTEST_SLEEP_NS;
	struct timespec limit = { .tv_sec = ns / NS_PER_SECOND, .tv_nsec = ns % NS_PER_SECOND };

	bus_unlock();
	ppoll(fds, ARRAY_SIZE(fds), deadline == ~0ULL ? NULL : &limit, NULL);
	bus_lock();
	forget_wakes();
	if (fds[1].revents && serial_input() == fds[1].fd && !serial_take())
		machine_end(RUN_INTERRUPTED, SIGINT);
}

static void *serve_devices(void *argument)
{
	bus_lock();
	while (!machine.stopping) {
		/* Whatever machine_update() finds, it is we who look: no wake-up is needed. */
		machine.deadline = 0;
		machine_update();
		machine.deadline = machine_deadline();
		sleep_until(machine.deadline);
	}
	bus_unlock();
	return NULL;
}

bool machine_start_thread(void)
{
	sigset_t all;
	sigset_t before;
	int err;

	machine.wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (machine.wake < 0) {
		ctl_error("run: no eventfd for the devices: %m");
		return false;
	}
	/* Signals are for the main thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&machine.thread, NULL, serve_devices, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	machine.has_thread = !err;
	if (err)
		ctl_error("run: no thread for the devices: %s", strerror(err));
	return !err;
}

void machine_stop_thread(void)
{
	bus_lock();
	machine.stopping = true;
	machine_wake();
	bus_unlock();
	if (machine.has_thread)
		pthread_join(machine.thread, NULL);
	machine.has_thread = false;
	if (machine.wake >= 0)
		close(machine.wake);
	machine.wake = -1;
}
