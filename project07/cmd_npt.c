// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl npt: vtxctl ept under the name that AMD's tables have, and their entries in words. AMD APM
 * vol. 2, "Nested Paging" and "Long-Mode Page Translation".
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd_ept.h"
#include "ctl.h"
#include "x86_bits.h"

static const struct {
	u64 mask;
	const char *name;
} bits[] = {
	{ PAGING_P, "P" },     { PAGING_RW, "RW" },   { PAGING_US, "US" },
	{ PAGING_PWT, "PWT" }, { PAGING_PCD, "PCD" }, { PAGING_A, "A" },
	{ PAGING_D, "D" },     { PAGING_PS, "PS" },   { PAGING_XD, "NX" },
};

#define ADDRESS GENMASK_ULL(51, 12)
#define NAMES 64

void npt_describe(u64 entry, unsigned int level, char *text, size_t size)
{
	u64 address = entry & ADDRESS;
	bool leaf = level == 1 || entry & PAGING_PS;
	char names[NAMES] = "";
	size_t i;

	if (!(entry & PAGING_P)) {
		snprintf(text, size, "not present (P is 0): any access is a nested page fault");
		return;
	}
	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		if (entry & bits[i].mask) {
			strcat(names, *names ? " " : "");
			strcat(names, bits[i].name);
		}
	}
	if (leaf)
		snprintf(text, size, "%s, leaf of %s at 0x%" PRIx64, names, ept_level_size(level),
			 address);
	else
		snprintf(text, size, "%s, table at 0x%" PRIx64, names, address);
}

static int cmd_npt_main(int argc, char **argv)
{
	return ept_command("The nested page tables of a VM (on Intel: the extended ones): the "
			   "entries that translate one guest-physical address, or all that is "
			   "mapped. " EPT_USAGE,
			   argc, argv);
}

VTX_COMMAND(npt, "what a guest's addresses lead to, as ept", cmd_npt_main);
