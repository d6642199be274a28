// SPDX-License-Identifier: GPL-2.0
/*
 * The decisions before VMXON.
 */
#include "vmxon_logic.h"
#include "vtx_todo.h"
#include "x86_bits.h"

/*
 * EXERCISE 2.2 (15 points): IA32_FEATURE_CONTROL
 * Do:   say what is to be done before VMXON outside SMX operation. Locked with bit 2 set: nothing.
 *       Locked without it: VMX is switched off until the next reset. Not locked: set bit 2 and the
 *       lock, and leave the other bits as they are, for they belong to other features.
 * Read: Intel SDM vol. 3, "Enabling and Entering VMX Operation"; project02/README.md, "The lock of
 *       the firmware"
 * Hint: VMXON raises #GP while the lock bit is clear, so setting bit 2 alone is not enough.
 */
#ifndef TODO_2_2
enum vmxon_fc_plan vmxon_feature_control(u64 msr, u64 *value)
{
	*value = msr;
	if (msr & FEATURE_CONTROL_LOCK)
		return msr & FEATURE_CONTROL_VMX_OUTSIDE_SMX ? VMXON_FC_READY : VMXON_FC_LOCKED_OUT;
	*value |= FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX_OUTSIDE_SMX;
	return VMXON_FC_WRITE;
}
#else
enum vmxon_fc_plan vmxon_feature_control(u64 msr, u64 *value)
{
	*value = msr;
	VTX_TODO("2.2", "IA32_FEATURE_CONTROL is left as it is, whatever it says");
	return VMXON_FC_READY;
}
#endif

/*
 * EXERCISE 2.3 (15 points): What VMX operation demands of CR0 and CR4
 * Do:   compare a control register with its two capability MSRs: a bit that is 1 in FIXED0 must be
 *       1, a bit that is 0 in FIXED1 must be 0. Return -ERANGE if it does not comply, and in
 *       *needed the value nearest to it that would, so that the message can name the bits.
 * Read: Intel SDM vol. 3, "Restrictions on VMX Operation", A.7, A.8; project02/README.md, "CR0 and
 *       CR4"
 * Hint: two operations make *needed; the rest is one comparison.
 */
#ifndef TODO_2_3
int vmxon_cr_check(u64 cr, u64 fixed0, u64 fixed1, u64 *needed)
{
	*needed = (cr | fixed0) & fixed1;
	return *needed == cr ? 0 : -ERANGE;
}
#else
int vmxon_cr_check(u64 cr, u64 fixed0, u64 fixed1, u64 *needed)
{
	*needed = cr;
	VTX_TODO("2.3", "CR0 and CR4 are not checked");
	return 0;
}
#endif
