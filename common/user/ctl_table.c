// SPDX-License-Identifier: GPL-2.0
/*
 * Tables and sentences for people.
 */
#include "ctl_table.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE 80

static bool colours_wanted(void)
{
	static int wanted = -1;

	/* NO_COLOR is what people set who want none anywhere. */
	if (wanted < 0)
		wanted = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	return wanted;
}

void ctl_word(enum ctl_mood mood, int width, const char *text)
{
	static const char *const codes[] = {
		[CTL_PLAIN] = "", [CTL_GOOD] = "\033[32m", [CTL_BAD] = "\033[31m",
		[CTL_STRONG] = "\033[1m",
	};

	if (mood != CTL_PLAIN && colours_wanted())
		printf("%s%-*s\033[0m", codes[mood], width, text);
	else
		printf("%-*s", width, text);
}

void ctl_property(const char *key, const char *format, ...)
{
	va_list args;

	printf("  %-24s", key);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

void ctl_heading(const char *format, ...)
{
	char text[LINE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	putchar('\n');
	ctl_word(CTL_STRONG, 0, text);
	putchar('\n');
}

/* How many characters of @text make one line: up to the last space that fits. */
static size_t line_length(const char *text, size_t room)
{
	size_t length = strlen(text);

	if (length <= room)
		return length;
	for (length = room; length && text[length] != ' '; length--)
		;
	return length ? length : strcspn(text, " ");
}

void ctl_paragraph(int indent, const char *text)
{
	while (*text) {
		size_t length = line_length(text, LINE - indent);

		printf("%*s%.*s\n", indent, "", (int)length, text);
		text += length;
		text += strspn(text, " ");
	}
}

const char *ctl_yes_no(bool value)
{
	return value ? "yes" : "no";
}

void ctl_printable(char *out, const char *name, size_t size)
{
	size_t i;

	while (size && !name[size - 1])
		size--;
	for (i = 0; i < size; i++)
		out[i] = isascii((unsigned char)name[i]) && isprint((unsigned char)name[i]) ?
				 name[i] : '.';
	out[size] = '\0';
}
