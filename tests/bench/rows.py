# SPDX-License-Identifier: GPL-2.0
"""What is measured, as the client in the lab machine prints it, and what is to be reached."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.errors import LabError

SIDES = ("vtxdrv", "kvm")
Figures = dict[str, int]  # by the name of the row


class BadFigures(LabError):
    """The client printed something else than its rows."""


@dataclass(frozen=True)
class Row:
    """One line of the table; `at_most` beside "not slower than KVM"."""

    name: str
    what: str
    at_most: int | None = None

    def missed(self, vtxdrv: int, kvm: int) -> bool:
        """Whether a goal of this row is not reached."""
        return vtxdrv > kvm or (self.at_most is not None and vtxdrv > self.at_most)

    def goal(self) -> str:
        """The goal, for people."""
        return "<= KVM" if self.at_most is None else f"<= {self.at_most}"


ROWS = (
    Row("cpuid", "CPUID: exit, answer, entry", 250),
    Row("rdmsr", "RDMSR that is emulated"),
    Row("out", "OUT to user space and back", 1200),
    Row("mmio", "MMIO read, decoded and answered"),
    Row("populate_4k", "first touch of a 4 KiB page"),
    Row("populate_2m", "first touch of a 2 MiB page"),
    Row("inject", "interrupt: ioctl to handler's OUT"),
    Row("hlt_wake", "interrupt wakes a HLT: to the handler"),
    Row("create", "create a VM, to its first OUT"),
    Row("switch", "two vCPUs on a CPU: OUT and yield"),
    Row("idle_bytes", "bytes of an idle VM, 4 KiB pages"),
    Row("idle_2m_bytes", "bytes of an idle VM, 2 MiB pages"),
)
NAMES = tuple(row.name for row in ROWS)


def parse(output: str) -> Figures:
    """Read the client's `row NAME VALUE` lines: each row once, nothing that is not a row."""
    found = re.findall(r"^row (\S+) (-?\d+)$", output, re.M)
    names = [name for name, _ in found]
    if sorted(names) != sorted(NAMES):
        raise BadFigures(f"expected the rows {', '.join(NAMES)}; saw {', '.join(names) or 'none'}")
    figures = {name: int(value) for name, value in found}
    if wrong := [f"{name} {value}" for name, value in figures.items() if value <= 0]:
        raise BadFigures(f"expected figures above 0; saw {', '.join(wrong)}")
    return figures
