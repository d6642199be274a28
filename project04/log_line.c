// SPDX-License-Identifier: GPL-2.0
/*
 * Many named values in the kernel's log.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/printk.h>

#include "log_line.h"

void log_line_flush(struct log_line *line)
{
	if (line->used)
		pr_notice("%s\n", line->text);
	line->used = 0;
}

void log_line_add(struct log_line *line, const char *name, u64 value)
{
	int room = LOG_LINE_SIZE - line->used;

	if (snprintf(NULL, 0, " %s=%#llx", name, value) >= room) {
		log_line_flush(line);
		room = LOG_LINE_SIZE;
	}
	line->used += scnprintf(line->text + line->used, room, " %s=%#llx", name, value);
}
