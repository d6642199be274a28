# SPDX-License-Identifier: GPL-2.0
"""Say what a crash is: the line that names it, where it happened, and what the word means."""

from __future__ import annotations

import re
from typing import Any

from harness.errors import (
    ConsoleFlood,
    EmulatorFlood,
    Hang,
    MachineError,
    Oops,
    Panic,
    ProtocolError,
    Stopped,
    TripleFault,
)
from harness.grade import clean
from harness.kmsg import sign_of
from harness.results import Outcome, Problem

LINES = 12
COLUMNS = 110
_REGISTERS = re.compile(r"^\s*(?:<\d> )?(?:R[A-Z0-9]{2}|[CDEF]S|CR\d|DR\d|PKRU|Code"
                        r"|Hardware name|Modules linked in|---\[|\? )")
_TIME = re.compile(r"^\[\s*\d+\.\d+\](?:\[\s*[TC]\d+\])? ?(?:<\d> )?")
_PLACE = re.compile(r"RIP: 0010:(\S+(?: \[\w+\])?)")
_SERIOUS = ("panic", "oops", "lockup", "warn")

MEANING = {
    TripleFault: "the CPU met an exception while it delivered an exception, twice, and was reset;"
                 " look for a broken IDT, GDT, stack or page table",
    Hang: "nothing answered any more; look for a loop with interrupts off, a lock that is taken"
          " twice, or a CPU that waits for another one",
    Panic: "the kernel gave up",
    Oops: "the kernel faulted, and what it held was never released",
    ConsoleFlood: "something prints without an end",
    EmulatorFlood: "something does without an end what the processor refuses, such as a VMXON that"
                   " fails",
    Stopped: "the machine was restarted or switched off, and no test had asked for it",
}


def kernel_trouble(rows: list[str]) -> tuple[str, str] | None:
    """The headline of the first crash in a kernel log, and the lines that explain it."""
    texts = [_TIME.sub("", clean(row)).rstrip() for row in rows]
    start = next((i for i, text in enumerate(texts) if sign_of(text) in _SERIOUS), None)
    if start is None:
        return None
    place = next((found[1] for text in texts[start:] if (found := _PLACE.search(text))), "")
    headline = texts[start] + (f", in {place}" if place and place not in texts[start] else "")
    told = [text[:COLUMNS] for text in texts[start:] if text and not _REGISTERS.match(text)]
    return headline, "\n".join(told[:LINES])


def meaning(error: BaseException) -> str:
    """What this end of a machine means, in one sentence; "" for any other exception."""
    return next((text for kind, text in MEANING.items() if isinstance(error, kind)), "")


def explain(problem: Problem, error: BaseException, lab: Any) -> None:
    """Complete a failure with what the kernel said about it and what was running."""
    if isinstance(error, ProtocolError) and lab.machine is not None:  # the second time
        problem.outcome, problem.what = Outcome.FAILED, f"the lab machine while {lab.doing}"
        problem.expected = "its answers can be understood"
        problem.seen = f"{error}\n(the console is flooded, or somebody writes to the grader's line)"
        problem.log = ""
        lab.lose(str(error))
        lab.hangs += 1  # it took as long as one, twice
    if problem.outcome is not Outcome.FAILED:
        return
    rows = [str(record) for record in lab.kmsg]
    if isinstance(error, MachineError):
        rows = error.tail.splitlines()
        problem.what = f"the lab machine while {lab.doing}"
        if why := meaning(error):
            problem.seen += f"\n({why})"
    if trouble := kernel_trouble(rows):
        headline, problem.log = trouble
        if headline.partition(", in ")[0] not in problem.seen:
            problem.seen += f"\nand the kernel said: {headline}"
        elif ", in " in headline:
            problem.seen += f"\nin {headline.partition(', in ')[2]}"
