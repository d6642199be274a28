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

#include <linux/types.h>

#include <asm/fpu/xcr.h>

#include "unit.h"
#include "vm.h"

/** CPUID, MSRs, control registers, ports, and whatever else a guest may not do by itself. */
extern const struct vtx_unit exits_unit;

/* ---- exits.c --------------------------------------------------------------------------------- */

/**
 * Take over what user space answers to the last exit. Not loaded, vcpu->lock held; does not sleep.
 *
 * @param vcpu which one
 * @param flags VTX_RUN_FAULT or 0
 * @param data vtx_run.data, read once
 */
void vtx_take_answer(struct vtx_vcpu *vcpu, u32 flags, u64 data);

/**
 * For vtx_events_add(): an exception with error code 0, if that kind has one. The queue's lock is
 * held.
 */
void vtx_add_exception(struct event_queue *queue, u8 vector);

/* ---- cpuid.c --------------------------------------------------------------------------------- */

/** Ask this processor what guests may know of it. At the module's start. */
void vtx_cpuid_init(void);
/** Put what CPUID tells the guest into its registers. vcpu->lock held, or interrupts off. */
void vtx_cpuid_of(struct vtx_vcpu *vcpu);
/** Answer CPUID. */
enum vtx_next vtx_answer_cpuid(struct vtx_vcpu *vcpu);
/** Answer XSETBV: XCR0, as the policy allows it; else #GP. */
enum vtx_next vtx_answer_xsetbv(struct vtx_vcpu *vcpu);
/** A vCPU as new: XCR0. */
void vtx_xcr0_reset(struct vtx_vcpu *vcpu, u32 mode);
/** XCR0 of the host; 0: it has none. */
extern u64 vtx_host_xcr0;

/** Before an entry, from the host's to the guest's, and back after the exit. Interrupts off. */
static inline void vtx_xcr0_switch(u64 from, u64 to)
{
	if (unlikely(from != to))
		xsetbv(XCR_XFEATURE_ENABLED_MASK, to);
}

/** Bits of CR4 that a guest may set. Any context. */
u64 vtx_guest_cr4_bits(void);
/** Bits of IA32_EFER that a guest may set. Any context. */
u64 vtx_guest_efer_bits(void);

/* ---- cr.c ------------------------------------------------------------------------------------ */

/** Answer accesses to control registers. */
enum vtx_next vtx_answer_cr(struct vtx_vcpu *vcpu);

/* ---- msrs.c ---------------------------------------------------------------------------------- */

/** An MSR that the driver itself keeps for the guest. Any context; false: it is none of those. */
bool vtx_msr_at_hand(struct vtx_vcpu *vcpu, u32 msr, u64 *value);
/** What RDMSR does with the registers. */
static inline void vtx_set_edx_eax(struct vtx_regs *regs, u64 value)
{
	regs->rax = (u32)value;
	regs->rdx = value >> 32;
}

/** Answer RDMSR. */
enum vtx_next vtx_answer_rdmsr(struct vtx_vcpu *vcpu);
/** Answer WRMSR. */
enum vtx_next vtx_answer_wrmsr(struct vtx_vcpu *vcpu);
/**
 * User space has answered RDMSR or WRMSR. Not loaded, vcpu->lock held.
 *
 * @param vcpu which one
 * @param write it was WRMSR
 * @param fault the answer is a #GP
 * @param data what RDMSR reads
 */
void vtx_msr_complete(struct vtx_vcpu *vcpu, bool write, bool fault, u64 data);
/** What RDTSC reads now. Any context. */
u64 vtx_guest_tsc(const struct vtx_vcpu *vcpu);
/** A new VM: the MSRs that pass do. */
void vtx_msrs_vm_create(struct vtx_vm *vm);
/** The other way round. May sleep. */
void vtx_msrs_vm_destroy(struct vtx_vm *vm);
/** A vCPU as new: MSRs have the values of a reset. Loaded. */
void vtx_msrs_reset(struct vtx_vcpu *vcpu);
/** VTXDRV_MSR_POLICY. */
long vtx_ioctl_msr_policy(struct vtx_file *file, void __user *arg);

/* ---- io.c ------------------------------------------------------------------------------------ */

/**
 * Answer IN, OUT, INS and OUTS: user space has the ports (exercise 6.4). IN waits for its answer,
 * OUT is done, and string instructions are left to user space whole.
 */
enum vtx_next vtx_answer_io(struct vtx_vcpu *vcpu);

/** IN has been answered: put so many bytes into RAX (exercise 6.4). Any context. */
void vtx_io_complete(struct vtx_vcpu *vcpu, u32 bytes, u64 data);

#endif
