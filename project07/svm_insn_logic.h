/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file svm_insn_logic.h
 * @brief The instruction that has exited, where the processor does not tell its length and its
 *        registers: no NRIP save, no decode assists. Pure C.
 *
 * It knows what can be intercepted and no more: whoever wants all instructions takes a library, as
 * vtxctl does.
 */
#ifndef SVM_INSN_LOGIC_H
#define SVM_INSN_LOGIC_H

#include "vtx_types.h"

/** The most bytes that an instruction has. */
#define SVM_INSN_MAX 15U

/** How the processor reads instructions: by CS and the mode it is in. */
enum svm_code_size {
	SVM_CODE_16,
	SVM_CODE_32,
	SVM_CODE_64,
};

/** Instructions with one exit code that have to be told apart. */
enum svm_insn_kind {
	SVM_INSN_ONLY, /**< the exit code says all */
	SVM_INSN_CLTS,
	SVM_INSN_LMSW,
	SVM_INSN_SMSW,
};

/** ModRM.mod of an operand in a register. */
#define SVM_MODRM_REGISTER 3

/** An instruction that can be intercepted. */
struct svm_insn {
	u8 kind; /**< enum svm_insn_kind */
	u8 length; /**< bytes, prefixes included */
	u8 reg; /**< ModRM.reg with REX.R: number of the control or debug register, or what /n is */
	u8 rm; /**< ModRM.rm with REX.B: number of a general register, if mod is 3 */
	u8 mod; /**< ModRM.mod */
	u8 rex; /**< the REX prefix, or 0 */
};

/**
 * Read one instruction (exercise 7.5).
 *
 * @param bytes at RIP
 * @param count how many there are, at most SVM_INSN_MAX
 * @param size how they are read
 * @param code the exit that it has caused
 * @param insn filled in
 * @return 0; -ENOENT: this instruction has not caused that exit, or it is not all there;
 *	   -ENOSYS while the exercise is not done
 */
int svm_insn_read(const u8 *bytes, u32 count, enum svm_code_size size, u32 code,
		  struct svm_insn *insn);

#endif
