// SPDX-License-Identifier: GPL-2.0
/* Being written: VMRUN's consistency checks, explained. */
#include "hv_ops.h"

u32 svm_state_check(struct vtx_vcpu *vcpu)
{
	return 0;
}
