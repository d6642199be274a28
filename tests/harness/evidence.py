# SPDX-License-Identifier: GPL-2.0
"""What the emulator itself sees of a lab machine: no program inside can change the answer.

    machine.outside.cpu(1).in_vmx        machine.outside.phys(0x1000, 4)

Whatever runs inside, the module under test and the grader's own probe and agent, shares one kernel.
The emulator does not: Bochs is asked through its debugger, QEMU through its monitor. Neither
changes anything, and an answer takes about two milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness import paging
from harness.errors import LabError

NO_REGION = 0xFFFF_FFFF_FFFF_FFFF  # Bochs's VMXON or VMCS pointer where there is none
MOST = 4096  # bytes at once
EFER_SVME = 1 << 12


class NoEvidence(LabError):
    """The emulator gave no answer that we understand: says nothing about the code."""


class NoMemory(NoEvidence):
    """It did answer, and not with so many bytes of memory: there may be none at that address."""


@dataclass(frozen=True)
class CpuState:
    """One CPU as the emulator has it. None: this emulator cannot tell."""

    cr0: int
    cr4: int
    efer: int
    in_vmx: bool | None = None
    vmxon_pointer: int | None = None  # also None outside VMX operation
    in_guest: bool | None = None  # VMX non-root operation: rip and cr3 are then the guest's
    vmcs_pointer: int | None = None  # of the current VMCS; also None where there is none
    cr3: int | None = None
    rip: int | None = None


@dataclass(frozen=True)
class Nested:
    """How the guest that last ran on a CPU had its addresses translated; 0: not so."""

    ept_pointer: int  # or N_CR3
    vpid: int


class BochsEvidence:
    """Through the tree of parameters that Bochs saves a machine's state from."""

    _NAMES = ("CR0", "CR4", "MSR.EFER", "VMX.in_vmx", "VMX.vmxonptr", "VMX.in_vmx_guest",
              "VMX.vmcsptr", "CR3", "RIP")

    _SVM_NAMES = ("CR0", "CR4", "MSR.EFER", "SVM.in_svm_guest", "CR3", "RIP")

    _CONTROLS = "VMX.VMCS_CACHE.VMEXEC_CTRLS"
    # SDM vol. 3, "Processor-Based VM-Execution Controls": what Bochs has from the last VM entry.
    _SECONDARY, _ENABLE_EPT, _ENABLE_VPID = 1 << 31, 1 << 1, 1 << 5

    def __init__(self, emulator: Any) -> None:
        self._emulator = emulator
        self._has_svm = getattr(getattr(emulator, "spec", None), "vendor", "") == "svm"

    def nested(self, number: int) -> Nested:
        """What the last VM entry on one CPU has loaded."""
        if self._has_svm:
            name = f"cpu{number}.SVM.VMCB_CTRLS.ncr3"
            return Nested(int(_parameter(self._emulator.ask(f'show "{name}"'), name), 0), 0)
        names = [f"cpu{number}.{self._CONTROLS}.{name}"
                 for name in ("vmexec_ctrls2", "vmexec_ctrls3", "eptptr", "vpid")]
        text = self._emulator.ask(*(f'show "{name}"' for name in names))
        primary, secondary, pointer, vpid = (int(_parameter(text, name), 0) for name in names)
        controls = secondary if primary & self._SECONDARY else 0
        return Nested(pointer if controls & self._ENABLE_EPT else 0,
                      vpid if controls & self._ENABLE_VPID else 0)

    def _cpu_with_svm(self, number: int) -> CpuState:
        """In use is a CPU whose EFER.SVME is 1: there is nothing else to see."""
        names = [f"cpu{number}.{name}" for name in self._SVM_NAMES]
        text = self._emulator.ask(*(f'show "{name}"' for name in names))
        cr0, cr4, efer, in_guest, cr3, rip = (_parameter(text, name) for name in names)
        return CpuState(int(cr0, 0), int(cr4, 0), int(efer, 0), bool(int(efer, 0) & EFER_SVME),
                        in_guest=in_guest == "true", cr3=int(cr3, 0), rip=int(rip, 0))

    def cpu(self, number: int) -> CpuState:
        """The state of one CPU; it may be offline."""
        if self._has_svm:
            return self._cpu_with_svm(number)
        names = [f"cpu{number}.{name}" for name in self._NAMES]
        text = self._emulator.ask(*(f'show "{name}"' for name in names))
        cr0, cr4, efer, in_vmx, vmxon, in_guest, vmcs, cr3, rip = (
            _parameter(text, name) for name in names)
        return CpuState(int(cr0, 0), int(cr4, 0), int(efer, 0), in_vmx == "true", _region(vmxon),
                        in_guest == "true", _region(vmcs), int(cr3, 0), int(rip, 0))

    def phys(self, address: int, length: int) -> bytes:
        """Guest-physical memory."""
        return _dump(self._emulator.ask(f"xp /{length}bx {address:#x}"), length)


class QemuEvidence:
    """Through the monitor. It knows registers; VMX operation it does not show, also not of KVM."""

    def __init__(self, emulator: Any) -> None:
        self._emulator = emulator

    def cpu(self, number: int) -> CpuState:
        """The state of one CPU."""
        text = self._emulator.monitor("info registers -a")
        parts = re.split(r"^\s*CPU#(\d+)\s*$", text, flags=re.M)
        mine = dict(zip(parts[1::2], parts[2::2])).get(str(number), "")
        cr0, cr4, efer, cr3, rip = (_register(mine, name)
                                    for name in ("CR0", "CR4", "EFER", "CR3", "RIP"))
        return CpuState(cr0, cr4, efer, cr3=cr3, rip=rip)

    def nested(self, number: int) -> Nested | None:
        """Nobody asks QEMU for that."""
        return None

    def phys(self, address: int, length: int) -> bytes:
        """Guest-physical memory."""
        return _dump(self._emulator.monitor(f"xp /{length}xb {address:#x}"), length)


def _region(pointer: str) -> int | None:
    """The address of a region; Bochs writes all ones where there is none."""
    return None if int(pointer, 0) == NO_REGION else int(pointer, 0)


def _parameter(text: str, name: str) -> str:
    """One value out of what Bochs's command `show` prints."""
    pattern = rf"<{re.escape(name)}>\s+{re.escape(name.rpartition('.')[2])} = (\S+)"
    if found := re.search(pattern, text):
        return found[1]
    raise NoEvidence(f"Bochs's debugger does not show {name}; it said:\n{text[-500:]}")


def _register(text: str, name: str) -> int:
    """One value out of what QEMU's `info registers` prints."""
    if found := re.search(rf"\b{name}=([0-9a-f]+)", text):
        return int(found[1], 16)
    raise NoEvidence(f"QEMU's monitor does not show {name}; it said:\n{text[-500:]}")


def _dump(text: str, length: int) -> bytes:
    """The bytes of a memory dump, whose lines begin with an address and a colon."""
    words = [word for row in text.splitlines() for word in row.partition(":\t")[2].split()
             or row.partition(": ")[2].split()]
    data = bytes(int(word, 16) for word in words if re.fullmatch(r"0x[0-9a-f]{2}", word))
    if len(data) != length:
        raise NoMemory(f"{length} bytes of memory were asked for; the answer:\n{text[-500:]}")
    return data


class Outside:
    """The emulator's view, whichever emulator it is."""

    _EMULATORS = {"bochs": BochsEvidence, "qemu": QemuEvidence}

    def __init__(self, emulator: Any, ping: Callable[[], None] = lambda: None) -> None:
        kind = self._EMULATORS.get(getattr(emulator, "name", ""))
        if kind is None:
            raise NoEvidence("this emulator cannot be asked")
        self._evidence = kind(emulator)
        self._ping = ping  # raises what became of the machine, if anything did

    def _asked(self, question: Callable[[], Any]) -> Any:
        try:
            return question()
        except LabError as error:
            self._ping()
            if isinstance(error, NoEvidence):
                raise
            raise NoEvidence(str(error)) from error

    def cpu(self, number: int) -> CpuState:
        """The state of one CPU at this moment."""
        return self._asked(lambda: self._evidence.cpu(number))

    def nested(self, number: int) -> Nested | None:
        """EPTP and VPID of the last VM entry on one CPU; None: this emulator cannot tell."""
        return self._asked(lambda: self._evidence.nested(number))

    def phys(self, address: int, length: int) -> bytes:
        """`length` bytes (at most 4096) of guest-physical memory; NoMemory where none is."""
        if not 0 < length <= MOST:
            raise ValueError(f"{length} bytes: expected 1 to {MOST}")
        return self._asked(lambda: self._evidence.phys(address, length))

    def linear(self, root: int, address: int, length: int) -> bytes:
        """Memory at a linear address, through the page tables at `root` (CR3); within a page."""
        return self.phys(paging.translate(self.phys, root, address), length)
