// SPDX-License-Identifier: GPL-2.0
/*
 * The verdict in words: why, what to do about it, and which modes this build can run.
 */
#include "detect_text_logic.h"
#if VTX_STAGE >= 7
#include "svm_text_logic.h"
#endif
#include "x86_bits.h"

#define LAB "Or work in the lab machine, which emulates VMX on any computer: make lab."

const char *detect_verdict_name(enum vtx_verdict verdict)
{
	static const char *const names[] = {
		[VTX_VERDICT_UNKNOWN] = "unknown",
		[VTX_VERDICT_USABLE] = "usable",
		[VTX_VERDICT_NOT_SUPPORTED] = "not-supported",
		[VTX_VERDICT_DISABLED_BY_FIRMWARE] = "disabled-by-firmware",
		[VTX_VERDICT_HELD] = "held",
		[VTX_VERDICT_HIDDEN] = "hidden",
	};

	return (unsigned int)verdict < ARRAY_SIZE(names) ? names[verdict] : "unknown";
}

/* ---- why ------------------------------------------------------------------------------------- */

static const char *explain_usable(const struct vtx_cpu_facts *f)
{
	if (f->valid & VTX_FACT_OURS)
		return "VMX is there, and this driver has switched it on.";
	if (!(f->feature_control & FEATURE_CONTROL_LOCK))
		return "VMX is there and nobody uses it. Firmware left IA32_FEATURE_CONTROL "
		       "unlocked: project02 enables VMX in it and locks it before VMXON.";
	return "VMX is there, firmware allows it and nobody uses it.";
}

static const char *explain_svm(const struct vtx_cpu_facts *f)
{
	if ((f->valid & VTX_FACT_VM_CR) && (f->vm_cr & VM_CR_SVMDIS))
		return "This processor has SVM, AMD's extension, but firmware has switched it off "
		       "(VM_CR.SVMDIS is set). This build knows VMX only; project07 will use SVM.";
	if (f->valid & VTX_FACT_VM_CR)
		return "This processor has SVM, AMD's extension, and firmware allows it "
		       "(VM_CR.SVMDIS is clear). This build knows VMX only; project07 will use "
		       "SVM.";
	return "This processor has SVM, AMD's extension; VM_CR was not read. This build knows VMX "
	       "only; project07 will use SVM.";
}

static const char *explain_not_supported(const struct vtx_cpu_facts *f,
					 const struct detect_cpuid_info *info)
{
	if (info->arch == DETECT_ARCH_SVM && info->svm)
		return explain_svm(f);
	if (info->arch == DETECT_ARCH_SVM)
		return "This processor shows no SVM (CPUID 8000_0001H ECX[2] is 0), and no "
		       "hypervisor below that could hide it. VMX is not for its maker.";
	if (info->arch == DETECT_ARCH_VMX)
		return "This processor shows no VMX (CPUID 1 ECX[5] is 0), and no hypervisor "
		       "below that could hide it.";
	return "A processor of an unknown maker that shows neither VMX nor SVM.";
}

static const char *explain_hidden(const struct detect_cpuid_info *info)
{
	if (info->arch == DETECT_ARCH_SVM)
		return "A hypervisor runs below and does not show SVM to this machine.";
	return "A hypervisor runs below and does not show VMX to this machine.";
}

const char *detect_explain(const struct vtx_cpu_facts *f, enum vtx_verdict verdict)
{
	struct detect_cpuid_info info;

	if (detect_cpuid(f, &info))
		return "Nothing is known about the processor: exercise 1.1 is not done.";
#if VTX_STAGE >= 7
	if (info.arch == DETECT_ARCH_SVM)
		return svm_text_explain(f, verdict);
#endif
	switch (verdict) {
	case VTX_VERDICT_USABLE:
		return explain_usable(f);
	case VTX_VERDICT_NOT_SUPPORTED:
		return explain_not_supported(f, &info);
	case VTX_VERDICT_DISABLED_BY_FIRMWARE:
		return "IA32_FEATURE_CONTROL is locked and does not allow VMXON outside SMX: "
		       "firmware, or the hypervisor below, has switched VMX off.";
	case VTX_VERDICT_HELD:
		return "CR4.VMXE is set: another hypervisor has this processor in VMX operation.";
	case VTX_VERDICT_HIDDEN:
		return explain_hidden(&info);
	default:
		return "A fact that the answer needs was not read (IA32_FEATURE_CONTROL), or an "
		       "exercise is not done.";
	}
}

/* ---- what to do ------------------------------------------------------------------------------ */

/* By the signature of CPUID 4000_0000H: 12 bytes, padded with zeros. */
static const struct {
	char signature[13];
	const char *remedy;
} nesting[] = {
	{ "KVMKVMKVM",
	  "On the host: modprobe -r kvm_intel && modprobe kvm_intel nested=1, and give the machine "
	  "-cpu host. " LAB },
	{ "TCGTCGTCGTCG",
	  "QEMU without KVM (TCG) cannot emulate VMX: take the lab machine under Bochs, "
	  "VTX_ACCEL=bochs make lab." },
	{ "VMwareVMware",
	  "Switch the machine off and set vhv.enable = \"TRUE\" in its .vmx file, or tick "
	  "\"Virtualize Intel VT-x/EPT\". " LAB },
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

	if (info->arch == DETECT_ARCH_SVM)
		return "Nesting would show SVM, which only project07 uses. Work in the lab "
		       "machine, which emulates VMX on any computer: make lab.";
	for (i = 0; i < ARRAY_SIZE(nesting); i++) {
		if (!memcmp(info->signature, nesting[i].signature, sizeof(nesting[i].signature)))
			return nesting[i].remedy;
	}
	return "Switch nested virtualization on in the hypervisor below. " LAB;
}

static const char *remedy_firmware(const struct detect_cpuid_info *info)
{
	if (info->hypervisor)
		return "Switch nested virtualization on in the hypervisor below. " LAB;
	return "Enter the firmware's setup, enable \"Intel Virtualization Technology\" (VT-x, "
	       "VMX), save, and switch the computer off and on: the lock falls only at a reset. "
	       LAB;
}

static const char *remedy_not_supported(const struct vtx_cpu_facts *f,
					const struct detect_cpuid_info *info)
{
	if (info->arch == DETECT_ARCH_SVM && (f->valid & VTX_FACT_VM_CR) &&
	    (f->vm_cr & VM_CR_SVMDIS))
		return "For project07, enable \"SVM mode\" in the firmware's setup. For this one, "
		       "work in the lab machine, which emulates VMX on any computer: make lab.";
	return "Work in the lab machine, which emulates VMX on any computer: make lab.";
}

const char *detect_remedy(const struct vtx_cpu_facts *f, enum vtx_verdict verdict)
{
	struct detect_cpuid_info info;

	if (detect_cpuid(f, &info))
		return "Do exercise 1.1 first.";
#if VTX_STAGE >= 7
	if (info.arch == DETECT_ARCH_SVM)
		return svm_text_remedy(f, &info, verdict);
#endif
	switch (verdict) {
	case VTX_VERDICT_USABLE:
		return "";
	case VTX_VERDICT_NOT_SUPPORTED:
		return remedy_not_supported(f, &info);
	case VTX_VERDICT_DISABLED_BY_FIRMWARE:
		return remedy_firmware(&info);
	case VTX_VERDICT_HELD:
		return "Stop the other hypervisor: end its machines, then modprobe -r kvm_intel "
		       "(from Linux 6.12 on a loaded kvm_intel holds VMX even without machines), "
		       "or vboxdrv, or vmmon. " LAB;
	case VTX_VERDICT_HIDDEN:
		return remedy_hidden(&info);
	default:
		return "Look for \"exercise\" in dmesg and in vtxctl's messages.";
	}
}

/* ---- the modes ------------------------------------------------------------------------------- */

/* The labs set these when they are built. */
#ifndef VTX_LAB_LINUX
#define VTX_LAB_LINUX 0
#endif
#ifndef VTX_LAB_VIRTIO
#define VTX_LAB_VIRTIO 0
#endif
#ifndef VTX_LAB_HVT
#define VTX_LAB_HVT 0
#endif

static const struct detect_mode modes[DETECT_MODES] = {
	{ "TYPE1", "an unmodified operating system", "labs/linux", VTX_LAB_LINUX },
	{ "VIRTIO", "a guest with paravirtual devices", "labs/virtio", VTX_LAB_VIRTIO },
	{ "HVT", "a Solo5 unikernel", "labs/hvt", VTX_LAB_HVT },
};

const struct detect_mode *detect_mode_get(unsigned int index)
{
	return &modes[index];
}
