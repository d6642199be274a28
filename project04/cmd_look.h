/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_look.h
 * @brief What the commands share that look at one vCPU: COMMAND VM [--vcpu N] [--json].
 */
#ifndef CMD_LOOK_H
#define CMD_LOOK_H

#include <stdbool.h>

#include "vtxdrv.h"

/** A vCPU to look at. */
struct look {
	int fd; /**< the open device; to be closed by the caller */
	bool json; /**< --json */
	__u32 vcpu; /**< --vcpu, checked */
	struct vtx_vm_info info; /**< of its VM */
};

/**
 * Parse the arguments, open the device and find VM and vCPU; complains when one of them fails.
 *
 * @param look out
 * @param features VTX_FEATURE_* that the command needs
 * @param argc from main of the command
 * @param argv from main of the command
 * @param doc what the command does, for --help
 * @return CTL_DONE, then look->fd is open; CTL_NO; CTL_NO_DEVICE
 */
int look_open(struct look *look, __u64 features, int argc, char **argv, const char *doc);

/** Complain that something of a vCPU could not be read; errno says why. */
void look_explain(const char *what, __u32 vm, __u32 vcpu);

#endif
