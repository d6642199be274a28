/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_dev_rtc.h
 * @brief The Motorola MC146818A: clock, alarm, periodic interrupt, and memory that keeps.
 *
 * Pure C: the caller brings the time, in nanoseconds from any start on; it never goes back.
 */
#ifndef CMD_DEV_RTC_H
#define CMD_DEV_RTC_H

#include "pc_devices.h"
#include "vtx_types.h"

/** Nothing will happen by itself. */
#define RTC_NEVER (~0ULL)

/** The device. */
struct rtc {
	u8 bytes[RTC_BYTES]; /**< what is kept; the time only while it is being set */
	u8 index; /**< last byte written to the index port */
	s64 time; /**< seconds since 1970 at second 0 of ... */
	u64 origin; /**< ... this moment */
	u64 seconds_seen; /**< since origin, that flags have been set for */
	u64 periods_seen; /**< of the periodic interrupt, since time 0 */
	u8 weekday_shift; /**< of a day of the week that somebody has set otherwise */
};

/** Battery in, time set: seconds since 1970. */
void rtc_reset(struct rtc *rtc, s64 time, u64 now);
/** Put a byte into the memory behind the clock. */
void rtc_put(struct rtc *rtc, u32 index, u8 value);
/** Write the index port. */
void rtc_select(struct rtc *rtc, u8 index);
/** Read the byte that the index names. */
u8 rtc_read(struct rtc *rtc, u64 now);
/** Write it. */
void rtc_write(struct rtc *rtc, u8 value, u64 now);
/** The IRQ output, high for "interrupt". */
bool rtc_interrupt(struct rtc *rtc, u64 now);
/** When the output may rise next; RTC_NEVER. */
u64 rtc_next(const struct rtc *rtc, u64 now);

#endif
