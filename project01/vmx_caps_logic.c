// SPDX-License-Identifier: GPL-2.0
/*
 * The VMX capability MSRs: which exist, and the two that everything else depends on.
 */
#include "vmx_caps_logic.h"
#include "detect_logic.h"
#include "vtx_todo.h"

static u32 msr_bit(u32 index)
{
	return 1U << (index - VTX_VMX_MSR_FIRST);
}

bool vmx_msr_read(const struct vtx_cpu_facts *f, u32 index, u64 *value)
{
	if (index - VTX_VMX_MSR_FIRST >= VTX_VMX_MSR_COUNT || !(f->vmx_msr_valid & msr_bit(index)))
		return false;
	*value = f->vmx_msr[index - VTX_VMX_MSR_FIRST];
	return true;
}

/*
 * EXERCISE 1.2 (15 points): Which capability MSRs does this processor have?
 * Do:   return a mask, bit i for MSR 480H + i. None without VMX. 480H to 48AH come with VMX. Each
 *       of the others exists if one of the first says so, and can be named only after that one was
 *       read: common/arch/vmx_msrs.def has the conditions in its last column. A control "may be 1"
 *       if its bit is set in the high half of the capability MSR.
 * Read: Intel SDM vol. 3, appendix A; project01/README.md, "Capability MSRs"
 * Hint: vmx_msr_read() is false for an MSR that was not read yet. "Without VMX" is two things: the
 *       maker builds SVM (its processors use the CPUID bit for nothing), or the bit is not set.
 */
#ifndef TODO_1_2
static bool has_vmx(const struct vtx_cpu_facts *f)
{
	struct detect_cpuid_info info;

	return !detect_cpuid(f, &info) && info.arch == DETECT_ARCH_VMX && info.vmx;
}

static bool control_may_be_1(const struct vtx_cpu_facts *f, u32 index, u64 mask)
{
	u64 value;

	return vmx_msr_read(f, index, &value) && ((value >> 32) & mask);
}

static bool has_true_controls(const struct vtx_cpu_facts *f)
{
	u64 basic;

	return vmx_msr_read(f, IA32_VMX_BASIC, &basic) && (basic & IA32_VMX_BASIC_TRUE_CONTROLS);
}

/* MSRs from @first to @last, both included. */
static u32 msr_range(u32 first, u32 last)
{
	return (msr_bit(last) - msr_bit(first)) | msr_bit(last);
}

u32 vmx_msrs_present(const struct vtx_cpu_facts *f)
{
	u32 present = msr_range(IA32_VMX_BASIC, IA32_VMX_VMCS_ENUM);

	if (!has_vmx(f))
		return 0;
	if (has_true_controls(f))
		present |= msr_range(IA32_VMX_TRUE_PINBASED_CTLS, IA32_VMX_TRUE_ENTRY_CTLS);
	if (control_may_be_1(f, IA32_VMX_PROCBASED_CTLS, VMX_PRIMARY_ACTIVATE_SECONDARY_CONTROLS))
		present |= msr_bit(IA32_VMX_PROCBASED_CTLS2);
	if (control_may_be_1(f, IA32_VMX_PROCBASED_CTLS, VMX_PRIMARY_ACTIVATE_TERTIARY_CONTROLS))
		present |= msr_bit(IA32_VMX_PROCBASED_CTLS3);
	if (control_may_be_1(f, IA32_VMX_EXIT_CTLS, VMX_EXIT_ACTIVATE_SECONDARY_CONTROLS))
		present |= msr_bit(IA32_VMX_EXIT_CTLS2);
	if (control_may_be_1(f, IA32_VMX_PROCBASED_CTLS2,
			     VMX_SECONDARY_ENABLE_EPT | VMX_SECONDARY_ENABLE_VPID))
		present |= msr_bit(IA32_VMX_EPT_VPID_CAP);
	if (control_may_be_1(f, IA32_VMX_PROCBASED_CTLS2, VMX_SECONDARY_ENABLE_VM_FUNCTIONS))
		present |= msr_bit(IA32_VMX_VMFUNC);
	return present;
}
#else
u32 vmx_msrs_present(const struct vtx_cpu_facts *f)
{
	(void)VTX_TODO("1.2", "no capability MSR is taken to exist");
	return 0;
}
#endif

/*
 * EXERCISE 1.5 (10 points): Take IA32_VMX_BASIC apart
 * Do:   fill in *out from the MSR's value. address_width is 32 if bit 48 is set and 64 if not.
 * Read: Intel SDM vol. 3, appendix A.1; project01/README.md, "IA32_VMX_BASIC"
 * Hint: VTX_FIELD() in vtx_types.h; the ends of the fields are in common/arch/vmx_cap_bits.def. The
 *       revision identifier has 31 bits, not 32: bit 31 means something else in a VMCS.
 */
#ifndef TODO_1_5
#define BASIC_FIELD(value, name) \
	VTX_FIELD(value, IA32_VMX_BASIC_##name##_HIGH, IA32_VMX_BASIC_##name##_LOW)

int vmx_decode_basic(u64 value, struct vmx_basic *out)
{
	memset(out, 0, sizeof(*out));
	out->revision_id = BASIC_FIELD(value, REVISION_ID);
	out->region_size = BASIC_FIELD(value, REGION_SIZE);
	out->address_width = value & IA32_VMX_BASIC_ADDRESS_32BIT ? 32 : 64;
	out->memory_type = BASIC_FIELD(value, MEMORY_TYPE);
	out->dual_monitor = value & IA32_VMX_BASIC_DUAL_MONITOR;
	out->ins_outs_info = value & IA32_VMX_BASIC_INS_OUTS_INFO;
	out->true_controls = value & IA32_VMX_BASIC_TRUE_CONTROLS;
	out->any_error_code = value & IA32_VMX_BASIC_ANY_ERROR_CODE;
	out->nested_exception = value & IA32_VMX_BASIC_NESTED_EXCEPTION;
	return 0;
}
#else
int vmx_decode_basic(u64 value, struct vmx_basic *out)
{
	memset(out, 0, sizeof(*out));
	return VTX_TODO("1.5", "IA32_VMX_BASIC is not decoded");
}
#endif

/* Where the settings of each group are reported; true_msr is 0 where there is only one MSR. */
static const struct {
	u32 msr;
	u32 true_msr;
	bool allowed_1_only; /* 64 bits of "may be 1"; any of the controls may be 0 */
} ctl_groups[VMX_CTL_GROUPS] = {
	[VMX_CTL_PIN] = { IA32_VMX_PINBASED_CTLS, IA32_VMX_TRUE_PINBASED_CTLS },
	[VMX_CTL_PRIMARY] = { IA32_VMX_PROCBASED_CTLS, IA32_VMX_TRUE_PROCBASED_CTLS },
	[VMX_CTL_SECONDARY] = { IA32_VMX_PROCBASED_CTLS2 },
	[VMX_CTL_TERTIARY] = { .msr = IA32_VMX_PROCBASED_CTLS3, .allowed_1_only = true },
	[VMX_CTL_EXIT] = { IA32_VMX_EXIT_CTLS, IA32_VMX_TRUE_EXIT_CTLS },
	[VMX_CTL_EXIT2] = { .msr = IA32_VMX_EXIT_CTLS2, .allowed_1_only = true },
	[VMX_CTL_ENTRY] = { IA32_VMX_ENTRY_CTLS, IA32_VMX_TRUE_ENTRY_CTLS },
};

/*
 * EXERCISE 1.6 (15 points): Control bits: must be 0, must be 1, flexible
 * Do:   vmx_ctl_caps(): find the group's capability MSR in ctl_groups[]; it is the TRUE one where
 *       there is one and IA32_VMX_BASIC[55] is set. -ENOENT if that MSR is not among the facts. The
 *       low half of a 32-bit group's MSR holds the bits that must be 1, the high half those that
 *       may be 1. The two 64-bit groups (allowed_1_only) report may be 1 in all 64 bits, and no bit
 *       of them must be 1.
 *       vmx_ctl_state(): one bit's state. Must be 1 although it may not be 1: contradictory, which
 *       only a broken hypervisor below reports.
 * Read: Intel SDM vol. 3, appendix A.2 to A.5; project01/README.md, "Control bits"
 * Hint: the old MSRs call the default1 class "must be 1" on every processor; the TRUE ones tell
 *       what is so.
 */
#ifndef TODO_1_6
static u32 ctl_msr(const struct vtx_cpu_facts *f, enum vmx_ctl_group group)
{
	u64 basic;

	if (ctl_groups[group].true_msr && vmx_msr_read(f, IA32_VMX_BASIC, &basic) &&
	    (basic & IA32_VMX_BASIC_TRUE_CONTROLS))
		return ctl_groups[group].true_msr;
	return ctl_groups[group].msr;
}

int vmx_ctl_caps(const struct vtx_cpu_facts *f, enum vmx_ctl_group group, struct vmx_ctl_caps *out)
{
	u32 msr = ctl_msr(f, group);
	u64 value;

	memset(out, 0, sizeof(*out));
	if (!vmx_msr_read(f, msr, &value))
		return -ENOENT;
	out->msr = msr;
	out->must_be_1 = ctl_groups[group].allowed_1_only ? 0 : VTX_FIELD(value, 31, 0);
	out->may_be_1 = ctl_groups[group].allowed_1_only ? value : VTX_FIELD(value, 63, 32);
	return 0;
}

enum vmx_ctl_state vmx_ctl_state(const struct vmx_ctl_caps *caps, unsigned int bit)
{
	bool may_be_1 = caps->may_be_1 & BIT_ULL(bit);

	if (caps->must_be_1 & BIT_ULL(bit))
		return may_be_1 ? VMX_CTL_MUST_BE_1 : VMX_CTL_CONTRADICTORY;
	return may_be_1 ? VMX_CTL_FLEXIBLE : VMX_CTL_MUST_BE_0;
}
#else
int vmx_ctl_caps(const struct vtx_cpu_facts *f, enum vmx_ctl_group group, struct vmx_ctl_caps *out)
{
	(void)ctl_groups;
	memset(out, 0, sizeof(*out));
	return VTX_TODO("1.6", "nothing is known about the control bits");
}

enum vmx_ctl_state vmx_ctl_state(const struct vmx_ctl_caps *caps, unsigned int bit)
{
	return VMX_CTL_CONTRADICTORY;
}
#endif
