// SPDX-License-Identifier: GPL-2.0
/* New kernel messages and the taint mask: they go out with every answer. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define KMSG_MAX (256 * 1024) /* a module that floods the log must not fill our memory */
#define KMSG_LOST 1

static int kmsg = -1;

/** From here on; what the boot said stays in the console log. */
void kmsg_open(void)
{
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg >= 0)
		lseek(kmsg, 0, SEEK_END);
}

/* @return KMSG_LOST if records are missing */
static uint32_t kmsg_collect(struct buf *out)
{
	char record[8192]; /* the kernel's own limit for one record */
	uint32_t flags = 0;
	ssize_t got;

	if (kmsg < 0)
		return KMSG_LOST;
	while (out->len < KMSG_MAX) {
		got = read(kmsg, record, sizeof(record));
		if (got > 0)
			buf_add(out, record, (size_t)got);
		else if (got < 0 && errno == EPIPE)
			flags |= KMSG_LOST; /* overwritten before we read it; goes on behind */
		else if (got < 0 && errno == EINTR)
			continue;
		else
			return flags;
	}
	return flags;
}

static uint64_t taint_mask(void)
{
	char text[32] = "";
	int fd = open("/proc/sys/kernel/tainted", O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return 0;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	return got > 0 ? strtoull(text, NULL, 10) : 0;
}

/** u64 taint mask, u32 flags, u32 length, records as /dev/kmsg gives them. */
void kmsg_report(struct buf *out)
{
	struct buf records = { 0 };
	uint32_t flags = kmsg_collect(&records);

	buf_add_u64(out, taint_mask());
	buf_add_u32(out, flags);
	buf_add_u32(out, (uint32_t)records.len);
	buf_add(out, records.data, records.len);
	buf_free(&records);
}
