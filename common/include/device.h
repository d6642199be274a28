/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file device.h
 * @brief The character device /dev/vtxdrv, through which vtxctl reaches the units.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include <linux/mutex.h>

struct vtx_vm;

/** An open file of /dev/vtxdrv: one for each open(), shared by whoever inherits the descriptor. */
struct vtx_file {
	struct mutex lock; /**< held while a VM is created */
	struct vtx_vm *vm; /**< from project03 on; set once, by smp_store_release() */
};

/** Make /dev/vtxdrv appear. From here on ioctls arrive. May sleep; 0 or a negative errno. */
int vtx_device_register(void);
/** Make it vanish. Nobody has it open: an open file holds the module. */
void vtx_device_unregister(void);

#endif
