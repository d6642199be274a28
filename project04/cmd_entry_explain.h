/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_entry_explain.h
 * @brief Why an entry into a guest failed, or would fail: for vtxctl check, explain and run.
 */
#ifndef CMD_ENTRY_EXPLAIN_H
#define CMD_ENTRY_EXPLAIN_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

#include "vtx_types.h"
#include "vtxdrv.h"

struct dump;

/**
 * Explain an entry that failed: what the processor said by name, each rule that the state violates
 * with its fields, and, where none is violated, that nothing was found.
 *
 * Reads the vCPU's control structure from the driver, so it is to be called before anything else
 * is done to the vCPU. Complains by itself when it cannot.
 *
 * @param out where the text goes: stderr in vtxctl run
 * @param fd the open device
 * @param vm id of the VM, 0: that of @p fd
 * @param vcpu its vCPU
 * @param exit kind VTX_EXIT_ENTRY_FAILED
 */
void entry_explain(FILE *out, int fd, __u32 vm, __u32 vcpu, const struct vtx_exit *exit);

/** The same as a JSON object {"error": …, "rules": […], …}; NULL after a complaint. */
struct json_object *entry_explain_json(int fd, __u32 vm, __u32 vcpu, const struct vtx_exit *exit);

/**
 * Read a vCPU's control structure and the facts of the CPU that it is active on (or the first one
 * that is online) from the driver.
 *
 * @param fd the open device
 * @param vm id of the VM, 0: that of @p fd
 * @param vcpu its vCPU
 * @return to be freed with free(); NULL after a complaint
 */
struct dump *entry_dump_read(int fd, __u32 vm, __u32 vcpu);

/**
 * Run the rules and print what they say.
 *
 * @param out where the text goes
 * @param dump to be looked at
 * @return how many rules are violated
 */
u32 entry_print_rules(FILE *out, const struct dump *dump);

/** The same as JSON: {"violated": […], "undecided": […], "rules": N}. */
struct json_object *entry_rules_json(const struct dump *dump);

#endif
