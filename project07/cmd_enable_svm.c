// SPDX-License-Identifier: GPL-2.0
/*
 * Why SVM could not be enabled on a CPU, in words. AMD APM vol. 2, "Enabling SVM" and "VM_HSAVE_PA
 * MSR".
 */
#include "cmd_enable_svm.h"

#include <inttypes.h>

#include "ctl.h"
#include "ctl_json.h"
#include "vtx_types.h"
#include "x86_bits.h"

#define HEX "0x%" PRIx64

static void explain_held(const struct vtx_enable *a)
{
	ctl_error("enable: CPU %d: another hypervisor holds SVM (EFER is " HEX ", SVME is set; " HEX
		  " is expected). Stop its machines and unload it: modprobe -r kvm_amd; from "
		  "Linux 6.12 on it holds SVM from load on. Every CPU is as it was.",
		  a->cpu, (u64)a->value, (u64)a->expected);
}

static void explain_vm_cr(const struct vtx_enable *a)
{
	ctl_error("enable: CPU %d: VM_CR (MSR C001_0114H) is " HEX ", expected is " HEX
		  ": firmware "
		  "has switched SVM off (SVMDIS is set%s). Enable SVM mode in the firmware's setup "
		  "and switch the computer off and on; vtxctl detect explains.",
		  a->cpu, (u64)a->value, (u64)a->expected,
		  a->value & VM_CR_LOCK ? " and locked" : "");
}

static void explain_fault(const struct vtx_enable *a)
{
	ctl_error("enable: CPU %d: writing VM_HSAVE_PA (MSR C001_0117H) or EFER raised #GP. The "
		  "host save area is at " HEX ": expected a 4-KByte aligned address within the "
		  "physical width, and VM_CR.SVMDIS to be 0. AMD APM vol. 2, \"VM_HSAVE_PA MSR\".",
		  a->cpu, (u64)a->value);
}

static void explain_svme(const struct vtx_enable *a)
{
	ctl_error("enable: CPU %d: EFER was to be " HEX " with SVME (bit 12), and reads as " HEX
		  ": a hypervisor below drops the bit, or exercise 7.1 sets another one. AMD APM "
		  "vol. 2, \"Enabling SVM\".",
		  a->cpu, (u64)a->expected, (u64)a->value);
}

bool enable_explain_svm(const struct vtx_enable *answer)
{
	switch (answer->cause) {
	case VTX_CAUSE_HELD:
		explain_held(answer);
		return true;
	case VTX_CAUSE_VM_CR:
		explain_vm_cr(answer);
		return true;
	case VTX_CAUSE_SVM_FAULT:
		explain_fault(answer);
		return true;
	case VTX_CAUSE_SVME:
		explain_svme(answer);
		return true;
	default:
		return false;
	}
}

void status_put_svm(struct json_object *object, const struct vtx_cpu_status *cpu)
{
	ctl_json_put_hex(object, "efer", cpu->efer);
	ctl_json_put_bool(object, "svme", cpu->efer & IA32_EFER_SVME);
	ctl_json_put_hex(object, "vm_cr", cpu->vm_cr);
}
