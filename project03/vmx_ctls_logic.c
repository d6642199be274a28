// SPDX-License-Identifier: GPL-2.0
/*
 * The control bits of a VMCS: required and optional ones against the capability MSRs.
 */
#include "vmx_ctls_logic.h"
#include "vtx_todo.h"

const struct vmx_wish vmx_wishes[] = {
#define VMX_WISH(group, kind, ident, why) \
	{ VMX_CTL_##group, VMX_WISH_##kind, VMX_##group##_##ident, why },
#include "vmx_wishes.def"
#undef VMX_WISH
};

const unsigned int vmx_wish_count = ARRAY_SIZE(vmx_wishes);

struct vmx_wanted vmx_wishes_for(enum vmx_ctl_group group)
{
	struct vmx_wanted wanted = { 0 };
	unsigned int i;

	for (i = 0; i < vmx_wish_count; i++) {
		const struct vmx_wish *wish = &vmx_wishes[i];

		if (wish->group != group)
			continue;
		wanted.required &= ~wish->mask;
		wanted.optional &= ~wish->mask;
		if (wish->kind == VMX_WISH_REQUIRED)
			wanted.required |= wish->mask;
		else if (wish->kind == VMX_WISH_OPTIONAL)
			wanted.optional |= wish->mask;
	}
	return wanted;
}

/* Groups that are looked at only if a control of another group is 1. */
struct ctl_activation {
	enum vmx_ctl_group group;
	enum vmx_ctl_group by;
	u64 mask; /* the control, in group "by" */
};

static const struct ctl_activation ctl_activations[] = {
	{ VMX_CTL_SECONDARY, VMX_CTL_PRIMARY, VMX_PRIMARY_ACTIVATE_SECONDARY_CONTROLS },
	{ VMX_CTL_TERTIARY, VMX_CTL_PRIMARY, VMX_PRIMARY_ACTIVATE_TERTIARY_CONTROLS },
	{ VMX_CTL_EXIT2, VMX_CTL_EXIT, VMX_EXIT_ACTIVATE_SECONDARY_CONTROLS },
};

/* The groups that every processor with VMX has. */
static const enum vmx_ctl_group ctl_first_groups[] = {
	VMX_CTL_PIN, VMX_CTL_PRIMARY, VMX_CTL_EXIT, VMX_CTL_ENTRY,
};

/*
 * EXERCISE 3.6 (15 points): Controls from wishes and capability MSRs
 * Do:   compute out->value for each group. A bit is 1 if it must be 1, if it is required, or if it
 *       is optional and may be 1. If the processor does not allow a required bit, fill in
 *       missing_group and missing_bits (all of that group's) and return -ENOTSUPP; a group without
 *       a capability MSR allows nothing. The groups in ctl_first_groups[] are always active. One of
 *       ctl_activations[] is active if its value is not 0 and the control that activates it may be
 *       1; then set that control too. It is missing where a required bit needs it and it may not
 *       be 1. A group that is not active has the value 0.
 * Read: Intel SDM vol. 3, appendix A.2 to A.5, and "Algorithms for Determining VMX Capabilities";
 *       project03/README.md, "Controls"
 * Hint: vmx_ctl_caps() and vmx_wishes_for() have the four masks; one function for a group serves
 *       both kinds. Write a VMCS field of a group that is not active, and VMWRITE fails.
 */
#ifndef TODO_3_6
static int missing(struct vmx_controls *out, enum vmx_ctl_group group, u64 bits)
{
	out->missing_group = group;
	out->missing_bits = bits;
	return -ENOTSUPP;
}

static int compute_group(const struct vtx_cpu_facts *f,
			 enum vmx_ctl_group group, struct vmx_controls *out)
{
	struct vmx_wanted wanted = vmx_wishes_for(group);
	struct vmx_ctl_caps caps;
	int err = vmx_ctl_caps(f, group, &caps);

	if (err && err != -ENOENT)
		return err;
	if (wanted.required & ~caps.may_be_1)
		return missing(out, group, wanted.required & ~caps.may_be_1);
	out->value[group] = caps.must_be_1 | wanted.required | (wanted.optional & caps.may_be_1);
	return 0;
}

/* After the group that holds the activating control. */
static int compute_activated(const struct vtx_cpu_facts *f,
			     const struct ctl_activation *activation, struct vmx_controls *out)
{
	struct vmx_ctl_caps by;
	int err = compute_group(f, activation->group, out);

	if (err || !out->value[activation->group])
		return err;
	vmx_ctl_caps(f, activation->by, &by);
	if (by.may_be_1 & activation->mask) {
		out->value[activation->by] |= activation->mask;
		out->active |= 1U << activation->group;
		return 0;
	}
	out->value[activation->group] = 0;
	if (vmx_wishes_for(activation->group).required)
		return missing(out, activation->by, activation->mask);
	return 0;
}

int vmx_controls_compute(const struct vtx_cpu_facts *f, struct vmx_controls *out)
{
	unsigned int i;
	int err = 0;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < ARRAY_SIZE(ctl_first_groups) && !err; i++) {
		err = compute_group(f, ctl_first_groups[i], out);
		out->active |= 1U << ctl_first_groups[i];
	}
	for (i = 0; i < ARRAY_SIZE(ctl_activations) && !err; i++)
		err = compute_activated(f, &ctl_activations[i], out);
	return err;
}
#else
int vmx_controls_compute(const struct vtx_cpu_facts *f, struct vmx_controls *out)
{
	(void)ctl_activations;
	(void)ctl_first_groups;
	memset(out, 0, sizeof(*out));
	return VTX_TODO("3.6", "no control bit is known, so no VMCS can be filled in");
}
#endif
