/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_vmcb_decode.h
 * @brief What the value of a VMCB field means, for vtxctl dump. No device: tested on the host.
 */
#ifndef CMD_VMCB_DECODE_H
#define CMD_VMCB_DECODE_H

#include <linux/types.h>

/**
 * Names of bits, of intercepts, of an exit code, of an event.
 *
 * @param offset of the field
 * @param value of the field
 * @param text out: at least DUMP_TEXT_SIZE bytes; empty where the number says all
 */
void vmcb_decode(__u32 offset, __u64 value, char *text);

#endif
