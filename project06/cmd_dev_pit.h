/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_dev_pit.h
 * @brief The Intel 8254: three counters of 16 bits.
 *
 * Pure C: the caller brings the time, in periods of the input clock (PC_PIT_HERTZ) from any start
 * on; it never goes back. Nothing happens in between: outputs and counts are computed when they are
 * asked for.
 */
#ifndef CMD_DEV_PIT_H
#define CMD_DEV_PIT_H

#include "pc_devices.h"
#include "vtx_types.h"

/** No rise will come by itself. */
#define PIT_NEVER (~0ULL)

/** One counter. */
struct pit_counter {
	u8 mode; /**< PIT_MODE_* */
	u8 access; /**< PIT_ACCESS_* */
	bool bcd; /**< counts in decimal digits */
	bool gate; /**< level of the GATE input */
	bool counting; /**< a count was loaded, and triggered where the mode wants that */
	bool loaded; /**< a count was written since the control word */
	bool has_next; /**< reload replaces count at the end of this period */
	u32 count; /**< that it counts from: 1 to 65536 (10000) */
	u32 reload; /**< that was written last */
	u64 start; /**< when count was (or will be) in the counting element */
	u64 frozen; /**< clocks since start, while GATE is low */
	bool write_high; /**< the low byte is there */
	bool read_high; /**< the low byte was read */
	u8 low; /**< first byte of two */
	bool count_latched, status_latched; /**< until they are read */
	u16 latch; /**< as the program reads it */
	u8 status; /**< likewise */
	u64 rises_seen; /**< of OUT since start */
	bool rise; /**< OUT has risen, and nobody has taken note yet */
};

/** The device. */
struct pit {
	struct pit_counter counters[PIT_COUNTERS]; /**< each for itself */
};

/** As after power-on; GATE of counters 0 and 1 is high, as in a PC. */
void pit_reset(struct pit *pit);
/** Write one of the four ports, 0 to 3. */
void pit_write(struct pit *pit, u32 port, u8 value, u64 now);
/** Read one; the control word cannot be read. */
u8 pit_read(struct pit *pit, u32 port, u64 now);
/** The GATE input of a counter. */
void pit_set_gate(struct pit *pit, u32 counter, bool high, u64 now);
/** The OUT output of a counter. */
bool pit_out(const struct pit *pit, u32 counter, u64 now);
/** Has OUT risen since the last question? */
bool pit_take_rise(struct pit *pit, u32 counter, u64 now);
/** When it will rise next; PIT_NEVER. */
u64 pit_next_rise(const struct pit *pit, u32 counter, u64 now);

#endif
