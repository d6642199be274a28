# SPDX-License-Identifier: GPL-2.0
"""A person's terminal, connected to a shell in the lab machine: raw bytes both ways."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import struct
import sys
import termios
import time
import tty
from collections import deque
from collections.abc import Callable, Iterator

from harness.errors import LabError, ProtocolError
from harness.machine import Machine
from harness.protocol import (LONGEST_PAUSE, PAUSE, QUIET, TRIES, Ans, Frame, Link, Req, encode,
                              parse_answer)

LEAVE = 0x1D  # Ctrl-]
PATIENCE = 10.0  # seconds for an acknowledgement, before a frame is sent again
LEAVE_SECONDS = 10  # for the agent to close the session, before the machine counts as hung
WELCOME = "Shell in the lab machine. Leave it with `exit` or Ctrl-] (the machine is switched off)."


class RawMode:
    """The terminal without echo, line editing and signals, for as long as the block lasts."""

    def __init__(self, fd: int):
        self._fd = fd
        self._saved = termios.tcgetattr(fd) if os.isatty(fd) else None

    def __enter__(self) -> None:
        if self._saved:
            tty.setraw(self._fd)

    def __exit__(self, *_) -> None:
        if self._saved:
            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._saved)


@contextlib.contextmanager
def own_foreground(on_interrupt: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Ctrl-C reaches us and our children, and not the `make` that waits for us.

    To a debugger Ctrl-C means "stop the machine"; a make that gets it too ends with an error.
    """
    if not os.isatty(0):
        yield
        return
    before = os.tcgetpgrp(0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # or taking the terminal would stop us
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)  # no shell would notice that we are stopped
    handler = signal.signal(signal.SIGINT, lambda *_: on_interrupt())
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpgrp())
    try:
        yield
    finally:
        os.tcsetpgrp(0, before)
        signal.signal(signal.SIGINT, handler)


def window(fd: int) -> bytes:
    """Return the terminal's size for the agent: rows and columns.

    Not shutil's: it believes LINES and COLUMNS first, which readline exports, and a resize does not
    change.
    """
    try:
        columns, rows = os.get_terminal_size(fd)
    except OSError:
        columns = rows = 0
    return struct.pack("<II", rows or 24, columns or 80)


class Sender:
    """Frames of a session, one after the other: each is sent again until the agent has it.

    A guest under the driver may keep interrupts away from the serial line, and then bytes are lost.
    """

    def __init__(self, link: Link):
        self._link = link
        self._queue: deque[tuple[int, bytes]] = deque()
        self._owed = False  # the agent says that it was damaged
        self._tries = 0
        self._sent = 0.0

    def put(self, ident: int, kind: Req, payload: bytes = b"") -> None:
        """Send a frame when those before it have arrived."""
        self._queue.append((ident, encode(kind, ident, payload)))
        if len(self._queue) == 1:
            self._begin()

    def _begin(self) -> None:
        self._owed, self._tries, self._sent = False, 0, time.monotonic()
        self._link.send(self._queue[0][1])

    def arrived(self, ident: int) -> None:
        """The agent acknowledges a frame; an older one that it had twice is of no matter."""
        if self._queue and self._queue[0][0] == ident:
            self._queue.popleft()
            if self._queue:
                self._begin()

    def damaged(self) -> None:
        """The agent complains; mostly several times, of what it takes for frames."""
        self._owed = bool(self._queue)

    def poll(self) -> None:
        """Send again, slowly, what has not arrived."""
        if not self._queue:
            return
        if self._owed and self._link.silence() > QUIET:
            self._tries += 1
        elif time.monotonic() - self._sent < PATIENCE:
            return
        if self._tries > TRIES:
            raise ProtocolError(f"{self._tries} damaged frames in turn; giving up")
        pause = min(PAUSE * 2 ** max(self._tries - 1, 0), LONGEST_PAUSE)
        self._link.send_slowly(self._queue[0][1], pause)
        self._owed, self._sent = False, time.monotonic()


class Session:
    """One interactive shell. run() returns its exit status."""

    def __init__(self, machine: Machine, stdin: int = 0, stdout: int = 1):
        self.machine = machine
        self.link = machine.link
        self.stdin = stdin
        self.stdout = stdout
        self.ident = self.link.new_id()
        self._sender = Sender(self.link)
        self._resized = False
        self._leaving: float | None = None
        self._eof = False

    def run(self) -> int:
        old = signal.signal(signal.SIGWINCH, self._on_resize)
        self.machine.emulator.resume()
        try:
            with RawMode(self.stdin):
                term = os.environ.get("TERM", "vt100").encode()
                self._sender.put(self.ident, Req.SHELL, window(self.stdout) + term + b"\0")
                return self._loop()
        finally:
            signal.signal(signal.SIGWINCH, old)

    def _on_resize(self, *_) -> None:
        self._resized = True

    def _send(self, kind: Req, payload: bytes = b"") -> None:
        self._sender.put(self.link.new_id(), kind, payload)

    def _loop(self) -> int:
        while True:
            self._keys()
            self._sender.poll()
            while frame := self.link.receive(0, idle=True):
                status = self._frame(frame)
                if status is not None:
                    return status
            if self._leaving and time.monotonic() - self._leaving > LEAVE_SECONDS:
                raise LabError("the lab machine does not answer any more; it is switched off")

    def _keys(self) -> None:
        watched = [self.link.fd] + ([] if self._eof or self._leaving else [self.stdin])
        readable, _, _ = select.select(watched, [], [], 0.2)
        if self._resized:
            self._resized = False
            self._send(Req.WINSIZE, window(self.stdout))
        if self.stdin not in readable:
            return
        data = os.read(self.stdin, 1024)
        if LEAVE in data:
            self._leaving = time.monotonic()
            self._send(Req.HANGUP)
        elif data:
            self._send(Req.INPUT, data)
        else:
            self._eof = True
            self._send(Req.INPUT, b"\x04")  # the end of a piped script is Ctrl-D to the shell

    def _frame(self, frame: Frame) -> int | None:
        if not frame.good:
            os.write(self.stdout, b"<damaged on the serial line>")
        elif frame.type == Ans.OUTPUT:
            os.write(self.stdout, frame.payload)
        elif frame.type == Ans.ACK:
            self._sender.arrived(frame.id)
        elif frame.type == Ans.NAK:
            self._sender.damaged()
        elif frame.id == self.ident and frame.type == Ans.DONE:
            error, status = struct.unpack_from("<II", parse_answer(frame.payload).body + bytes(8))
            if error:
                raise ProtocolError(f"no shell: {os.strerror(error)}")
            return status
        return None


def interact(machine: Machine) -> int:
    print(WELCOME, flush=True)
    status = Session(machine).run()
    print("\r")
    sys.stdout.flush()
    # To a person the status of the last command is no news; to a script that was piped in it is.
    return 0 if os.isatty(0) else status
