# SPDX-License-Identifier: GPL-2.0
"""Follow a growing console log and say what happened to the kernel that writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from harness.kmsg import sign_of

TAIL_LINES = 160  # a panic out of an interrupt: registers and call trace three times over
FLOOD_BYTES = 64 << 20  # nobody reads that; it is a loop that prints
PANIC_END = re.compile(r"---\[ end Kernel panic|Kernel Offset: |Rebooting in|Rebooting immediately")
RESTARTING = re.compile(r"reboot: Restarting system|Rebooting (in|immediately)|sysrq: Resetting")
# Terminal control that firmware and kernel write; of no use in a message.
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1bc|[\x00-\x08\x0b-\x1f]")


@dataclass
class Sign:
    kind: str  # "panic", "oops", "lockup", "warn"
    line: str


@dataclass
class Console:
    """The log of one machine. `poll()` reads what is new; nothing here ever blocks."""

    path: Path
    signs: list[Sign] = field(default_factory=list)
    panic_complete: bool = False
    restarting: bool = False
    size: int = 0
    _rest: str = ""

    def poll(self) -> None:
        try:
            with self.path.open("rb") as log:
                log.seek(self.size)
                data = log.read(1 << 20)
        except FileNotFoundError:
            return
        if not data:
            return
        self.size += len(data)
        lines = (self._rest + data.decode("utf-8", "replace")).split("\n")
        self._rest = lines.pop()[-4096:]
        for line in lines:
            self._line(clean(line))

    def _line(self, line: str) -> None:
        kind = sign_of(line)
        if kind and len(self.signs) < 100:
            self.signs.append(Sign(kind, strip_time(line)))
        self.panic_complete |= bool(PANIC_END.search(line))
        self.restarting |= bool(RESTARTING.search(line))

    def first(self, kind: str) -> str | None:
        """Return the first line that announced a `kind`, or None."""
        return next((sign.line for sign in self.signs if sign.kind == kind), None)

    @property
    def flooded(self) -> bool:
        return self.size > FLOOD_BYTES

    def tail(self, lines: int = TAIL_LINES) -> str:
        """Return the last lines of the log, whatever has been polled so far."""
        return tail_of(self.path, lines)


def clean(line: str) -> str:
    return CONTROL.sub("", line).rstrip()


def strip_time(line: str) -> str:
    return re.sub(r"^\[\s*\d+\.\d+\](\[\s*[TC]\d+\])?\s*", "", line)


def tail_of(path: Path, lines: int) -> str:
    """Return the last lines of any log without reading all of it."""
    try:
        with path.open("rb") as log:
            log.seek(0, 2)
            log.seek(max(0, log.tell() - 32768))
            data = log.read()
    except FileNotFoundError:
        return ""
    text = [clean(line) for line in data.decode("utf-8", "replace").splitlines()]
    return "\n".join([line for line in text if line][-lines:])
