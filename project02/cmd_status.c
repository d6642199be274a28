// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl status: which CPUs are in VMX operation (or have EFER.SVME set), and by whom.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#if VTX_STAGE >= 7
#include "cmd_enable_svm.h"
#endif
#include "ctl.h"
#include "ctl_json.h"
#include "ctl_table.h"
#include "ctl_vendor.h"
#include "x86_bits.h"

struct status_list {
	unsigned int count;
	struct vtx_cpu_status *cpus;
};

/* What is shown of a CPU, by the extension that it has. */
struct columns {
	const char *title;
	const char *on;
	const char *off;
	bool has_revision; /* of the region */
	size_t taken; /* offset of the register with a bit that only users of the extension set */
	u64 taken_bit;
	size_t allowed; /* of the one by which firmware allows it */
};

static const struct columns vmx_columns = {
	.title = "CPU  state            VMXON region    bytes  revision      CR4       "
		 "FEATURE_CONTROL",
	.on = "VMX on",
	.off = "VMX off",
	.has_revision = true,
	.taken = offsetof(struct vtx_cpu_status, cr4),
	.taken_bit = CR4_VMXE,
	.allowed = offsetof(struct vtx_cpu_status, feature_control),
};

static const struct columns svm_columns = {
	.title = "CPU  state            host save area  bytes  EFER      VM_CR",
	.on = "SVM on",
	.off = "SVM off",
	.taken = offsetof(struct vtx_cpu_status, efer),
	.taken_bit = IA32_EFER_SVME,
	.allowed = offsetof(struct vtx_cpu_status, vm_cr),
};

static const struct columns *columns(void)
{
	return ctl_vendor == &ctl_svm ? &svm_columns : &vmx_columns;
}

static u64 register_at(const struct vtx_cpu_status *cpu, size_t offset)
{
	u64 value;

	memcpy(&value, (const char *)cpu + offset, sizeof(value));
	return value;
}

static bool is_taken(const struct vtx_cpu_status *cpu)
{
	return register_at(cpu, columns()->taken) & columns()->taken_bit;
}


static struct json_object *cpu_json(const struct vtx_cpu_status *cpu)
{
	struct json_object *object = json_object_new_object();

	ctl_json_put_int(object, "cpu", cpu->cpu);
	ctl_json_put_bool(object, "online", cpu->online);
	ctl_json_put_bool(object, "enabled", cpu->enabled);
	ctl_json_put_hex(object, "region_pa", cpu->region_pa);
	ctl_json_put_int(object, "region_size", cpu->region_size);
	ctl_json_put_hex(object, "revision_id", cpu->revision_id);
	ctl_json_put_hex(object, "cr4", cpu->cr4);
	ctl_json_put_bool(object, "vmxe", cpu->cr4 & CR4_VMXE);
	ctl_json_put_hex(object, "feature_control", cpu->feature_control);
#if VTX_STAGE >= 7
	if (ctl_vendor == &ctl_svm)
		status_put_svm(object, cpu);
#endif
	return object;
}

static void print_json(const struct vtx_info *info, const struct status_list *list)
{
	struct json_object *top = json_object_new_object();
	struct json_object *cpus = json_object_new_array();
	unsigned int i;

	ctl_json_put_int(top, "abi", VTXDRV_ABI_VERSION);
	ctl_json_put_int(top, "stage", info->stage);
	ctl_json_put_int(top, "users", list->count ? list->cpus[0].users : 0);
	for (i = 0; i < list->count; i++)
		json_object_array_add(cpus, cpu_json(&list->cpus[i]));
	json_object_object_add(top, "cpus", cpus);
	ctl_json_print(top);
}

static const char *state(const struct vtx_cpu_status *cpu)
{
	if (!cpu->online)
		return "offline";
	if (cpu->enabled)
		return columns()->on;
	return is_taken(cpu) ? "held by another" : columns()->off;
}

static void print_cpu(const struct vtx_cpu_status *cpu)
{
	enum ctl_mood mood = cpu->enabled ? CTL_GOOD : CTL_PLAIN;

	printf("%-5u", cpu->cpu);
	ctl_word(cpu->online && !cpu->enabled && is_taken(cpu) ? CTL_BAD : mood, 17, state(cpu));
	if (cpu->region_pa)
		printf("0x%-14" PRIx64 "%-7u", (uint64_t)cpu->region_pa, cpu->region_size);
	else
		printf("%-16s%-7s", "none", "-");
	if (columns()->has_revision && cpu->region_pa)
		printf("0x%-12x", cpu->revision_id);
	else if (columns()->has_revision)
		printf("%-14s", "-");
	if (cpu->online)
		printf("0x%-8" PRIx64 "0x%" PRIx64, register_at(cpu, columns()->taken),
		       register_at(cpu, columns()->allowed));
	putchar('\n');
}

static void print_table(const struct status_list *list)
{
	unsigned int i;

	ctl_word(CTL_STRONG, 0, columns()->title);
	putchar('\n');
	for (i = 0; i < list->count; i++)
		print_cpu(&list->cpus[i]);
	printf("Users: %u\n", list->count ? list->cpus[0].users : 0);
}

/* Numbers of CPUs have holes: those answer ERANGE and are left out. */
static int ask_all(int fd, unsigned int limit, struct status_list *list)
{
	unsigned int cpu;

	for (cpu = 0; cpu < limit; cpu++) {
		struct vtx_cpu_status *status = &list->cpus[list->count];

		status->cpu = cpu;
		if (!ioctl(fd, VTXDRV_CPU_STATUS, status)) {
			list->count++;
		} else if (errno != ERANGE) {
			ctl_error("status of CPU %u: %m. dmesg may say more.", cpu);
			return CTL_NO;
		}
	}
	return CTL_DONE;
}

static int cmd_status_main(int argc, char **argv)
{
	bool json = ctl_parse_json_only("Which CPUs are in " CTL_OPERATION ", and how many "
					"users this driver has. Changes nothing.", argc, argv);
	struct status_list list = { 0 };
	struct vtx_info info = { 0 };
	int status;
	int fd;

	status = ctl_open(&fd, &info, VTX_FEATURE_VMXON);
	if (status != CTL_DONE)
		return status;
	list.cpus = calloc(info.nr_cpu_ids, sizeof(*list.cpus));
	if (list.cpus) {
		status = ask_all(fd, info.nr_cpu_ids, &list);
	} else {
		ctl_error("no memory for the status of %u CPUs", info.nr_cpu_ids);
		status = CTL_NO;
	}
	close(fd);
	if (status == CTL_DONE && json)
		print_json(&info, &list);
	else if (status == CTL_DONE)
		print_table(&list);
	free(list.cpus);
	return status;
}

VTX_COMMAND(status, "which CPUs are in " CTL_OPERATION ", and by whom", cmd_status_main);
