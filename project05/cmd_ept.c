// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl ept: what a guest's addresses lead to.
 */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd_ept.h"
#include "ctl.h"
#include "ctl_json.h"
#include "ctl_size.h"
#include "ctl_vendor.h"
#include "ctl_vm.h"

#define AT_ONCE 1024
#define ALL_DONE (~0ULL)
#define KIB 1024ULL

/* ---- words ----------------------------------------------------------------------------------- */

const char *ept_size_text(u64 size, char *text)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	unsigned int unit = 0;

	while (size && !(size % KIB) && unit + 1 < ARRAY_SIZE(units)) {
		size /= KIB;
		unit++;
	}
	snprintf(text, EPT_TEXT_SIZE, "%" PRIu64 " %s", size, units[unit]);
	return text;
}

const char *ept_access_text(u32 access, char *text)
{
	snprintf(text, EPT_TEXT_SIZE, "%c%c%c", access & VTX_PROT_READ ? 'r' : '-',
		 access & VTX_PROT_WRITE ? 'w' : '-', access & VTX_PROT_EXECUTE ? 'x' : '-');
	return text;
}

/* SDM vol. 3, "Memory Types and Their Properties" */
const char *ept_type_name(u32 type)
{
	static const char *const names[] = { "UC", "WC", "2?", "3?", "WT", "WP", "WB", "7?" };

	return names[type % ARRAY_SIZE(names)];
}

/* ---- the map --------------------------------------------------------------------------------- */

static bool make_room(struct ept_map *map)
{
	struct vtx_map_range *larger;

	if (map->room - map->count >= AT_ONCE)
		return true;
	larger = realloc(map->ranges, (map->room + AT_ONCE) * sizeof(*larger));
	if (!larger)
		return false;
	map->ranges = larger;
	map->room += AT_ONCE;
	return true;
}

static bool read_map(int fd, struct ept_map *map, bool split)
{
	struct vtx_map ask = { .vm = map->id, .size = AT_ONCE, .split = split };

	while (ask.gpa != ALL_DONE) {
		if (!make_room(map)) {
			ctl_error("%s map: no memory", ctl_vendor->tables);
			return false;
		}
		ask.ranges = (uintptr_t)(map->ranges + map->count);
		if (ioctl(fd, VTXDRV_MAP, &ask)) {
			ctl_error("%s map: VM %u: %s. dmesg may say more.", ctl_vendor->tables,
				  map->id, strerror(errno));
			return false;
		}
		map->count += ask.count;
		if (!ask.count && ask.gpa != ALL_DONE) {
			ctl_error("%s map: the driver does not come to an end at 0x%" PRIx64 ".",
				  ctl_vendor->tables, (u64)ask.gpa);
			return false;
		}
	}
	return true;
}

static void print_range(const struct vtx_map_range *range)
{
	char size[EPT_TEXT_SIZE];
	char page[EPT_TEXT_SIZE];
	char access[EPT_TEXT_SIZE];

	printf("  0x%010" PRIx64 " - 0x%010" PRIx64 " %9s  %s  %s  %-5s pages  %s%s  %s"
	       "0x%" PRIx64 "\n",
	       (u64)range->gpa, (u64)(range->gpa + range->size), ept_size_text(range->size, size),
	       ept_access_text(range->access, access), ept_type_name(range->memory_type),
	       ept_size_text(range->page_size, page), range->accessed ? "A" : "-",
	       range->dirty ? "D" : "-", range->contiguous ? "-> " : "-> from ", (u64)range->hpa);
}

static void print_map(const struct ept_map *map)
{
	char text[EPT_TEXT_SIZE];
	u64 sum = 0;
	size_t i;

	printf("VM %u (%s)\n", map->id, map->name);
	for (i = 0; i < map->count; i++) {
		print_range(&map->ranges[i]);
		sum += map->ranges[i].size;
	}
	printf("%s mapped, in %zu range%s\n", ept_size_text(sum, text), map->count,
	       map->count == 1 ? "" : "s");
}

static struct json_object *json_range(const struct vtx_map_range *range)
{
	struct json_object *object = json_object_new_object();
	char access[EPT_TEXT_SIZE];

	ctl_json_put_hex(object, "gpa", range->gpa);
	ctl_json_put_int(object, "size", range->size);
	ctl_json_put_hex(object, "hpa", range->hpa);
	ctl_json_put_bool(object, "contiguous", range->contiguous);
	ctl_json_put_int(object, "page_size", range->page_size);
	ctl_json_put_text(object, "access", ept_access_text(range->access, access));
	ctl_json_put_text(object, "memory_type", ept_type_name(range->memory_type));
	ctl_json_put_bool(object, "accessed", range->accessed);
	ctl_json_put_bool(object, "dirty", range->dirty);
	return object;
}

static void print_json(const struct ept_map *map)
{
	struct json_object *object = json_object_new_object();
	struct json_object *list = json_object_new_array();
	size_t i;

	ctl_json_put_text(object, "vm", map->name);
	ctl_json_put_int(object, "id", map->id);
	for (i = 0; i < map->count; i++)
		json_object_array_add(list, json_range(&map->ranges[i]));
	json_object_object_add(object, "ranges", list);
	ctl_json_print(object);
}

/* ---- the command ----------------------------------------------------------------------------- */

enum { KEY_SVG = 's', KEY_JSON = 'j', KEY_SPLIT = 256 };

static const struct argp_option option_list[] = {
	{ "svg", KEY_SVG, "FILE", 0,
	  "map: draw it. Graphviz's dot makes the picture; where there is no dot, FILE becomes "
	  "what dot reads",
	  0 },
	{ "split", KEY_SPLIT, NULL, 0, "map: a range ends where host-physical addresses jump", 0 },
	{ "json", KEY_JSON, NULL, 0, "Print one JSON object; its keys are in project05/README.md",
	  0 },
	{ 0 },
};

#define WORDS 3

struct arguments {
	const char *words[WORDS];
	int count;
	const char *svg;
	bool split;
	bool json;
	u64 gpa;
};

static bool is_walk(const struct arguments *arguments)
{
	return arguments->count && !strcmp(arguments->words[0], "walk");
}

static void check(struct argp_state *state, struct arguments *arguments)
{
	const char *wrong;

	if (!is_walk(arguments) && (!arguments->count || strcmp(arguments->words[0], "map")))
		argp_error(state, "'walk VM GPA' or 'map VM' is expected");
	if (arguments->count != (is_walk(arguments) ? 3 : 2))
		argp_error(state,
			   "'walk VM GPA' or 'map VM' is expected; vtxctl vms lists the VMs");
	if (!is_walk(arguments))
		return;
	if (arguments->svg || arguments->split)
		argp_error(state, "--svg and --split belong to 'map'");
	wrong = ctl_parse_number(arguments->words[2], &arguments->gpa);
	if (wrong)
		argp_error(state, "GPA %s: %s", arguments->words[2], wrong);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case KEY_SVG:
		arguments->svg = arg;
		return 0;
	case KEY_SPLIT:
		arguments->split = true;
		return 0;
	case KEY_JSON:
		arguments->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->count == WORDS)
			argp_error(state, "unexpected argument '%s'", arg);
		arguments->words[arguments->count++] = arg;
		return 0;
	case ARGP_KEY_END:
		check(state, arguments);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int map_vm(int fd, const struct vtx_vm_info *vm, const struct arguments *arguments)
{
	struct ept_map map = { .name = vm->name, .id = vm->id };
	int status = CTL_NO;

	if (read_map(fd, &map, arguments->split || arguments->svg)) {
		status = arguments->svg ? ept_draw(&map, arguments->svg) : CTL_DONE;
		if (arguments->json)
			print_json(&map);
		else if (!arguments->svg)
			print_map(&map);
	}
	free(map.ranges);
	return status;
}

int ept_command(const char *doc, int argc, char **argv)
{
	const struct argp argp = {
		.options = option_list,
		.parser = parse_option,
		.args_doc = "walk VM GPA\nmap VM",
		.doc = doc,
	};
	struct arguments arguments = { 0 };
	struct vtx_vm_info vm;
	struct vtx_info info;
	int status;
	int fd;

	ctl_parse(&argp, argc, argv, &arguments);
	status = ctl_open(&fd, &info, VTX_FEATURE_MEMORY);
	if (status != CTL_DONE)
		return status;
	status = ctl_vm_find(fd, arguments.words[1], &vm);
	if (status == CTL_DONE)
		status = is_walk(&arguments) ? ept_walk(fd, &vm, arguments.gpa, arguments.json) :
					       map_vm(fd, &vm, &arguments);
	close(fd);
	return status;
}

static int cmd_ept_main(int argc, char **argv)
{
	return ept_command("The extended page tables of a VM: the entries that translate one "
			   "guest-physical address, or all that is mapped. " EPT_USAGE,
			   argc, argv);
}

VTX_COMMAND(ept, "what a guest's addresses lead to", cmd_ept_main);
