/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file cmd_run_emul.h
 * @brief vtxctl run: the emulator of each vCPU, and the world that it works in.
 */
#ifndef CMD_RUN_EMUL_H
#define CMD_RUN_EMUL_H

#include "cmd_emul.h"
#include "guest_walk_logic.h"
#include "cmd_run.h"

/** An access that neither memory nor a device has answered. */
struct run_stray {
	bool port; /**< address is a port */
	bool write; /**< else a read, of all ones */
	u64 address; /**< guest-physical, or the port */
	u64 value; /**< that was written */
	u32 size; /**< bytes */
};

/** A walk of the guest's page tables that holds as long as all that it has read is the same. */
struct run_walk {
	bool valid; /**< there is one */
	u64 page; /**< linear */
	u32 access; /**< that it was for */
	u64 cr0, cr3, cr4, efer; /**< that it was done with */
	struct guest_walk walk; /**< gpa: of the page */
};

/** The emulator of a vCPU. */
struct run_emul {
	struct run *run; /**< that the vCPU belongs to */
	struct emul emul; /**< see there */
	u64 linear; /**< of the exit: it leads to gpa */
	u64 gpa; /**< of the exit */
	u32 proven; /**< VTX_ACCESS_*: what the processor has checked for linear already */
	struct run_walk walks[2]; /**< the last one of an instruction, and of anything else */
	bool is_stray; /**< stray counts */
	struct run_stray stray; /**< the first one of the instruction */
};

/**
 * A vCPU's emulator, made when it is needed first. In its thread, or when that has ended.
 *
 * @param run the guest
 * @param vcpu id
 * @param regs what it works on
 * @param sregs the same
 * @return NULL: no memory
 */
struct run_emul *run_emul_of(struct run *run, u32 vcpu, struct vtx_regs *regs,
			     const struct vtx_sregs *sregs);

/** Free all of them. */
void run_emul_release(void);

#endif
