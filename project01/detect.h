/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file detect.h
 * @brief Unit `detect`: what can each CPU of this machine do?
 */
#ifndef DETECT_H
#define DETECT_H

#include "unit.h"
#include "vtxdrv.h"

/** The unit, for stage.c. */
extern const struct vtx_unit detect_unit;

/**
 * Read the facts of one CPU, on that CPU.
 * May sleep; the caller holds cpus_read_lock(), so that @p cpu stays online.
 * @return 0; -ENXIO if the CPU is offline.
 */
int detect_cpu(int cpu, struct vtx_cpu_facts *facts);

#endif
