// SPDX-License-Identifier: GPL-2.0
/*
 * Placeholder: the rules of a VM entry on a live VMCS come with vmx_check_logic.c.
 */
#include "hv_ops.h"

u32 vmx_state_check(struct vtx_vcpu *vcpu)
{
	return 0;
}
