// SPDX-License-Identifier: GPL-2.0
/* Frames on the serial line: receiving with checksum, compressing and sending. */
#include "agent.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <zlib.h>

#define COMPRESS_FROM 256 /* shorter payloads gain nothing */
#define SILENCE_MS 2000 /* a frame that stops in the middle for so long is given up */

struct header {
	uint8_t magic[2];
	uint8_t type, flags;
	uint32_t id, length, crc;
};

_Static_assert(sizeof(struct header) == FRAME_HEADER, "header as on the wire");

static int line = -1;
static bool busy;
static struct buf last_answer; /* payload, before compression */
static uint32_t last_id;
static uint8_t last_type;

/*
 * Bochs passes time in naps of the host's clock while every CPU is halted, and then a byte costs
 * more than a millisecond instead of a quarter: there the agent polls, and does not sleep, in the
 * middle of a frame. QEMU is the opposite. Bochs shows no hypervisor bit (CPUID.1:ECX[31]).
 */
static bool naps_hurt(void)
{
	unsigned int a, b, c = 0, d;

	__get_cpuid(1, &a, &b, &c, &d);
	return !(c & 1U << 31);
}

int line_open(const char *path)
{
	struct termios tio;

	line = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (line < 0)
		return -errno;
	if (tcgetattr(line, &tio))
		return -errno;
	busy = naps_hurt();
	cfmakeraw(&tio);
	tio.c_cflag |= CLOCAL | CREAD;
	tio.c_cc[VMIN] = 1;
	tio.c_cc[VTIME] = 0;
	cfsetspeed(&tio, B115200);
	if (tcsetattr(line, TCSAFLUSH, &tio))
		return -errno;
	return 0;
}

int line_fd(void)
{
	return line;
}

static bool line_wait(bool first)
{
	struct pollfd p = { .fd = line, .events = POLLIN };
	uint64_t until = now_ms() + SILENCE_MS;

	if (first || !busy)
		return poll(&p, 1, first ? -1 : SILENCE_MS) > 0;
	while (!poll(&p, 1, 0)) {
		if (now_ms() >= until)
			return false;
	}
	return true;
}

/* Fill the buffer; false after a silence in the middle (first == false) or a dead line. */
static bool line_read(void *data, size_t len, bool first)
{
	uint8_t *at = data;

	while (len) {
		ssize_t got = read(line, at, len);

		if (got > 0) {
			at += got;
			len -= (size_t)got;
			first = false;
		} else if (!got || (errno != EAGAIN && errno != EINTR)) {
			return false;
		} else if (!line_wait(first)) {
			return false;
		}
	}
	return true;
}

/* Until the last byte has left, and busy for the same reason. */
static void line_write(const void *data, size_t len)
{
	struct pollfd p = { .fd = line, .events = POLLOUT };
	const uint8_t *at = data;
	int waiting = 0;

	while (len) {
		ssize_t put = write(line, at, len);

		if (put < 0 && errno != EINTR && errno != EAGAIN)
			return;
		if (put <= 0) {
			poll(&p, 1, busy ? 0 : -1);
			continue;
		}
		at += put;
		len -= (size_t)put;
	}
	while (busy && !ioctl(line, TIOCOUTQ, &waiting) && waiting > 0)
		;
}

/* Skip noise until the magic, so that one lost byte costs one frame and no more. */
static bool header_receive(struct header *h)
{
	do {
		if (!line_read(&h->magic[0], 1, true))
			return false;
	} while (h->magic[0] != 'V');
	if (!line_read(&h->magic[1], 1, false) || h->magic[1] != 'X')
		return false;
	return line_read(&h->type, sizeof(*h) - 2, false);
}

static bool inflate_payload(struct frame *f)
{
	uint32_t plain = take_u32(f);
	uLongf len = plain;
	uint8_t *data;

	if (f->bad || plain > FRAME_MAX)
		return false;
	data = malloc(plain + 1);
	if (!data)
		return false;
	if (uncompress(data, &len, f->data + 4, f->len - 4) != Z_OK || len != plain) {
		free(data);
		return false;
	}
	free(f->data);
	f->data = data;
	f->len = plain;
	f->pos = 0;
	return true;
}

static bool payload_receive(struct frame *f, const struct header *h)
{
	if (h->length > FRAME_MAX)
		return false;
	f->data = malloc(h->length + 1);
	if (!f->data)
		return false;
	f->len = h->length;
	if (h->length && !line_read(f->data, h->length, false))
		return false;
	if (crc32(0, f->data, h->length) != h->crc)
		return false;
	return !(h->flags & FRAME_DEFLATED) || inflate_payload(f);
}

/** Wait for one good frame; a damaged one is reported to the host and false returned. */
bool frame_receive(struct frame *f)
{
	struct header h;

	memset(f, 0, sizeof(*f));
	if (header_receive(&h)) {
		f->type = h.type;
		f->id = h.id;
		if (payload_receive(f, &h))
			return true;
	}
	frame_release(f);
	frame_send(ANS_NAK, 0, NULL, 0);
	return false;
}

void frame_release(struct frame *f)
{
	free(f->data);
	memset(f, 0, sizeof(*f));
}

static uint8_t *deflate_payload(const void *payload, size_t len, uLongf *packed)
{
	uint32_t plain = (uint32_t)len;
	uint8_t *data;

	*packed = compressBound(len);
	data = malloc(*packed + 4);
	if (!data)
		return NULL;
	memcpy(data, &plain, 4);
	if (compress2(data + 4, packed, payload, len, 6) != Z_OK || *packed + 4 >= len) {
		free(data);
		return NULL;
	}
	*packed += 4;
	return data;
}

void frame_send(uint8_t type, uint32_t id, const void *payload, size_t len)
{
	struct header h = { .magic = "VX", .type = type, .id = id };
	uLongf packed = 0;
	uint8_t *data = len > COMPRESS_FROM ? deflate_payload(payload, len, &packed) : NULL;

	if (data) {
		h.flags = FRAME_DEFLATED;
		payload = data;
		len = packed;
	}
	h.length = (uint32_t)len;
	h.crc = (uint32_t)crc32(0, payload, (uInt)len);
	line_write(&h, sizeof(h));
	line_write(payload, len);
	free(data);
}

/** Answer a request: kernel messages since the last answer first, then the body. */
void answer_send(uint8_t type, const struct frame *request, const struct buf *body)
{
	buf_free(&last_answer);
	kmsg_report(&last_answer);
	if (body)
		buf_add(&last_answer, body->data, body->len);
	last_id = request->id;
	last_type = type;
	frame_send(type, request->id, last_answer.data, last_answer.len);
}

/** A request that was sent again because its answer got lost must not be done again. */
bool already_answered(const struct frame *request)
{
	return last_type && last_id == request->id;
}

/** The host got the answer damaged. Without one, ask for the request instead. */
void answer_resend(const struct frame *request)
{
	if (already_answered(request))
		frame_send(last_type, last_id, last_answer.data, last_answer.len);
	else
		frame_send(ANS_NAK, request->id, NULL, 0);
}

/** The shortest answer: an error number, 0 for success. */
void answer_errno(const struct frame *request, int error)
{
	struct buf body = { 0 };

	buf_add_u32(&body, (uint32_t)error);
	answer_send(ANS_DONE, request, &body);
	buf_free(&body);
}
