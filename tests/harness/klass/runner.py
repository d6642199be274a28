# SPDX-License-Identifier: GPL-2.0
"""Run the gradings of a class on this machine: GNU parallel starts them, bounds them, ends them.

Each job prints one line when it is done; we add how far the class is. What was graded before is not
known to parallel's --resume, which counts jobs and not contents: a job finds that out itself.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from harness import orderly, regrade
from harness.klass import one
from harness.klass.errors import BadClass
from harness.klass.plan import Plan

JOB_TIMEOUT = int(regrade.TIMEOUT) + 300  # the grader has its own limit; this one is for the rest
END_SECONDS = 60  # from SIGTERM to SIGKILL: the grader switches its machines off meanwhile
MEMORY = "1G"  # free; below, no other grading is started, below half the youngest starts again
STUBBORN = 5  # undecided ones at least, before the machine is suspected


@dataclass
class Tally:
    """How far the class is."""

    total: int
    jobs: int
    started: float = field(default_factory=time.monotonic)
    counts: Counter = field(default_factory=Counter)
    busy: float = 0.0  # seconds of grading

    @property
    def graded(self) -> int:
        """Gradings of this run; what was kept costs nothing."""
        return sum(self.counts.values()) - self.counts[one.KEPT]

    @property
    def elapsed(self) -> float:
        """Seconds since the run started."""
        return time.monotonic() - self.started

    def eta(self) -> str:
        """How long the rest takes, at the speed so far."""
        left = self.total - sum(self.counts.values())
        if not left or not self.graded:
            return ""
        seconds = left * self.busy / self.graded / min(self.jobs, self.graded)
        return f"  about {seconds / 60:.0f} min to go" if seconds > 90 else \
            f"  about {seconds:.0f} s to go"

    def take(self, row: str) -> str:
        """Count a job's line; return what a person reads."""
        status, seconds, student, text = (row.split("\t", 3) + [""] * 3)[:4]
        self.counts[status] += 1
        if status != one.KEPT:
            self.busy += float(seconds or 0)
        done = f"[{sum(self.counts.values()):{len(str(self.total))}}/{self.total}]"
        spent = "before" if status == one.KEPT else f"{seconds} s"
        return f"{done} {student:<24} {text}, {spent}{self.eta()}"

    def speed(self) -> str:
        """The closing line."""
        if not self.graded:
            return f"nothing to grade: {self.counts[one.KEPT]} results are of an earlier run"
        cores = len(os.sched_getaffinity(0))
        return (f"{self.graded} graded in {self.elapsed:.0f} s: "
                f"{3600 * self.graded / self.elapsed:.0f} submissions per hour on {cores} cores, "
                f"{self.jobs} side by side")


def command(plan: Plan, jobs: int, count: int) -> list[str]:
    """GNU parallel, and the job with {} for its number."""
    parallel = shutil.which("parallel")
    if not parallel:
        raise BadClass("GNU parallel is not installed: make install-deps DEPS=class")
    return [
        parallel, "--plain", "--quote", "--jobs", str(jobs), "--timeout", str(JOB_TIMEOUT),
        "--termseq", f"TERM,{END_SECONDS * 1000},KILL,25", "--memfree", MEMORY,
        "--halt", f"soon,fail={max(STUBBORN, count // 4)}",
        "--joblog", str(plan.out / ".work" / ".joblog"),
        sys.executable, "-m", "harness.klass", "one", "--out", str(plan.out), "{}",
    ]


@contextmanager
def alone(plan: Plan) -> Iterator[None]:
    """Two runs in one OUT would fight for the processors and count wrong."""
    (plan.out / ".work").mkdir(exist_ok=True)
    with (plan.out / ".work" / ".class.lock").open("w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BadClass(f"OUT={plan.out}: another grade-class is at work there") from error
        yield


def _start(plan: Plan, jobs: int, indexes: list[int]) -> subprocess.Popen:
    """parallel in a session of its own: Ctrl-C is for us, and we tell it."""
    # parallel keeps notes, else in the home directory.
    environ = os.environ | {"PYTHONPATH": str(plan.root / "tests"),
                            "PARALLEL_HOME": str(plan.build / "parallel")}
    process = subprocess.Popen(
        command(plan, jobs, len(indexes)), cwd=plan.root, env=environ, text=True,
        encoding="utf-8", errors="replace", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        start_new_session=True, preexec_fn=lambda: orderly.end_in_order(with_parent=True),
    )
    process.stdin.write("".join(f"{index}\n" for index in indexes))
    process.stdin.close()
    return process


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def _end(process: subprocess.Popen) -> None:
    """Ask parallel to end its jobs; whoever asks again does not want to wait."""
    print("\nending the gradings; the machines are being switched off", file=sys.stderr, flush=True)
    process.terminate()
    try:
        process.wait(END_SECONDS + 10)
    except (KeyboardInterrupt, subprocess.TimeoutExpired):
        process.kill()
        process.wait()


def run(plan: Plan, indexes: list[int], jobs: int) -> Tally:
    """Grade these submissions; KeyboardInterrupt once everything is ended when we are told to."""
    tally = Tally(len(indexes), jobs)
    for number in (signal.SIGINT, signal.SIGTERM):  # a job in the background ignores the first
        signal.signal(number, _interrupt)
    with alone(plan):
        process = _start(plan, jobs, indexes)
        try:
            for row in process.stdout:
                print(tally.take(row.rstrip("\n")), flush=True)
            process.wait()
        except KeyboardInterrupt:
            _end(process)
            raise
    if missing := tally.total - sum(tally.counts.values()):
        print(f"{missing} submissions have no result: too many were undecided to go on, or their"
              " jobs broke; see above", flush=True)
    return tally
