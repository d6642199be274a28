// SPDX-License-Identifier: GPL-2.0
/*
 * The tables of common/arch as names to print.
 */
#include "ctl_names.h"

static const char *const msr_names[VTX_VMX_MSR_COUNT] = {
#define VMX_MSR(index, name, section, exists_if) [(index) - VTX_VMX_MSR_FIRST] = #name,
#include "vmx_msrs.def"
#undef VMX_MSR
};

static const struct {
	const char *key;
	unsigned int bits;
} groups[VMX_CTL_GROUPS] = {
	[VMX_CTL_PIN] = { "pin", 32 },		 [VMX_CTL_PRIMARY] = { "primary", 32 },
	[VMX_CTL_SECONDARY] = { "secondary", 32 }, [VMX_CTL_TERTIARY] = { "tertiary", 64 },
	[VMX_CTL_EXIT] = { "exit", 32 },	 [VMX_CTL_EXIT2] = { "exit2", 64 },
	[VMX_CTL_ENTRY] = { "entry", 32 },
};

static const struct {
	enum vmx_ctl_group group;
	unsigned int bit;
	const char *name;
} controls[] = {
#define VMX_CTL(group, bit, ident, name) { VMX_CTL_##group, bit, name },
#include "vmx_ctls.def"
#undef VMX_CTL
};

const struct ctl_bit_name ctl_cap_bits[] = {
#define VMX_CAP_FIELD(reg, high, low, ident, meaning)
#define VMX_CAP_BIT(reg, bit, ident, key, meaning) { reg, bit, key, meaning },
#include "vmx_cap_bits.def"
#undef VMX_CAP_BIT
#undef VMX_CAP_FIELD
	{ 0, 0, NULL, NULL },
};

const struct ctl_bit_name ctl_svm_features[] = {
#define SVM_FEATURE(bit, ident, meaning) { 0, bit, #ident, meaning },
#include "svm_features.def"
#undef SVM_FEATURE
	{ 0, 0, NULL, NULL },
};

const char *ctl_vmx_msr_name(u32 index)
{
	u32 i = index - VTX_VMX_MSR_FIRST;

	return i < VTX_VMX_MSR_COUNT ? msr_names[i] : NULL;
}

const char *ctl_group_key(enum vmx_ctl_group group)
{
	return groups[group].key;
}

unsigned int ctl_group_bits(enum vmx_ctl_group group)
{
	return groups[group].bits;
}

const char *ctl_control_name(enum vmx_ctl_group group, unsigned int bit)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(controls); i++) {
		if (controls[i].group == group && controls[i].bit == bit)
			return controls[i].name;
	}
	return NULL;
}

const char *ctl_state_name(enum vmx_ctl_state state)
{
	static const char *const names[] = {
		[VMX_CTL_MUST_BE_0] = "must-be-0",
		[VMX_CTL_MUST_BE_1] = "must-be-1",
		[VMX_CTL_FLEXIBLE] = "flexible",
		[VMX_CTL_CONTRADICTORY] = "contradictory",
	};

	return (unsigned int)state < ARRAY_SIZE(names) ? names[state] : "?";
}
