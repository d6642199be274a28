// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl run --slot and --protect: memory slots beyond those that VTXDRV_CREATE_VM makes, and what
 * the guest may do with a range. vtxctl is the only one that sets slots of its VM, so it knows them
 * without asking again.
 */
#include "cmd_run_slots.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd_run_parts.h"
#include "ctl.h"
#include "ctl_size.h"

enum slot_key { KEY_SLOT = 1000, KEY_PROTECT };

static const struct argp_option option_list[] = {
	{ "slot", KEY_SLOT, "N:GPA:SIZE[:OFFSET[:FLAGS]]", 0,
	  "Map SIZE bytes of the guest's memory from OFFSET (0) on at the guest-physical address "
	  "GPA, as slot N; FLAGS: r read-only, d log dirty pages, u uncacheable. SIZE 0 unmaps. "
	  "May be repeated, and is done in this order",
	  0 },
	{ "protect", KEY_PROTECT, "GPA:SIZE:ACCESS", 0,
	  "What the guest may do there: some of rwx, or - for nothing. May be repeated", 0 },
	{ 0 },
};

#define MAX_PROTECTIONS 32
#define FIELDS 5
#define FIELD_SIZE 32

static struct vtx_slot asked[VTX_MAX_SLOTS];
static unsigned int asked_count;
static struct vtx_protect protections[MAX_PROTECTIONS];
static unsigned int protection_count;
static struct vtx_slot_info slots[VTX_MAX_SLOTS];
static unsigned int slot_count;

/* ---- options --------------------------------------------------------------------------------- */

/* The fields between colons; how many there are, or -1: too many, or one is too long. */
static int split(const char *text, char fields[FIELDS][FIELD_SIZE])
{
	int count = 0;

	for (;;) {
		size_t length = strcspn(text, ":");

		if (count == FIELDS || length >= FIELD_SIZE)
			return -1;
		memcpy(fields[count], text, length);
		fields[count++][length] = '\0';
		if (!text[length])
			return count;
		text += length + 1;
	}
}

static bool take_address(const char *text, u64 *value)
{
	return !ctl_parse_number(text, value) || !ctl_parse_size(text, value);
}

/* The sum of the bits that belong to the letters. */
static bool take_letters(const char *text, const char *letters, const u32 *bits, u32 *value)
{
	*value = 0;
	for (; *text; text++) {
		const char *at = strchr(letters, *text);

		if (!at)
			return false;
		*value |= bits[at - letters];
	}
	return true;
}

static bool take_slot(const char *text, struct vtx_slot *slot)
{
	static const u32 bits[] = { VTX_SLOT_READ_ONLY, VTX_SLOT_LOG_DIRTY, VTX_SLOT_UNCACHEABLE };
	char fields[FIELDS][FIELD_SIZE];
	int count = split(text, fields);
	u64 number;
	u64 value[3] = { 0 };
	int i;

	if (count < 3 || !take_address(fields[0], &number) || number >= VTX_MAX_SLOTS)
		return false;
	for (i = 1; i < count && i <= 3; i++) {
		if (!take_address(fields[i], &value[i - 1]))
			return false;
	}
	*slot = (struct vtx_slot){
		.slot = number,
		.gpa = value[0],
		.size = value[1],
		.offset = value[2],
	};
	return count < FIELDS || take_letters(fields[FIELDS - 1], "rdu", bits, &slot->flags);
}

static bool take_protection(const char *text, struct vtx_protect *protect)
{
	static const u32 bits[] = { VTX_PROT_READ, VTX_PROT_WRITE, VTX_PROT_EXECUTE, 0 };
	char fields[FIELDS][FIELD_SIZE];
	u64 gpa;
	u64 size;

	memset(protect, 0, sizeof(*protect));
	if (split(text, fields) != 3 || !take_address(fields[0], &gpa) ||
	    !take_address(fields[1], &size))
		return false;
	protect->gpa = gpa;
	protect->size = size;
	return take_letters(fields[2], "rwx-", bits, &protect->access);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case KEY_SLOT:
		if (asked_count == VTX_MAX_SLOTS || !take_slot(arg, &asked[asked_count]))
			argp_error(state,
				   "--slot %s: N:GPA:SIZE[:OFFSET[:FLAGS]] is expected, "
				   "N below %d, at most as often",
				   arg, VTX_MAX_SLOTS);
		asked_count++;
		return 0;
	case KEY_PROTECT:
		if (protection_count == MAX_PROTECTIONS ||
		    !take_protection(arg, &protections[protection_count]))
			argp_error(state,
				   "--protect %s: GPA:SIZE:ACCESS is expected, ACCESS of "
				   "rwx or -, at most %d times",
				   arg, MAX_PROTECTIONS);
		protection_count++;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- setting up ------------------------------------------------------------------------------ */

static bool set_slot(const struct run *run, const struct vtx_slot *slot)
{
	if (!ioctl(run->fd, VTXDRV_SET_SLOT, slot))
		return true;
	ctl_error("run: --slot %u at 0x%" PRIx64 ", 0x%" PRIx64 " bytes of offset 0x%" PRIx64
		  ": %m. dmesg names value and limit.",
		  slot->slot, (u64)slot->gpa, (u64)slot->size, (u64)slot->offset);
	return false;
}

static bool set_protection(const struct run *run, const struct vtx_protect *protect)
{
	if (!ioctl(run->fd, VTXDRV_PROTECT, protect))
		return true;
	ctl_error("run: --protect 0x%" PRIx64 ", 0x%" PRIx64
		  " bytes: %m. dmesg names value and limit.",
		  (u64)protect->gpa, (u64)protect->size);
	return false;
}

/* A driver without slots has nothing but memory from address 0 on. */
static bool read_slots(const struct run *run)
{
	u32 next = 0;

	for (slot_count = 0; next < VTX_MAX_SLOTS; slot_count++) {
		struct vtx_slot_info *slot = &slots[slot_count];

		memset(slot, 0, sizeof(*slot));
		slot->slot = next;
		if (ioctl(run->fd, VTXDRV_SLOT_INFO, slot))
			break;
		next = slot->slot + 1;
	}
	if (slot_count || errno == ENOENT)
		return true;
	ctl_error("run: the driver does not tell its slots: %m");
	return false;
}

/* There is no frame for what vtxctl itself touches of the guest's memory: it cannot go on. */
static void no_frame(int signal)
{
	static const char text[] =
		"vtxctl: run: the driver has no frame for a page of the guest's memory: the host "
		"has too little, or exercise 5.4 is not done yet; dmesg says which.\n";
	ssize_t written = write(STDERR_FILENO, text, sizeof(text) - 1);

	_exit(written < 0 ? RUN_STATUS_SIGNAL + SIGBUS : RUN_STATUS_REFUSED);
}

/* Before the image is put into the guest's memory. */
static void start(const struct run *run, struct vtx_vcpu_init *init)
{
	struct sigaction action = { .sa_handler = no_frame };

	sigaction(SIGBUS, &action, NULL);
}

static bool setup(struct run *run)
{
	unsigned int i;

	for (i = 0; i < asked_count; i++) {
		if (!set_slot(run, &asked[i]))
			return false;
	}
	for (i = 0; i < protection_count; i++) {
		if (!set_protection(run, &protections[i]))
			return false;
	}
	return read_slots(run);
}

u8 *run_ram(const struct run *run, u64 gpa, u32 size, bool write)
{
	unsigned int i;

	for (i = 0; i < slot_count; i++) {
		const struct vtx_slot_info *slot = &slots[i];
		u64 inside = gpa - slot->gpa;

		if (inside >= slot->size || slot->size - inside < size)
			continue;
		if (write && slot->flags & VTX_SLOT_READ_ONLY)
			return NULL;
		return run->memory + slot->offset + inside;
	}
	return NULL;
}

RUN_PART(slots, { .options = option_list, .parse = parse_option, .start = start, .setup = setup });
