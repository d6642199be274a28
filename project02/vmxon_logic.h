/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmxon_logic.h
 * @brief The decisions before VMXON, without the instructions: pure C, tested on the host.
 */
#ifndef VMXON_LOGIC_H
#define VMXON_LOGIC_H

#include "vtx_types.h"

/** What to do about IA32_FEATURE_CONTROL before VMXON outside SMX operation. */
enum vmxon_fc_plan {
	VMXON_FC_LOCKED_OUT, /**< locked without VMX: only firmware can change that */
	VMXON_FC_READY, /**< locked with VMX: nothing to do */
	VMXON_FC_WRITE, /**< firmware left it open: write *value, which locks it */
};

/**
 * Plan for IA32_FEATURE_CONTROL (exercise 2.2). SDM vol. 3, "Enabling and Entering VMX
 * Operation".
 *
 * @param msr the MSR's value
 * @param value what to write; equal to @p msr unless the plan is VMXON_FC_WRITE
 */
enum vmxon_fc_plan vmxon_feature_control(u64 msr, u64 *value);

/**
 * Does a control register have what VMX operation demands (exercise 2.3)? SDM vol. 3, A.7, A.8.
 *
 * @param cr value of CR0 or of CR4
 * @param fixed0 IA32_VMX_CRx_FIXED0: a bit that is 1 here must be 1
 * @param fixed1 IA32_VMX_CRx_FIXED1: a bit that is 0 here must be 0
 * @param needed the nearest value that would do
 * @return 0; -ERANGE if @p cr will not do; -ENOSYS while the exercise is not done
 */
int vmxon_cr_check(u64 cr, u64 fixed0, u64 fixed1, u64 *needed);

#endif
