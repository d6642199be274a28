/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_emul_capstone.h
 * @brief From Capstone's words for an instruction to those of the emulator.
 */
#ifndef CMD_EMUL_CAPSTONE_H
#define CMD_EMUL_CAPSTONE_H

#include <capstone/capstone.h>

#include "cmd_emul_insn.h"

/**
 * Take over what Capstone has decoded, with its details.
 *
 * @param from Capstone's
 * @param bits of the code: 16, 32 or 64
 * @param insn out
 * @return false: none that the emulator does
 */
bool emul_take(const cs_insn *from, u32 bits, struct emul_insn *insn);

#endif
