/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file ctl_size.h
 * @brief Numbers as people type them: sizes with a unit, whole numbers, seconds.
 *
 * Each function returns NULL, or what is wrong in words that follow the option and the text:
 * "--mem 64Q" + ": " + ctl_parse_size()'s answer.
 */
#ifndef CTL_SIZE_H
#define CTL_SIZE_H

#include "vtx_types.h"

/**
 * A size in bytes: 4096, 64K, 64KiB, 64M, 1G, in decimal or as 0x1000; a unit is a power of 1024
 * in either case.
 *
 * @param text what was typed
 * @param bytes out: written only when there is no error
 */
const char *ctl_parse_size(const char *text, u64 *bytes);

/** A whole number without a sign, decimal or 0x…, of at most 64 bits. */
const char *ctl_parse_number(const char *text, u64 *value);

/** Seconds, whole or with a fraction (2, 0.25), as nanoseconds; more than 0, at most a year. */
const char *ctl_parse_seconds(const char *text, u64 *nanoseconds);

#endif
