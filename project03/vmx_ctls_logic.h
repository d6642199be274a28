/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_ctls_logic.h
 * @brief The control bits of a VMCS, from what we wish and what the processor allows.
 *
 * Pure C: the driver fills a VMCS with the result, vtxctl controls shows it for any processor.
 */
#ifndef VMX_CTLS_LOGIC_H
#define VMX_CTLS_LOGIC_H

#include "vmx_caps_logic.h"
#include "vtx_types.h"
#include "vtxdrv.h"

#ifndef ENOTSUPP
/** The kernel's own errno for this; libc has no name for it. */
#define ENOTSUPP 524
#endif

/** How much a wish of vmx_wishes.def matters. */
enum vmx_wish_kind {
	VMX_WISH_REQUIRED,
	VMX_WISH_OPTIONAL,
	VMX_WISH_DROPPED,
};

/** One line of vmx_wishes.def. */
struct vmx_wish {
	enum vmx_ctl_group group; /**< field of the VMCS */
	enum vmx_wish_kind kind; /**< how much it matters */
	u64 mask; /**< the control bit */
	const char *why; /**< for messages */
};

/** The wishes of this stage, in the order of the file: a later one outweighs an earlier one. */
extern const struct vmx_wish vmx_wishes[];
/** How many there are. */
extern const unsigned int vmx_wish_count;

/** What all wishes together ask of one group. No bit is in both masks. */
struct vmx_wanted {
	u64 required; /**< bits that must be 1 */
	u64 optional; /**< bits that are to be 1 where they may */
};

/** The fields of the VMCS that are made of control bits. */
struct vmx_controls {
	u64 value[VMX_CTL_GROUPS]; /**< 0 for a group that is not active */
	u32 active; /**< bit 1 << group: the field is there and used; others stay unwritten */
	enum vmx_ctl_group missing_group; /**< after -ENOTSUPP: lacks a required control */
	u64 missing_bits; /**< after -ENOTSUPP: which; after success 0 */
};

/**
 * Sum up the wishes for one group.
 *
 * @param group which controls
 * @return required and optional bits, without those that were dropped
 */
struct vmx_wanted vmx_wishes_for(enum vmx_ctl_group group);

/**
 * Compute every group of controls (exercise 3.6). SDM vol. 3, appendix A.2 to A.5.
 *
 * A bit is 1 if the processor insists, if it is required, or if it is optional and allowed. A group
 * that another control activates (secondary, tertiary, secondary VM-exit) is active if one of its
 * bits is 1, and then that control is set as well.
 *
 * @param f facts of the processor
 * @param out filled in; after an error only missing_group and missing_bits mean something
 * @return 0; -ENOTSUPP: the processor does not allow a required control; -ENOSYS while the exercise
 *	   is not done
 */
int vmx_controls_compute(const struct vtx_cpu_facts *f, struct vmx_controls *out);

#endif
