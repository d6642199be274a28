// SPDX-License-Identifier: GPL-2.0
/* Run one command: output kept apart and capped, a timeout in guest time, a beat per second. */
#define _GNU_SOURCE
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGS_MAX 256
#define BEAT_MS 1000
#define GRACE_MS 3000 /* from SIGKILL to "it is stuck in the kernel" */
#define DRAIN_ROUNDS 64 /* of a pipe that a background child still fills */

#define RUN_TIMED_OUT 1
#define RUN_OUT_CUT 2
#define RUN_ERR_CUT 4
#define RUN_STUCK 8 /* did not die of SIGKILL: it waits in the kernel */

struct command {
	uint32_t timeout_ms, uid, gid, cap;
	const char *cwd;
	char *argv[ARGS_MAX + 1];
	char *env[ARGS_MAX + 1];
	const uint8_t *input;
	size_t input_len;
};

struct running {
	pid_t pid;
	int status;
	bool gone;
	int pipe[2]; /* read ends: stdout, stderr; -1 once closed */
	struct buf out[2];
	size_t cap;
	uint32_t flags, id;
	uint64_t started, deadline, next_beat;
};

static void take_list(struct frame *f, char **list)
{
	uint32_t count = take_u32(f);

	if (count > ARGS_MAX)
		f->bad = true;
	for (uint32_t i = 0; i < count && !f->bad; i++)
		*list++ = (char *)take_string(f);
	*list = NULL;
}

static bool command_parse(struct frame *f, struct command *c)
{
	memset(c, 0, sizeof(*c));
	c->timeout_ms = take_u32(f);
	c->uid = take_u32(f);
	c->gid = take_u32(f);
	c->cap = take_u32(f);
	c->cwd = take_string(f);
	take_list(f, c->argv);
	take_list(f, c->env);
	c->input = f->data + f->pos;
	c->input_len = f->bad ? 0 : f->len - f->pos;
	return !f->bad && c->argv[0];
}

/* The input as a file in memory: the child may read it or not, nobody blocks. */
static int input_open(const struct command *c)
{
	int fd = memfd_create("stdin", MFD_CLOEXEC);
	size_t done = 0;

	while (fd >= 0 && done < c->input_len) {
		ssize_t put = write(fd, c->input + done, c->input_len - done);

		if (put <= 0)
			break;
		done += (size_t)put;
	}
	if (fd >= 0)
		lseek(fd, 0, SEEK_SET);
	return fd;
}

static void child_exec(const struct command *c, int in, int out, int err)
{
	setsid();
	child_become_ordinary();
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(126);
	if (chdir(c->cwd)) {
		dprintf(2, "agent: cannot enter %s: %s\n", c->cwd, strerror(errno));
		_exit(126);
	}
	if (setgroups(0, NULL) || setgid(c->gid) || setuid(c->uid)) {
		dprintf(2, "agent: cannot become user %u: %s\n", c->uid, strerror(errno));
		_exit(126);
	}
	clearenv();
	for (char *const *e = c->env; *e; e++)
		putenv(*e);
	execvp(c->argv[0], c->argv);
	dprintf(2, "agent: cannot run %s: %s\n", c->argv[0], strerror(errno));
	_exit(127);
}

static int command_start(const struct command *c, struct running *r)
{
	int in = input_open(c), out[2] = { -1, -1 }, err[2] = { -1, -1 }, error = 0;

	if (in < 0 || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) || (r->pid = fork()) < 0)
		error = errno;
	if (!error && !r->pid)
		child_exec(c, in, out[1], err[1]);
	close(in);
	close(out[1]);
	close(err[1]);
	if (error) {
		close(out[0]);
		close(err[0]);
		return error;
	}
	r->pipe[0] = out[0];
	r->pipe[1] = err[0];
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);
	r->cap = c->cap;
	r->started = now_ms();
	r->deadline = r->started + c->timeout_ms;
	r->next_beat = r->started + BEAT_MS;
	return 0;
}

/* @return true if there was something to read */
static bool pipe_read(struct running *r, int i)
{
	uint8_t chunk[16384];
	size_t keep;
	ssize_t got;

	if (r->pipe[i] < 0)
		return false;
	got = read(r->pipe[i], chunk, sizeof(chunk));
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (got <= 0) {
		close(r->pipe[i]);
		r->pipe[i] = -1;
		return false;
	}
	keep = r->cap - r->out[i].len;
	if ((size_t)got > keep)
		r->flags |= i ? RUN_ERR_CUT : RUN_OUT_CUT;
	else
		keep = (size_t)got;
	buf_add(&r->out[i], chunk, keep);
	return true;
}

/* PID 1 inherits every orphan; only our own child's status counts. */
static void reap(struct running *r)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == r->pid) {
			r->gone = true;
			r->status = status;
		}
	}
}

static void on_deadline(struct running *r, uint64_t now)
{
	if (r->flags & RUN_TIMED_OUT) {
		r->flags |= RUN_STUCK;
		return;
	}
	r->flags |= RUN_TIMED_OUT;
	r->deadline = now + GRACE_MS;
	kill(-1, SIGKILL); /* everybody but us: a fork bomb has left its process group long ago */
}

static void command_wait(struct running *r, int chld)
{
	char drop[256];

	while (!r->gone && !(r->flags & RUN_STUCK)) {
		struct pollfd p[3] = { { .fd = r->pipe[0], .events = POLLIN },
				       { .fd = r->pipe[1], .events = POLLIN },
				       { .fd = chld, .events = POLLIN } };
		uint64_t now = now_ms();
		uint64_t next = r->deadline < r->next_beat ? r->deadline : r->next_beat;

		poll(p, 3, next > now ? (int)(next - now) : 0);
		pipe_read(r, 0);
		pipe_read(r, 1);
		while (read(chld, drop, sizeof(drop)) > 0)
			;
		reap(r);
		now = now_ms();
		if (!r->gone && now >= r->deadline)
			on_deadline(r, now);
		if (now >= r->next_beat) {
			frame_send(ANS_BEAT, r->id, NULL, 0);
			r->next_beat = now + BEAT_MS;
		}
	}
	for (int i = 0; i < DRAIN_ROUNDS && (pipe_read(r, 0) | pipe_read(r, 1)); i++)
		;
}

static int32_t exit_status(const struct running *r)
{
	if (!r->gone)
		return -SIGKILL;
	return WIFSIGNALED(r->status) ? -WTERMSIG(r->status) : WEXITSTATUS(r->status);
}

static void result_send(struct frame *f, struct running *r)
{
	struct buf body = { 0 };

	buf_add_u32(&body, (uint32_t)exit_status(r));
	buf_add_u32(&body, r->flags);
	buf_add_u32(&body, (uint32_t)r->pid);
	buf_add_u32(&body, (uint32_t)(now_ms() - r->started));
	buf_add_u32(&body, (uint32_t)r->out[0].len);
	buf_add_u32(&body, (uint32_t)r->out[1].len);
	buf_add(&body, r->out[0].data, r->out[0].len);
	buf_add(&body, r->out[1].data, r->out[1].len);
	answer_send(ANS_DONE, f, &body);
	buf_free(&body);
}

/**
 * u32 timeout in ms, u32 user, u32 group, u32 cap of each output in bytes, directory, counted
 * list of arguments, counted list of NAME=value, then the input. Answer: status (negative:
 * killed by that signal), flags RUN_*, pid, ms, two lengths, stdout, stderr.
 */
void handle_run(struct frame *f, int chld)
{
	struct running r = { .id = f->id, .pipe = { -1, -1 } };
	struct command c;
	struct buf text = { 0 };
	int error;

	error = command_parse(f, &c) ? command_start(&c, &r) : EINVAL;
	if (error) {
		buf_add(&text, strerror(error), strlen(strerror(error)));
		answer_send(ANS_ERROR, f, &text);
		buf_free(&text);
		return;
	}
	command_wait(&r, chld);
	result_send(f, &r);
	for (int i = 0; i < 2; i++) {
		if (r.pipe[i] >= 0)
			close(r.pipe[i]);
		buf_free(&r.out[i]);
	}
}
