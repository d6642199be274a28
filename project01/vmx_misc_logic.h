/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_misc_logic.h
 * @brief The numbers inside IA32_VMX_MISC and its neighbours.
 */
#ifndef VMX_MISC_LOGIC_H
#define VMX_MISC_LOGIC_H

#include "vtx_types.h"

/** The fields of IA32_VMX_MISC that are wider than a bit (Intel SDM vol. 3, appendix A.6). */
struct vmx_misc {
	u32 timer_shift; /**< the VMX-preemption timer counts down when TSC bit N changes */
	u32 cr3_targets; /**< CR3-target values that a VMCS may hold */
	u32 msr_list_max; /**< recommended maximum of entries in an MSR list */
	u32 mseg_revision; /**< revision identifier of the monitor segment of SMM */
};

/** Take IA32_VMX_MISC apart; its single bits are listed by vmx_cap_bits_of(). */
void vmx_decode_misc(u64 value, struct vmx_misc *out);

/** Highest index among the encodings of VMCS fields, from IA32_VMX_VMCS_ENUM (appendix A.9). */
u32 vmx_highest_field_index(u64 vmcs_enum);

/** Maximum HLAT prefix size, from IA32_VMX_EPT_VPID_CAP (appendix A.10). */
u32 vmx_hlat_prefix_size(u64 ept_vpid_cap);

#endif
