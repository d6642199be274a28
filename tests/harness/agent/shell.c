// SPDX-License-Identifier: GPL-2.0
/* An interactive session: a pty with a shell, raw bytes both ways until it ends. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void set_window(int master, struct frame *f)
{
	struct winsize size = { .ws_row = (unsigned short)take_u32(f),
				.ws_col = (unsigned short)take_u32(f) };

	if (!f->bad && size.ws_row && size.ws_col)
		ioctl(master, TIOCSWINSZ, &size);
}

static void shell_exec(const char *term)
{
	child_become_ordinary();
	setenv("TERM", *term ? term : "vt100", 1);
	setenv("HOME", "/root", 1);
	if (chdir("/root"))
		chdir("/");
	execl("/bin/sh", "-sh", (char *)NULL);
	_exit(127);
}

static void input_write(int master, const uint8_t *data, size_t len)
{
	while (len) {
		ssize_t put = write(master, data, len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return;
		data += put;
		len -= (size_t)put;
	}
}

/* @return false when the host wants to leave */
static bool host_request(int master, struct frame *f)
{
	if (f->type == REQ_INPUT)
		input_write(master, f->data, f->len);
	else if (f->type == REQ_WINSIZE)
		set_window(master, f);
	return f->type != REQ_HANGUP;
}

/*
 * The host waits for an acknowledgement before it sends the next frame, and sends this one again if
 * there is none: the same id twice is one key typed once. *last is the id of the last one.
 */
static bool host_input(int master, uint32_t *last)
{
	struct frame f;
	bool stay = true;

	if (!frame_receive(&f))
		return true;
	if (f.id != *last)
		stay = host_request(master, &f);
	*last = f.id;
	frame_send(ANS_ACK, f.id, NULL, 0);
	frame_release(&f);
	return stay;
}

/* @return false when the last process of the session has closed the terminal */
static bool shell_output(int master, uint32_t id)
{
	uint8_t chunk[1024];
	ssize_t got = read(master, chunk, sizeof(chunk));

	if (got > 0)
		frame_send(ANS_OUTPUT, id, chunk, (size_t)got);
	return got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN));
}

static void session(int master, uint32_t id)
{
	uint32_t last = id;

	frame_send(ANS_ACK, id, NULL, 0);
	for (;;) {
		struct pollfd p[2] = { { .fd = line_fd(), .events = POLLIN },
				       { .fd = master, .events = POLLIN } };

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return;
		if ((p[0].revents & POLLIN) && !host_input(master, &last))
			return;
		if (p[1].revents && !shell_output(master, id))
			return;
	}
}

/** u32 rows, u32 columns, terminal type. Answer at the end: the shell's wait status. */
void handle_shell(struct frame *f)
{
	int master, status = 0;
	uint32_t rows = take_u32(f), cols = take_u32(f);
	const char *term = take_string(f);
	struct winsize size = { .ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols };
	struct buf body = { 0 };
	pid_t pid = f->bad ? -1 : forkpty(&master, NULL, NULL, &size);

	if (pid < 0) {
		answer_errno(f, f->bad ? EINVAL : errno);
		return;
	}
	if (!pid)
		shell_exec(term);
	fcntl(master, F_SETFD, FD_CLOEXEC);
	session(master, f->id);
	close(master); /* hangs up whoever is left in the session */
	kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	buf_add_u32(&body, 0);
	buf_add_u32(&body, WIFEXITED(status) ? (uint32_t)WEXITSTATUS(status) : 128U);
	answer_send(ANS_DONE, f, &body);
	buf_free(&body);
}
