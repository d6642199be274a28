/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file log_line.h
 * @brief Many named values in the kernel's log, several in a line. Any context.
 */
#ifndef LOG_LINE_H
#define LOG_LINE_H

#include "vtx_types.h"

/** Bytes of a line, its end included. */
#define LOG_LINE_SIZE 96

/** A line that is being filled. All zeros: it is empty. */
struct log_line {
	char text[LOG_LINE_SIZE]; /**< so far */
	int used; /**< characters of it */
};

/** Add " name=value"; if there is no room, the line goes to the log and the next one begins. */
void log_line_add(struct log_line *line, const char *name, u64 value);

/** What is in the line goes to the log. */
void log_line_flush(struct log_line *line);

#endif
