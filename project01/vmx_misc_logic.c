// SPDX-License-Identifier: GPL-2.0
/*
 * The numbers inside IA32_VMX_MISC and its neighbours.
 */
#include "vmx_misc_logic.h"
#include "vmx_cap_bits.h"

#define CAP_FIELD(value, name) VTX_FIELD(value, name##_HIGH, name##_LOW)

void vmx_decode_misc(u64 value, struct vmx_misc *out)
{
	out->timer_shift = CAP_FIELD(value, IA32_VMX_MISC_TIMER_SHIFT);
	out->cr3_targets = CAP_FIELD(value, IA32_VMX_MISC_CR3_TARGETS);
	out->msr_list_max = 512 * (CAP_FIELD(value, IA32_VMX_MISC_MSR_LIST) + 1);
	out->mseg_revision = CAP_FIELD(value, IA32_VMX_MISC_MSEG_REVISION);
}

u32 vmx_highest_field_index(u64 vmcs_enum)
{
	return CAP_FIELD(vmcs_enum, IA32_VMX_VMCS_ENUM_HIGHEST_INDEX);
}

u32 vmx_hlat_prefix_size(u64 ept_vpid_cap)
{
	return CAP_FIELD(ept_vpid_cap, IA32_VMX_EPT_VPID_CAP_HLAT_PREFIX_SIZE);
}
