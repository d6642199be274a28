/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_world.h
 * @brief What the world switch keeps for each vCPU: struct vmx_vcpu.world.
 */
#ifndef VMX_WORLD_H
#define VMX_WORLD_H

#include <asm/desc_defs.h>

#include "host_switch.h"
#if VTX_STAGE >= 6
#include "vmx_guest_msrs.h"
#endif
#include "vtx_types.h"

/** How the stub in vmx_enter.S came back. */
enum vmx_outcome {
	VMX_OUTCOME_EXIT = 0, /**< a VM exit, or an entry failed with exit reason 33, 34, 41 */
	VMX_OUTCOME_FAIL_INVALID = 1, /**< VMfailInvalid: there is no current VMCS */
	VMX_OUTCOME_FAIL_VALID = 2, /**< VMfailValid: see the VM-instruction error */
	VMX_OUTCOME_FAULT = 3, /**< #UD or #GP: the CPU is not in VMX operation */
	VMX_OUTCOME_UNDONE = 4, /**< exercise 4.4 is not done */
};

/**
 * What an exit does not bring back by itself and the kernel needs only in user mode, in a switch of
 * tasks, or never: kept from the first entry after vcpu_load to vcpu_put.
 */
struct vmx_host_kept {
	struct desc_ptr gdt, idt; /**< with their limits */
	u64 kernel_gs_base; /**< of the task in user mode */
	u16 ds, es, fs, gs, ldt; /**< selectors */
	u16 any; /**< all of them ORed: 0 if there is none to restore */
};

/** See struct vmx_vcpu. */
struct vmx_world {
	u64 host_rsp; /**< HOST_RSP as it is in the VMCS */
	u64 host_cr3, host_cr4; /**< the same */
	int host_cpu; /**< whose per-CPU parts are in the host-state area; -1: nobody's */
	u64 guest_rip, guest_rsp, guest_rflags; /**< as they are in the VMCS */
	bool dr_exiting; /**< MOV DR exits */
	u32 primary; /**< primary controls as they are in the VMCS */
	bool nmi_inside; /**< an NMI was injected, and its IRET has not been seen yet (project06) */
#if VTX_STAGE >= 6
	struct vmx_syscall_msrs syscall; /**< of SYSCALL */
	bool fpu_exiting; /**< the guest's first use of the FPU exits: see vmx_fpu.h */
	u32 exception_bitmap; /**< with fpu_exiting: as it is without */
#endif
	bool guest_inside; /**< kept is valid, and the guest's KERNEL_GS_BASE is in the processor */
	struct vmx_host_kept kept; /**< of the host, while guest_inside */
	struct host_switched host; /**< during hv->enter: what neither VMCS nor stub switches */

#if VTX_STAGE >= 6
	u32 fast_turns; /**< exits that were answered since hv->enter was called */
#endif
	enum vmx_outcome outcome; /**< of the last entry */
	u32 exit_reason; /**< of the last entry, where outcome is VMX_OUTCOME_EXIT */
	u32 interruption; /**< VM-exit interruption information of exit reason 0 and 41, else 0 */
};

#endif
