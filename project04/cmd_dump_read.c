// SPDX-License-Identifier: GPL-2.0
/*
 * The whole control structure of a vCPU from the driver, and as JSON for vtxctl explain.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cmd_detect.h"
#include "cmd_dump.h"
#include "cmd_look.h"
#include "cmd_vendor.h"
#include "ctl.h"
#include "ctl_json.h"
#include "ctl_vendor.h"

/* The facts of a CPU; of the first that is online if cpu is none. */
static int read_facts(int fd, int cpu, struct vtx_cpu_facts *facts)
{
	struct vtx_cpu_query query = { 0 };
	struct vtx_info info;
	__u32 i;

	if (ioctl(fd, VTXDRV_GET_INFO, &info)) {
		ctl_error("the driver does not answer VTXDRV_GET_INFO: %m");
		return CTL_NO;
	}
	for (i = cpu < 0 ? 0 : cpu; i < info.nr_cpu_ids; i++) {
		query = (struct vtx_cpu_query){ .cpu = i };
		if (!ioctl(fd, VTXDRV_QUERY_CPU, &query)) {
			*facts = query.facts;
			return CTL_DONE;
		}
	}
	/* The CPU that it was on has gone offline meanwhile: any other has the same facts. */
	if (cpu >= 0)
		return read_facts(fd, -1, facts);
	ctl_error("no CPU tells its facts: %m; vtxctl detect asks for the same.");
	return CTL_NO;
}

int dump_read(int fd, const struct vtx_vm_info *info, __u32 vcpu, struct dump *dump)
{
	struct vtx_vcpu_info where = { .vm = info->id, .vcpu = vcpu };
	struct vtx_state state = {
		.vm = info->id,
		.vcpu = vcpu,
		.size = DUMP_FIELDS,
		.fields = (uintptr_t)dump->fields,
	};
	char what[16];

	memcpy(dump->vm, info->name, sizeof(dump->vm));
	dump->id = info->id;
	dump->vcpu = vcpu;
	if (ioctl(fd, VTXDRV_GET_STATE, &state) || ioctl(fd, VTXDRV_VCPU_INFO, &where)) {
		snprintf(what, sizeof(what), "the %s", ctl_vendor->control);
		look_explain(what, info->id, vcpu);
		return CTL_NO;
	}
	if (state.count > DUMP_FIELDS) {
		ctl_error("the driver knows %u fields of the %s, this vtxctl %d: build module "
			  "and vtxctl from the same tree.",
			  state.count, ctl_vendor->control, DUMP_FIELDS);
		return CTL_NO;
	}
	dump->count = state.count;
	return read_facts(fd, where.cpu, &dump->facts);
}

struct json_object *dump_json(const struct dump *dump)
{
	struct json_object *object = json_object_new_object();
	struct json_object *fields = json_object_new_object();
	struct json_object *absent = json_object_new_array();
	__u32 i;

	for (i = 0; i < dump->count; i++) {
		const struct vtx_field *field = &dump->fields[i];
		const char *ident = vendor_field_ident(field->encoding);

		if (field->error)
			json_object_array_add(absent, json_object_new_string(ident));
		else
			ctl_json_put_hex(fields, ident, field->value);
	}
	ctl_json_put_text(object, "vendor", ctl_vendor->key);
	ctl_json_put_text(object, "vm", dump->vm);
	ctl_json_put_int(object, "id", dump->id);
	ctl_json_put_int(object, "vcpu", dump->vcpu);
	json_object_object_add(object, "facts", detect_raw_write(&dump->facts));
	json_object_object_add(object, "fields", fields);
	json_object_object_add(object, "absent", absent);
	return object;
}
