// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl slots: where a VM's memory is in its address space, and how much of it there is by now.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd_ept.h"
#include "cmd_look.h"
#include "ctl.h"
#include "ctl_json.h"
#include "ctl_vendor.h"

static void print_slot(const struct vtx_slot_info *slot)
{
	char size[EPT_TEXT_SIZE];
	char mapped[EPT_TEXT_SIZE];

	printf("  slot %-2u  0x%010" PRIx64 " - 0x%010" PRIx64 " %9s  offset 0x%-9" PRIx64
	       " mapped %9s%s%s%s",
	       slot->slot, (u64)slot->gpa, (u64)(slot->gpa + slot->size),
	       ept_size_text(slot->size, size), (u64)slot->offset,
	       ept_size_text(slot->mapped, mapped),
	       slot->flags & VTX_SLOT_READ_ONLY ? ", read-only" : "",
	       slot->flags & VTX_SLOT_UNCACHEABLE ? ", uncacheable" : "",
	       slot->flags & VTX_SLOT_LOG_DIRTY ? ", dirty log: " : "");
	if (slot->flags & VTX_SLOT_LOG_DIRTY)
		printf("%" PRIu64 " pages", (u64)slot->dirty);
	putchar('\n');
}

static struct json_object *json_slot(const struct vtx_slot_info *slot)
{
	struct json_object *object = json_object_new_object();

	ctl_json_put_int(object, "slot", slot->slot);
	ctl_json_put_hex(object, "gpa", slot->gpa);
	ctl_json_put_int(object, "size", slot->size);
	ctl_json_put_hex(object, "offset", slot->offset);
	ctl_json_put_bool(object, "read_only", slot->flags & VTX_SLOT_READ_ONLY);
	ctl_json_put_bool(object, "uncacheable", slot->flags & VTX_SLOT_UNCACHEABLE);
	ctl_json_put_bool(object, "log_dirty", slot->flags & VTX_SLOT_LOG_DIRTY);
	ctl_json_put_int(object, "mapped", slot->mapped);
	ctl_json_put_int(object, "dirty", slot->dirty);
	return object;
}

/* Prints, or adds to the list; 0, or an errno. */
static int walk_slots(const struct look *look, struct json_object *list)
{
	struct vtx_slot_info slot;
	u32 next = 0;

	while (next < VTX_MAX_SLOTS) {
		memset(&slot, 0, sizeof(slot));
		slot.vm = look->info.id;
		slot.slot = next;
		if (ioctl(look->fd, VTXDRV_SLOT_INFO, &slot))
			return errno == ENOENT ? 0 : errno;
		if (list)
			json_object_array_add(list, json_slot(&slot));
		else
			print_slot(&slot);
		next = slot.slot + 1;
	}
	return 0;
}

static void print_memory(const struct look *look, const struct vtx_memory_info *memory)
{
	char populated[EPT_TEXT_SIZE];
	char tables[EPT_TEXT_SIZE];
	char size[EPT_TEXT_SIZE];

	printf("VM %u (%s): %s of memory, %s of it with a frame, %s of tables, %" PRIu64
	       " faults, %" PRIu64 " flushes, %s %u\n",
	       look->info.id, look->info.name, ept_size_text(look->info.memory_size, size),
	       ept_size_text(memory->populated, populated), ept_size_text(memory->tables, tables),
	       (u64)memory->faults, (u64)memory->flushes, ctl_vendor->tag, memory->vpid);
}

static int show_json(const struct look *look, const struct vtx_memory_info *memory)
{
	struct json_object *object = json_object_new_object();
	struct json_object *list = json_object_new_array();
	int err = walk_slots(look, list);

	ctl_json_put_text(object, "vm", look->info.name);
	ctl_json_put_int(object, "id", look->info.id);
	ctl_json_put_int(object, "memory_size", look->info.memory_size);
	ctl_json_put_int(object, "populated", memory->populated);
	ctl_json_put_int(object, "tables", memory->tables);
	ctl_json_put_int(object, "faults", memory->faults);
	ctl_json_put_int(object, "flushes", memory->flushes);
	ctl_json_put_int(object, "vpid", memory->vpid);
	json_object_object_add(object, "slots", list);
	if (err)
		json_object_put(object);
	else
		ctl_json_print(object);
	return err;
}

static int show(const struct look *look)
{
	struct vtx_memory_info memory = { .vm = look->info.id };

	if (ioctl(look->fd, VTXDRV_MEMORY_INFO, &memory))
		return errno;
	if (look->json)
		return show_json(look, &memory);
	print_memory(look, &memory);
	return walk_slots(look, NULL);
}

static int cmd_slots_main(int argc, char **argv)
{
	struct look look = { 0 };
	int status = look_open(&look, VTX_FEATURE_MEMORY, argc, argv,
			       "Show the memory slots of a VM, and how much of its memory has a "
			       "frame. VM is the id or the name of any process's VM.");
	int err;

	if (status != CTL_DONE)
		return status;
	err = show(&look);
	close(look.fd);
	if (err)
		ctl_error("slots: VM %u: %s. dmesg may say more.", look.info.id, strerror(err));
	return err ? CTL_NO : CTL_DONE;
}

VTX_COMMAND(slots, "the memory slots of a VM", cmd_slots_main);
