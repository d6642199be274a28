// SPDX-License-Identifier: GPL-2.0
/*
 * For guests in C: what somebody has typed, as words and numbers.
 */
#include "pc.h"

int same(const char *one, const char *other)
{
	while (*one && *one == *other) {
		one++;
		other++;
	}
	return *one == *other;
}

static u32 digit(char character)
{
	if (character >= '0' && character <= '9')
		return character - '0';
	character |= 'a' - 'A';
	return character >= 'a' && character <= 'f' ? character - 'a' + 10U : 16U;
}

int number(const char *text, u64 *value)
{
	u32 base = text[0] == '0' && (text[1] | 0x20) == 'x' ? 16 : 10;

	if (base == 16)
		text += 2;
	*value = 0;
	if (!*text)
		return 0;
	for (; *text; text++) {
		if (digit(*text) >= base)
			return 0;
		*value = *value * base + digit(*text);
	}
	return 1;
}

u32 split(char *line, char **words, u32 most)
{
	u32 count = 0;

	while (*line) {
		while (*line == ' ')
			*line++ = '\0';
		if (!*line || count == most)
			break;
		words[count++] = line;
		while (*line && *line != ' ')
			line++;
	}
	return count;
}
