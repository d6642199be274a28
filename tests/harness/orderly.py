# SPDX-License-Identifier: GPL-2.0
"""End in order when somebody ends us: emulators and compilers must not outlive the grader.

Ctrl-C reaches every process of the terminal. A time limit of an autograder, or `kill`, reaches one:
without this, the workers would go on, and their machines after them.
"""

from __future__ import annotations

import ctypes
import signal
from typing import Any

PR_SET_PDEATHSIG = 1


def _interrupt(number: int, frame: Any) -> None:
    signal.signal(number, signal.SIG_DFL)  # whoever asks twice does not want to wait
    raise KeyboardInterrupt


def end_in_order(with_parent: bool = False) -> None:
    """Let SIGTERM do what Ctrl-C does; a worker gets it when its parent is gone."""
    signal.signal(signal.SIGTERM, _interrupt)
    if with_parent:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
