// SPDX-License-Identifier: GPL-2.0
/*
 * The verdict on a processor with SVM in words. AMD APM vol. 2, "Enabling SVM".
 */
#include "svm_text_logic.h"
#include "x86_bits.h"

#define LAB \
	"Or work in the lab machine, which emulates SVM on any computer: make lab VENDOR=svm."

/* ---- why ------------------------------------------------------------------------------------- */

static const char *explain_usable(const struct vtx_cpu_facts *f)
{
	if (f->valid & VTX_FACT_OURS)
		return "SVM is there, and this driver has switched it on (EFER.SVME).";
	if (f->vm_cr & VM_CR_LOCK)
		return "SVM is there, firmware allows it for good (VM_CR.SVMDIS is clear and "
		       "locked) and nobody uses it.";
	return "SVM is there, firmware allows it (VM_CR.SVMDIS is clear) and nobody uses it.";
}

static const char *explain_disabled(const struct vtx_cpu_facts *f)
{
	if (f->vm_cr & VM_CR_LOCK)
		return "VM_CR.SVMDIS is set, and VM_CR.LOCK keeps it so: firmware, or the "
		       "hypervisor below, has switched SVM off. EFER.SVME cannot be set.";
	return "VM_CR.SVMDIS is set, though not locked: firmware, or the hypervisor below, has "
	       "switched SVM off. EFER.SVME cannot be set.";
}

const char *svm_text_explain(const struct vtx_cpu_facts *f, enum vtx_verdict verdict)
{
	switch (verdict) {
	case VTX_VERDICT_USABLE:
		return explain_usable(f);
	case VTX_VERDICT_NOT_SUPPORTED:
		return "This processor shows no SVM (CPUID 8000_0001H ECX[2] is 0), and no "
		       "hypervisor below that could hide it. VMX is not for its maker.";
	case VTX_VERDICT_DISABLED_BY_FIRMWARE:
		return explain_disabled(f);
	case VTX_VERDICT_HELD:
		return "EFER.SVME is set: another hypervisor uses SVM on this processor.";
	case VTX_VERDICT_HIDDEN:
		return "A hypervisor runs below and does not show SVM to this machine.";
	default:
		return "A fact that the answer needs was not read (VM_CR), or an exercise is not "
		       "done.";
	}
}

/* ---- what to do ------------------------------------------------------------------------------ */

/* By the signature of CPUID 4000_0000H: 12 bytes, padded with zeros. */
static const struct {
	char signature[13];
	const char *remedy;
} nesting[] = {
	{ "KVMKVMKVM",
	  "On the host: modprobe -r kvm_amd && modprobe kvm_amd nested=1, and give the machine "
	  "-cpu host. " LAB },
	{ "TCGTCGTCGTCG", "QEMU without KVM (TCG) emulates SVM if it is asked: -cpu max. " LAB },
	{ "VMwareVMware",
	  "Switch the machine off and set vhv.enable = \"TRUE\" in its .vmx file, or tick "
	  "\"Virtualize AMD-V/RVI\". " LAB },
	{ "VBoxVBoxVBox",
	  "Switch the machine off and run: VBoxManage modifyvm NAME --nested-hw-virt on. " LAB },
	{ "Microsoft Hv",
	  "Switch the machine off and run on the host: Set-VMProcessor -VMName NAME "
	  "-ExposeVirtualizationExtensions $true. " LAB },
	{ "XenVMMXenVMM", "Set nestedhvm=1 in the machine's configuration. " LAB },
	{ "bhyve bhyve ", "bhyve cannot nest. " LAB },
};

static const char *remedy_hidden(const struct detect_cpuid_info *info)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(nesting); i++) {
		if (!memcmp(info->signature, nesting[i].signature, sizeof(nesting[i].signature)))
			return nesting[i].remedy;
	}
	return "Switch nested virtualization on in the hypervisor below. " LAB;
}

static const char *remedy_firmware(const struct vtx_cpu_facts *f,
				   const struct detect_cpuid_info *info)
{
	if (info->hypervisor)
		return "Switch nested virtualization on in the hypervisor below. " LAB;
	if (f->vm_cr & VM_CR_LOCK)
		return "Enter the firmware's setup, enable \"SVM mode\" (AMD-V), save, and switch "
		       "the computer off and on: the lock falls only at a reset. " LAB;
	return "Enter the firmware's setup, enable \"SVM mode\" (AMD-V), save, and switch the "
	       "computer off and on. The driver leaves the bit alone, though it could clear it: "
	       "the setting is the owner's. " LAB;
}

const char *svm_text_remedy(const struct vtx_cpu_facts *f, const struct detect_cpuid_info *info,
			    enum vtx_verdict verdict)
{
	switch (verdict) {
	case VTX_VERDICT_USABLE:
		return "";
	case VTX_VERDICT_NOT_SUPPORTED:
		return "Work in the lab machine, which emulates SVM on any computer: make lab "
		       "VENDOR=svm.";
	case VTX_VERDICT_DISABLED_BY_FIRMWARE:
		return remedy_firmware(f, info);
	case VTX_VERDICT_HELD:
		return "Stop the other hypervisor: end its machines, then modprobe -r kvm_amd "
		       "(from Linux 6.12 on a loaded kvm_amd holds SVM even without machines), or "
		       "vboxdrv, or vmmon. " LAB;
	case VTX_VERDICT_HIDDEN:
		return remedy_hidden(info);
	default:
		return "Look for \"exercise\" in dmesg and in vtxctl's messages.";
	}
}
