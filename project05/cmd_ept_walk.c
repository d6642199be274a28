// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl ept walk: the entries that translate one address, as the processor reads them. SDM vol. 3,
 * "EPT Translation Mechanism"; AMD's entries are in project07/cmd_npt.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cmd_ept.h"
#include "ctl.h"
#include "ctl_json.h"
#include "ctl_vendor.h"
#include "ept_bits.h"

#define INDEX_BITS 9
#define INDEX_MASK 0x1ffU
#define PAGE_SHIFT 12

/* vtx_walk.vendor, besides 0 for EPT */
#define WALK_NPT 1

enum walk_result { WALK_MAPPED, WALK_NOT_PRESENT, WALK_MISCONFIGURED };

static const char *const result_names[] = {
	[WALK_MAPPED] = "mapped",
	[WALK_NOT_PRESENT] = "not present",
	[WALK_MISCONFIGURED] = "misconfigured",
};

/* By level: what the entry is called, and how much one of it maps. */
static const struct {
	const char *name;
	const char *size;
} levels[VTX_NPT_LEVELS + 1] = {
	[4] = { "PML4E", "512 GiB" },
	[3] = { "PDPTE", "1 GiB" },
	[2] = { "PDE", "2 MiB" },
	[1] = { "PTE", "4 KiB" },
};

const char *ept_level_size(unsigned int level)
{
	return levels[level].size;
}

static const char *result_name(u32 result)
{
	return result < ARRAY_SIZE(result_names) ? result_names[result] : "unknown";
}

static unsigned int index_of(u64 gpa, unsigned int level)
{
	return gpa >> (PAGE_SHIFT + (level - 1) * INDEX_BITS) & INDEX_MASK;
}

static bool is_leaf(u64 entry, unsigned int level)
{
	return level == 1 || entry & EPT_LARGE;
}

static u32 access_of(u64 entry)
{
	u32 access = 0;

	if (entry & EPT_READ)
		access |= VTX_PROT_READ;
	if (entry & EPT_WRITE)
		access |= VTX_PROT_WRITE;
	if (entry & EPT_EXECUTE)
		access |= VTX_PROT_EXECUTE;
	return access;
}

/* What an entry says, in words. */
static void describe_ept(u64 entry, unsigned int level, char *text, size_t size)
{
	char access[EPT_TEXT_SIZE];
	u64 address = entry & EPT_ADDRESS;

	if (!access_of(entry)) {
		snprintf(text, size, "not present: nothing may be read, written or executed");
		return;
	}
	ept_access_text(access_of(entry), access);
	if (!is_leaf(entry, level)) {
		snprintf(text, size, "%s, table at 0x%" PRIx64 "%s", access, address,
			 entry & EPT_ACCESSED ? ", accessed" : "");
		return;
	}
	snprintf(text, size, "%s, leaf of %s at 0x%" PRIx64 ", %s%s%s%s", access,
		 levels[level].size, address,
		 ept_type_name((entry & EPT_MEMORY_TYPE) >> EPT_MEMORY_TYPE_SHIFT),
		 entry & EPT_IGNORE_PAT ? " (guest's PAT ignored)" : "",
		 entry & EPT_ACCESSED ? ", accessed" : "", entry & EPT_DIRTY ? ", dirty" : "");
}

static void describe(const struct vtx_walk *walk, unsigned int level, u64 entry, char *text,
		     size_t size)
{
#if VTX_STAGE >= 7
	if (walk->vendor == WALK_NPT) {
		npt_describe(entry, level, text, size);
		return;
	}
#endif
	describe_ept(entry, level, text, size);
}

#define DESCRIPTION 160

static void print_text(const struct vtx_vm_info *vm, const struct vtx_walk *walk)
{
	char text[DESCRIPTION];
	u32 i;

	printf("VM %u (%s), guest-physical 0x%" PRIx64 ", %s 0x%" PRIx64 "\n", vm->id, vm->name,
	       (u64)walk->gpa, ctl_vendor->root, (u64)walk->pointer);
	for (i = 0; i < walk->levels && i < VTX_NPT_LEVELS; i++) {
		unsigned int level = VTX_NPT_LEVELS - i;

		describe(walk, level, walk->steps[i].entry, text, sizeof(text));
		printf("  %-5s [%3u] in table 0x%-10" PRIx64 " 0x%016" PRIx64 "  %s\n",
		       levels[level].name, index_of(walk->gpa, level), (u64)walk->steps[i].table,
		       (u64)walk->steps[i].entry, text);
	}
	if (walk->result == WALK_MAPPED)
		printf("host-physical 0x%" PRIx64 ", in a page of %s\n", (u64)walk->hpa,
		       ept_size_text(walk->page_size, text));
	else
		printf("%s\n", result_name(walk->result));
}

static struct json_object *json_step(const struct vtx_walk *walk, u32 i)
{
	struct json_object *object = json_object_new_object();
	unsigned int level = VTX_NPT_LEVELS - i;
	u64 entry = walk->steps[i].entry;
	char text[DESCRIPTION];

	describe(walk, level, entry, text, sizeof(text));
	ctl_json_put_int(object, "level", level);
	ctl_json_put_text(object, "name", levels[level].name);
	ctl_json_put_int(object, "index", index_of(walk->gpa, level));
	ctl_json_put_hex(object, "table", walk->steps[i].table);
	ctl_json_put_hex(object, "entry", entry);
	ctl_json_put_text(object, "text", text);
	return object;
}

static void print_json(const struct vtx_vm_info *vm, const struct vtx_walk *walk)
{
	struct json_object *object = json_object_new_object();
	struct json_object *steps = json_object_new_array();
	u32 i;

	ctl_json_put_text(object, "vm", vm->name);
	ctl_json_put_int(object, "id", vm->id);
	ctl_json_put_hex(object, "gpa", walk->gpa);
	ctl_json_put_hex(object, "pointer", walk->pointer);
	for (i = 0; i < walk->levels && i < VTX_NPT_LEVELS; i++)
		json_object_array_add(steps, json_step(walk, i));
	json_object_object_add(object, "steps", steps);
	ctl_json_put_text(object, "result", result_name(walk->result));
	if (walk->result == WALK_MAPPED) {
		ctl_json_put_hex(object, "hpa", walk->hpa);
		ctl_json_put_int(object, "page_size", walk->page_size);
	}
	ctl_json_print(object);
}

int ept_walk(int fd, const struct vtx_vm_info *vm, u64 gpa, bool json)
{
	struct vtx_walk walk = { .vm = vm->id, .gpa = gpa };

	if (ioctl(fd, VTXDRV_WALK, &walk)) {
		if (errno == ERANGE)
			ctl_error("%s walk: 0x%" PRIx64 " is beyond what four levels translate: "
				  "48 bits.",
				  ctl_vendor->tables, gpa);
		else
			ctl_error("%s walk: VM %u: %s. dmesg may say more.", ctl_vendor->tables,
				  vm->id, strerror(errno));
		return CTL_NO;
	}
	if (json)
		print_json(vm, &walk);
	else
		print_text(vm, &walk);
	return walk.result == WALK_MAPPED ? CTL_DONE : CTL_NO;
}
