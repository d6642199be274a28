# SPDX-License-Identifier: GPL-2.0
"""Decide from the outside whether a machine still lives: emulator, console log, silence."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NoReturn

from harness import errors
from harness.console import FLOOD_BYTES, Console

# A guest that answers beats once per second of its own clock while it works. So silence means
# a hang, but how much silence depends on how fast this host runs the emulator at this moment.
# The budget is counted in CPU seconds that the emulator got: a busy host stretches it by itself.
CPU_BUDGET = {"kvm": 20.0, "tcg": 30.0, "bochs": 40.0}
BOOT_BUDGET = {"kvm": 60.0, "tcg": 90.0, "bochs": 240.0}
RESTORE_BUDGET = 10.0
IDLE_FACTOR = 2  # a guest that halted with interrupts off uses no CPU: then the wall clock counts
IDLE_SHARE = 0.05
WALL_FACTOR = 10  # and a host so busy that nothing moves must not keep us for ever
PANIC_SETTLE = 3.0  # seconds for the rest of a panic's text to arrive

PASSING = {"reset", "power-off", "triple-fault"}


class Watch:
    """check() is called several times a second while somebody waits for an answer."""

    def __init__(self, emulator, accel: str, artefacts: Path, patient: bool = False):
        self.emulator = emulator
        self.console = Console(Path(emulator.console_log))
        self.artefacts = artefacts
        self.budget = BOOT_BUDGET[accel]
        self._patient = patient  # somebody has stopped the machine in a debugger
        self._run_budget = CPU_BUDGET[accel]
        self._silence = 0.0
        self._cpu_at_sound = self._cpu()
        self._panic_seen: float | None = None

    def restored(self) -> None:
        """The agent is there from the beginning: it answers soon, or the state is no good."""
        self.budget = RESTORE_BUDGET

    def booted(self) -> None:
        self.budget = self._run_budget

    def begin(self) -> None:
        """A new request: silence counts from now."""
        self._silence = 0.0
        self._cpu_at_sound = self._cpu()

    def check(self, silence: float) -> None:
        """Raise the MachineError that describes what happened, if anything did.

        silence: seconds since the machine said something; 0: it need not say anything
        """
        self.console.poll()
        event = self.emulator.poll()
        if event:
            self._ended(event)
        self._check_panic()
        if self.console.flooded:
            self._raise(errors.ConsoleFlood, f"{self.console.size >> 20} MiB and counting")
        if (size := self._emulator_log_size()) > FLOOD_BYTES:
            self._raise(errors.EmulatorFlood, f"{size >> 20} MiB and counting")
        if not self._patient:
            self._check_silence(silence)

    def _emulator_log_size(self) -> int:
        try:
            return os.stat(self.emulator.emulator_log).st_size
        except (AttributeError, OSError):
            return 0

    def _ended(self, event: dict) -> NoReturn:
        self._drain()
        kind, detail = event["kind"], event.get("detail", "")
        if kind in PASSING and self.console.first("panic"):
            self._raise(errors.Panic, self.console.first("panic"))
        if kind == "triple-fault":
            self._raise(errors.TripleFault, detail)
        if kind in PASSING:
            how = "it restarted" if kind == "reset" else "it switched itself off"
            self._raise(errors.Stopped, f"{how} ({detail})")
        self._raise(errors.EmulatorDied, detail)

    def _drain(self) -> None:
        """Read the log to its end: poll() takes it in bounded pieces."""
        before = -1
        while before != self.console.size and not self.console.flooded:
            before = self.console.size
            self.console.poll()

    def _check_panic(self) -> None:
        line = self.console.first("panic")
        if line is None:
            return
        now = time.monotonic()
        self._panic_seen = self._panic_seen or now
        if self.console.panic_complete or now - self._panic_seen > PANIC_SETTLE:
            self._raise(errors.Panic, line)

    def _check_silence(self, silence: float) -> None:
        if not silence or silence < self._silence:
            self._cpu_at_sound = self._cpu()
        self._silence = silence
        used = self._cpu() - self._cpu_at_sound
        idle = used < IDLE_SHARE * silence
        too_long = silence > self.budget * (IDLE_FACTOR if idle else WALL_FACTOR)
        if used > self.budget or too_long:
            self._hang(silence, used)

    def _hang(self, silence: float, used: float) -> NoReturn:
        detail = f"no sign of life for {silence:.0f} s ({used:.0f} s of them emulated)"
        for kind in ("oops", "lockup"):
            line = self.console.first(kind)
            if line:
                detail += f"; before that: {line}"
                self._raise(errors.Oops if kind == "oops" else errors.Hang, detail)
        self._raise(errors.Hang, detail)

    def _cpu(self) -> float:
        """CPU seconds of the emulator; without a process id to ask, the wall clock."""
        pid = getattr(self.emulator, "pid", None)
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return time.monotonic()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _raise(self, kind: type[errors.MachineError], detail: str | None) -> NoReturn:
        raise kind(detail or "", tail=self.console.tail(), artefacts=self.artefacts)
