# SPDX-License-Identifier: GPL-2.0
"""Questions to Bochs's own debugger while a machine runs: what the emulator sees, not the guest.

Bochs reads debugger commands from the file that -rc names. Here that is a FIFO which we hold open:
it begins with "c", and later SIGINT makes Bochs stop and read on. The answers go to a log.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

from harness.errors import LabError

GO_ON = b"c\n"
PATIENCE = 10.0  # seconds; an answer takes about two milliseconds
# Bochs forgets a SIGINT that arrives while it takes up a "c", so it is sent until something comes.
INSIST = 0.05
UNHEARD = ("", "c\n")
STOPPED = "Next at t="
GLANCE = 0.001


class Debugger:
    """The line to one Bochs process."""

    def __init__(self, workdir: Path) -> None:
        self._fifo = workdir / "debugger.fifo"
        self._log = workdir / "debugger.log"
        self._fd = -1
        self._asked = 0
        self._listens = False  # stopped, and reads what we write

    def open(self) -> list[str]:
        """Make both files; return what Bochs wants to be told about them."""
        for path in (self._fifo, self._log):
            path.unlink(missing_ok=True)
        os.mkfifo(self._fifo)
        # For both directions: so it opens at once here and there, and never ends for Bochs.
        self._fd = os.open(self._fifo, os.O_RDWR | os.O_NONBLOCK)
        self._write(GO_ON)
        return ["-rc", self._fifo.name, "-dbglog", self._log.name]

    def close(self) -> None:
        """Remove the FIFO. Repeating does no harm."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._fifo.unlink(missing_ok=True)

    def _write(self, data: bytes) -> None:
        os.write(self._fd, data)

    def tell(self, line: str) -> None:
        """Have a line read before the next question; nothing is expected to come of it."""
        self._write(f"{line}\n".encode())

    def await_stop(self, patience: float, alive: Callable[[], bool]) -> None:
        """Wait until the debugger has come up, and with it every device."""
        began = time.monotonic()
        while STOPPED not in self._read(0):
            if time.monotonic() - began > patience or not alive():
                raise LabError("Bochs did not get as far as its debugger")
            time.sleep(GLANCE)

    def go_on(self) -> None:
        """Let the guest run on, if a question has stopped it."""
        if self._listens:
            self._listens = False
            self._write(GO_ON)

    def ask(self, commands: tuple[str, ...], wake: Callable[[], None],
            interrupt: Callable[[], None], alive: Callable[[], bool]) -> str:
        """Give commands and return what they print; the guest stands still from then on."""
        check_commands(commands)
        self._asked += 1
        mark = 0x5a000000 + self._asked
        start = self._log.stat().st_size if self._log.exists() else 0
        self._write("".join(f"{line}\n" for line in (*commands, f"? {mark:#x}")).encode())
        if not self._listens:
            interrupt()
        wake()
        text = self._await(f"? {mark:#x}\n{mark:#x} {mark}\n", start, interrupt, alive)
        self._listens = True
        return answers(text, commands)

    def _await(self, end: str, start: int, interrupt: Callable[[], None],
               alive: Callable[[], bool]) -> str:
        """Wait for the marker; return everything in front of it."""
        began = asked = time.monotonic()
        while time.monotonic() - began < PATIENCE and alive():
            text = self._read(start)
            if end in text:
                return text.partition(end)[0]
            if text in UNHEARD and not self._listens and time.monotonic() - asked > INSIST:
                interrupt()
                asked = time.monotonic()
            time.sleep(GLANCE)
        said = self._read(start)[-500:]
        raise LabError(f"Bochs's debugger did not answer; its last words:\n{said}\nIt ends at a"
                       " command that it does not know.")

    def _read(self, start: int) -> str:
        if not self._log.exists():
            return ""
        with open(self._log, "rb") as log:
            log.seek(start)
            return log.read().decode("utf-8", "replace")


def check_commands(commands: tuple[str, ...]) -> None:
    """Refuse what would be taken for something else: an empty line repeats the last command."""
    for command in commands:
        if not command.strip() or "\n" in command:
            raise LabError(f"{command!r}: expected one line, a command of Bochs's debugger")


def answers(text: str, commands: tuple[str, ...]) -> str:
    """Cut the commands' own lines out, which the debugger repeats, and the place of the stop."""
    before, pieces = text, []
    for command in commands:
        echo = re.search(rf"^{re.escape(command)}\n", before, re.M)
        if not echo:
            raise LabError(f"Bochs's debugger did not take {command!r}; it said:\n{before[-500:]}")
        pieces.append(before[:echo.start()])
        before = before[echo.end():]
    return "".join([*pieces[1:], before])
