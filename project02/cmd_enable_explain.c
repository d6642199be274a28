// SPDX-License-Identifier: GPL-2.0
/*
 * Why a CPU could not be enabled, in words.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd_enable.h"
#if VTX_STAGE >= 7
#include "cmd_enable_svm.h"
#endif
#include "ctl.h"
#include "ctl_vendor.h"
#include "detect_text_logic.h"

#define HEX "0x%" PRIx64

static const char *const cause_names[] = {
	[VTX_CAUSE_NONE] = "none",
	[VTX_CAUSE_NOT_USABLE] = "not-usable",
	[VTX_CAUSE_HELD] = "held",
	[VTX_CAUSE_FEATURE_CONTROL] = "feature-control",
	[VTX_CAUSE_CR0_FIXED] = "cr0-fixed",
	[VTX_CAUSE_CR4_FIXED] = "cr4-fixed",
	[VTX_CAUSE_REGION] = "region",
	[VTX_CAUSE_NO_MEMORY] = "no-memory",
	[VTX_CAUSE_VMXON_FAULT] = "vmxon-fault",
	[VTX_CAUSE_VMXON_FAILED] = "vmxon-failed",
	[VTX_CAUSE_SHUTDOWN] = "shutdown",
	[VTX_CAUSE_INJECTED] = "injected",
	[VTX_CAUSE_VM_CR] = "vm-cr",
	[VTX_CAUSE_SVM_FAULT] = "svm-fault",
	[VTX_CAUSE_SVME] = "svme",
};

const char *enable_cause_name(unsigned int cause)
{
	if (cause < sizeof(cause_names) / sizeof(cause_names[0]))
		return cause_names[cause];
	return "unknown";
}

struct bit_name {
	const char *reg;
	uint64_t mask;
	const char *name;
};

static const struct bit_name bit_names[] = {
#define X86_BIT(reg, bit, ident, meaning) { #reg, 1ULL << (bit), #reg "." #ident },
#include "x86_bits.def"
#undef X86_BIT
};

/* " CR0.NE must be 1, CR0.PE must be 1": the bits of @p mask by name, as many as fit. */
static void name_bits(char *text, size_t size, const char *reg, uint64_t mask, int must_be)
{
	size_t i;
	size_t used = strlen(text);

	for (i = 0; i < sizeof(bit_names) / sizeof(bit_names[0]) && used < size; i++) {
		if ((mask & bit_names[i].mask) && !strcmp(bit_names[i].reg, reg))
			used += snprintf(text + used, size - used, "%s %s must be %d",
					 *text ? "," : "", bit_names[i].name, must_be);
	}
}

static void explain_cr(const char *cr, const struct vtx_enable *a)
{
	char bits[256] = "";

	name_bits(bits, sizeof(bits), cr, a->expected & ~a->value, 1);
	name_bits(bits, sizeof(bits), cr, a->value & ~a->expected, 0);
	ctl_error("enable: CPU %d: %s is " HEX ", VMX operation needs " HEX ":%s. The kernel "
		  "sets %s: look for what changed it (another module, a boot parameter).",
		  a->cpu, cr, (uint64_t)a->value, (uint64_t)a->expected, bits, cr);
}

static void explain_msrs(const struct vtx_enable *a)
{
	if (a->cause == VTX_CAUSE_FEATURE_CONTROL)
		ctl_error("enable: CPU %d: IA32_FEATURE_CONTROL is " HEX ", bits " HEX " are "
			  "needed: firmware has locked VMX out. Enable VT-x in the firmware's "
			  "setup and switch the computer off and on; vtxctl detect explains.",
			  a->cpu, (uint64_t)a->value, (uint64_t)a->expected);
	else
		ctl_error("enable: CPU %d: no VMXON region for IA32_VMX_BASIC " HEX ": size 0 or "
			  "above 4096, a reserved memory type, or another revision than the CPU "
			  "has that loaded the module. vtxctl detect shows whether CPUs differ.",
			  a->cpu, (uint64_t)a->value);
}

static void explain_vmxon(const struct vtx_enable *a)
{
	if (a->cause == VTX_CAUSE_VMXON_FAULT)
		ctl_error("enable: CPU %d: VMXON raised an exception, although CR0, CR4 and "
			  "IA32_FEATURE_CONTROL had been checked: the CPU may be in VMX "
			  "operation already, or in SMX.", a->cpu);
	else
		ctl_error("enable: CPU %d: VMXON failed with VMfailInvalid, region at " HEX ": "
			  "expected a 4-KByte aligned address within the physical width and the "
			  "revision identifier in the region's first 31 bits. See dmesg.", a->cpu,
			  (uint64_t)a->value);
}

static void explain_machine(const struct vtx_enable *a, int err)
{
	switch (a->cause) {
	case VTX_CAUSE_NOT_USABLE:
		ctl_error("enable: CPU %d is not usable: %s. vtxctl detect says why, and what to "
			  "do about it.", a->cpu, detect_verdict_name(a->value));
		break;
	case VTX_CAUSE_HELD:
		ctl_error("enable: CPU %d: another hypervisor holds VMX (CR4 is " HEX ", VMXE is "
			  "set). Stop its machines and unload it: modprobe -r kvm_intel; from "
			  "Linux 6.12 on it holds VMX from load on. Every CPU is as it was.",
			  a->cpu, (uint64_t)a->value);
		break;
	case VTX_CAUSE_NO_MEMORY:
		ctl_error("enable: no memory for %" PRIu64 " bytes. Free some, and try again.",
			  (uint64_t)a->value);
		break;
	case VTX_CAUSE_SHUTDOWN:
		ctl_error("enable: the machine is going down, %s stays off.", ctl_vendor->name);
		break;
	case VTX_CAUSE_INJECTED:
		ctl_error("enable: CPU %d: failed because the module parameter fail_nth asked for "
			  "it. Every other CPU was rolled back.", a->cpu);
		break;
	case VTX_CAUSE_NONE:
		if (err == ENOSYS) {
			ctl_error("enable: CPU %d: an exercise that this needs is not done yet; "
				  "dmesg names it", a->cpu);
			break;
		}
		/* fall through */
	default:
		ctl_error("enable: failed: %s (cause %s, CPU %d). See dmesg.", strerror(err),
			  enable_cause_name(a->cause), a->cpu);
	}
}

void enable_explain(const struct vtx_enable *answer, int err)
{
#if VTX_STAGE >= 7
	if (ctl_vendor == &ctl_svm && enable_explain_svm(answer))
		return;
#endif
	switch (answer->cause) {
	case VTX_CAUSE_CR0_FIXED:
		explain_cr("CR0", answer);
		break;
	case VTX_CAUSE_CR4_FIXED:
		explain_cr("CR4", answer);
		break;
	case VTX_CAUSE_FEATURE_CONTROL:
	case VTX_CAUSE_REGION:
		explain_msrs(answer);
		break;
	case VTX_CAUSE_VMXON_FAULT:
	case VTX_CAUSE_VMXON_FAILED:
		explain_vmxon(answer);
		break;
	default:
		explain_machine(answer, err);
	}
}
