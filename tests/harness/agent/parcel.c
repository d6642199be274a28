// SPDX-License-Identifier: GPL-2.0
/*
 * What a machine gets that was restored from a saved state: its files, the time, randomness.
 *
 * The files wait on the first ATA disk, which no driver of this kernel has taken. They are read as
 * the boot loader reads (loader/load.c), by programmed I/O: Bochs copies a sector at a time.
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define PARCEL "/run/parcel.cpio" /* unpacked by whoever asked for it */
#define PARCEL_MAX (64U << 20)
#define SECTOR 512
#define SEED_MAX 256

/* ATA: task-file registers, status bits and commands (ATA/ATAPI-6, chapters 7 and 8). */
enum {
	ATA_DATA = 0x1f0, ATA_COUNT = 0x1f2, ATA_LBA_LOW = 0x1f3, ATA_LBA_MID = 0x1f4,
	ATA_LBA_HIGH = 0x1f5, ATA_DEVICE = 0x1f6, ATA_COMMAND = 0x1f7, ATA_CONTROL = 0x3f6,
};

#define ATA_REGISTERS    8
#define ATA_BUSY         0x80
#define ATA_DATA_REQUEST 0x08
#define ATA_ERROR        0x01
#define ATA_DEVICE_LBA   0x40
#define ATA_NO_INTERRUPT 0x02
#define ATA_READ_EXT     0x24
#define ATA_MOST_SECTORS 0x8000

static bool data_ready(void)
{
	uint8_t status;

	do {
		status = inb(ATA_COMMAND);
	} while (status & ATA_BUSY);
	return !(status & ATA_ERROR) && (status & ATA_DATA_REQUEST);
}

/* LBA48: each register takes its high byte first, then its low byte. */
static void start_read(uint32_t sector, uint32_t count)
{
	outb(ATA_DEVICE_LBA, ATA_DEVICE);
	outb((uint8_t)(count >> 8), ATA_COUNT);
	outb((uint8_t)(sector >> 24), ATA_LBA_LOW);
	outb(0, ATA_LBA_MID);
	outb(0, ATA_LBA_HIGH);
	outb((uint8_t)count, ATA_COUNT);
	outb((uint8_t)sector, ATA_LBA_LOW);
	outb((uint8_t)(sector >> 8), ATA_LBA_MID);
	outb((uint8_t)(sector >> 16), ATA_LBA_HIGH);
	outb(ATA_READ_EXT, ATA_COMMAND);
}

static int read_sectors(uint32_t count, uint8_t *to)
{
	for (uint32_t sector = 0; sector < count; sector++, to += SECTOR) {
		uint32_t left = count - sector;

		if (sector % ATA_MOST_SECTORS == 0)
			start_read(sector, left < ATA_MOST_SECTORS ? left : ATA_MOST_SECTORS);
		if (!data_ready())
			return EIO;
		insl(ATA_DATA, to, SECTOR / 4);
	}
	return 0;
}

static int read_disk(uint32_t sectors, uint8_t *to)
{
	int error;

	if (ioperm(ATA_DATA, ATA_REGISTERS, 1) || ioperm(ATA_CONTROL, 1, 1))
		return errno;
	outb(ATA_NO_INTERRUPT, ATA_CONTROL);
	error = read_sectors(sectors, to);
	ioperm(ATA_DATA, ATA_REGISTERS, 0);
	ioperm(ATA_CONTROL, 1, 0);
	return error;
}

static int store(const uint8_t *data, uint32_t size)
{
	int fd = open(PARCEL, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool whole;

	if (fd < 0)
		return errno;
	whole = write(fd, data, size) == (ssize_t)size;
	close(fd);
	return whole ? 0 : ENOSPC;
}

static int fetch(uint32_t size)
{
	uint32_t sectors = (size + SECTOR - 1) / SECTOR;
	uint8_t *data;
	int error;

	if (size > PARCEL_MAX)
		return EFBIG;
	data = malloc((size_t)sectors * SECTOR + 1);
	if (!data)
		return ENOMEM;
	error = read_disk(sectors, data);
	if (!error)
		error = store(data, size);
	free(data);
	return error;
}

/* Machines of one saved state would draw the same numbers from here on. */
static int reseed(const uint8_t *seed, size_t len)
{
	union {
		struct rand_pool_info info;
		uint8_t room[sizeof(struct rand_pool_info) + SEED_MAX];
	} pool = { .info = { .entropy_count = (int)len * 8, .buf_size = (int)len } };
	int fd, error = 0;

	if (!len || len > SEED_MAX)
		return EINVAL;
	memcpy(pool.info.buf, seed, len);
	fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	if (ioctl(fd, RNDADDENTROPY, &pool.info) || ioctl(fd, RNDRESEEDCRNG))
		error = errno;
	close(fd);
	return error;
}

static int set_clock(uint64_t microseconds)
{
	struct timespec now = { .tv_sec = (time_t)(microseconds / 1000000),
				.tv_nsec = (long)(microseconds % 1000000) * 1000 };

	return clock_settime(CLOCK_REALTIME, &now) ? errno : 0;
}

/** u32 size of the parcel, u64 microseconds since 1970, random bytes. Answer: errno. */
void handle_parcel(struct frame *f)
{
	uint32_t size = take_u32(f);
	uint64_t microseconds = take_u64(f);
	int error = f->bad ? EINVAL : reseed(f->data + f->pos, f->len - f->pos);

	if (!error)
		error = set_clock(microseconds);
	if (!error)
		error = fetch(size);
	answer_errno(f, error);
}
