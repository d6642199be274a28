// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl detect for people: the capabilities of one CPU.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cmd_detect.h"
#include "ctl_names.h"
#include "ctl_table.h"
#include "vmx_caps_logic.h"
#include "vmx_misc_logic.h"
#include "x86_bits.h"

static const char *memory_type(u32 type)
{
	if (type == VMX_MEMORY_TYPE_WB)
		return "write-back";
	return type == VMX_MEMORY_TYPE_UC ? "uncacheable" : "of a reserved memory type";
}

static void print_basic(const struct vtx_cpu_facts *f)
{
	struct vmx_basic b;
	u64 value;

	if (!vmx_msr_read(f, IA32_VMX_BASIC, &value) || vmx_decode_basic(value, &b))
		return;
	ctl_property("revision identifier", "0x%x", b.revision_id);
	ctl_property("VMXON region, VMCS", "%u bytes, %s, %s", b.region_size,
		     memory_type(b.memory_type),
		     b.address_width == 32 ? "below 4 GByte" : "at any physical address");
	ctl_property("true controls", "%s", ctl_yes_no(b.true_controls));
	ctl_property("dual-monitor SMM", "%s", ctl_yes_no(b.dual_monitor));
	ctl_property("INS/OUTS information", "%s", ctl_yes_no(b.ins_outs_info));
}

static void print_misc(const struct vtx_cpu_facts *f)
{
	struct vmx_misc m;
	u64 value;

	if (vmx_msr_read(f, IA32_VMX_MISC, &value)) {
		vmx_decode_misc(value, &m);
		ctl_property("preemption timer", "counts bit %u of the TSC", m.timer_shift);
		ctl_property("CR3-target values", "%u", m.cr3_targets);
		ctl_property("MSRs in a list", "at most %u", m.msr_list_max);
	}
	if (vmx_msr_read(f, IA32_VMX_VMCS_ENUM, &value))
		ctl_property("highest VMCS field", "index %u", vmx_highest_field_index(value));
}

static void print_fixed(const char *name, const struct vtx_cpu_facts *f, u32 fixed0_msr)
{
	u64 fixed0;
	u64 fixed1;

	if (!vmx_msr_read(f, fixed0_msr, &fixed0) || !vmx_msr_read(f, fixed0_msr + 1, &fixed1))
		return;
	ctl_property(name, "must be 1: 0x%" PRIx64 ", may be 1: 0x%" PRIx64, fixed0, fixed1);
}

/* The set bits of one capability MSR, one a line. */
static void print_cap_bits(const char *title, const struct vtx_cpu_facts *f, u32 index)
{
	const struct ctl_bit_name *bit;
	const char *label = title;
	u64 value;

	if (!vmx_msr_read(f, index, &value))
		return;
	for (bit = ctl_cap_bits; bit->key; bit++) {
		if (bit->msr != index || !(value & BIT_ULL(bit->bit)))
			continue;
		ctl_property(label, "%s", bit->meaning);
		label = "";
	}
}

static void print_vmx(const struct vtx_cpu_facts *f)
{
	ctl_heading("VMX of CPU %u", f->cpu);
	print_basic(f);
	print_misc(f);
	print_fixed("CR0 in VMX operation", f, IA32_VMX_CR0_FIXED0);
	print_fixed("CR4 in VMX operation", f, IA32_VMX_CR4_FIXED0);
	print_cap_bits("EPT and VPID", f, IA32_VMX_EPT_VPID_CAP);
	print_cap_bits("VM functions", f, IA32_VMX_VMFUNC);
}

static void print_svm(const struct vtx_cpu_facts *f)
{
	const struct ctl_bit_name *bit;
	const char *label = "features";

	ctl_heading("SVM of CPU %u", f->cpu);
	ctl_property("revision", "%u", f->ext_svm.eax & 0xff);
	ctl_property("address space ids", "%u", f->ext_svm.ebx);
	for (bit = ctl_svm_features; bit->key; bit++) {
		if (!(f->ext_svm.edx & BIT(bit->bit)))
			continue;
		ctl_property(label, "%s: %s", bit->key, bit->meaning);
		label = "";
	}
}

/* Every bit, also those that the processor does not have. */
static void print_svm_features(const struct vtx_cpu_facts *f)
{
	const struct ctl_bit_name *bit;

	ctl_heading("CPUID 8000_000AH EDX of CPU %u: 0x%08x", f->cpu, f->ext_svm.edx);
	for (bit = ctl_svm_features; bit->key; bit++)
		printf("  %2u  %-26s%-5s%s\n", bit->bit, bit->key,
		       ctl_yes_no(f->ext_svm.edx & BIT(bit->bit)), bit->meaning);
}

static void print_msrs(const struct vtx_cpu_facts *f)
{
	u32 present = vmx_msrs_present(f);
	u64 value;
	u32 i;

	ctl_heading("Capability MSRs of CPU %u", f->cpu);
	for (i = 0; i < VTX_VMX_MSR_COUNT; i++) {
		u32 index = VTX_VMX_MSR_FIRST + i;

		printf("  0x%03x  %-30s", index, ctl_vmx_msr_name(index));
		if (vmx_msr_read(f, index, &value))
			printf("0x%016" PRIx64 "\n", value);
		else
			puts(present & (1U << i) ? "exists, was not read" : "does not exist");
	}
}

static void print_group(enum vmx_ctl_group group, const struct vmx_ctl_caps *caps)
{
	const char *name = ctl_vmx_msr_name(caps->msr);
	unsigned int bit;

	ctl_heading("Controls: %s (%s)", ctl_group_key(group), name ? name : "?");
	for (bit = 0; bit < ctl_group_bits(group); bit++) {
		const char *control = ctl_control_name(group, bit);
		enum vmx_ctl_state state = vmx_ctl_state(caps, bit);

		if (control || state != VMX_CTL_MUST_BE_0)
			printf("  %2u  %-40s%s\n", bit, control ? control : "reserved",
			       ctl_state_name(state));
	}
}

static void print_controls(const struct vtx_cpu_facts *f)
{
	enum vmx_ctl_group group;

	for (group = 0; group < VMX_CTL_GROUPS; group++) {
		struct vmx_ctl_caps caps;

		if (!vmx_ctl_caps(f, group, &caps))
			print_group(group, &caps);
	}
}

void detect_print_caps(const struct vtx_cpu_facts *facts, bool verbose)
{
	if (facts->vmx_msr_valid)
		print_vmx(facts);
	if (facts->ext1.ecx & CPUID_8000_0001_ECX_SVM)
		print_svm(facts);
	if (facts->ext1.ecx & CPUID_8000_0001_ECX_SVM && verbose)
		print_svm_features(facts);
	if (!verbose || !facts->vmx_msr_valid)
		return;
	print_msrs(facts);
	print_controls(facts);
}
