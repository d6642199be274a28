// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl run --mode: the guest starts as a processor does after a reset, or on the way from there
 * to 64 bits. With unrestricted guest the processor runs all of them.
 */
#include <string.h>

#include "cmd_run_parts.h"
#include "ctl.h"
#include "guest/guest.h"
#include "guest/guest_modes.h"

#define KEY_MODE 1100

static const struct argp_option option_list[] = {
	{ "mode", KEY_MODE, "MODE", 0,
	  "How it starts: long (64-bit, the default), paged (32-bit with paging), protected "
	  "(32-bit without) or real (16-bit; the image lies at 0x1000 then)",
	  0 },
	{ 0 },
};

static const char *const names[VTX_VCPU_MODES] = {
	[VTX_MODE_LONG] = "long",
	[VTX_MODE_REAL] = "real",
	[VTX_MODE_PROTECTED] = "protected",
	[VTX_MODE_PAGED] = "paged",
};

static u32 mode;

static bool find_mode(const char *name)
{
	u32 i;

	for (i = 0; i < VTX_VCPU_MODES; i++) {
		if (!names[i] || strcmp(names[i], name))
			continue;
		mode = i;
		return true;
	}
	return false;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	if (key != KEY_MODE)
		return ARGP_ERR_UNKNOWN;
	if (!strcmp(arg, "reset"))
		argp_error(state,
			   "--mode reset: a processor begins at 0xfffffff0 then, in firmware, "
			   "and vtxctl has none; VTXDRV_INIT_VCPU has VTX_MODE_RESET");
	if (!find_mode(arg))
		argp_error(state, "--mode %s: long, paged, protected or real is expected", arg);
	return 0;
}

static void start(const struct run *run, struct vtx_vcpu_init *init)
{
	init->mode = mode;
	if (mode != VTX_MODE_REAL)
		return;
	init->rip = VTX_GUEST_LOAD_REAL;
	init->rsp = VTX_GUEST_STACK_REAL - init->vcpu * VTX_GUEST_STACK_REAL_SIZE;
}

/* Code of 16 bits has to lie in its first 64 KiB. */
static bool setup(struct run *run)
{
	u64 room = VTX_GUEST_RESULT - VTX_GUEST_LOAD_REAL;

	if (mode != VTX_MODE_REAL)
		return true;
	if (run->image_size > room) {
		ctl_error("run: --mode real: the image may have %llu bytes, from 0x%x to 0x%x.",
			  (unsigned long long)room, VTX_GUEST_LOAD_REAL, VTX_GUEST_RESULT);
		return false;
	}
	memcpy(run->memory + VTX_GUEST_LOAD_REAL, run->memory + VTX_GUEST_LOAD, run->image_size);
	memset(run->memory + VTX_GUEST_LOAD, 0, run->image_size);
	return true;
}

RUN_PART(mode, { .options = option_list, .parse = parse_option, .start = start, .setup = setup });
