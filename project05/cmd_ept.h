/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_ept.h
 * @brief What the files of vtxctl ept share.
 */
#ifndef CMD_EPT_H
#define CMD_EPT_H

#include <stdbool.h>

#include "vtx_types.h"
#include "vtxdrv.h"

/** The ranges of vtxctl ept map, in the order of their guest-physical addresses. */
struct ept_map {
	const char *name; /**< of the VM */
	u32 id; /**< of the VM */
	struct vtx_map_range *ranges; /**< count of them */
	size_t count; /**< used */
	size_t room; /**< that ranges has room for */
};

/** Room for ept_size_text() and ept_access_text(). */
#define EPT_TEXT_SIZE 32

/** "2 MiB", "1 GiB", "12 KiB". @return text */
const char *ept_size_text(u64 size, char *text);
/** "rwx", "r--". @return text */
const char *ept_access_text(u32 access, char *text);
/** "WB", "UC", …, of a memory type's number. */
const char *ept_type_name(u32 type);

/** vtxctl ept walk: one translation, its four entries decoded. @return enum ctl_status */
int ept_walk(int fd, const struct vtx_vm_info *vm, u64 gpa, bool json);

/**
 * Draw the map: with dot (Graphviz) where it is installed, else write what dot would read.
 *
 * @param map the ranges
 * @param path of the file; one that ends in .dot gets the text for dot in any case
 * @return enum ctl_status
 */
int ept_draw(const struct ept_map *map, const char *path);

#endif
