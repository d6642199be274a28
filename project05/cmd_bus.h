/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_bus.h
 * @brief Devices of vtxctl run: who answers at a guest-physical address, and who at a port.
 *
 * Register in the setup() of a RUN_PART. All functions of all devices are called under one lock, so
 * a device needs none of its own against the vCPUs; a thread of a device takes bus_lock().
 */
#ifndef CMD_BUS_H
#define CMD_BUS_H

#include <stdbool.h>

#include "vtx_types.h"

/** A window of a device, in memory or in the port space. */
struct bus_device {
	const char *name; /**< for --trace and reports */
	/** Read size (1, 2, 4 or 8) bytes at offset of the window. NULL: all bits are 1. */
	u64 (*read)(void *opaque, u64 offset, u32 size);
	/** Write; bits of value above size are 0. NULL: it goes nowhere. */
	void (*write)(void *opaque, u64 offset, u32 size, u64 value);
	void *opaque; /**< handed to both */
};

/** Windows that each of the two buses has room for. */
#define BUS_WINDOWS 64

/**
 * A device answers from a guest-physical address on. The bus keeps the pointer.
 *
 * @return false after a complaint: it overlaps another device, or there are too many
 */
bool run_mmio_register(u64 gpa, u64 size, const struct bus_device *device);

/** The same for ports; @p first and @p count stay within 16 bits. */
bool run_port_register(u32 first, u32 count, const struct bus_device *device);

/** @return false: no device is there, and value is all ones */
bool bus_mmio_read(u64 gpa, u32 size, u64 *value);
/** @return false: no device is there */
bool bus_mmio_write(u64 gpa, u32 size, u64 value);
/** @return false: no device is there, and value is all ones */
bool bus_port_read(u32 port, u32 size, u64 *value);
/** @return false: no device is there */
bool bus_port_write(u32 port, u32 size, u64 value);

/** For the threads of devices. */
void bus_lock(void);
/** The other way round. */
void bus_unlock(void);

#endif
