/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file agent.h
 * @brief The lab machine's PID 1: answers requests that arrive as frames on a serial line.
 *
 * The other end is tests/harness/protocol.py; both describe the same bytes, little endian:
 * magic "VX", u8 type, u8 flags, u32 id, u32 length, u32 crc32 of the payload as sent, payload.
 * One request at a time. An answer repeats the request's id, and is kept: if it arrives damaged,
 * the host asks for it again (REQ_RESEND) and nothing is done twice.
 */
#ifndef VTX_AGENT_H
#define VTX_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_HEADER 16
#define FRAME_DEFLATED 1 /* flags: the payload is u32 plain length, then a zlib stream */
#define FRAME_MAX (1U << 20) /* longest request; answers are bounded by what they hold */
#define PROTOCOL_VERSION 1

enum request {
	REQ_PING = 1,
	REQ_RUN = 2,
	REQ_PUT = 3,
	REQ_GET = 4,
	REQ_POWER_OFF = 5,
	REQ_PROBE = 6,
	REQ_SHELL = 7,
	REQ_INPUT = 8, /* the rest of the session that REQ_SHELL opened */
	REQ_WINSIZE = 9,
	REQ_HANGUP = 10,
	REQ_RESEND = 11,
	REQ_PARCEL = 12, /* a restored machine: files on its disk, the time, random numbers */
};

enum answer {
	ANS_HELLO = 0x80,
	ANS_DONE = 0x81, /* carries kernel messages, then what the request is for */
	ANS_ERROR = 0x82, /* the same, with a text: the request made no sense */
	ANS_BEAT = 0x83, /* a command is still running: one per second of guest time */
	ANS_OUTPUT = 0x84, /* of an interactive session */
	ANS_NAK = 0x85, /* a damaged frame was dropped; id unknown */
	ANS_ACK = 0x86, /* what belongs to an interactive session has come, once */
};

/** A byte string that grows. Once memory runs out it stops growing and says so. */
struct buf {
	uint8_t *data;
	size_t len, room;
	bool failed;
};

void buf_add(struct buf *b, const void *data, size_t len);
void buf_add_u32(struct buf *b, uint32_t value);
void buf_add_u64(struct buf *b, uint64_t value);
void buf_free(struct buf *b);

/** A request, and a place to read it from: each take_* moves on and fails beyond the end. */
struct frame {
	uint8_t type;
	uint32_t id;
	uint8_t *data;
	size_t len, pos;
	bool bad; /* somebody read beyond the end */
};

uint32_t take_u32(struct frame *f);
uint64_t take_u64(struct frame *f);
const char *take_string(struct frame *f);

/* frame.c: the serial line */
int line_open(const char *path);
int line_fd(void);
bool frame_receive(struct frame *f);
void frame_release(struct frame *f);
void frame_send(uint8_t type, uint32_t id, const void *payload, size_t len);
void answer_send(uint8_t type, const struct frame *request, const struct buf *body);
bool already_answered(const struct frame *request);
void answer_resend(const struct frame *request);
void answer_errno(const struct frame *request, int error);

/* kmsg.c */
void kmsg_open(void);
void kmsg_report(struct buf *out);

/* one handler per request */
void handle_run(struct frame *f, int chld); /* chld: readable after SIGCHLD, non-blocking */
void handle_put(struct frame *f);
void handle_get(struct frame *f);
void handle_probe(struct frame *f);
void handle_shell(struct frame *f);
void handle_parcel(struct frame *f);

/* process.c: what run and shell share */
void child_become_ordinary(void);
uint64_t now_ms(void);

#endif
