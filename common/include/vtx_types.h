/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vtx_types.h
 * @brief The few types that pure-C files need on both sides.
 *
 * A `*_logic.c` file is compiled into the module, into vtxctl and into the host-side unit tests.
 * It includes this header and nothing of the kernel or of libc beyond it.
 */
#ifndef VTX_TYPES_H
#define VTX_TYPES_H

#ifdef __KERNEL__
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/types.h>
#else
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

#define BIT(n) (1UL << (n))
#define BIT_ULL(n) (1ULL << (n))
#define GENMASK_ULL(high, low) ((~0ULL >> (63 - (high))) & (~0ULL << (low)))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#ifndef min
#define min(a, b) ((a) < (b) ? (a) : (b))
#endif
#endif

#ifndef __maybe_unused
/** A function that a starter tree does not use yet; the kernel has the same name for it. */
#define __maybe_unused __attribute__((unused))
#endif

/** Bits @p high down to @p low of @p value, moved down to bit 0. */
#define VTX_FIELD(value, high, low) (((value) & GENMASK_ULL(high, low)) >> (low))

#endif
