# SPDX-License-Identifier: GPL-2.0
"""Raw facts of processors that the grader makes up: random ones, and one for each situation.

The form is that of the "raw" object of `vtxctl detect --json` (see project01/README.md). What they
mean is decided by tests/unit/reference_decode.py, never by the code that is graded.
"""
from unit.reference_decode import msr_exists

VMX_MSRS = 20  # 0x480 … 0x493
ECX_VMX = 1 << 5
ECX_HYPERVISOR = 1 << 31
EXT_ECX_SVM = 1 << 2
CR4_VMXE = 1 << 13
EFER_SVME = 1 << 12
VM_CR_LOCK, VM_CR_SVMDIS = 1 << 3, 1 << 4
FC_LOCK, FC_IN_SMX, FC_OUTSIDE_SMX = 1, 2, 4
INTEL = ("GenuineIntel", "CentaurHauls", "  Shanghai  ")
AMD = ("AuthenticAMD", "HygonGenuine")
DECIDING = (0, 2, 3, 11)  # IA32_VMX_BASIC, PROCBASED_CTLS, EXIT_CTLS, PROCBASED_CTLS2
HYPERVISORS = ("KVMKVMKVM", "Microsoft Hv", "VMwareVMware", "TCGTCGTCGTCG", "XenVMMXenVMM")


def hex64(value):
    return None if value is None else f"{value:#x}"


def with_bits(value, mask, wanted):
    return value | mask if wanted else value & ~mask


def as_read(cpu):
    """The same without values of MSRs that it does not have: whoever relies on that is right."""
    for _ in range(2):  # 482H decides about 48BH, and that one about 48CH and 491H
        cpu["vmx_msr"] = [value if exists else None
                          for value, exists in zip(cpu["vmx_msr"], msr_exists(cpu))]
    return cpu


def random_cpu(rng, number):
    """A processor of random facts; what decisions hang on takes every combination in 24 numbers."""
    return as_read(draw(rng, number))


def draw(rng, number, vendor=None, vmx=None):
    """The facts of random_cpu(), with a value in every capability MSR."""
    vendors = (INTEL, AMD, ("MadeByNobody",))[number % 3]
    vmx = number // 3 % 2 if vmx is None else vmx
    svm, hypervisor = number // 6 % 2, number // 12 % 2
    leaf1, ext1 = ([rng.getrandbits(32) for _ in range(4)] for _ in range(2))
    leaf1[2] = with_bits(with_bits(leaf1[2], ECX_VMX, vmx), ECX_HYPERVISOR, hypervisor)
    ext1[2] = with_bits(ext1[2], EXT_ECX_SVM, svm)
    return {
        "cpu": number,
        "vendor": vendor or rng.choice(vendors),
        "hv_signature": rng.choice((*HYPERVISORS, None)),  # also where the bit hides it
        "max_leaf": "0x1f",
        "max_ext_leaf": "0x8000001f",
        "leaf1": [hex64(value) for value in leaf1],
        "ext1": [hex64(value) for value in ext1],
        "ext_svm": [hex64(rng.getrandbits(32)) for _ in range(4)],
        "ext_addr": [hex64(rng.getrandbits(32)) for _ in range(4)],
        "cr0": hex64(0x80050033),
        "cr4": hex64(rng.choice((0x6f0, 0x6f0 | CR4_VMXE))),
        "efer": hex64(0xd01),
        "feature_control": hex64(rng.getrandbits(3)) if vmx else None,
        "vm_cr": hex64(rng.getrandbits(5)) if svm else None,
        "vmx_msr": [hex64(rng.getrandbits(64)) if vmx else None for _ in range(VMX_MSRS)],
    }


def random_vmx_cpu(rng, number):
    """The same, of a maker of VMX and with VMX shown; half of them with the TRUE MSRs."""
    cpu = draw(rng, number, rng.choice(INTEL), vmx=True)
    basic = int(cpu["vmx_msr"][0], 0) & ~(1 << 55) | (number % 2) << 55
    cpu["vmx_msr"][0] = hex64(basic)
    return as_read(cpu)


def situation(rng, **wanted):
    """Facts of a processor in one situation; what does not decide about it is random or absent."""
    cpu = draw(rng, 0, wanted["vendor"])
    ecx, ext_ecx = int(cpu["leaf1"][2], 0), int(cpu["ext1"][2], 0)
    for bit, name in ((ECX_VMX, "vmx"), (ECX_HYPERVISOR, "hypervisor")):
        if name in wanted:
            ecx = with_bits(ecx, bit, wanted[name])
    if "svm" in wanted:
        ext_ecx = with_bits(ext_ecx, EXT_ECX_SVM, wanted["svm"])
    cpu["leaf1"][2], cpu["ext1"][2] = hex64(ecx), hex64(ext_ecx)
    cpu["hv_signature"] = rng.choice(HYPERVISORS) if ecx & ECX_HYPERVISOR else ""
    cpu["feature_control"] = hex64(wanted.get("feature_control", 5)) if ecx & ECX_VMX else None
    cpu["vm_cr"] = hex64(wanted.get("vm_cr", 0)) if ext_ecx & EXT_ECX_SVM else None
    if wanted.get("unread"):
        cpu["vm_cr"] = None
    cpu["efer"] = hex64(0xd01 | (EFER_SVME if wanted.get("svme") else 0))
    cpu["cr4"] = hex64(0x6f0 | (CR4_VMXE if wanted.get("vmxe") else 0))
    cpu["ours"] = wanted.get("ours", False)
    cpu["vmx_msr"] = [hex64(rng.getrandbits(64)) if ecx & ECX_VMX else None
                      for _ in range(VMX_MSRS)]
    return as_read(cpu)


def _svm_situations(amd):
    """What a build that knows SVM as well tells apart."""
    svm = {"vendor": amd, "vmx": False, "svm": True}
    return [
        ("AMD with SVM", "usable", svm),
        ("AMD, nested, and SVM is shown", "usable", dict(svm, hypervisor=True)),
        ("VM_CR.LOCK without SVMDIS", "usable", dict(svm, vm_cr=VM_CR_LOCK)),
        ("VM_CR.SVMDIS and LOCK", "disabled-by-firmware",
         dict(svm, vm_cr=VM_CR_SVMDIS | VM_CR_LOCK)),
        ("VM_CR.SVMDIS, EFER.SVME set all the same", "disabled-by-firmware",
         dict(svm, vm_cr=VM_CR_SVMDIS, svme=True)),
        ("EFER.SVME set by somebody", "held", dict(svm, svme=True)),
        ("EFER.SVME set by this driver", "usable", dict(svm, svme=True, ours=True)),
        ("VM_CR could not be read", "unknown", dict(svm, unread=True)),
    ]


def situations(rng, svm=False):
    """(name, verdict, raw facts) of every situation that the write-up tells apart, shuffled.

    svm: for a build that knows SVM as well, of project07
    """
    intel, amd = rng.choice(INTEL), rng.choice(AMD)
    vmx = {"vendor": intel, "vmx": True}
    table = [
        ("locked by firmware with VMX outside SMX", "usable", dict(vmx, feature_control=5)),
        ("locked with VMX inside and outside SMX", "usable", dict(vmx, feature_control=7)),
        ("left open by firmware", "usable", dict(vmx, feature_control=0)),
        ("left open, VMX inside SMX set", "usable", dict(vmx, feature_control=FC_IN_SMX)),
        ("nested, and VMX is shown", "usable", dict(vmx, hypervisor=True)),
        ("no VMX and nobody below", "not-supported",
         {"vendor": intel, "vmx": False, "hypervisor": False}),
        ("no VMX and a hypervisor below", "hidden",
         {"vendor": intel, "vmx": False, "hypervisor": True}),
        *(_svm_situations(amd) if svm else
          [("AMD with SVM", "not-supported", {"vendor": amd, "vmx": False, "svm": True})]),
        ("AMD without SVM, nobody below", "not-supported",
         {"vendor": amd, "vmx": False, "svm": False, "hypervisor": False}),
        ("AMD without SVM, a hypervisor below", "hidden",
         {"vendor": amd, "vmx": False, "svm": False, "hypervisor": True}),
        ("locked without VMX", "disabled-by-firmware", dict(vmx, feature_control=FC_LOCK)),
        ("locked with VMX inside SMX only", "disabled-by-firmware",
         dict(vmx, feature_control=FC_LOCK | FC_IN_SMX)),
        ("locked out, and CR4.VMXE set all the same", "disabled-by-firmware",
         dict(vmx, feature_control=FC_LOCK, vmxe=True)),
        ("CR4.VMXE set by somebody", "held", dict(vmx, vmxe=True)),
        ("CR4.VMXE set by this driver", "usable", dict(vmx, vmxe=True, ours=True)),
        ("IA32_FEATURE_CONTROL could not be read", "unknown", dict(vmx, feature_control=None)),
        ("left open, CR4.VMXE set by somebody", "held", dict(vmx, feature_control=0, vmxe=True)),
    ]
    rng.shuffle(table)
    made = [(name, verdict, situation(rng, **wanted)) for name, verdict, wanted in table]
    for number, (_, _, cpu) in enumerate(made):
        cpu["cpu"] = number
    return made


def readable(raw):
    """The same facts with MSRs that faulted ("fault", as vtxprobe says) as null."""
    return dict(raw, vmx_msr=[None if value in (None, "fault") else value
                              for value in raw["vmx_msr"]])


def brief(raw):
    """What a student needs to see of the facts in a message: those that decisions hang on."""
    values = [f"MSR {0x480 + i:#x} {raw['vmx_msr'][i]}" for i in DECIDING if raw["vmx_msr"][i]]
    return ", ".join([
        f"vendor {raw['vendor']!r}", f"CPUID.1:ECX {raw['leaf1'][2]}",
        f"8000_0001H:ECX {raw['ext1'][2]}", f"hypervisor's leaf {raw['hv_signature']!r}",
        f"CR4 {raw['cr4']}", f"MSR 0x3a {raw['feature_control']}", *values])


