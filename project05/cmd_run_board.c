// SPDX-License-Identifier: GPL-2.0
/*
 * The board: the simplest device that shows what memory-mapped registers are. One names it, one is
 * a console, one counts, and some keep what they are given. See guest/guest_modes.h.
 */
#include <string.h>

#include "cmd_bus.h"
#include "cmd_run_parts.h"
#include "guest/guest_modes.h"

static struct {
	struct run *run;
	u64 counter;
	u8 scratch[VTX_BOARD_SCRATCH_SIZE];
} board;

static bool in_scratch(u64 offset, u32 size)
{
	return offset >= VTX_BOARD_SCRATCH &&
	       offset + size <= VTX_BOARD_SCRATCH + VTX_BOARD_SCRATCH_SIZE;
}

/* Where nothing is, all bits are 0. */
static u64 read_register(void *opaque, u64 offset, u32 size)
{
	u64 value = 0;

	if (in_scratch(offset, size))
		memcpy(&value, &board.scratch[offset - VTX_BOARD_SCRATCH], size);
	else if (offset == VTX_BOARD_COUNTER)
		value = board.counter++;
	else if (offset == VTX_BOARD_ID)
		value = VTX_BOARD_NAME;
	return value;
}

static void write_register(void *opaque, u64 offset, u32 size, u64 value)
{
	u8 byte = value;

	if (in_scratch(offset, size))
		memcpy(&board.scratch[offset - VTX_BOARD_SCRATCH], &value, size);
	else if (offset == VTX_BOARD_COUNTER)
		board.counter = value;
	else if (offset == VTX_BOARD_CONSOLE)
		run_put(board.run, &byte, sizeof(byte));
}

static const struct bus_device device = {
	.name = "board",
	.read = read_register,
	.write = write_register,
};

static bool setup(struct run *run)
{
	board.run = run;
	return run_mmio_register(VTX_BOARD, VTX_BOARD_SIZE, &device);
}

RUN_PART(board, { .setup = setup });
