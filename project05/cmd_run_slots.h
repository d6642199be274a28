/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_run_slots.h
 * @brief vtxctl run: where the guest's memory is in its physical address space.
 */
#ifndef CMD_RUN_SLOTS_H
#define CMD_RUN_SLOTS_H

#include "cmd_run.h"

/**
 * Guest-physical memory as vtxctl sees it.
 *
 * @param run the guest
 * @param gpa address
 * @param size bytes, all in one slot
 * @param write false: a read-only slot will do
 * @return NULL: no such memory
 */
u8 *run_ram(const struct run *run, u64 gpa, u32 size, bool write);

#endif
