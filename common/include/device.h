/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file device.h
 * @brief The character device /dev/vtxdrv, through which vtxctl reaches the units.
 */
#ifndef DEVICE_H
#define DEVICE_H

/** Make /dev/vtxdrv appear. From here on ioctls arrive. May sleep; 0 or a negative errno. */
int vtx_device_register(void);
/** Make it vanish. Nobody has it open: an open file holds the module. */
void vtx_device_unregister(void);

#endif
