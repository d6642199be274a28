// SPDX-License-Identifier: GPL-2.0
/* PID 1 of the lab machine: set the system up, then answer requests until power-off. */
#define _GNU_SOURCE
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define AGENT_LINE "/dev/ttyS1"
#define PROBE_MODULE "/lab/vtxprobe.ko"
#define HELLO_MS 2000 /* say hello again until the host has said something */

static const struct {
	const char *type, *where;
} mounts[] = {
	{ "proc", "/proc" },
	{ "sysfs", "/sys" },
	{ "devtmpfs", "/dev" },
	{ "devpts", "/dev/pts" },
	{ "debugfs", "/sys/kernel/debug" },
	{ "tmpfs", "/tmp" },
};

static void mount_all(void)
{
	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		mkdir(mounts[i].where, 0755);
		if (mount(mounts[i].type, mounts[i].where, mounts[i].type, 0, NULL) &&
		    errno != EBUSY)
			fprintf(stderr, "agent: %s: %s\n", mounts[i].where, strerror(errno));
	}
	chmod("/tmp", 01777);
	mkdir("/root", 0700);
	if (sethostname("lab", 3))
		fprintf(stderr, "agent: cannot set the host name: %s\n", strerror(errno));
}

static int signals_open(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void environment(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (write(fd, "-1000", 5) != 5)
			fprintf(stderr, "agent: not protected against running out of memory\n");
		close(fd);
	}
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin:/lab", 1);
}

/* @return 0, or the error number that the host shows to whoever asks the probe */
static int probe_load(void)
{
	int fd = open(PROBE_MODULE, O_RDONLY | O_CLOEXEC);
	int error = 0;

	if (fd < 0)
		return errno;
	if (syscall(SYS_finit_module, fd, "", 0))
		error = errno;
	close(fd);
	return error;
}

static void hello(int probe_error)
{
	struct utsname u = { 0 };
	char text[256];
	int len;

	uname(&u);
	len = snprintf(text, sizeof(text),
		       "protocol=%d release=%.64s cpus=%ld guest_ms=%llu probe=%d",
		       PROTOCOL_VERSION, u.release, sysconf(_SC_NPROCESSORS_ONLN),
		       (unsigned long long)now_ms(), probe_error);
	frame_send(ANS_HELLO, 0, text, (size_t)len);
}

static void handle_power_off(struct frame *f)
{
	answer_errno(f, 0);
	tcdrain(line_fd());
	sync();
	reboot(RB_POWER_OFF);
}

static void handle_unknown(struct frame *f)
{
	struct buf text = { 0 };
	char words[64];
	int len = snprintf(words, sizeof(words), "request type %u is unknown", f->type);

	buf_add(&text, words, (size_t)len);
	answer_send(ANS_ERROR, f, &text);
	buf_free(&text);
}

static void dispatch(struct frame *f, int chld)
{
	if (already_answered(f))
		return answer_resend(f);
	switch (f->type) {
	case REQ_PING:
		return answer_errno(f, 0);
	case REQ_RUN:
		return handle_run(f, chld);
	case REQ_PUT:
		return handle_put(f);
	case REQ_GET:
		return handle_get(f);
	case REQ_POWER_OFF:
		return handle_power_off(f);
	case REQ_PROBE:
		return handle_probe(f);
	case REQ_SHELL:
		return handle_shell(f);
	case REQ_PARCEL:
		return handle_parcel(f);
	case REQ_RESEND:
		return answer_resend(f);
	case REQ_INPUT:
	case REQ_WINSIZE:
	case REQ_HANGUP:
		return; /* the session ended while this was on its way */
	default:
		return handle_unknown(f);
	}
}

static bool line_ready(int chld, int timeout_ms)
{
	struct pollfd p[2] = { { .fd = line_fd(), .events = POLLIN },
			       { .fd = chld, .events = POLLIN } };
	char drop[256];
	int ready = poll(p, 2, timeout_ms);

	while (read(chld, drop, sizeof(drop)) > 0)
		;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	return ready > 0 && (p[0].revents & POLLIN);
}

static void serve(int chld, int probe_error)
{
	bool greeted = false;

	hello(probe_error);
	for (;;) {
		struct frame f;

		if (!line_ready(chld, greeted ? -1 : HELLO_MS)) {
			if (!greeted)
				hello(probe_error);
			continue;
		}
		if (!frame_receive(&f))
			continue;
		greeted = true;
		dispatch(&f, chld);
		frame_release(&f);
	}
}

int main(void)
{
	int probe_error, chld, error;

	mount_all();
	environment();
	chld = signals_open();
	probe_error = probe_load();
	kmsg_open();
	error = line_open(AGENT_LINE);
	if (error) {
		fprintf(stderr, "agent: %s: %s; nobody can talk to this machine\n", AGENT_LINE,
			strerror(-error));
		reboot(RB_POWER_OFF);
	}
	serve(chld, probe_error);
	return 0;
}
