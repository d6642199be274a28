/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_enable.h
 * @brief What the files of vtxctl enable, disable and status share.
 */
#ifndef CMD_ENABLE_H
#define CMD_ENABLE_H

#include "vtxdrv.h"

/** "none", "held", "feature-control", … as in JSON. */
const char *enable_cause_name(unsigned int cause);

/**
 * Say on stderr why VTXDRV_ENABLE failed: what was expected, what was seen, what to do.
 *
 * @param answer as the driver filled it in
 * @param err errno of the ioctl
 */
void enable_explain(const struct vtx_enable *answer, int err);

#endif
