// SPDX-License-Identifier: GPL-2.0
/* Growing byte strings, and reading the fields of a request. */
#include "agent.h"

#include <stdlib.h>
#include <string.h>

static bool buf_reserve(struct buf *b, size_t more)
{
	size_t room = b->room ? b->room : 4096;
	uint8_t *data;

	if (b->failed)
		return false;
	while (room < b->len + more)
		room *= 2;
	if (room == b->room)
		return true;
	data = realloc(b->data, room);
	if (!data) {
		b->failed = true; /* PID 1 must not die of it: the answer is cut short */
		return false;
	}
	b->data = data;
	b->room = room;
	return true;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	if (!len || !buf_reserve(b, len))
		return;
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

void buf_add_u32(struct buf *b, uint32_t value)
{
	buf_add(b, &value, sizeof(value)); /* x86 only: the wire's byte order is the CPU's */
}

void buf_add_u64(struct buf *b, uint64_t value)
{
	buf_add(b, &value, sizeof(value));
}

void buf_free(struct buf *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

static bool take(struct frame *f, void *out, size_t len)
{
	memset(out, 0, len);
	if (f->bad || f->len - f->pos < len) {
		f->bad = true;
		return false;
	}
	memcpy(out, f->data + f->pos, len);
	f->pos += len;
	return true;
}

uint32_t take_u32(struct frame *f)
{
	uint32_t value;

	take(f, &value, sizeof(value));
	return value;
}

uint64_t take_u64(struct frame *f)
{
	uint64_t value;

	take(f, &value, sizeof(value));
	return value;
}

/** @return a string inside the frame, "" and f->bad set when it has no end */
const char *take_string(struct frame *f)
{
	const char *start = (const char *)f->data + f->pos;
	const void *end = f->bad ? NULL : memchr(start, 0, f->len - f->pos);

	if (!end) {
		f->bad = true;
		return "";
	}
	f->pos += strlen(start) + 1;
	return start;
}
