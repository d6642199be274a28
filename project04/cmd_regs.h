/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_regs.h
 * @brief Registers of a vCPU in text and JSON: for vtxctl regs, and for run when a guest crashes.
 */
#ifndef CMD_REGS_H
#define CMD_REGS_H

#include <json-c/json.h>
#include <stdio.h>

#include "vtxdrv.h"

/** General registers, RIP, and RFLAGS by name. */
void regs_print(FILE *out, const struct vtx_regs *regs);

/** Segments, tables, control registers, EFER and debug registers; bits by name. */
void sregs_print(FILE *out, const struct vtx_sregs *sregs);

/** {"rax": "0x…", …, "rip": …, "rflags": …, "flags": ["ZF", …]}. */
struct json_object *regs_json(const struct vtx_regs *regs);

/** {"cs": {…}, …, "gdtr": {…}, "cr0": "0x…", …, "dr": [8 values]}. */
struct json_object *sregs_json(const struct vtx_sregs *sregs);

/**
 * Read all registers of a vCPU; complains when that fails.
 *
 * @param fd the open device
 * @param vm id of the VM, 0: that of @p fd
 * @param vcpu its vCPU
 * @param regs out
 * @param sregs out
 * @return CTL_DONE or CTL_NO
 */
int regs_read(int fd, __u32 vm, __u32 vcpu, struct vtx_regs *regs, struct vtx_sregs *sregs);

#endif
