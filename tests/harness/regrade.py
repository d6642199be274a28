# SPDX-License-Identifier: GPL-2.0
"""Grade one thing in a process of its own: a submission, a mutant, a step, one of a class.

Nothing is shared with the caller but files, so a grader that crashes or is killed is a result here
(a Grading without a score), and a pytest worker can grade from inside a test.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.exercises import stage_name

REPOSITORY = Path(__file__).resolve().parents[2]
TIMEOUT = 900.0  # seconds; a submission that hangs wherever it can takes less than half
PATIENCE = 30.0  # from SIGTERM, at which the grader ends its machines, to SIGKILL
OUTPUT_END = 16 << 10
# For tests of the grader, which have to end alike each time: nonces and processors are drawn by it.
SAME_DRAW = "check-grader"
# What an outer make or pytest tells its own processes is not for this run.
_NOT_OURS = ("PYTEST_", "MAKE", "MFLAGS")


@dataclass
class Grading:
    """What came of grading one thing; a score of None says nothing about the code."""

    stage: str
    status: int | None  # 0 full points, 1 points lost, 3 inconclusive, None: it was killed late
    seconds: float
    output: str  # the end of what the grader printed
    results: Path
    data: dict[str, Any] = field(default_factory=dict)  # results.json

    @property
    def decided(self) -> bool:
        """True if what was graded has its points, or certainly has not."""
        return self.status in (0, 1)

    @property
    def score(self) -> int | None:
        """Points of the stage; None where they could not be decided, and for a part of it."""
        return self.data.get("score") if self.decided else None

    @property
    def points(self) -> dict[str, int | None]:
        """Points of each exercise; None where they could not be decided."""
        return {test["number"]: test["extra_data"]["score"] for test in self.data.get("tests", [])}

    @property
    def rubric(self) -> str:
        """The rubric as a person reads it, or the end of the output where there is none."""
        path = self.results / "rubric.txt"
        return path.read_text(encoding="utf-8") if path.is_file() else self.output

    def lost(self) -> list[str]:
        """The exercises that certainly have no points."""
        return [number for number, points in self.points.items() if points == 0]

    def explanation(self, number: str) -> str:
        """What the student reads about an exercise that he lost; "" for any other."""
        texts = [test["output"] for test in self.data.get("tests", [])
                 if test["number"] == number and self.points[number] == 0]
        return texts[0] if texts else ""


def command(stage: str, root: Path, build: Path, results: Path, jobs: int = 0,
            **options: object) -> list[str]:
    """The pytest command line that grades one stage."""
    name = stage_name(stage)
    tests = sorted(root.glob(f"tests/stage/test_{name.replace('-', '_')}*.py"))
    argv = [sys.executable, "-m", "pytest", "-c", str(root / "tests/pytest.ini"), "-n", str(jobs),
            "--dist", "loadgroup", *map(str, tests), "--stage", name, "--root", str(root),
            "--build-root", str(build), "--results", str(results)]
    for option, value in options.items():
        argv += [f"--{option}", str(value)] if value else []
    return [*argv, "--write-part"] if options.get("exercise") else argv


def _environment(root: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_NOT_OURS)}
    return kept | {"PYTHONPATH": str(root / "tests"), "PYTHONUNBUFFERED": "1",
                   "PYTHONDONTWRITEBYTECODE": "1"}


def _end(process: subprocess.Popen) -> None:
    """Ask first: the grader then ends its machines; whoever stays is killed with its group."""
    process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _run(argv: list[str], root: Path, log: Path, timeout: float) -> int | None:
    """Run the grader; its status, or None after a timeout."""
    with log.open("wb") as output, subprocess.Popen(
        argv, cwd=root, env=_environment(root), stdin=subprocess.DEVNULL, stdout=output,
        stderr=subprocess.STDOUT, start_new_session=True,
    ) as process:
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            _end(process)
            return None
        except BaseException:  # Ctrl-C, SIGTERM: no grader outlives its caller
            _end(process)
            raise


def _tail(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - OUTPUT_END))
        return file.read().decode("utf-8", "replace")


def _load(results: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        return json.loads((results / "results.json").read_text(encoding="utf-8"))
    return {}


def grade(stage: str, submit: Path | None = None, *, build: Path, results: Path, todo: str = "",
          root: Path = REPOSITORY, kver: str = "", seed: str = "", jobs: int = 0,
          exercise: str = "", timeout: float = TIMEOUT) -> Grading:
    """Grade one stage of the tree at `root`, with the files of `submit` if given.

    build:    the O= of make; several gradings may share it
    results:  where results.json, rubric.txt … and the log go; an older result there is removed
    todo:     exercises to leave unsolved, "1.3 2.1"
    jobs:     machines side by side; 0 does everything in one process
    exercise: the only one that is graded, "1.3"; the others are not in the results then
    timeout:  seconds, after which the grader is ended and the grading has no score
    """
    results.mkdir(parents=True, exist_ok=True)
    for old in ("results.json", "rubric.txt"):
        (results / old).unlink(missing_ok=True)
    log = results / "grader.log"
    argv = command(stage, root, build, results, jobs, submit=submit, todo=todo, kver=kver,
                   seed=seed, exercise=exercise)
    started = time.monotonic()
    status = _run(argv, root, log, timeout)
    return Grading(stage_name(stage), status, time.monotonic() - started, _tail(log), results,
                   _load(results))
