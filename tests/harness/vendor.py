# SPDX-License-Identifier: GPL-2.0
"""What the same thing is called on VMX and on SVM: for tests that hold for both.

A test asks `lab.vendor` for the register, the bit or the word that it looks for. What only one
vendor has is not here: such a test is marked with `only_on` (harness.grade).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# Exit reasons: SDM vol. 3, appendix C; exit codes: AMD APM vol. 2, appendix C. Several where SVM
# tells apart what VMX does not: which exception, which control register. A processor may also look
# at the value for CR0 first, and then it is the #GP that exits; and a triple fault that the driver
# has made of intercepted exceptions has no exit code.
NPF_COUNTER = 191  # vtxdrv_vcpu.h: the last one, for an exit code that is far above
VMX_REASONS = {"exception": (0,), "triple-fault": (2,), "cpuid": (10,), "hlt": (12,), "invd": (13,),
               "rdpmc": (15,), "vmcall": (18,), "cr": (28,), "io": (30,), "rdmsr": (31,),
               "wrmsr": (32,), "violation": (48,), "xsetbv": (55,)}
SVM_REASONS = {"exception": range(0x40, 0x60), "triple-fault": (0x7F, 0), "cpuid": (0x72,),
               "hlt": (0x78,), "invd": (0x76,), "rdpmc": (0x6F,), "vmcall": (0x46,),
               "cr": (*range(0x20), 0x4D), "io": (0x7B,), "rdmsr": (0x7C,), "wrmsr": (0x7C,),
               "xsetbv": (0x8D,), "violation": (0x400, NPF_COUNTER)}
LINEAR = 8  # VTX_ACCESS_LINEAR

# What an emulator does otherwise than the manual says, and no driver can mend: the part of a test
# that meets it is left out there, and the parity table tells.
FAULTS = {
    "tcg": {
        "INT3": "INT3 goes past the #BP intercept",
        "RDTSCP": "RDTSCP goes past its intercept, so that it cannot be hidden",
        "XSETBV": "XSETBV goes past its intercept: XCR0 is not the guest's own",
        "LGDT": "LGDT takes a base that is not canonical",
        "LTR": "LTR takes the null selector",
        "task switch": "there is no task-switch intercept",
        "time": "time is the host's, and code that runs for the first time is translated first:"
                " a sequence alone takes longer than its turn",
    },
    "bochs": {
        "IF clear": "a guest with RFLAGS.IF clear holds back the host's interrupts, so that one"
                    " that never exits never ends",
        "TF": "the trap of a guest's RFLAGS.TF that is pending at #VMEXIT is the host's, which"
              " resets the machine",
        "DR6": "a #DB that is intercepted has not set DR6",
        "EXITINTINFO": "EXITINTINFO does not have the INT n that an exit has cut short",
    },
}
# The same for what a vendor has by design.
BY_DESIGN = {"svm": {"VMMCALL": "VMMCALL is a hypercall here"}}


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
    names: dict[str, str]  # of fields, as vtxctl prints them
    kinds: frozenset[str]  # of rules that a vCPU violates that nobody has initialised
    remembers: bool  # must a CPU forget something when a vCPU comes back that was on another one?
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
                  names={"cr3": "GUEST_CR3", "rip": "GUEST_RIP", "rflags": "GUEST_RFLAGS"},
                  kinds=frozenset(("host", "guest")), remembers=True),
    "svm": Vendor("svm", "efer", 1 << 12, "EFER.SVME", ("efer",), "kvm_amd", entered=False,
                  linear=False, reasons=SVM_REASONS,
                  fields={"rip": 0x578, "shadow": 0x68},
                  names={"cr3": "CR3", "rip": "RIP", "rflags": "RFLAGS"},
                  kinds=frozenset(("control", "guest")), remembers=False),
}


def of(key: Any) -> Vendor:
    """The vendor of a LabKey. A machine without either has VMX's words: it was asked for VMX."""
    return VENDORS.get(key.vendor, VENDORS["vmx"])
