/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_ept_logic.h
 * @brief What IA32_VMX_EPT_VPID_CAP says of this processor's extended page tables. Pure C.
 */
#ifndef VMX_EPT_LOGIC_H
#define VMX_EPT_LOGIC_H

#include "npt_logic.h"

/** How much an INVEPT or INVVPID invalidates. The values are those of the instructions. */
enum vmx_invalidate {
	VMX_INVALIDATE_NOTHING = 0, /**< the processor lacks the instruction, or this type of it */
	VMX_INVALIDATE_SINGLE = 1, /**< one EPTP; one VPID */
	VMX_INVALIDATE_ALL = 2, /**< every EPTP; every VPID */
};

/** What the processor offers. */
struct vmx_ept_caps {
	struct npt_format format; /**< of the entries */
	u64 pointer; /**< EPTP without the address of the root */
	enum vmx_invalidate invept; /**< the narrowest type that there is */
	enum vmx_invalidate invvpid; /**< the same; NOTHING: VPIDs cannot be used */
};

/**
 * Read the capability MSR (exercise 5.2).
 *
 * @param cap IA32_VMX_EPT_VPID_CAP
 * @param caps filled in
 * @return 0; -ENOTSUPP: no 4-level walk, no write-back tables, or no INVEPT; -ENOSYS while the
 *         exercise is not done
 */
int vmx_ept_caps(u64 cap, struct vmx_ept_caps *caps);

#endif
