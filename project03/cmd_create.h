/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_create.h
 * @brief What the files of vtxctl create share.
 */
#ifndef CMD_CREATE_H
#define CMD_CREATE_H

#include "vtxdrv.h"

/**
 * Say on stderr why VTXDRV_CREATE_VM failed: what was expected, what was seen, what to do.
 *
 * @param command "create", or the name of another command that makes a VM
 * @param config what was asked for
 * @param err errno of the ioctl
 */
void create_explain(const char *command, const struct vtx_vm_config *config, int err);

#endif
