// SPDX-License-Identifier: GPL-2.0
/*
 * Motorola MC146818A. The time is counted in seconds since 1970 and becomes bytes when somebody
 * reads it, in the format that register B asks for.
 */
#include "cmd_dev_rtc.h"

#define NS_PER_SECOND 1000000000ULL
/* "Update Cycle": UIP goes up 244 us before it, and with 32.768 kHz it takes 1984 us. */
#define UPDATE_NS ((244 + 1984) * 1000ULL)
/* After the divider was held, the first update comes after half a second. */
#define FIRST_UPDATE_NS (NS_PER_SECOND / 2)
#define CRYSTAL_HERTZ 32768
/* "Periodic Interrupt Rate": with a 32.768 kHz crystal 1 and 2 mean the same as 8 and 9. */
#define RATE_ALIAS 2
#define RATE_ALIAS_OFFSET 7
/* An alarm that comes once a day is found within one. */
#define DAY 86400
#define HOUR 3600
#define MINUTE 60
#define HALF_DAY 12
#define WEEK 7
#define CENTURY 100
#define THURSDAY 4 /* 1970-01-01, where 0 is Sunday */
#define MONTHS 12
/* A calendar year that begins in March has its leap day at the end. */
#define DAYS_OF_400_YEARS 146097
#define DAYS_TO_1970 719468

struct moment {
	s32 year;
	u32 month, day; /* from 1 */
	u32 hour, minute, second;
	u32 weekday; /* from 1: Sunday */
};

/* ---- calendar -------------------------------------------------------------------------------- */

static u32 days_before(u32 month_from_march)
{
	return (153 * month_from_march + 2) / 5; /* 31 30 31 30 31, again, and 31 30 */
}

/* Days since 1970-01-01 of a date in the Gregorian calendar, and back. */
static s64 to_days(s32 year, u32 month, u32 day)
{
	s64 from_march = month > 2 ? year : year - 1;
	u32 months = (month + MONTHS - 3) % MONTHS;

	return from_march * 365 + from_march / 4 - from_march / 100 + from_march / 400 +
	       days_before(months) + day - 1 - DAYS_TO_1970;
}

static void from_days(s64 days, struct moment *moment)
{
	s64 left = days + DAYS_TO_1970;
	s64 cycle = left / DAYS_OF_400_YEARS;
	u32 day = left % DAYS_OF_400_YEARS;
	u32 year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	u32 months;

	day -= year * 365 + year / 4 - year / 100;
	months = (5 * day + 2) / 153;
	moment->day = day - days_before(months) + 1;
	moment->month = months < MONTHS - 2 ? months + 3 : months - 9;
	moment->year = cycle * 400 + year + (moment->month <= 2);
}

static void split(const struct rtc *rtc, s64 time, struct moment *moment)
{
	s64 days = time / DAY;
	u32 second = time % DAY;

	from_days(days, moment);
	moment->hour = second / HOUR;
	moment->minute = second / MINUTE % MINUTE;
	moment->second = second % MINUTE;
	moment->weekday = (days + THURSDAY + rtc->weekday_shift) % WEEK + 1;
}

/* ---- format ---------------------------------------------------------------------------------- */

static u8 encode(const struct rtc *rtc, u32 value)
{
	if (rtc->bytes[RTC_B] & RTC_B_BINARY)
		return value;
	return value / 10 % 10 << 4 | value % 10;
}

static u32 decode(const struct rtc *rtc, u8 byte)
{
	if (rtc->bytes[RTC_B] & RTC_B_BINARY)
		return byte;
	return (byte >> 4) * 10 + (byte & 15);
}

static u8 encode_hour(const struct rtc *rtc, u32 hour)
{
	u32 shown = hour % HALF_DAY ? hour % HALF_DAY : HALF_DAY;

	if (rtc->bytes[RTC_B] & RTC_B_24_HOURS)
		return encode(rtc, hour);
	return encode(rtc, shown) | (hour >= HALF_DAY ? RTC_PM : 0);
}

static u32 decode_hour(const struct rtc *rtc, u8 byte)
{
	if (rtc->bytes[RTC_B] & RTC_B_24_HOURS)
		return decode(rtc, byte);
	return decode(rtc, byte & ~RTC_PM) % HALF_DAY + (byte & RTC_PM ? HALF_DAY : 0);
}

/* ---- time ------------------------------------------------------------------------------------ */

static bool is_time(u32 index)
{
	switch (index) {
	case RTC_SECONDS:
	case RTC_MINUTES:
	case RTC_HOURS:
	case RTC_DAY_OF_WEEK:
	case RTC_DAY:
	case RTC_MONTH:
	case RTC_YEAR:
	case RTC_CENTURY:
		return true;
	}
	return false;
}

static bool runs(const struct rtc *rtc)
{
	return (rtc->bytes[RTC_A] & RTC_A_DIVIDER) == RTC_A_DIVIDER_32K &&
	       !(rtc->bytes[RTC_B] & RTC_B_SET);
}

static u64 seconds_since(const struct rtc *rtc, u64 now)
{
	return now > rtc->origin ? (now - rtc->origin) / NS_PER_SECOND : 0;
}

/* The time as bytes: what a program sees, and what it changes one by one. */
static void show_time(struct rtc *rtc, u64 now)
{
	struct moment moment;

	split(rtc, rtc->time + seconds_since(rtc, now), &moment);
	rtc->bytes[RTC_SECONDS] = encode(rtc, moment.second);
	rtc->bytes[RTC_MINUTES] = encode(rtc, moment.minute);
	rtc->bytes[RTC_HOURS] = encode_hour(rtc, moment.hour);
	rtc->bytes[RTC_DAY_OF_WEEK] = moment.weekday;
	rtc->bytes[RTC_DAY] = encode(rtc, moment.day);
	rtc->bytes[RTC_MONTH] = encode(rtc, moment.month);
	rtc->bytes[RTC_YEAR] = encode(rtc, moment.year % CENTURY);
	rtc->bytes[RTC_CENTURY] = encode(rtc, moment.year / CENTURY);
}

/* The other way round. What is no date becomes one: the chip would count on from it. */
static void take_time(struct rtc *rtc, u64 now)
{
	const u8 *bytes = rtc->bytes;
	u32 month = decode(rtc, bytes[RTC_MONTH]);
	s32 year = decode(rtc, bytes[RTC_CENTURY]) * CENTURY + decode(rtc, bytes[RTC_YEAR]);
	u64 since = seconds_since(rtc, now);
	s64 days;

	month = month < 1 ? 1 : month > MONTHS ? MONTHS : month;
	days = to_days(year, month, decode(rtc, bytes[RTC_DAY]));
	if (days < 0)
		days = 0;
	rtc->time = days * DAY + decode_hour(rtc, bytes[RTC_HOURS]) * HOUR +
		    decode(rtc, bytes[RTC_MINUTES]) * MINUTE + decode(rtc, bytes[RTC_SECONDS]);
	rtc->time -= since;
	rtc->weekday_shift =
		(bytes[RTC_DAY_OF_WEEK] + WEEK - 1 - (days + THURSDAY) % WEEK + WEEK) % WEEK;
}

/* ---- interrupts ------------------------------------------------------------------------------ */

static bool matches(u8 alarm, u32 value, u32 wanted)
{
	return (alarm & RTC_DO_NOT_CARE) == RTC_DO_NOT_CARE || value == wanted;
}

static bool is_alarm(const struct rtc *rtc, s64 time)
{
	const u8 *bytes = rtc->bytes;
	u8 seconds = bytes[RTC_SECONDS_ALARM];
	u8 minutes = bytes[RTC_MINUTES_ALARM];
	u8 hours = bytes[RTC_HOURS_ALARM];

	return matches(seconds, time % MINUTE, decode(rtc, seconds)) &&
	       matches(minutes, time / MINUTE % MINUTE, decode(rtc, minutes)) &&
	       matches(hours, time % DAY / HOUR, decode_hour(rtc, hours));
}

/* Seconds after this one until the alarm; 0: there is none. */
static u32 until_alarm(const struct rtc *rtc, s64 time, u64 limit)
{
	u32 most = limit < DAY ? limit : DAY;
	u32 i;

	for (i = 1; i <= most; i++) {
		if (is_alarm(rtc, time + i))
			return i;
	}
	return 0;
}

/* Nanoseconds, for a number of periods; 0: none. Rounded up, so that it is over by then. */
static u64 periods_to_ns(const struct rtc *rtc, u64 periods)
{
	u32 rate = rtc->bytes[RTC_A] & RTC_A_RATE;
	u64 clocks;

	if (!rate)
		return 0;
	if (rate <= RATE_ALIAS)
		rate += RATE_ALIAS_OFFSET;
	clocks = periods << (rate - 1);
	return ((unsigned __int128)clocks * NS_PER_SECOND + CRYSTAL_HERTZ - 1) / CRYSTAL_HERTZ;
}

static u64 periods_since_start(const struct rtc *rtc, u64 now)
{
	u32 rate = rtc->bytes[RTC_A] & RTC_A_RATE;

	if (!rate)
		return 0;
	if (rate <= RATE_ALIAS)
		rate += RATE_ALIAS_OFFSET;
	return (u64)((unsigned __int128)now * CRYSTAL_HERTZ / NS_PER_SECOND) >> (rate - 1);
}

/* Set the flags of what has happened up to now. */
static void advance(struct rtc *rtc, u64 now)
{
	u64 periods = periods_since_start(rtc, now);
	u64 seconds = seconds_since(rtc, now);

	if (periods > rtc->periods_seen)
		rtc->bytes[RTC_C] |= RTC_B_PERIODIC;
	rtc->periods_seen = periods;
	if (!runs(rtc) || seconds <= rtc->seconds_seen)
		return;
	rtc->bytes[RTC_C] |= RTC_B_UPDATE;
	if (until_alarm(rtc, rtc->time + rtc->seconds_seen, seconds - rtc->seconds_seen))
		rtc->bytes[RTC_C] |= RTC_B_ALARM;
	rtc->seconds_seen = seconds;
}

bool rtc_interrupt(struct rtc *rtc, u64 now)
{
	advance(rtc, now);
	return rtc->bytes[RTC_C] & rtc->bytes[RTC_B] & RTC_C_FLAGS;
}

static u64 sooner(u64 one, u64 other)
{
	return one < other ? one : other;
}

u64 rtc_next(const struct rtc *rtc, u64 now)
{
	u8 enabled = rtc->bytes[RTC_B];
	u64 second = seconds_since(rtc, now);
	u64 next = RTC_NEVER;
	u64 alarm;

	if (enabled & RTC_B_PERIODIC && periods_to_ns(rtc, 1))
		next = periods_to_ns(rtc, periods_since_start(rtc, now) + 1);
	if (!runs(rtc))
		return next;
	if (enabled & RTC_B_UPDATE)
		next = sooner(next, rtc->origin + (second + 1) * NS_PER_SECOND);
	if (enabled & RTC_B_ALARM) {
		alarm = until_alarm(rtc, rtc->time + second, DAY);
		if (alarm)
			next = sooner(next, rtc->origin + (second + alarm) * NS_PER_SECOND);
	}
	return next;
}

/* ---- registers ------------------------------------------------------------------------------- */

static u8 read_a(const struct rtc *rtc, u64 now)
{
	u64 since = now > rtc->origin ? (now - rtc->origin) % NS_PER_SECOND : 0;
	bool updating = runs(rtc) && since >= NS_PER_SECOND - UPDATE_NS;

	return rtc->bytes[RTC_A] | (updating ? RTC_A_UPDATING : 0);
}

/* Flags and request go with the read. */
static u8 read_c(struct rtc *rtc, u64 now)
{
	u8 value = rtc->bytes[RTC_C] | (rtc_interrupt(rtc, now) ? RTC_C_REQUEST : 0);

	rtc->bytes[RTC_C] = 0;
	return value;
}

u8 rtc_read(struct rtc *rtc, u64 now)
{
	u32 index = rtc->index & RTC_INDEX;

	advance(rtc, now);
	if (is_time(index) && runs(rtc))
		show_time(rtc, now);
	switch (index) {
	case RTC_A:
		return read_a(rtc, now);
	case RTC_C:
		return read_c(rtc, now);
	case RTC_D:
		return RTC_D_VALID;
	default:
		return rtc->bytes[index];
	}
}

/* Time that stands still becomes bytes; when it goes on, the bytes become time. */
static void change_run(struct rtc *rtc, u32 index, u8 value, u64 now)
{
	bool ran = runs(rtc);
	u8 before = rtc->bytes[index];
	bool divider_held;

	if (ran)
		show_time(rtc, now);
	rtc->bytes[index] = value;
	if (ran || !runs(rtc))
		return;
	divider_held = index == RTC_A && (before ^ value) & RTC_A_DIVIDER;
	if (divider_held)
		rtc->origin = now - FIRST_UPDATE_NS;
	take_time(rtc, now);
	rtc->seconds_seen = seconds_since(rtc, now);
}

static void write_time(struct rtc *rtc, u32 index, u8 value, u64 now)
{
	if (runs(rtc))
		show_time(rtc, now);
	rtc->bytes[index] = value;
	if (runs(rtc))
		take_time(rtc, now);
}

void rtc_write(struct rtc *rtc, u8 value, u64 now)
{
	u32 index = rtc->index & RTC_INDEX;

	advance(rtc, now);
	switch (index) {
	case RTC_A:
		change_run(rtc, index, value & ~RTC_A_UPDATING, now);
		rtc->periods_seen = periods_since_start(rtc, now);
		break;
	case RTC_B:
		/* "SET … clears UIE." */
		change_run(rtc, index, value & RTC_B_SET ? value & ~RTC_B_UPDATE : value, now);
		break;
	case RTC_C:
	case RTC_D:
		break; /* cannot be written */
	default:
		if (is_time(index))
			write_time(rtc, index, value, now);
		else
			rtc->bytes[index] = value;
	}
}

void rtc_select(struct rtc *rtc, u8 index)
{
	rtc->index = index;
}

void rtc_put(struct rtc *rtc, u32 index, u8 value)
{
	rtc->bytes[index & RTC_INDEX] = value;
}

/* As the firmware of a PC leaves it: BCD, 24 hours, a rate of 1024 Hz, no interrupt. */
void rtc_reset(struct rtc *rtc, s64 time, u64 now)
{
	*rtc = (struct rtc){ .time = time, .origin = now };
	rtc->bytes[RTC_A] = RTC_A_DIVIDER_32K | 6;
	rtc->bytes[RTC_B] = RTC_B_24_HOURS;
	rtc->periods_seen = periods_since_start(rtc, now);
}
