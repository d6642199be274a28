// SPDX-License-Identifier: GPL-2.0
/*
 * Numbers as people type them. strtoull() alone takes signs and blanks, and octal.
 */
#include "ctl_size.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DECIMAL 10
#define HEXADECIMAL 16
#define NS_PER_SECOND 1000000000ULL
#define MAX_SECONDS (365ULL * 24 * 3600)

static const struct {
	const char *name;
	unsigned int shift;
} units[] = {
	{ "", 0 },   { "K", 10 },   { "KiB", 10 }, { "M", 20 },	  { "MiB", 20 },
	{ "G", 30 }, { "GiB", 30 }, { "T", 40 },   { "TiB", 40 },
};

/* The digits at the beginning of @text; *end is behind them. */
static const char *leading_number(const char *text, u64 *value, const char **end)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *digits = hex ? text + 2 : text;
	char *stop;

	if (!*text)
		return "nothing is there, a number is expected";
	if (*text == '-' || *text == '+')
		return "a number without a sign is expected";
	if (hex ? !isxdigit((unsigned char)*digits) : !isdigit((unsigned char)*digits))
		return "a number is expected";
	errno = 0;
	*value = strtoull(text, &stop, hex ? HEXADECIMAL : DECIMAL);
	*end = stop;
	return errno ? "more than 64 bits can hold" : NULL;
}

static const char *apply_unit(const char *unit, u64 number, u64 *bytes)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcasecmp(unit, units[i].name))
			continue;
		if (number > ~0ULL >> units[i].shift)
			return "more bytes than 64 bits can count";
		*bytes = number << units[i].shift;
		return NULL;
	}
	return "a size is a number and, if you like, one of K M G T (or KiB MiB GiB TiB): 64M";
}

const char *ctl_parse_size(const char *text, u64 *bytes)
{
	const char *unit;
	u64 number;
	const char *wrong = leading_number(text, &number, &unit);

	return wrong ? wrong : apply_unit(unit, number, bytes);
}

const char *ctl_parse_number(const char *text, u64 *value)
{
	const char *end;
	u64 number;
	const char *wrong = leading_number(text, &number, &end);

	if (wrong)
		return wrong;
	if (*end)
		return "a whole number is expected, decimal or 0x… in hexadecimal";
	*value = number;
	return NULL;
}

/* ".25" as nanoseconds; digits beyond the ninth are too small to count. */
static const char *parse_fraction(const char *text, u64 *nanoseconds)
{
	u64 unit = NS_PER_SECOND;

	*nanoseconds = 0;
	if (!*text)
		return NULL;
	if (*text != '.' || !isdigit((unsigned char)text[1]))
		return "seconds are expected, such as 2 or 0.25";
	for (text++; isdigit((unsigned char)*text); text++) {
		unit /= DECIMAL;
		*nanoseconds += unit * (*text - '0');
	}
	return *text ? "seconds are expected, such as 2 or 0.25" : NULL;
}

const char *ctl_parse_seconds(const char *text, u64 *nanoseconds)
{
	const char *fraction = text;
	u64 seconds = 0;
	u64 rest;
	const char *wrong = *text == '.' ? NULL : leading_number(text, &seconds, &fraction);

	if (!wrong)
		wrong = parse_fraction(fraction, &rest);
	if (wrong)
		return wrong;
	if (seconds >= MAX_SECONDS)
		return "more than a year: leave it out for no limit";
	if (!seconds && !rest)
		return "more than 0 seconds are expected";
	*nanoseconds = seconds * NS_PER_SECOND + rest;
	return NULL;
}
