/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_run.h
 * @brief The parts of VMX's world switch, from host state to the way back.
 *
 * Where it says "loaded": the vCPU is loaded (hv->vcpu_load), so preemption is off and its VMCS is
 * current. Interrupts are off where it says so. vmcs_error() tells what went wrong; nothing here
 * asks it unless it returns an error itself.
 */
#ifndef VMX_RUN_H
#define VMX_RUN_H

#include "vmx_vcpu.h"

/**
 * Fill in what of the host-state area is the same for as long as the kernel runs, and have the rest
 * filled in before the next entry (exercise 4.2). Loaded.
 *
 * @return 0 or an errno of vmcs_error(); -ENOSYS while the exercise is not done
 */
int vmx_host_state(struct vmx_vcpu *vmx);

/** Fill in what differs from CPU to CPU (exercise 4.2). Loaded, interrupts off. */
void vmx_host_state_cpu(void);

/** Fill in what differs from task to task, except CR3 (exercise 4.2). Loaded. */
void vmx_host_state_task(void);

/** Before the first entry after vcpu_load: keep what the exits will not restore. Loaded. */
void vmx_world_begin(struct vtx_vcpu *vcpu);

/** Before vcpu_put: restore it. Loaded, or the CPU has left VMX operation; preemption off. */
void vmx_world_end(struct vtx_vcpu *vcpu);

/** Set or clear bits of the primary controls, from now on. Loaded. */
void vmx_primary_change(struct vmx_vcpu *vmx, u32 mask, bool on);

/**
 * An instruction of the guest has been executed for it: where RFLAGS.TF is set, the next entry
 * delivers the trap behind it (SDM vol. 3, "Guest Non-Register State"). Loaded.
 */
void vmx_single_step(struct vtx_vcpu *vcpu);

/**
 * Bring the VMCS up to date with the host and with vcpu->regs, as hv->enter does first; a second
 * call finds nothing to do. Loaded, interrupts off.
 *
 * @return 0 or -EIO
 */
int vmx_enter_prepare(struct vtx_vcpu *vcpu);

/**
 * The stub in vmx_enter.S (exercise 4.4): enter the guest, and come back at its exit. Loaded,
 * interrupts off. All general registers except RSP are switched.
 *
 * @param regs the guest's: loaded before the entry, stored after the exit
 * @param launched whether to use VMRESUME rather than VMLAUNCH
 * @param host_rsp HOST_RSP as it is in the VMCS; updated together with the field
 * @return enum vmx_outcome; regs are untouched unless it is VMX_OUTCOME_EXIT
 */
int vmx_world_switch(struct vtx_regs *regs, bool launched, u64 *host_rsp);

/** Where a VM exit continues, in vmx_enter.S: the value of HOST_RIP. Not to be called. */
extern const char vmx_exited[];

#endif
