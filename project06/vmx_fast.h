/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_fast.h
 * @brief Exits that are answered without leaving hv->enter.
 */
#ifndef VMX_FAST_H
#define VMX_FAST_H

#include "vm.h"
#include "vmx_exit_reasons.h"

/** Exit reasons that vmx_answered_fast() may know an answer to. */
static inline bool vmx_may_be_fast(u32 exit_reason)
{
	return exit_reason == VMX_EXIT_REASON_CPUID || exit_reason == VMX_EXIT_REASON_RDMSR;
}

/**
 * Answer the exit that has just come, if that takes nothing of the host but general registers: then
 * the guest can go on at once, with all that hv->enter has switched for it. What may have happened
 * meanwhile (a signal, a visitor, the deadline) reaches this CPU as an interrupt, and the next exit
 * is for it.
 *
 * Loaded, interrupts off, guest registers in the processor where the world switch leaves them.
 *
 * @return false: it is for the run loop; nothing has changed
 */
bool vmx_answered_fast(struct vtx_vcpu *vcpu);

#endif
