// SPDX-License-Identifier: GPL-2.0
/*
 * What the values of fields mean that every vendor's control structure has. No device and no system
 * call: tested on the host.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd_dump.h"
#include "cmd_exit_text.h"
#include "vtx_types.h"
#include "x86_exceptions.h"

void dump_append(char *text, const char *format, ...)
{
	size_t used = strlen(text);
	va_list args;

	if (used && used + 2 < DUMP_TEXT_SIZE)
		used += snprintf(text + used, DUMP_TEXT_SIZE - used, ", ");
	va_start(args, format);
	vsnprintf(text + used, DUMP_TEXT_SIZE - used, format, args);
	va_end(args);
}

static const struct {
	const char *reg;
	__u64 mask;
	const char *name;
} bits[] = {
#define X86_BIT(reg, bit, ident, meaning) { #reg, 1ULL << (bit), #ident },
#include "x86_bits.def"
#undef X86_BIT
};

void dump_register(const char *reg, __u64 value, char *text)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		if ((value & bits[i].mask) && !strcmp(bits[i].reg, reg) &&
		    strncmp(bits[i].name, "RESERVED", strlen("RESERVED")))
			dump_append(text, "%s", bits[i].name);
	}
}

/* A bit is a vector; what is rarer is listed. */
void dump_exceptions(__u64 value, char *text)
{
	bool most = __builtin_popcountll(value) > X86_EXCEPTION_VECTORS / 2;
	__u32 vector;

	for (vector = 0; vector < X86_EXCEPTION_VECTORS; vector++) {
		if (!(value & BIT_ULL(vector)) == most)
			dump_append(text, "%s%s (%" PRIu32 ")", most && !*text ? "all but " : "",
				    exception_mnemonic(vector), vector);
	}
	if (!*text)
		dump_append(text, most ? "all exceptions" : "no exception");
}
