/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_guest_msrs.h
 * @brief MSRs that VMX switches nowhere: those of SYSCALL.
 */
#ifndef VMX_GUEST_MSRS_H
#define VMX_GUEST_MSRS_H

#include "vtx_types.h"

struct vmx_world;

/** STAR, LSTAR, CSTAR, FMASK. */
#define VMX_SYSCALL_MSRS 4

/** What struct vmx_world keeps of them. The host needs its own only on its way to user mode. */
struct vmx_syscall_msrs {
	bool used; /**< the guest can execute SYSCALL, or has written one */
	bool loaded; /**< its values are in the processor, and the host's in host */
	u64 guest[VMX_SYSCALL_MSRS]; /**< in the order of their numbers, from STAR on */
	u64 host[VMX_SYSCALL_MSRS]; /**< the same */
};

/** Behind vmx_world_begin(): the guest's come, if it uses them. Preemption off. */
void vmx_syscall_msrs_load(struct vmx_world *world);
/** Before vmx_world_end(): the host's come back. Preemption off. */
void vmx_syscall_msrs_put(struct vmx_world *world);

#endif
