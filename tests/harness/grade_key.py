# SPDX-License-Identifier: GPL-2.0
"""What a test asks of a lab machine, and what tells one shared machine from another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# A processor with VMX that is drawn for each run; only for machines with a `firmware`, which are
# always Bochs's.
ANY_MODEL = "any"


@dataclass(frozen=True)
class LabKey:
    """What tells one shared machine from another."""

    stage: str
    vendor: str = "vmx"
    kver: str = ""  # as on the command line; "" is the default kernel
    cpus: int = 2
    cpu_model: str = ""  # in the emulator's words, or ANY_MODEL
    mem_mib: int = 256
    cmdline: str = ""
    firmware: str = ""  # see harness/bochs_bios.py
    instance: str = ""  # a name that keeps tests apart which must not share a machine
    accel: str = ""  # the emulator; "" is the one that harness.accel chooses
    column: str = ""  # of the parity table, whose tests run on the newest stage

    @property
    def label(self) -> str:
        """The short form, used as the id of a parametrized test."""
        parts = [self.column or self.vendor, self.cpu_model,
                 f"{self.cpus}cpus" if self.cpus != 2 else "",
                 f"{self.mem_mib}M" if self.mem_mib != 256 else "", self.kver, self.firmware,
                 self.instance]
        if self.cmdline:
            parts.append("".join(c if c.isalnum() else "_" for c in self.cmdline))
        return "-".join(part for part in parts if part)

    @property
    def group(self) -> str:
        """The xdist group: all tests of one machine run in one worker."""
        return f"{self.stage}-{self.label}"


def forced(key: LabKey) -> dict[str, str]:
    """What tells a command line of the course's which emulator the key wants."""
    return {"VTX_ACCEL": key.accel} if key.accel else {}


def describe_spec(spec: Any, key: LabKey) -> str:
    """A machine in the words of the progress lines."""
    accel = getattr(spec, "accel", None) or "?"
    model = getattr(spec, "cpu_model", None) or key.cpu_model
    kernel = getattr(getattr(spec, "kernel", None), "release", None) or key.kver or "default"
    name = f"{accel}/{model}" if model else accel
    return f"{key.vendor} on {name}, {key.cpus} CPUs, kernel {kernel}"
