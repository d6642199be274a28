// SPDX-License-Identifier: GPL-2.0
/*
 * Intel 8254. "Mode Definitions" of the data sheet has a diagram of each mode; the functions on
 * time below are these diagrams: elapsed() counts clocks from the one that loads the counting
 * element.
 */
#include "cmd_dev_pit.h"

#define BINARY_RANGE 0x10000
#define DECIMAL_RANGE 10000
#define BYTE 0xff
#define BITS_PER_BYTE 8
#define MODE_MASK 7
/* "Mode Definitions": of modes 2 and 3 the high bit is not looked at. */
#define MODE_ALIAS 4
#define ACCESS_MASK 3

/* ---- time ------------------------------------------------------------------------------------ */

static bool periodic(const struct pit_counter *counter)
{
	return counter->mode == PIT_MODE_RATE || counter->mode == PIT_MODE_SQUARE;
}

/* GATE starts these; the level of the others' GATE lets them count. */
static bool triggered(const struct pit_counter *counter)
{
	return counter->mode == PIT_MODE_ONE_SHOT || counter->mode == PIT_MODE_TRIGGERED;
}

static bool strobes(const struct pit_counter *counter)
{
	return counter->mode == PIT_MODE_STROBE || counter->mode == PIT_MODE_TRIGGERED;
}

static bool stopped(const struct pit_counter *counter)
{
	return !triggered(counter) && !counter->gate;
}

static u64 elapsed(const struct pit_counter *counter, u64 now)
{
	if (stopped(counter))
		return counter->frozen;
	return now > counter->start ? now - counter->start : 0;
}

/* How often OUT has risen in so many clocks. */
static u64 rises(const struct pit_counter *counter, u64 clocks)
{
	if (!counter->counting)
		return 0;
	if (periodic(counter))
		return clocks / counter->count;
	return clocks >= counter->count + strobes(counter);
}

/* Clocks from start on until OUT rises once more; PIT_NEVER. */
static u64 next_rise(const struct pit_counter *counter, u64 clocks)
{
	u64 first = (u64)counter->count + strobes(counter);

	if (!counter->counting || stopped(counter))
		return PIT_NEVER;
	if (periodic(counter))
		return (clocks / counter->count + 1) * counter->count;
	return clocks < first ? first : PIT_NEVER;
}

static bool out(const struct pit_counter *counter, u64 now)
{
	u64 clocks = elapsed(counter, now);
	u64 position = clocks % counter->count;

	if (!counter->counting)
		return counter->mode != PIT_MODE_COUNT;
	switch (counter->mode) {
	case PIT_MODE_COUNT:
		return clocks >= counter->count;
	case PIT_MODE_ONE_SHOT:
		return now < counter->start || clocks >= counter->count;
	case PIT_MODE_RATE:
		return stopped(counter) || position != counter->count - 1;
	case PIT_MODE_SQUARE:
		return stopped(counter) || position < (counter->count + 1) / 2;
	default:
		return clocks != counter->count;
	}
}

/* What the counting element holds. In mode 3 it goes down by two, from an even number. */
static u32 value(const struct pit_counter *counter, u64 now)
{
	u64 clocks = elapsed(counter, now);
	u32 range = counter->bcd ? DECIMAL_RANGE : BINARY_RANGE;
	u32 half = (counter->count + 1) / 2;
	u32 position;

	if (!counter->counting)
		return counter->reload % range;
	position = clocks % (periodic(counter) ? counter->count : range);
	if (counter->mode == PIT_MODE_SQUARE) {
		position = position < half ? position : position - half;
		return ((counter->count & ~1U) - 2 * position) % range;
	}
	return (counter->count + range - position) % range;
}

/* ---- changes --------------------------------------------------------------------------------- */

/* Note what has happened up to now, before anything changes. */
static void settle(struct pit_counter *counter, u64 now)
{
	u64 risen = rises(counter, elapsed(counter, now));

	if (risen > counter->rises_seen) {
		counter->rise = true;
		counter->rises_seen = risen;
	}
	if (!counter->has_next || !risen)
		return;
	/* A new count "does not affect the current counting sequence": that is over now. */
	counter->start += counter->count;
	counter->count = counter->reload;
	counter->has_next = false;
	counter->rises_seen = rises(counter, elapsed(counter, now));
}

/* The next clock loads the counting element. */
static void start(struct pit_counter *counter, u64 now)
{
	counter->count = counter->reload;
	counter->start = now + 1;
	counter->frozen = 0;
	counter->counting = true;
	counter->has_next = false;
	counter->rises_seen = 0;
}

/* From digits that a program writes to a number, and back. */
static u32 from_bcd(u32 digits)
{
	return (digits >> 12 & 15) * 1000 + (digits >> 8 & 15) * 100 + (digits >> 4 & 15) * 10 +
	       (digits & 15);
}

static u16 to_bcd(u32 number)
{
	return number / 1000 % 10 << 12 | number / 100 % 10 << 8 | number / 10 % 10 << 4 |
	       number % 10;
}

static void load(struct pit_counter *counter, u32 written, u64 now)
{
	u32 number = counter->bcd ? from_bcd(written) : written;

	counter->reload = number ? number : counter->bcd ? DECIMAL_RANGE : BINARY_RANGE;
	counter->loaded = true;
	if (triggered(counter))
		return;
	if (!periodic(counter) || !counter->counting) {
		start(counter, now);
		return;
	}
	counter->has_next = true;
	counter->start += counter->rises_seen * counter->count; /* of this period */
	counter->rises_seen = 0;
}

static void write_count(struct pit_counter *counter, u8 byte, u64 now)
{
	switch (counter->access) {
	case PIT_ACCESS_LOW:
		load(counter, byte, now);
		break;
	case PIT_ACCESS_HIGH:
		load(counter, byte << BITS_PER_BYTE, now);
		break;
	default:
		counter->write_high = !counter->write_high;
		if (!counter->write_high) {
			load(counter, byte << BITS_PER_BYTE | counter->low, now);
			break;
		}
		counter->low = byte;
		/* "Writing the first byte disables counting. OUT is set low immediately." */
		if (counter->mode == PIT_MODE_COUNT)
			counter->counting = false;
	}
}

static void latch_count(struct pit_counter *counter, u64 now)
{
	u32 holds = value(counter, now);

	if (counter->count_latched)
		return;
	counter->count_latched = true;
	counter->latch = counter->bcd ? to_bcd(holds) : holds;
}

static void latch_status(struct pit_counter *counter, u64 now)
{
	bool waits = !counter->loaded || counter->has_next ||
		     (counter->counting && now < counter->start);

	if (counter->status_latched)
		return;
	counter->status_latched = true;
	counter->status = (out(counter, now) ? PIT_STATUS_OUT : 0) | (waits ? PIT_STATUS_NULL : 0) |
			  counter->access << PIT_ACCESS_SHIFT | counter->mode << PIT_MODE_SHIFT |
			  counter->bcd;
}

static void set_mode(struct pit_counter *counter, u8 control, u64 now)
{
	bool was_high = out(counter, now);

	counter->access = control >> PIT_ACCESS_SHIFT & ACCESS_MASK;
	counter->mode = control >> PIT_MODE_SHIFT & MODE_MASK;
	if (counter->mode > PIT_MODE_TRIGGERED)
		counter->mode -= MODE_ALIAS;
	counter->bcd = control & PIT_BCD;
	counter->counting = false;
	counter->loaded = false;
	counter->has_next = false;
	counter->write_high = false;
	counter->read_high = false;
	counter->count_latched = false;
	counter->status_latched = false;
	counter->rise |= !was_high && out(counter, now);
}

static void read_back(struct pit *pit, u8 control, u64 now)
{
	u32 i;

	for (i = 0; i < PIT_COUNTERS; i++) {
		if (!(control >> 1 & BIT(i)))
			continue;
		if (!(control & PIT_READ_BACK_NO_COUNT))
			latch_count(&pit->counters[i], now);
		if (!(control & PIT_READ_BACK_NO_STATUS))
			latch_status(&pit->counters[i], now);
	}
}

static void write_control(struct pit *pit, u8 control, u64 now)
{
	u32 select = control >> PIT_SELECT_SHIFT;

	if (select == PIT_SELECT_READ_BACK)
		read_back(pit, control, now);
	else if ((control >> PIT_ACCESS_SHIFT & ACCESS_MASK) == PIT_ACCESS_LATCH)
		latch_count(&pit->counters[select], now);
	else
		set_mode(&pit->counters[select], control, now);
}

void pit_write(struct pit *pit, u32 port, u8 byte, u64 now)
{
	u32 i;

	for (i = 0; i < PIT_COUNTERS; i++)
		settle(&pit->counters[i], now);
	if (port == PIT_CONTROL)
		write_control(pit, byte, now);
	else
		write_count(&pit->counters[port], byte, now);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* One byte of a count; what is latched stays until the program has read all of it. */
static u8 read_count(struct pit_counter *counter, u64 now)
{
	bool was_latched = counter->count_latched;
	bool high = counter->access == PIT_ACCESS_HIGH ||
		    (counter->access == PIT_ACCESS_BOTH && counter->read_high);

	latch_count(counter, now);
	if (counter->access == PIT_ACCESS_BOTH)
		counter->read_high = !counter->read_high;
	counter->count_latched = was_latched && counter->read_high;
	return high ? counter->latch >> BITS_PER_BYTE : counter->latch & BYTE;
}

u8 pit_read(struct pit *pit, u32 port, u64 now)
{
	struct pit_counter *counter;

	if (port == PIT_CONTROL)
		return BYTE;
	counter = &pit->counters[port];
	settle(counter, now);
	if (!counter->status_latched)
		return read_count(counter, now);
	counter->status_latched = false;
	return counter->status;
}

/* ---- pins ------------------------------------------------------------------------------------ */

void pit_set_gate(struct pit *pit, u32 number, bool high, u64 now)
{
	struct pit_counter *counter = &pit->counters[number];
	bool was_high;

	settle(counter, now);
	if (counter->gate == high)
		return;
	was_high = out(counter, now);
	if (!high)
		counter->frozen = elapsed(counter, now);
	counter->gate = high;
	if (high && counter->loaded && (triggered(counter) || periodic(counter)))
		start(counter, now);
	else if (high)
		counter->start = now - counter->frozen;
	counter->rise |= !was_high && out(counter, now);
}

bool pit_out(const struct pit *pit, u32 counter, u64 now)
{
	struct pit_counter copy = pit->counters[counter];

	settle(&copy, now);
	return out(&copy, now);
}

bool pit_take_rise(struct pit *pit, u32 number, u64 now)
{
	struct pit_counter *counter = &pit->counters[number];
	bool rise;

	settle(counter, now);
	rise = counter->rise;
	counter->rise = false;
	return rise;
}

u64 pit_next_rise(const struct pit *pit, u32 number, u64 now)
{
	struct pit_counter copy = pit->counters[number];
	u64 next;

	settle(&copy, now);
	next = next_rise(&copy, elapsed(&copy, now));
	return next == PIT_NEVER ? PIT_NEVER : copy.start + next;
}

void pit_reset(struct pit *pit)
{
	u32 i;

	*pit = (struct pit){ 0 };
	for (i = 0; i < PIT_COUNTERS; i++) {
		pit->counters[i].access = PIT_ACCESS_BOTH;
		pit->counters[i].mode = PIT_MODE_SQUARE;
		pit->counters[i].count = BINARY_RANGE;
		pit->counters[i].reload = BINARY_RANGE;
		pit->counters[i].gate = i < PIT_COUNTERS - 1;
	}
}
