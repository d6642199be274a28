# SPDX-License-Identifier: GPL-2.0
"""Whose fault is an exception? The student's, this machine's, or the grader's own."""

from __future__ import annotations

import re

import pytest

from harness.errors import AccelUnusable, BootFailed, EmulatorDied, MachineError
from harness.evidence import NoEvidence
from harness.grade import CouldNotRun, Unmet, clean, excerpt
from harness.initramfs import InitramfsError
from harness.kernel import KernelError
from harness.kernel_fetch import FetchError
from harness.machine import ProbeError
from harness.results import Outcome, Problem

_KILLED = re.compile(r"killed by signal (?:9|15)\b")
# Something is missing here: says nothing about the code.
NOT_HERE = (CouldNotRun, AccelUnusable, BootFailed, KernelError, FetchError, InitramfsError,
            NoEvidence)


def _plain_failure(error: BaseException) -> Problem:
    """An `assert` or a pytest.fail(): its text is all there is."""
    text = clean(str(error)).strip() or "an assertion that does not hold"
    first, _, rest = text.partition("\n")
    return Problem(Outcome.FAILED, seen=first, log=excerpt(rest))


def problem_of_machine(error: MachineError) -> Problem:
    """The end of a machine as a problem of the test that was running."""
    return Problem(Outcome.FAILED, "the lab machine while the test ran", "it stays alive",
                   clean(f"{error.what}: {error.detail}" if error.detail else error.what),
                   log=excerpt(error.tail))


def problem_of(excinfo: pytest.ExceptionInfo, has_points: bool) -> Problem:
    """Turn the end of a test into a Problem."""
    error = excinfo.value
    if isinstance(error, Unmet):
        return error.problem
    if isinstance(error, pytest.skip.Exception):
        outcome = Outcome.COULD_NOT_RUN if has_points else Outcome.SKIPPED
        return Problem(outcome, seen=clean(str(error)))
    if isinstance(error, NOT_HERE):
        first, _, rest = clean(str(error)).partition("\n")
        return Problem(Outcome.COULD_NOT_RUN, seen=first, log=excerpt(rest))
    if isinstance(error, EmulatorDied) and (killed := _KILLED.search(error.detail)):
        return Problem(Outcome.COULD_NOT_RUN, seen=f"the emulator was {killed[0]}, twice: nothing"
                       " in the machine can do that; is this computer out of memory?")
    if isinstance(error, MachineError):
        return problem_of_machine(error)
    if isinstance(error, ProbeError):  # it did answer after the boot
        return Problem(Outcome.FAILED, "vtxprobe, the grader's own module in the machine",
                       "it answers, as after the boot", clean(str(error)))
    if isinstance(error, AssertionError | pytest.fail.Exception) or not has_points:
        return _plain_failure(error)
    where = excinfo.traceback[-1] if excinfo.traceback else None
    at = f" at {where.path}:{where.lineno + 1}" if where else ""
    return Problem(
        Outcome.GRADER_BROKE,
        "the grader itself failed; this says nothing about the code",
        seen=clean(f"{type(error).__name__}: {error}{at}"),
        log=excerpt(str(excinfo.getrepr(style="short"))),
    )
