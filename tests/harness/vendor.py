# SPDX-License-Identifier: GPL-2.0
"""What the same thing is called on VMX and on SVM: for tests that hold for both.

A test asks `lab.vendor` for the register, the bit or the word that it looks for. What only one
vendor has is not here: such a test is marked with `only_on` (harness.grade).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# Exit reasons: SDM vol. 3, appendix C; exit codes: AMD APM vol. 2, appendix C. Several where SVM
# tells apart what VMX does not: which exception, which control register.
NPF_COUNTER = 191  # vtxdrv_vcpu.h: the last one, for an exit code that is far above
VMX_REASONS = {"exception": (0,), "triple-fault": (2,), "cpuid": (10,), "hlt": (12,), "invd": (13,),
               "rdpmc": (15,), "vmcall": (18,), "cr": (28,), "io": (30,), "rdmsr": (31,),
               "wrmsr": (32,), "violation": (48,), "xsetbv": (55,)}
SVM_REASONS = {"exception": range(0x40, 0x60), "triple-fault": (0x7F,), "cpuid": (0x72,),
               "hlt": (0x78,), "invd": (0x76,), "rdpmc": (0x6F,), "vmcall": (0x46,),
               "cr": range(0x20), "io": (0x7B,), "rdmsr": (0x7C,), "wrmsr": (0x7C,),
               "xsetbv": (0x8D,), "violation": (0x400, NPF_COUNTER)}
LINEAR = 8  # VTX_ACCESS_LINEAR


@dataclass(frozen=True)
class Vendor:
    """One processor vendor's words. Registers are named as vtxprobe and CpuState name them."""

    name: str
    register: str  # whose bit allows the extension
    bit: int
    bit_name: str
    copied: tuple[str, ...]  # vtxprobe's words for the register and for the kernel's copies of it
    kvm: str  # Linux's own hypervisor, as a module
    entered: bool  # is there an operation that a CPU enters, and a VMCS that is current?
    linear: bool  # is the linear address told of an access that nested paging has stopped?
    fields: dict[str, int]  # of the control structure, as VTXDRV_GET_STATE numbers them
    names: dict[str, str]  # of fields and exits, as vtxctl prints them
    reasons: dict[str, Any]

    def set_in(self, state: Any) -> bool:
        """Is the bit set in what the emulator shows of a CPU?"""
        return bool(getattr(state, self.register) & self.bit)

    def address(self, linear: int) -> int:
        """The linear address that an exit of nested paging tells; 0 where it tells none."""
        return linear if self.linear else 0

    def access(self, memory: int) -> int:
        """memory_access of such an exit."""
        return memory if self.linear else memory & ~LINEAR


VENDORS = {
    "vmx": Vendor("vmx", "cr4", 1 << 13, "CR4.VMXE", ("cr4", "cr4copy"), "kvm_intel", entered=True,
                  linear=True, reasons=VMX_REASONS,
                  fields={"rip": 0x681E, "shadow": 0x4824},
                  names={"cr3": "GUEST_CR3", "rip": "GUEST_RIP", "rflags": "GUEST_RFLAGS"}),
    "svm": Vendor("svm", "efer", 1 << 12, "EFER.SVME", ("efer",), "kvm_amd", entered=False,
                  linear=False, reasons=SVM_REASONS,
                  fields={"rip": 0x578, "shadow": 0x68},
                  names={"cr3": "CR3", "rip": "RIP", "rflags": "RFLAGS"}),
}


def of(key: Any) -> Vendor:
    """The vendor of a LabKey. A machine without either has VMX's words: it was asked for VMX."""
    return VENDORS.get(key.vendor, VENDORS["vmx"])
