/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_dump.h
 * @brief The whole control structure of a vCPU: for vtxctl dump, and for run --dump.
 */
#ifndef CMD_DUMP_H
#define CMD_DUMP_H

#include <json-c/json.h>
#include <stdbool.h>

#include "vmcs_fields.h"
#include "vtxdrv.h"

/** Room for the fields: no vendor has more than VMX. */
#define DUMP_FIELDS VMCS_FIELDS

/** A control structure as the driver gives it, and what one has to know to judge it. */
struct dump {
	char vm[VTX_NAME_SIZE]; /**< name of the VM */
	__u32 id; /**< of the VM */
	__u32 vcpu; /**< whose it is */
	struct vtx_cpu_facts facts; /**< of the CPU that it is active on, or of the first */
	__u32 count; /**< of fields */
	struct vtx_field fields[DUMP_FIELDS]; /**< in the order of the manual's appendix B */
};

/**
 * Read the control structure of a vCPU and the facts of its CPU; complains when it cannot.
 *
 * @param fd the open device
 * @param info of the VM
 * @param vcpu its vCPU
 * @param dump out
 * @return CTL_DONE or CTL_NO
 */
int dump_read(int fd, const struct vtx_vm_info *info, __u32 vcpu, struct dump *dump);

/** The format of vtxctl explain: {"vendor", "vm", "vcpu", "facts", "fields", "absent"}. */
struct json_object *dump_json(const struct dump *dump);

/** Print it for people: grouped as in the SDM, bits by name. */
void dump_print(const struct dump *dump);

/** Room for a value's text, the terminating zero included. */
#define DUMP_TEXT_SIZE 2048

/**
 * What the value of a VMCS field means: names of bits, of a reason, of an error.
 *
 * @param encoding of the field
 * @param value of the field
 * @param text out: at least DUMP_TEXT_SIZE bytes; empty where the number says all
 */
void vmcs_decode(__u32 encoding, __u64 value, char *text);

/** Append to a value's text, behind a comma if it is not the first; printf's format. */
void dump_append(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Append the names of a register's bits that are 1: "CR0", "CR4", "RFLAGS", "IA32_EFER". */
void dump_register(const char *reg, __u64 value, char *text);

/** Append the exceptions that a bitmap has, a bit a vector; what is rarer is listed. */
void dump_exceptions(__u64 value, char *text);

#endif
