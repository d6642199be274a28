// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl detect --json: one CPU, decoded. A key whose fact does not exist, or whose exercise is not
 * done, is null.
 */
#include <string.h>

#include "cmd_detect.h"
#include "ctl_json.h"
#include "ctl_names.h"
#include "detect_text_logic.h"
#include "vmx_caps_logic.h"
#include "vmx_misc_logic.h"
#include "x86_bits.h"

static struct json_object *cpuid(const struct vtx_cpu_facts *f)
{
	static const char *const arch[] = {
		[DETECT_ARCH_NONE] = "none",
		[DETECT_ARCH_VMX] = "vmx",
		[DETECT_ARCH_SVM] = "svm",
	};
	struct detect_cpuid_info info;
	struct json_object *object;

	if (detect_cpuid(f, &info))
		return NULL;
	object = json_object_new_object();
	json_object_object_add(object, "vendor", ctl_json_name(info.vendor, 12));
	ctl_json_put_text(object, "arch", info.arch < ARRAY_SIZE(arch) ? arch[info.arch] : "?");
	ctl_json_put_bool(object, "vmx", info.vmx);
	ctl_json_put_bool(object, "svm", info.svm);
	ctl_json_put_bool(object, "hypervisor", info.hypervisor);
	json_object_object_add(object, "signature", ctl_json_name(info.signature, 12));
	return object;
}

static struct json_object *feature_control(const struct vtx_cpu_facts *f)
{
	struct json_object *object = json_object_new_object();
	bool present = f->valid & VTX_FACT_FEATURE_CONTROL;

	ctl_json_put_bool(object, "present", present);
	if (!present)
		return object;
	ctl_json_put_hex(object, "value", f->feature_control);
	ctl_json_put_bool(object, "locked", f->feature_control & FEATURE_CONTROL_LOCK);
	ctl_json_put_bool(object, "vmx_in_smx", f->feature_control & FEATURE_CONTROL_VMX_IN_SMX);
	ctl_json_put_bool(object, "vmx_outside_smx",
			  f->feature_control & FEATURE_CONTROL_VMX_OUTSIDE_SMX);
	return object;
}

static struct json_object *vm_cr(const struct vtx_cpu_facts *f)
{
	struct json_object *object = json_object_new_object();
	bool present = f->valid & VTX_FACT_VM_CR;

	ctl_json_put_bool(object, "present", present);
	if (!present)
		return object;
	ctl_json_put_hex(object, "value", f->vm_cr);
	ctl_json_put_bool(object, "svmdis", f->vm_cr & VM_CR_SVMDIS);
	ctl_json_put_bool(object, "lock", f->vm_cr & VM_CR_LOCK);
	return object;
}

static struct json_object *msrs(const struct vtx_cpu_facts *f)
{
	struct json_object *all = json_object_new_array();
	u32 present = vmx_msrs_present(f);
	u64 value;
	u32 i;

	for (i = 0; i < VTX_VMX_MSR_COUNT; i++) {
		struct json_object *msr = json_object_new_object();
		u32 index = VTX_VMX_MSR_FIRST + i;

		ctl_json_put_hex(msr, "index", index);
		ctl_json_put_text(msr, "name", ctl_vmx_msr_name(index));
		ctl_json_put_bool(msr, "exists", present & (1U << i));
		if (vmx_msr_read(f, index, &value))
			ctl_json_put_hex(msr, "value", value);
		else
			ctl_json_put_null(msr, "value");
		json_object_array_add(all, msr);
	}
	return all;
}

static struct json_object *memory_type(u32 type)
{
	char number[24];

	if (type == VMX_MEMORY_TYPE_WB)
		return json_object_new_string("WB");
	if (type == VMX_MEMORY_TYPE_UC)
		return json_object_new_string("UC");
	snprintf(number, sizeof(number), "reserved-%u", type);
	return json_object_new_string(number);
}

static struct json_object *basic(const struct vtx_cpu_facts *f)
{
	struct json_object *object;
	struct vmx_basic b;
	u64 value;

	if (!vmx_msr_read(f, IA32_VMX_BASIC, &value) || vmx_decode_basic(value, &b))
		return NULL;
	object = json_object_new_object();
	ctl_json_put_hex(object, "revision_id", b.revision_id);
	ctl_json_put_int(object, "region_size", b.region_size);
	ctl_json_put_int(object, "address_width", b.address_width);
	json_object_object_add(object, "memory_type", memory_type(b.memory_type));
	ctl_json_put_bool(object, "dual_monitor", b.dual_monitor);
	ctl_json_put_bool(object, "ins_outs_info", b.ins_outs_info);
	ctl_json_put_bool(object, "true_controls", b.true_controls);
	ctl_json_put_bool(object, "any_error_code", b.any_error_code);
	ctl_json_put_bool(object, "nested_exception", b.nested_exception);
	return object;
}

/* The single bits of one capability MSR, by their keys. */
static struct json_object *cap_bits(u32 index, u64 value)
{
	struct json_object *object = json_object_new_object();
	const struct ctl_bit_name *bit;

	for (bit = ctl_cap_bits; bit->key; bit++) {
		if (bit->msr == index)
			ctl_json_put_bool(object, bit->key, value & BIT_ULL(bit->bit));
	}
	return object;
}

static struct json_object *misc(const struct vtx_cpu_facts *f)
{
	struct json_object *object;
	struct vmx_misc m;
	u64 value;

	if (!vmx_msr_read(f, IA32_VMX_MISC, &value))
		return NULL;
	vmx_decode_misc(value, &m);
	object = cap_bits(IA32_VMX_MISC, value);
	ctl_json_put_int(object, "timer_shift", m.timer_shift);
	ctl_json_put_int(object, "cr3_targets", m.cr3_targets);
	ctl_json_put_int(object, "msr_list_max", m.msr_list_max);
	ctl_json_put_hex(object, "mseg_revision", m.mseg_revision);
	return object;
}

static struct json_object *cr_fixed(const struct vtx_cpu_facts *f)
{
	static const char *const keys[] = {
		"cr0_fixed0", "cr0_fixed1", "cr4_fixed0", "cr4_fixed1",
	};
	struct json_object *object = json_object_new_object();
	u64 value;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		if (vmx_msr_read(f, IA32_VMX_CR0_FIXED0 + i, &value))
			ctl_json_put_hex(object, keys[i], value);
		else
			ctl_json_put_null(object, keys[i]);
	}
	return object;
}

static struct json_object *vmcs_enum(const struct vtx_cpu_facts *f)
{
	struct json_object *object;
	u64 value;

	if (!vmx_msr_read(f, IA32_VMX_VMCS_ENUM, &value))
		return NULL;
	object = json_object_new_object();
	ctl_json_put_int(object, "highest_index", vmx_highest_field_index(value));
	return object;
}

static struct json_object *ept_vpid(const struct vtx_cpu_facts *f)
{
	struct json_object *object;
	u64 value;

	if (!vmx_msr_read(f, IA32_VMX_EPT_VPID_CAP, &value))
		return NULL;
	object = cap_bits(IA32_VMX_EPT_VPID_CAP, value);
	ctl_json_put_int(object, "hlat_prefix_size", vmx_hlat_prefix_size(value));
	return object;
}

static struct json_object *vmfunc(const struct vtx_cpu_facts *f)
{
	u64 value;

	return vmx_msr_read(f, IA32_VMX_VMFUNC, &value) ? cap_bits(IA32_VMX_VMFUNC, value) : NULL;
}

/* CPUID 8000_000AH; null where the processor does not show SVM. */
static struct json_object *svm(const struct vtx_cpu_facts *f)
{
	struct json_object *object;
	struct json_object *features;
	const struct ctl_bit_name *bit;

	if (!(f->ext1.ecx & CPUID_8000_0001_ECX_SVM))
		return NULL;
	object = json_object_new_object();
	features = json_object_new_object();
	ctl_json_put_int(object, "revision", f->ext_svm.eax & 0xff);
	ctl_json_put_int(object, "asids", f->ext_svm.ebx);
	for (bit = ctl_svm_features; bit->key; bit++)
		ctl_json_put_bool(features, bit->key, f->ext_svm.edx & BIT(bit->bit));
	json_object_object_add(object, "features", features);
	return object;
}

struct json_object *detect_json_cpu(const struct vtx_cpu_query *query)
{
	const struct vtx_cpu_facts *f = &query->facts;
	struct json_object *cpu = json_object_new_object();

	ctl_json_put_int(cpu, "cpu", query->cpu);
	ctl_json_put_text(cpu, "verdict", detect_verdict_name(query->verdict));
	json_object_object_add(cpu, "cpuid", cpuid(f));
	json_object_object_add(cpu, "feature_control", feature_control(f));
	json_object_object_add(cpu, "vm_cr", vm_cr(f));
	json_object_object_add(cpu, "msrs", msrs(f));
	json_object_object_add(cpu, "basic", basic(f));
	json_object_object_add(cpu, "controls", detect_json_controls(f));
	json_object_object_add(cpu, "misc", misc(f));
	json_object_object_add(cpu, "cr_fixed", cr_fixed(f));
	json_object_object_add(cpu, "vmcs_enum", vmcs_enum(f));
	json_object_object_add(cpu, "ept_vpid", ept_vpid(f));
	json_object_object_add(cpu, "vmfunc", vmfunc(f));
	json_object_object_add(cpu, "svm", svm(f));
	return cpu;
}
