# SPDX-License-Identifier: GPL-2.0
"""Tell a waiting person that something is going on, and for how long."""

from __future__ import annotations

import sys
import threading
import time
from typing import TextIO


class Progress:
    """`with Progress("booting …"):` prints the seconds that pass, in place on a terminal."""

    def __init__(self, what: str, out: TextIO | None = None, every: float = 10.0):
        self.what = what
        self.out = out or sys.stderr
        self.live = self.out.isatty()
        self.every = 0.5 if self.live else every
        self.seconds = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Progress:
        self._started = time.monotonic()
        self._show(f"{self.what} …")
        self._thread.start()
        return self

    def __exit__(self, kind, *_) -> None:
        self._done.set()
        self._thread.join()
        self.seconds = time.monotonic() - self._started
        word = "failed" if kind else "done"
        self._show(f"{self.what}: {word} after {self.seconds:.1f} s", last=True)

    def _tick(self) -> None:
        while not self._done.wait(self.every):
            self._show(f"{self.what} … {time.monotonic() - self._started:.0f} s")

    def _show(self, text: str, last: bool = False) -> None:
        start, end = ("\r\x1b[K", "\n" if last else "") if self.live else ("", "\n")
        self.out.write(start + text + end)
        self.out.flush()
