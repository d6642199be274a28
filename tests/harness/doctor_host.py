# SPDX-License-Identifier: GPL-2.0
"""make doctor, second part: what stops vtxdrv.ko on this computer itself. Warnings, all of them."""

from __future__ import annotations

import re

from harness.doctor_item import OK, WARN, Item
from harness.host import Host

EFIVARS = "/sys/firmware/efi/efivars"
SECURE_BOOT = f"{EFIVARS}/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
# Shim's own switch (mokutil --disable-validation): the kernel then takes Secure Boot as off.
SHIM_IGNORES = f"{EFIVARS}/MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23"
KVM_MODULES = {"kvm_intel": "VMX", "kvm_amd": "SVM"}
OTHER_HYPERVISORS = {"vboxdrv": "VirtualBox", "vmmon": "VMware"}
HELD_FROM_LOAD = (6, 12)  # the first kernel whose kvm modules enable VMX/SVM when they are loaded


def efi_flag(host: Host, variable: str) -> bool | None:
    """Return an EFI variable of one byte as a flag; four bytes of attributes come first."""
    data = host.read_bytes(variable)
    return None if data is None or len(data) < 5 else data[4] == 1


def processor(host: Host) -> Item:
    """Has this processor what the driver drives?"""
    found = [name for name in ("vmx", "svm") if name in host.cpu_flags()]
    if found:
        return Item("processor", OK, f"has {found[0].upper()}")
    if "hypervisor" in host.cpu_flags():
        return Item("processor", WARN, "a virtual machine without VMX or SVM: the hypervisor below "
                    "hides it", "turn on nested virtualization there (vtxctl detect says more)")
    return Item("processor", WARN, "shows neither VMX nor SVM",
                "look for VT-x or SVM in the firmware setup")


def headers(host: Host) -> Item:
    """Are the running kernel's headers there?"""
    release = host.release()
    if host.path(f"/lib/modules/{release}/build/Makefile").exists():
        return Item("kernel headers", OK, f"of the running kernel {release}")
    return Item("kernel headers", WARN, f"none for the running kernel {release}",
                f"sudo apt-get install linux-headers-{release} (a kernel that is not the "
                "distribution's: from where the kernel is)")


def secure_boot(host: Host) -> Item:
    """Would the kernel refuse a module without a signature?"""
    lockdown = re.search(r"\[(\w+)\]", host.read("/sys/kernel/security/lockdown") or "")
    reasons = []
    if efi_flag(host, SECURE_BOOT) and not efi_flag(host, SHIM_IGNORES):
        reasons.append("Secure Boot is on")
    if lockdown and lockdown[1] != "none":
        reasons.append(f"lockdown is at {lockdown[1]}")
    if host.read("/sys/module/module/parameters/sig_enforce") == "Y":
        reasons.append("module.sig_enforce is set")
    if reasons:
        return Item("Secure Boot", WARN, f"{' and '.join(reasons)}: vtxdrv.ko has no signature and "
                    "will not load",
                    "turn Secure Boot off in the firmware setup, or sign the module with a key of "
                    "your own (mokutil --import, then scripts/sign-file of the kernel headers)")
    if host.path("/sys/firmware/efi").is_dir() and efi_flag(host, SECURE_BOOT) is None:
        return Item("Secure Boot", WARN, "cannot tell: the EFI variables cannot be read",
                    "mokutil --sb-state, as root")
    return Item("Secure Boot", OK, "does not keep unsigned modules out")


def holds_from_load(host: Host) -> bool:
    """Tell whether a loaded kvm module keeps VMX or SVM also while no virtual machine runs."""
    asked = host.read("/sys/module/kvm/parameters/enable_virt_at_load")
    if asked is not None:
        return asked == "Y"
    found = re.match(r"(\d+)\.(\d+)", host.release())
    return bool(found) and (int(found[1]), int(found[2])) >= HELD_FROM_LOAD


def held(host: Host) -> Item:
    """Has somebody else VMX or SVM? CR4 cannot be seen from here: vtxctl detect reads it."""
    for module, extension in KVM_MODULES.items():
        if host.path(f"/sys/module/{module}").is_dir():
            return held_by_kvm(host, module, extension)
    loaded = host.modules()
    for module, product in OTHER_HYPERVISORS.items():
        if module in loaded:
            return Item("VMX/SVM in use", WARN, f"{product}'s {module} is loaded: it takes VMX/SVM "
                        "while machines run", f"stop them, or sudo modprobe -r {module}")
    return Item("VMX/SVM in use", OK, "no other hypervisor's module is loaded (vtxctl detect "
                "reads CR4 itself)")


def held_by_kvm(host: Host, module: str, extension: str) -> Item:
    """A kvm module is there: does it hold the extension now, and can it be removed?"""
    loaded = host.modules()
    if holds_from_load(host):
        remedy = f"sudo modprobe -r {module} (stop its virtual machines first)" \
            if module in loaded else f"{module} is built into this kernel: boot another"
        return Item("VMX/SVM in use", WARN, f"{module} is loaded and holds {extension} also while "
                    f"no machine runs (kernel {host.release()})", remedy)
    if loaded.get(module):
        return Item("VMX/SVM in use", WARN, f"virtual machines are running on {module}: it holds "
                    f"{extension}", "stop them")
    return Item("VMX/SVM in use", OK, f"{module} is there, but holds {extension} only while "
                "machines run")


CHECKS = (processor, headers, secure_boot, held)
