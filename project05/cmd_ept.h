/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_ept.h
 * @brief What the files of vtxctl ept share.
 */
#ifndef CMD_EPT_H
#define CMD_EPT_H

#include <stdbool.h>
#include <stddef.h>

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

/** "2 MiB": what a leaf at this level maps, 1 to VTX_NPT_LEVELS. */
const char *ept_level_size(unsigned int level);

#if VTX_STAGE >= 7
/** An entry of AMD's nested page tables in words; @p text has @p size bytes. */
void npt_describe(u64 entry, unsigned int level, char *text, size_t size);
#endif

/** The rest of its --help. */
#define EPT_USAGE                                                                                  \
	"VM is the id or the name of any process's VM.\vExit status: 0; 1 the driver refused, or " \
	"walk has found nothing mapped; 2 wrong usage; 3 no device, load vtxdrv.ko first."

/**
 * The command, under its name or its other one.
 *
 * @param doc what it does, for --help
 * @param argc from main of the command
 * @param argv from main of the command
 * @return enum ctl_status
 */
int ept_command(const char *doc, int argc, char **argv);

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
