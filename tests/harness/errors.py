# SPDX-License-Identifier: GPL-2.0
"""The ways in which a lab machine can fail, told apart, each with what helps to understand it."""

from __future__ import annotations

from pathlib import Path


class LabError(Exception):
    """Anything that the lab machine's user has to know; str() is the whole message."""


class AccelUnusable(LabError):
    """No emulator on this host can do what was asked for: not anybody's bug."""

    def __init__(self, reason: str, remedy: str):
        super().__init__(f"{reason}\n{remedy}")
        self.reason = reason
        self.remedy = remedy


class ProtocolError(LabError):
    """The agent and the host do not understand each other (the machine itself is alive)."""


class MachineError(LabError):
    """The machine is gone or of no use any more; `tail` is the end of its console log."""

    what = "the lab machine failed"

    def __init__(self, detail: str = "", tail: str = "", artefacts: Path | None = None):
        self.detail = detail
        self.tail = tail
        self.artefacts = artefacts
        super().__init__(self._text())

    def _text(self) -> str:
        text = self.what + (f": {self.detail}" if self.detail else "")
        if self.tail:
            text += "\nlast lines of the console:\n" + "\n".join(
                "    " + line for line in self.tail.splitlines()
            )
        if self.artefacts:
            text += f"\nlogs: {self.artefacts}"
        return text


class BootFailed(MachineError):
    """It never answered. `cause` is the failure that a running machine would have had, or None."""

    what = "the lab machine did not boot"

    def __init__(self, cause: MachineError | None = None, detail: str = "", **where):
        self.cause = cause
        if cause is not None:
            detail = f"{cause.what}: {cause.detail}" if cause.detail else cause.what
            where = {"tail": cause.tail, "artefacts": cause.artefacts}
        super().__init__(detail, **where)


class Panic(MachineError):
    """The kernel said "Kernel panic" and stopped."""

    what = "kernel panic"


class Oops(MachineError):
    """The kernel went on after an oops, and then never answered: it died of the oops."""

    what = "kernel oops, and no answer after it"


class Hang(MachineError):
    """The emulator runs, the guest does not answer."""

    what = "the machine hangs"


class TripleFault(MachineError):
    """The processor could not deliver an exception and reset itself; no message is possible."""

    what = "triple fault"


class EmulatorDied(MachineError):
    """The emulator's process ended and not by the guest's wish."""

    what = "the emulator died"


class Stopped(MachineError):
    """The guest switched itself off or restarted, and nobody had asked for it."""

    what = "the machine stopped"


class ConsoleFlood(MachineError):
    """The console log grew past all reason; the machine was killed to save the disk."""

    what = "the kernel floods its console"


class EmulatorFlood(MachineError):
    """What runs inside makes the emulator complain without an end; it was killed in time."""

    what = "the machine floods its emulator's log"
