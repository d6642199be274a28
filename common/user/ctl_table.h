/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file ctl_table.h
 * @brief Tables and sentences for people, on stdout.
 */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>

/** What a word means; shown as a colour where stdout is a terminal. */
enum ctl_mood {
	CTL_PLAIN,
	CTL_GOOD,
	CTL_BAD,
	CTL_STRONG,
};

/** Print @p text, padded to @p width characters, in the colour of @p mood. */
void ctl_word(enum ctl_mood mood, int width, const char *text);

/** Print "  key            value": one line of a list of properties; printf's format. */
void ctl_property(const char *key, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Print a heading after an empty line. */
void ctl_heading(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Print a text in lines of at most 80 characters, each indented by @p indent. */
void ctl_paragraph(int indent, const char *text);

/** "yes" or "no". */
const char *ctl_yes_no(bool value);

/** Copy @p size bytes of a CPUID name to @p out (size + 1): what cannot be printed becomes '.'. */
void ctl_printable(char *out, const char *name, size_t size);

#endif
