/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_inject.h
 * @brief VMX's part of project06's events: what an exit says of an event that it has cut short.
 */
#ifndef VMX_INJECT_H
#define VMX_INJECT_H

#include "vm.h"

/**
 * After each exit: if it has come while an event was being delivered, the event is kept for the
 * next entry, and so is the blocking by NMI that an IRET has ended too early (exercise 6.6).
 * Loaded, interrupts off.
 */
void vmx_note_vectoring(struct vtx_vcpu *vcpu);

#endif
