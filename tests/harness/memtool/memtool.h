/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file memtool.h
 * @brief What the files of memtool share.
 */
#ifndef MEMTOOL_H
#define MEMTOOL_H

#include "vtx_types.h"

/** Numbers that a line of the script has at most. */
#define WORDS 16

/** A step that is about slots. */
void slot_step(char what, const u64 *words);

#endif
