// SPDX-License-Identifier: GPL-2.0
/* Files in and out, in pieces that name their offset, and the line to the probe module. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GET_MAX (256U * 1024)
#define PROBE_DEVICE "/dev/vtxprobe"

static void make_parents(const char *path)
{
	char part[PATH_MAX];

	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		size_t len = (size_t)(slash - path);

		if (len >= sizeof(part))
			return;
		memcpy(part, path, len);
		part[len] = 0;
		mkdir(part, 0755); /* EEXIST is the usual case; open() reports the rest */
	}
}

static int write_all(int fd, const uint8_t *data, size_t len, uint64_t offset)
{
	while (len) {
		ssize_t put = pwrite(fd, data, len, (off_t)offset);

		if (put < 0 && errno == ESPIPE)
			put = write(fd, data, len); /* a device or a pipe: only in order */
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put ? errno : EIO;
		data += put;
		len -= (size_t)put;
		offset += (size_t)put;
	}
	return 0;
}

/** u64 offset, u32 mode, path, bytes. Offset 0 creates or truncates. Answer: errno. */
void handle_put(struct frame *f)
{
	uint64_t offset = take_u64(f);
	uint32_t mode = take_u32(f);
	const char *path = take_string(f);
	int fd, error;

	if (f->bad || !*path) {
		answer_errno(f, EINVAL);
		return;
	}
	make_parents(path);
	fd = open(path, O_WRONLY | O_CLOEXEC | (offset ? 0 : O_CREAT | O_TRUNC), mode & 07777);
	if (fd < 0) {
		answer_errno(f, errno);
		return;
	}
	error = write_all(fd, f->data + f->pos, f->len - f->pos, offset);
	if (!error && !offset)
		fchmod(fd, mode & 07777); /* whatever the umask or an older file said */
	if (close(fd) && !error)
		error = errno;
	answer_errno(f, error);
}

static void answer_bytes(struct frame *f, int error, const void *data, ssize_t len)
{
	struct buf body = { 0 };

	buf_add_u32(&body, (uint32_t)error);
	if (!error)
		buf_add(&body, data, (size_t)len);
	answer_send(ANS_DONE, f, &body);
	buf_free(&body);
}

/*
 * Files of /proc are made anew for each open and read from their start to find an offset: kept
 * open, the pieces of one file cost the same each, and belong to one state of it.
 */
static struct {
	int fd;
	uint64_t offset;
	char path[PATH_MAX];
} reading = { .fd = -1 };

static bool reading_open(const char *path, uint64_t offset)
{
	if (reading.fd >= 0 && offset && offset == reading.offset && !strcmp(path, reading.path))
		return true;
	if (reading.fd >= 0)
		close(reading.fd);
	reading.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (reading.fd < 0)
		return false;
	snprintf(reading.path, sizeof(reading.path), "%s", path);
	reading.offset = offset;
	return !offset || lseek(reading.fd, (off_t)offset, SEEK_SET) >= 0;
}

static ssize_t reading_read(void *data, size_t most)
{
	ssize_t got = read(reading.fd, data, most);

	if (got > 0) {
		reading.offset += (size_t)got;
		return got;
	}
	close(reading.fd); /* at its end, or broken: holding it would keep a module busy */
	reading.fd = -1;
	return got;
}

/** u64 offset, u32 most bytes, path. Answer: errno, bytes; none at the end of the file. */
void handle_get(struct frame *f)
{
	uint64_t offset = take_u64(f);
	uint32_t most = take_u32(f);
	const char *path = take_string(f);
	uint8_t *data;
	ssize_t got = -1;
	int error = EINVAL;

	if (most > GET_MAX)
		most = GET_MAX;
	data = malloc(most + 1);
	if (!f->bad && data) {
		if (reading_open(path, offset))
			got = reading_read(data, most);
		error = got < 0 ? errno : 0;
	}
	answer_bytes(f, error, data, got);
	free(data);
}

static int probe_ask(const char *line, char *answer, size_t room, ssize_t *got)
{
	int fd = open(PROBE_DEVICE, O_RDWR | O_CLOEXEC);
	int error = 0;

	if (fd < 0)
		return errno;
	if (write(fd, line, strlen(line)) < 0)
		error = errno;
	*got = error ? -1 : read(fd, answer, room);
	if (!error && *got < 0)
		error = errno;
	close(fd);
	return error;
}

/** One line for /dev/vtxprobe. Answer: errno, the line that comes back. */
void handle_probe(struct frame *f)
{
	const char *line = take_string(f);
	char answer[16384];
	ssize_t got = 0;
	int error = f->bad ? EINVAL : probe_ask(line, answer, sizeof(answer), &got);

	answer_bytes(f, error, answer, got);
}
