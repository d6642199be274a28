/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vmx_caps_logic.h
 * @brief Which VMX capability MSRs a processor has, and what they say.
 *
 * Pure C, like detect_logic.h. Intel SDM volume 3, appendix A is the source of every rule here.
 */
#ifndef VMX_CAPS_LOGIC_H
#define VMX_CAPS_LOGIC_H

#include "vmx_cap_bits.h"
#include "vmx_ctls.h"
#include "vmx_msrs.h"
#include "vtx_types.h"
#include "vtxdrv.h"

/** The seven fields of the VMCS that are made of control bits. */
enum vmx_ctl_group {
	VMX_CTL_PIN,
	VMX_CTL_PRIMARY,
	VMX_CTL_SECONDARY,
	VMX_CTL_TERTIARY, /**< 64 bits; its MSR reports the allowed 1-settings only */
	VMX_CTL_EXIT,
	VMX_CTL_EXIT2, /**< 64 bits; its MSR reports the allowed 1-settings only */
	VMX_CTL_ENTRY,
	VMX_CTL_GROUPS,
};

/** What a processor lets software do with one control bit. */
enum vmx_ctl_state {
	VMX_CTL_MUST_BE_0,
	VMX_CTL_MUST_BE_1,
	VMX_CTL_FLEXIBLE,
	VMX_CTL_CONTRADICTORY, /**< neither 0 nor 1 is allowed: no real processor says so */
};

/** The settings of one group of controls that a processor allows. */
struct vmx_ctl_caps {
	u32 msr; /**< index of the capability MSR that they come from */
	u64 must_be_1; /**< bits that may not be 0 ("allowed 0-settings") */
	u64 may_be_1; /**< bits that may be 1 ("allowed 1-settings") */
};

/** IA32_VMX_BASIC, taken apart. */
struct vmx_basic {
	u32 revision_id; /**< bits 30:0, goes into every VMXON region and VMCS */
	u32 region_size; /**< bits 44:32, bytes to allocate, at most 4096 */
	u32 address_width; /**< 32 if bit 48 is set, else the processor's physical width (64) */
	u32 memory_type; /**< bits 53:50: 0 uncacheable, 6 write-back */
	bool dual_monitor; /**< bit 49: dual-monitor treatment of SMIs and SMM */
	bool ins_outs_info; /**< bit 54: VM exits by INS and OUTS report instruction information */
	bool true_controls; /**< bit 55: the TRUE capability MSRs 48DH-490H exist */
	bool any_error_code; /**< bit 56: events may be injected with or without an error code */
	bool nested_exception; /**< bit 58: nested-exception bit in event data (FRED) */
};

/**
 * Look a capability MSR up among the facts.
 *
 * @param f facts of one processor
 * @param index 480H to 493H
 * @param value the MSR's value; untouched when it was not read
 * @return true if the facts hold it
 */
bool vmx_msr_read(const struct vtx_cpu_facts *f, u32 index, u64 *value);

/**
 * Which capability MSRs exist, as far as can be said now (exercise 1.2).
 *
 * Uses CPUID and those MSR values that @p f already holds, so a caller that reads what is known to
 * exist and asks again, until nothing is new, learns all of them without one blind read.
 *
 * @param f facts of one processor, read so far
 * @return bit i set: MSR 480H + i exists; 0 without VMX, and while the exercise is not done
 */
u32 vmx_msrs_present(const struct vtx_cpu_facts *f);

/**
 * Take IA32_VMX_BASIC apart (exercise 1.5).
 *
 * @param value the MSR's value
 * @param out filled in; all zeros when the function fails
 * @return 0, or -ENOSYS while the exercise is not done
 */
int vmx_decode_basic(u64 value, struct vmx_basic *out);

/**
 * The settings that a processor allows for one group of controls (exercise 1.6).
 *
 * Takes the TRUE capability MSR where IA32_VMX_BASIC[55] says that there is one.
 *
 * @param f facts of one processor
 * @param group which controls
 * @param out filled in; all zeros when the function fails
 * @return 0; -ENOENT if the processor has no such controls, or their MSR was not read; -ENOSYS
 *	   while the exercise is not done
 */
int vmx_ctl_caps(const struct vtx_cpu_facts *f, enum vmx_ctl_group group,
		 struct vmx_ctl_caps *out);

/**
 * What may one control bit be? (second half of exercise 1.6)
 *
 * @param caps from vmx_ctl_caps()
 * @param bit 0 to 31, or to 63 for the two 64-bit groups
 * @return the bit's state; VMX_CTL_CONTRADICTORY also while the exercise is not done
 */
enum vmx_ctl_state vmx_ctl_state(const struct vmx_ctl_caps *caps, unsigned int bit);

#endif
