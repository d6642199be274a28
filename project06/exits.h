/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file exits.h
 * @brief Unit `exits`: the driver has an answer to every exit. What it knows of events is in
 *        events.h.
 *
 * Answers run loaded, with interrupts off: see struct vtx_exit_answer.
 */
#ifndef EXITS_H
#define EXITS_H

#include "unit.h"
#include "vm.h"

/** CPUID, MSRs, control registers, ports, and whatever else a guest may not do by itself. */
extern const struct vtx_unit exits_unit;

/* ---- exits.c --------------------------------------------------------------------------------- */

/**
 * The instruction that has caused the exit is not executed: it gets an exception instead, with
 * error code 0 if that kind has one.
 *
 * @param vector enum x86_exception
 */
enum vtx_next vtx_answer_fault(struct vtx_vcpu *vcpu, u32 vector);

/**
 * Take over what user space answers to the last exit. Not loaded, vcpu->lock held; does not sleep.
 *
 * @param flags VTX_RUN_FAULT or 0
 * @param data vtx_run.data, read once
 */
void vtx_take_answer(struct vtx_vcpu *vcpu, u32 flags, u64 data);

/** Let user space see all registers: vtx_run.regs and vtx_run.sregs. Loaded. 0 or -EIO. */
int vtx_show_registers(struct vtx_vcpu *vcpu);

/* ---- io.c ------------------------------------------------------------------------------------ */

/**
 * Answer IN, OUT, INS and OUTS: user space has the ports (exercise 6.4). IN waits for its answer,
 * OUT is done, and string instructions are left to user space whole.
 */
enum vtx_next vtx_answer_io(struct vtx_vcpu *vcpu);

/** IN has been answered: put so many bytes into RAX (exercise 6.4). Any context. */
void vtx_io_complete(struct vtx_vcpu *vcpu, u32 bytes, u64 data);

#endif
