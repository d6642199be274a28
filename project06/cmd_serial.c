// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl run --serial: a terminal, a file, two named pipes or a pseudo-terminal.
 *
 * What comes in is kept until the guest takes it, so that the escape is seen even when the guest
 * does not read. A pipe is read only as far as there is room: nothing gets lost.
 */
#define _GNU_SOURCE
#include "cmd_serial.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd_terminal.h"
#include "ctl.h"

#define ROOM 4096
#define FILE_MODE 0644

enum kind { SERIAL_UNSAID, SERIAL_STDIO, SERIAL_FILE, SERIAL_PIPE, SERIAL_PTY };

static struct {
	enum kind kind;
	const char *path;
	struct run *run;
	int in, out; /* -1: none */
	int other_end; /* of the pseudo-terminal: while it is open, nobody hangs up */
	bool touched; /* the guest has listened to the line */
	bool terminal; /* in is one, and knows the escape */
	u8 bytes[ROOM]; /* a ring */
	u32 first, count;
	u64 lost; /* nobody has read them at the other end */
} serial = { .in = -1, .out = -1, .other_end = -1 };

/* ---- where to -------------------------------------------------------------------------------- */

static bool with_path(const char *where, const char *prefix, enum kind kind)
{
	size_t length = strlen(prefix);

	if (strncmp(where, prefix, length) || !where[length])
		return false;
	serial.kind = kind;
	serial.path = where + length;
	return true;
}

const char *serial_choose(const char *where)
{
	if (!strcmp(where, "stdio"))
		serial.kind = SERIAL_STDIO;
	else if (!strcmp(where, "pty"))
		serial.kind = SERIAL_PTY;
	else if (!with_path(where, "file:", SERIAL_FILE) && !with_path(where, "pipe:", SERIAL_PIPE))
		return "expected stdio, file:PATH, pipe:PATH or pty";
	return NULL;
}

static bool open_file(void)
{
	serial.out = open(serial.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
	if (serial.out < 0)
		ctl_error("run: --serial file:%s: %m", serial.path);
	return serial.out >= 0;
}

/* Open for both directions: that does not wait for the other end, nor end when it goes. */
static int open_fifo(const char *end)
{
	char path[PATH_MAX];
	struct stat file;
	int fd;

	snprintf(path, sizeof(path), "%s.%s", serial.path, end);
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && !fstat(fd, &file) && S_ISFIFO(file.st_mode))
		return fd;
	ctl_error("run: --serial pipe:%s: %s: %s. Two named pipes are expected: mkfifo %s.in "
		  "%s.out",
		  serial.path, path, fd < 0 ? strerror(errno) : "it is no named pipe", serial.path,
		  serial.path);
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool open_pipe(void)
{
	serial.in = open_fifo("in");
	if (serial.in >= 0)
		serial.out = open_fifo("out");
	return serial.out >= 0;
}

static bool open_pty(void)
{
	const char *name = NULL;

	serial.in = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	serial.out = serial.in;
	if (serial.in >= 0 && !grantpt(serial.in) && !unlockpt(serial.in))
		name = ptsname(serial.in);
	if (name)
		serial.other_end = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (serial.other_end < 0 || !terminal_make_raw(serial.other_end)) {
		ctl_error("run: --serial pty: no pseudo-terminal: %m");
		return false;
	}
	ctl_error("run: the guest's serial line is %s", name);
	return true;
}

bool serial_open(struct run *run)
{
	serial.run = run;
	switch (serial.kind) {
	case SERIAL_FILE:
		return open_file();
	case SERIAL_PIPE:
		return open_pipe();
	case SERIAL_PTY:
		return open_pty();
	case SERIAL_STDIO:
		serial_touch();
		return true;
	default:
		return true;
	}
}

/* What is typed for somebody else is not taken away: a shell's other job, or the next command. */
bool serial_touch(void)
{
	if (serial.touched)
		return false;
	serial.touched = true;
	if (serial.kind != SERIAL_UNSAID && serial.kind != SERIAL_STDIO)
		return false;
	if (!isatty(STDIN_FILENO)) {
		serial.in = STDIN_FILENO;
	} else if (terminal_take(STDIN_FILENO)) {
		serial.in = STDIN_FILENO;
		serial.terminal = true;
	}
	return serial.in >= 0;
}

/* ---- in -------------------------------------------------------------------------------------- */

int serial_input(void)
{
	return serial.terminal || serial.count < ROOM ? serial.in : -1;
}

static void keep(u8 byte)
{
	if (serial.count < ROOM)
		serial.bytes[(serial.first + serial.count++) % ROOM] = byte;
}

bool serial_take(void)
{
	u8 bytes[ROOM];
	size_t room = serial.terminal ? ROOM : ROOM - serial.count;
	ssize_t got = read(serial.in, bytes, room);
	ssize_t i;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (got <= 0) {
		serial.in = -1; /* the end: the guest is not told, as a serial line has none */
		return true;
	}
	for (i = 0; i < got; i++) {
		enum terminal_key key = serial.terminal ? terminal_key(bytes[i]) : TERMINAL_BYTE;

		if (key == TERMINAL_LEAVE)
			return false;
		if (key == TERMINAL_BYTE)
			keep(bytes[i]);
	}
	return true;
}

bool serial_next(u8 *byte)
{
	if (!serial.count)
		return false;
	*byte = serial.bytes[serial.first];
	serial.first = (serial.first + 1) % ROOM;
	serial.count--;
	return true;
}

/* ---- out ------------------------------------------------------------------------------------- */

static void write_failed(void)
{
	if (!serial.lost++ && errno != EAGAIN)
		ctl_error("run: --serial: writing failed: %m; the rest of it is lost.");
}

void serial_send(u8 byte)
{
	if (serial.out < 0)
		run_put(serial.run, &byte, sizeof(byte));
	else if (write(serial.out, &byte, sizeof(byte)) != sizeof(byte))
		write_failed();
}

void serial_close(void)
{
	terminal_give_back();
	if (serial.lost) {
		ctl_error("run: --serial: nobody has taken %llu characters of the guest.",
			  (unsigned long long)serial.lost);
		serial.run->output.lost = true;
	}
	if (serial.in > STDIN_FILENO)
		close(serial.in);
	if (serial.out >= 0 && serial.out != serial.in)
		close(serial.out);
	if (serial.other_end >= 0)
		close(serial.other_end);
	serial.in = -1;
	serial.out = -1;
	serial.other_end = -1;
}
