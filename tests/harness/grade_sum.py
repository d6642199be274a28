# SPDX-License-Identifier: GPL-2.0
"""From the results of tests to the rubric of a stage, and what is not known for certain in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from harness import next_step
from harness.exercises import load_stage, stage_directories, stage_directory, stage_title
from harness.grade_settings import Settings
from harness.results import (
    ExerciseResult,
    Outcome,
    Problem,
    Run,
    StageResult,
    TestResult,
    worst,
)

_STAGE_FILE = re.compile(r"test_(project\d\d|lab_[a-z0-9]+)")


def plain_name(nodeid: str) -> str:
    """A node id without the group that xdist appends to it."""
    return nodeid.rsplit("@", 1)[0] if nodeid.rfind("@") > nodeid.rfind("]") > 0 else nodeid


def stage_of_file(path: Path) -> str:
    """The stage whose tests a file holds: "project01", "lab-linux"; "" for any other file."""
    found = _STAGE_FILE.match(path.name) if path.parent.name == "stage" else None
    return found.group(1).replace("lab_", "lab-") if found else ""


def merge(old: TestResult | None, new: TestResult) -> TestResult:
    """Two phases of one test: the worse one explains it, the boots of both count."""
    if old is None:
        return new
    keep, other = (old, new) if worst([old.outcome, new.outcome]) is old.outcome else (new, old)
    keep.boots += other.boots
    keep.started = min(keep.started, other.started)
    keep.seconds = max(keep.seconds, other.seconds)
    return keep


def not_run(outcome: Outcome, seen: str, what: str = "") -> Problem:
    """Why nobody knows how a test would have ended."""
    return Problem(outcome, what, "every test runs to its end", seen)


def is_partial(config: pytest.Config, settings: Settings) -> bool:
    """True if the command line asks for less than whole stages."""
    option = config.option
    narrowed = settings.exercise or option.keyword or option.markexpr or option.maxfail
    return bool(narrowed or getattr(option, "lf", False) or _lacks_files(config))


def _lacks_files(config: pytest.Config) -> bool:
    """True if the command line names some files of a stage and not all of them."""
    if any("::" in arg for arg in config.args):
        return True
    here = config.invocation_params.dir
    given = {(here / arg).resolve() for arg in config.args if arg.endswith(".py")}
    for path in list(given):
        stage = stage_of_file(path)
        given_too = path.parent.glob("test_*.py") if stage else []
        if any(stage_of_file(p) == stage and p not in given for p in given_too):
            return True
    return False


def directories_of(settings: Settings, tests: Iterable[TestResult]) -> list[Path]:
    """The stages that a run is about: the one it was asked for, or those that have tests in it."""
    if settings.stage:
        return [stage_directory(settings.root, settings.stage)]
    parts = {t.part for t in tests}
    return [d for d in stage_directories(settings.root)
            if d.name in parts or f"lab-{d.name}" in parts]


def folder(settings: Settings, stage: str) -> Path:
    """Where the files of a stage go: --results itself if only one stage is asked for."""
    return settings.results if settings.stage else settings.results / stage


def folders(settings: Settings) -> list[Path]:
    """All that a run may write to."""
    names = [settings.stage] if settings.stage else \
        [directory.name for directory in stage_directories(settings.root)]
    return [folder(settings, name) for name in names] if settings.results else []


def stage_result(run: Run, settings: Settings, directory: Path,
                 doubt: Problem | None) -> StageResult:
    """The rubric of one stage. doubt: why there may be tests that nobody has heard of, if so."""
    missing = Outcome.NOT_SELECTED if run.partial else Outcome.GRADER_BROKE
    stage = StageResult(directory.name, stage_title(directory))
    for exercise in load_stage(directory).exercises:
        tests = [t for t in run.tests if t.exercise == exercise.number]
        result = ExerciseResult(exercise, tests, missing)
        _doubt(run, stage, result, doubt)
        _tell_where_to_read(result)
        stage.exercises.append(result)
    _check_numbers(run, stage)
    if not (settings.submit or run.partial):
        stage.advice = next_step.advice(settings.root, stage, settings.todo)
    return stage


def _doubt(run: Run, stage: StageResult, result: ExerciseResult, doubt: Problem | None) -> None:
    """No points for an exercise of which a test may be missing, and no zero either."""
    if not result.tests and not run.partial:
        doubt = doubt or not_run(Outcome.GRADER_BROKE, "no test of this exercise has run")
    if doubt and result.outcome in (Outcome.PASSED, Outcome.GRADER_BROKE):
        number = result.exercise.number
        test = TestResult(f"{stage.name}::{number}::missing", "the tests that did not run",
                          stage.name, number, outcome=doubt.outcome, problem=doubt)
        result.tests.append(test)
        run.tests.append(test)


def _tell_where_to_read(result: ExerciseResult) -> None:
    """Where a test does not say it, what the exercise's mark says."""
    for test in result.tests:
        if test.problem and test.outcome is Outcome.FAILED:
            test.problem.read = test.problem.read or result.exercise.read


def _check_numbers(run: Run, stage: StageResult) -> None:
    known = {e.exercise.number for e in stage.exercises}
    for test in run.tests:
        if test.part == stage.name and test.exercise and test.exercise not in known:
            run.blame("the marks of the exercises", f"{test.name} is for exercise {test.exercise},"
                      f" which is not marked in {stage.name}")
