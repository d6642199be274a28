// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl detect --json: the control bits of one CPU.
 *
 * Every bit that the manual names is listed, and every reserved one that may not simply be left 0:
 * those are the default1 bits, and features newer than our tables.
 */
#include "cmd_detect.h"
#include "ctl_json.h"
#include "ctl_names.h"

static struct json_object *one_bit(unsigned int bit, const char *name, enum vmx_ctl_state state)
{
	struct json_object *object = json_object_new_object();

	ctl_json_put_int(object, "bit", bit);
	ctl_json_put_text(object, "name", name ? name : "reserved");
	ctl_json_put_text(object, "state", ctl_state_name(state));
	return object;
}

static struct json_object *group_bits(enum vmx_ctl_group group, const struct vmx_ctl_caps *caps)
{
	struct json_object *bits = json_object_new_array();
	unsigned int bit;

	for (bit = 0; bit < ctl_group_bits(group); bit++) {
		const char *name = ctl_control_name(group, bit);
		enum vmx_ctl_state state = vmx_ctl_state(caps, bit);

		if (name || state != VMX_CTL_MUST_BE_0)
			json_object_array_add(bits, one_bit(bit, name, state));
	}
	return bits;
}

static struct json_object *one_group(enum vmx_ctl_group group, const struct vmx_ctl_caps *caps)
{
	struct json_object *object = json_object_new_object();
	const char *name = ctl_vmx_msr_name(caps->msr);

	ctl_json_put_text(object, "msr", name ? name : "?");
	json_object_object_add(object, "bits", group_bits(group, caps));
	return object;
}

struct json_object *detect_json_controls(const struct vtx_cpu_facts *facts)
{
	struct json_object *all = json_object_new_object();
	enum vmx_ctl_group group;

	for (group = 0; group < VMX_CTL_GROUPS; group++) {
		struct vmx_ctl_caps caps;
		int err = vmx_ctl_caps(facts, group, &caps);

		if (err == -ENOSYS) {
			json_object_put(all);
			return NULL;
		}
		if (!err)
			json_object_object_add(all, ctl_group_key(group), one_group(group, &caps));
	}
	return all;
}
