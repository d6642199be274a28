/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_emul.h
 * @brief One instruction of the guest, done by vtxctl: those that touch memory which is none, and
 *        INS and OUTS. No device and no system call: tested on the host against its processor.
 *
 * An instruction is done whole or not at all; a string instruction with REP element by element,
 * each whole or not at all, with RCX, RSI and RDI as they are after the last one that was done.
 */
#ifndef CMD_EMUL_H
#define CMD_EMUL_H

#include <stdbool.h>

#include "vtx_types.h"
#include "vtxdrv.h"

/** What came of it. */
enum emul_result {
	EMUL_DONE = 0, /**< RIP is behind the instruction */
	EMUL_AGAIN, /**< a REP that is not over: RIP is at the instruction; enter, it exits again */
	EMUL_FAULT, /**< the guest gets an exception: emul.fault; RIP is at the instruction */
	EMUL_FAILED, /**< nobody knows how: emul.why; nothing has changed */
};

/** An exception that the instruction causes. */
struct emul_fault {
	u32 vector; /**< X86_EXCEPTION_* */
	bool has_code; /**< error_code counts */
	u32 error_code; /**< pushed by the processor */
	u64 address; /**< CR2 of a #PF */
};

/** What came of a translation. */
enum emul_translated {
	EMUL_MAPPED = 0, /**< gpa */
	EMUL_PAGE_FAULT, /**< error_code of a #PF */
	EMUL_NO_TABLE, /**< the guest's page tables are not in memory */
};

/** The world around the instruction; opaque is that of struct emul. */
struct emul_ops {
	/** Linear to guest-physical; access: VTX_ACCESS_*, GUEST_ACCESS_USER. */
	enum emul_translated (*translate)(void *opaque, u64 linear, u32 access, u64 *gpa,
					  u32 *error_code);
	/** Where size bytes at gpa lie for vtxctl; NULL: no memory, or not writable. */
	u8 *(*ram)(void *opaque, u64 gpa, u32 size, bool write);
	/** Where there is no memory: 1, 2, 4 or 8 bytes that lie in one page. */
	u64 (*read)(void *opaque, u64 gpa, u32 size);
	/** The other way round. */
	void (*write)(void *opaque, u64 gpa, u32 size, u64 value);
	/** A port: 1, 2 or 4 bytes. */
	u64 (*port_read)(void *opaque, u32 port, u32 size);
	/** The other way round. */
	void (*port_write)(void *opaque, u32 port, u32 size, u64 value);
};

struct emul_insn;
struct emul_decoder;

/** One instruction and what it works on. */
struct emul {
	const struct emul_ops *ops; /**< in */
	void *opaque; /**< in: for ops */
	struct emul_decoder *decoder; /**< in: of this vCPU */
	struct vtx_regs *regs; /**< in, out */
	const struct vtx_sregs *sregs; /**< in */
	struct emul_fault fault; /**< out, with EMUL_FAULT */
	const char *why; /**< out, with EMUL_FAILED */
	const struct emul_insn *insn; /**< the instruction at RIP */
	u32 bits; /**< of the code: 16, 32 or 64 */
	u32 user; /**< GUEST_ACCESS_USER with CPL 3, else 0 */
};

/** Elements of a REP that are done before the guest is entered again, and may be interrupted. */
#define EMUL_REP_LIMIT 1024

/** Do the instruction at CS:RIP. */
enum emul_result emul_step(struct emul *emul);

/** A decoder, for one thread. @return NULL: no memory, or the library does not fit */
struct emul_decoder *emul_decoder_new(void);
/** The other way round; NULL is fine. */
void emul_decoder_free(struct emul_decoder *decoder);

/**
 * The instruction at CS:RIP as text: "mov eax, dword ptr [rbx + 0x10]".
 *
 * @param emul as for emul_step(); changes fault and why only
 * @param text out: empty if it cannot be read
 * @param size of text
 */
void emul_disassemble(struct emul *emul, char *text, size_t size);

#endif
