# SPDX-License-Identifier: GPL-2.0
"""An independent decoder of processor facts: what vtxctl detect --json must say about them.

Written from the manuals and from the description of the JSON, not from the C code, and used as the
judge of it. A raw_cpu is an entry of raw.cpus; numbers in it are "0x..." or None.
"""
from unit.reference_tables import EPT_VPID, GROUPS, MISC, MSR_NAMES, SVM_FEATURES

VMX_MAKERS = ("GenuineIntel", "CentaurHauls", "  Shanghai  ")
SVM_MAKERS = ("AuthenticAMD", "HygonGenuine")
MODES = ("TYPE1", "VIRTIO", "HVT")


def number(text):
    """The value of "0x...", None for None."""
    return None if text is None else int(text, 16)


def bit(value: int, position: int) -> bool:
    """One bit of a value."""
    return bool(value >> position & 1)


def msr(raw: dict, index: int):
    """A capability MSR that was read, or None."""
    return number(raw["vmx_msr"][index - 0x480])


def cpuid(raw: dict) -> dict:
    """The facts of CPUID."""
    ecx, ext_ecx = number(raw["leaf1"][2]), number(raw["ext1"][2])
    below = bit(ecx, 31)
    return {"vendor": raw["vendor"].rstrip("\0"), "arch": makes(raw) or "none",
            "vmx": bit(ecx, 5), "svm": bit(ext_ecx, 2), "hypervisor": below,
            "signature": (raw["hv_signature"] or "").rstrip("\0") if below else ""}


def makes(raw: dict) -> str:
    """The extension that the processor's maker builds: "vmx", "svm" or ""."""
    vendor = raw["vendor"].rstrip("\0")
    if vendor in VMX_MAKERS:
        return "vmx"
    if vendor in SVM_MAKERS:
        return "svm"
    vmx, svm = bit(number(raw["leaf1"][2]), 5), bit(number(raw["ext1"][2]), 2)
    return "vmx" if vmx else "svm" if svm else ""


def verdict(raw: dict) -> str:
    """The verdict on one CPU, for a build that knows VMX only."""
    facts, maker = cpuid(raw), makes(raw)
    control = number(raw["feature_control"])
    if maker and not facts[maker]:
        return "hidden" if facts["hypervisor"] else "not-supported"
    if maker != "vmx":
        return "not-supported"
    if control is None:
        return "unknown"
    if bit(control, 0) and not bit(control, 2):
        return "disabled-by-firmware"
    if bit(number(raw["cr4"]), 13) and not raw.get("ours", False):
        return "held"
    return "usable"


def machine_verdict(raws: list) -> str:
    """The verdict on a machine: the first CPU that is not usable decides."""
    return next((v for v in map(verdict, raws) if v != "usable"), "usable")


def allows(raw: dict, index: int, position: int) -> bool:
    """May the control at this position be 1, according to a 32-bit capability MSR?"""
    value = msr(raw, index)
    return value is not None and bit(value, 32 + position)


def msr_exists(raw: dict) -> list:
    """For 480H to 493H: does it exist, as far as the MSRs that were read can tell?"""
    if makes(raw) != "vmx" or not cpuid(raw)["vmx"]:
        return [False] * 20
    true_controls = msr(raw, 0x480) is not None and bit(msr(raw, 0x480), 55)
    rules = {
        0x48B: allows(raw, 0x482, 31),
        0x48C: allows(raw, 0x48B, 1) or allows(raw, 0x48B, 5),
        0x48D: true_controls, 0x48E: true_controls, 0x48F: true_controls, 0x490: true_controls,
        0x491: allows(raw, 0x48B, 13),
        0x492: allows(raw, 0x482, 17),
        0x493: allows(raw, 0x483, 31),
    }
    return [rules.get(index, True) for index in range(0x480, 0x494)]


def basic(raw: dict):
    """IA32_VMX_BASIC."""
    value = msr(raw, 0x480)
    if value is None:
        return None
    kind = value >> 50 & 15
    return {"revision_id": hex(value & 0x7FFFFFFF), "region_size": value >> 32 & 0x1FFF,
            "address_width": 32 if bit(value, 48) else 64,
            "memory_type": {0: "UC", 6: "WB"}.get(kind, f"reserved-{kind}"),
            "dual_monitor": bit(value, 49), "ins_outs_info": bit(value, 54),
            "true_controls": bit(value, 55), "any_error_code": bit(value, 56),
            "nested_exception": bit(value, 58)}


def state(must: bool, may: bool) -> str:
    """The four states of a control bit."""
    if must:
        return "must-be-1" if may else "contradictory"
    return "flexible" if may else "must-be-0"


def controls(raw: dict) -> dict:
    """All groups of controls that the processor has."""
    answer = {}
    true_controls = msr(raw, 0x480) is not None and bit(msr(raw, 0x480), 55)
    for group, names, plain, true, wide in GROUPS:
        index = true if true and true_controls else plain
        value = msr(raw, index)
        if value is None:
            continue
        must, may = (0, value) if wide else (value & 0xFFFFFFFF, value >> 32)
        states = [state(bit(must, i), bit(may, i)) for i in range(64 if wide else 32)]
        answer[group] = {"msr": MSR_NAMES[index - 0x480], "bits": [
            {"bit": i, "name": names.get(i, "reserved"), "state": s}
            for i, s in enumerate(states) if i in names or s != "must-be-0"]}
    return answer


def misc(raw: dict):
    """IA32_VMX_MISC."""
    value = msr(raw, 0x485)
    if value is None:
        return None
    return {key: bit(value, i) for key, i in MISC.items()} | {
        "timer_shift": value & 31, "cr3_targets": value >> 16 & 0x1FF,
        "msr_list_max": 512 * ((value >> 25 & 7) + 1), "mseg_revision": hex(value >> 32)}


def ept_vpid(raw: dict):
    """IA32_VMX_EPT_VPID_CAP."""
    value = msr(raw, 0x48C)
    if value is None:
        return None
    return {key: bit(value, i) for key, i in EPT_VPID.items()} | {
        "hlat_prefix_size": value >> 48 & 0x3F}


def svm(raw: dict):
    """CPUID 8000_000AH."""
    if not cpuid(raw)["svm"]:
        return None
    eax, ebx, _, edx = map(number, raw["ext_svm"])
    return {"revision": eax & 0xFF, "asids": ebx,
            "features": {name: bit(edx, i) for i, name in SVM_FEATURES.items()}}


def feature_control(raw: dict) -> dict:
    """IA32_FEATURE_CONTROL."""
    value = number(raw["feature_control"])
    if value is None:
        return {"present": False}
    return {"present": True, "value": hex(value), "locked": bit(value, 0),
            "vmx_in_smx": bit(value, 1), "vmx_outside_smx": bit(value, 2)}


def vm_cr(raw: dict) -> dict:
    """VM_CR."""
    value = number(raw["vm_cr"])
    if value is None:
        return {"present": False}
    return {"present": True, "value": hex(value), "svmdis": bit(value, 4), "lock": bit(value, 3)}


def msrs(raw: dict) -> list:
    """The list of capability MSRs."""
    return [{"index": hex(0x480 + i), "name": MSR_NAMES[i], "exists": exists,
             "value": None if msr(raw, 0x480 + i) is None else hex(msr(raw, 0x480 + i))}
            for i, exists in enumerate(msr_exists(raw))]


def decode(raw: dict) -> dict:
    """One entry of "cpus"."""
    def value(index):
        return None if msr(raw, index) is None else hex(msr(raw, index))

    enum, functions = msr(raw, 0x48A), msr(raw, 0x491)
    return {
        "cpu": raw["cpu"], "verdict": verdict(raw), "cpuid": cpuid(raw),
        "feature_control": feature_control(raw), "vm_cr": vm_cr(raw), "msrs": msrs(raw),
        "basic": basic(raw), "controls": controls(raw), "misc": misc(raw),
        "cr_fixed": {"cr0_fixed0": value(0x486), "cr0_fixed1": value(0x487),
                     "cr4_fixed0": value(0x488), "cr4_fixed1": value(0x489)},
        "vmcs_enum": None if enum is None else {"highest_index": enum >> 1 & 0x1FF},
        "ept_vpid": ept_vpid(raw),
        "vmfunc": None if functions is None else {"eptp_switching": bit(functions, 0)},
        "svm": svm(raw),
    }


def differs(a: dict, b: dict) -> list:
    """Names of what distinguishes CPU b from CPU a."""
    def leaves(raw):
        one, ext = list(map(number, raw["leaf1"])), list(map(number, raw["ext1"]))
        one[1] = 0                     # APIC id
        one[2] &= ~(1 << 27)           # OSXSAVE
        one[3] &= ~(1 << 9)            # APIC enabled
        ext[3] &= ~(1 << 9)
        return (one, ext, raw["ext_svm"], raw["ext_addr"], raw["vendor"], raw["hv_signature"],
                raw["max_leaf"], raw["max_ext_leaf"])

    def used(raw):
        return bit(number(raw["cr4"]), 13) or bit(number(raw["efer"]), 12)

    questions = {"cpuid": leaves, "feature-control": lambda raw: raw["feature_control"],
                 "vm-cr": lambda raw: raw["vm_cr"], "vmx-msrs": lambda raw: raw["vmx_msr"],
                 "held": used}
    return [name for name, ask in questions.items() if ask(a) != ask(b)]
