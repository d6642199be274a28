// SPDX-License-Identifier: GPL-2.0
/*
 * The two buses of vtxctl run. A window that was used last is likely to be used next, so it is
 * looked at first: a guest that drives one device pays for no search.
 */
#include "cmd_bus.h"

#include <inttypes.h>
#include <pthread.h>

#include "ctl.h"

#define PORTS 0x10000
#define BITS_PER_BYTE 8

struct window {
	u64 first;
	u64 last;
	const struct bus_device *device;
};

struct bus {
	const char *what;
	struct window windows[BUS_WINDOWS];
	unsigned int count;
	unsigned int recent;
};

static struct bus memory = { .what = "address" };
static struct bus ports = { .what = "port" };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void bus_lock(void)
{
	pthread_mutex_lock(&lock);
}

void bus_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

/* ---- who is there ---------------------------------------------------------------------------- */

static bool add(struct bus *bus, u64 first, u64 last, const struct bus_device *device)
{
	unsigned int i;

	for (i = 0; i < bus->count; i++) {
		const struct window *other = &bus->windows[i];

		if (first > other->last || other->first > last)
			continue;
		ctl_error("run: device '%s' at %s 0x%" PRIx64 " to 0x%" PRIx64 " overlaps '%s'.",
			  device->name, bus->what, first, last, other->device->name);
		return false;
	}
	if (bus->count == BUS_WINDOWS) {
		ctl_error("run: no room for device '%s': there are %d windows already.",
			  device->name, BUS_WINDOWS);
		return false;
	}
	bus->windows[bus->count++] = (struct window){ first, last, device };
	return true;
}

static bool add_checked(struct bus *bus, u64 first, u64 count, u64 end,
			const struct bus_device *device)
{
	bool added = false;

	if (!count || first >= end || count > end - first) {
		ctl_error("run: device '%s': %" PRIu64 " from %s 0x%" PRIx64 " on are no window.",
			  device->name, count, bus->what, first);
		return false;
	}
	bus_lock();
	added = add(bus, first, first + count - 1, device);
	bus_unlock();
	return added;
}

bool run_mmio_register(u64 gpa, u64 size, const struct bus_device *device)
{
	return add_checked(&memory, gpa, size, ~0ULL, device);
}

bool run_port_register(u32 first, u32 count, const struct bus_device *device)
{
	return add_checked(&ports, first, count, PORTS, device);
}

/* An access that only begins in a window is none of that device. */
static const struct window *find(struct bus *bus, u64 first, u32 size)
{
	const struct window *window = &bus->windows[bus->recent];
	unsigned int i;

	if (bus->count && first >= window->first && first + size - 1 <= window->last)
		return window;
	for (i = 0; i < bus->count; i++) {
		window = &bus->windows[i];
		if (first < window->first || first + size - 1 > window->last)
			continue;
		bus->recent = i;
		return window;
	}
	return NULL;
}

/* ---- accesses -------------------------------------------------------------------------------- */

static u64 ones(u32 size)
{
	return size < sizeof(u64) ? (1ULL << (size * BITS_PER_BYTE)) - 1 : ~0ULL;
}

static bool bus_read(struct bus *bus, u64 at, u32 size, u64 *value)
{
	const struct window *window;

	*value = ones(size);
	bus_lock();
	window = find(bus, at, size);
	if (window && window->device->read)
		*value &= window->device->read(window->device->opaque, at - window->first, size);
	bus_unlock();
	return window;
}

static bool bus_write(struct bus *bus, u64 at, u32 size, u64 value)
{
	const struct window *window;

	bus_lock();
	window = find(bus, at, size);
	if (window && window->device->write)
		window->device->write(window->device->opaque, at - window->first, size,
				      value & ones(size));
	bus_unlock();
	return window;
}

bool bus_mmio_read(u64 gpa, u32 size, u64 *value)
{
	return bus_read(&memory, gpa, size, value);
}

bool bus_mmio_write(u64 gpa, u32 size, u64 value)
{
	return bus_write(&memory, gpa, size, value);
}

bool bus_port_read(u32 port, u32 size, u64 *value)
{
	return bus_read(&ports, port, size, value);
}

bool bus_port_write(u32 port, u32 size, u64 value)
{
	return bus_write(&ports, port, size, value);
}
