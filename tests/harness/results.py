# SPDX-License-Identifier: GPL-2.0
"""The result of a grading run: one model, and a small writer for each format (harness.writers).

A failed exercise says something about the student's code. "Could not run" and "grader broke" say
something about this machine or about us: they have no score, and are never counted as zero.
"""

from __future__ import annotations

import enum
import time
from collections import Counter
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from harness.exercises import Exercise
from harness.plain import plain


class Outcome(str, enum.Enum):
    """How a test or an exercise ended."""

    PASSED = "passed"
    FAILED = "failed"
    COULD_NOT_RUN = "could not run"
    GRADER_BROKE = "grader broke"
    NOT_SELECTED = "not selected"  # the command line asked for another part of the suite
    SKIPPED = "skipped"  # a test that is worth no points and does not apply here

    @property
    def conclusive(self) -> bool:
        """True where the outcome is about the graded code."""
        return self in (Outcome.PASSED, Outcome.FAILED)


# The first of these that any test of an exercise has is the exercise's own: one failed test is
# enough to know, whatever happened to the others.
_WORST_FIRST = (
    Outcome.FAILED,
    Outcome.GRADER_BROKE,
    Outcome.COULD_NOT_RUN,
    Outcome.SKIPPED,
    Outcome.NOT_SELECTED,
    Outcome.PASSED,
)

VERSION = 1  # of run.json
EXIT_PASSED = 0
EXIT_POINTS_LOST = 1
EXIT_INCONCLUSIVE = 3


def worst(outcomes: list[Outcome]) -> Outcome:
    """The outcome of a whole whose parts ended like this; NOT_SELECTED for no parts."""
    return next((o for o in _WORST_FIRST if o in outcomes), Outcome.NOT_SELECTED)


def _flat(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Plain data of a dataclass: outcomes as their words."""
    return {key: v.value if isinstance(v, Outcome) else v for key, v in pairs}


def _known(cls: type, data: dict[str, Any]) -> dict[str, Any]:
    """What of `data` this version of a class has: a file may be older or newer."""
    names = {f.name for f in fields(cls)}
    return {key: value for key, value in data.items() if key in names}


# The parts of a problem in the order in which every writer shows them: word, most characters.
PARTS = {"what": ("looked at", 800), "expected": ("expected", 2000), "seen": ("seen", 2000),
         "read": ("read", 300), "again": ("again", 200), "log": ("log", 6000)}
WORDS_WITHOUT_A_RESULT = {"seen": "why", "log": "more"}  # nothing was looked at


@dataclass
class Problem:
    """Why a test did not pass, in the words that a student reads; harmless and bounded."""

    outcome: Outcome = Outcome.FAILED
    what: str = ""  # the thing that was looked at: "CR4 on CPU 1 after disable"
    expected: str = ""
    seen: str = ""
    read: str = ""  # where to read: "project02/README.md#users"
    log: str = ""  # excerpt of the kernel's or the compiler's log
    again: str = ""  # how to see the same once more, where values were drawn at random

    def __post_init__(self) -> None:
        self.outcome = Outcome(self.outcome)
        for name, (_, limit) in PARTS.items():
            setattr(self, name, plain(getattr(self, name), limit).rstrip())

    @property
    def parts(self) -> list[tuple[str, str]]:
        """What there is of it, each with its word: ("expected", "0x20 (32)")."""
        words = WORDS_WITHOUT_A_RESULT if self.outcome is Outcome.COULD_NOT_RUN else {}
        return [(words.get(name, word), text) for name, (word, _) in PARTS.items()
                if (text := getattr(self, name))]

    @property
    def cause(self) -> tuple[str, str, str]:
        """Two problems with the same cause need to be told only once."""
        return self.what, self.expected, self.seen


@dataclass
class Boot:
    """One start of a lab machine; seconds is None when the agent never answered."""

    machine: str  # "bochs/haswell, 2 CPUs, kernel 6.1.0-56-amd64"
    stage: str
    seconds: float | None
    why: str = ""  # first boot, or what happened to the machine before

    def __post_init__(self) -> None:
        self.why = plain(self.why, 400)


@dataclass
class TestResult:
    """One test function with one set of parameters."""

    __test__ = False  # the name is not pytest's

    name: str  # node id: tests/stage/test_project01.py::test_x[vmx]
    title: str = ""
    part: str = ""  # "unit", "repo", "project01"
    exercise: str = ""  # "" for a test without points
    aim: str = ""  # what the test wants, in one sentence
    machine: str = ""
    left_out: str = ""  # what of it this machine cannot, and why
    started: float = 0.0  # seconds since the epoch
    seconds: float = 0.0
    outcome: Outcome = Outcome.PASSED
    problem: Problem | None = None
    boots: list[Boot] = field(default_factory=list)

    @property
    def place(self) -> str:
        """The test's title and the machine that it ran on."""
        return f"{self.title} ({self.machine})" if self.machine else self.title

    def to_dict(self) -> dict[str, Any]:
        """Plain data that can travel from a worker process to the controller, and into a file."""
        return asdict(self, dict_factory=_flat)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> TestResult:
        """The inverse of to_dict()."""
        data = _known(cls, data)
        data["outcome"] = Outcome(data["outcome"])
        if data.get("problem"):
            data["problem"] = Problem(**_known(Problem, data["problem"]))
        data["boots"] = [Boot(**_known(Boot, boot)) for boot in data.get("boots", [])]
        return cls(**data)


@dataclass
class ExerciseResult:
    """All tests of one exercise: the points are given for all of them or not at all."""

    exercise: Exercise
    tests: list[TestResult] = field(default_factory=list)
    no_tests: Outcome = Outcome.GRADER_BROKE  # what it means that there are none

    @property
    def outcome(self) -> Outcome:
        """The worst of the tests."""
        return worst([t.outcome for t in self.tests]) if self.tests else self.no_tests

    @property
    def score(self) -> int | None:
        """Points earned; None where nobody can know."""
        if not self.outcome.conclusive:
            return None
        return self.exercise.points if self.outcome is Outcome.PASSED else 0

    @property
    def seconds(self) -> float:
        """Time spent in the tests of the exercise."""
        return sum(t.seconds for t in self.tests)

    @property
    def problems(self) -> list[tuple[TestResult, Problem, int]]:
        """What went wrong, the tests that decide the outcome first, and how many had the same."""
        bad = [t for t in self.tests if t.problem and t.outcome is not Outcome.PASSED]
        bad.sort(key=lambda test: test.outcome is not self.outcome)
        first: dict[tuple, list[TestResult]] = {}
        for test in bad:
            first.setdefault(test.problem.cause, []).append(test)
        return [(tests[0], tests[0].problem, len(tests)) for tests in first.values()]


@dataclass
class StageResult:
    """The rubric of one stage."""

    name: str  # "project01"
    title: str
    exercises: list[ExerciseResult] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)  # what to do next, in a tree of one's own

    @property
    def selected(self) -> list[ExerciseResult]:
        """The exercises that this run was asked to look at."""
        return [e for e in self.exercises if e.outcome is not Outcome.NOT_SELECTED]

    @property
    def complete(self) -> bool:
        """True when every exercise of the stage was passed or failed."""
        return bool(self.exercises) and all(e.outcome.conclusive for e in self.exercises)

    @property
    def earned(self) -> int:
        """Points that are certain."""
        return sum(e.score or 0 for e in self.exercises)

    @property
    def score(self) -> int | None:
        """The stage's points; None unless every exercise has its own."""
        return self.earned if self.complete else None

    @property
    def max_score(self) -> int:
        """What the stage is worth."""
        return sum(e.exercise.points for e in self.exercises)

    def to_dict(self) -> dict[str, Any]:
        """Plain data; of the tests only the names, for they are in the run."""
        rows = [{"exercise": asdict(e.exercise), "no_tests": e.no_tests.value,
                 "tests": [test.name for test in e.tests]} for e in self.exercises]
        return {"name": self.name, "title": self.title, "exercises": rows, "advice": self.advice}

    @classmethod
    def from_dict(cls, data: dict[str, Any], tests: dict[str, TestResult]) -> StageResult:
        """The inverse of to_dict(), with the run's tests by their names."""
        rows = [ExerciseResult(Exercise(**_known(Exercise, row["exercise"])),
                               [tests[name] for name in row["tests"]], Outcome(row["no_tests"]))
                for row in data["exercises"]]
        return cls(data["name"], data["title"], rows, data.get("advice", []))


@dataclass
class Part:
    """What a part of the suite cost: wall clock from its first test to its last, and work."""

    name: str
    tests: int = 0
    wall: float = 0.0
    busy: float = 0.0
    outcomes: Counter[Outcome] = field(default_factory=Counter)


@dataclass
class Run:
    """Everything that one invocation found out."""

    stages: list[StageResult] = field(default_factory=list)
    tests: list[TestResult] = field(default_factory=list)
    troubles: list[Problem] = field(default_factory=list)  # the grader's own, outside any test
    notes: list[str] = field(default_factory=list)  # what a reader should know: files taken, …
    submission: str = ""
    partial: bool = False
    started: float = field(default_factory=time.time)
    seconds: float = 0.0
    run_id: str = ""

    def blame(self, what: str, seen: str, log: str = "",
              outcome: Outcome = Outcome.GRADER_BROKE) -> None:
        """Note a trouble of the grader's own, once: every worker reports the same module."""
        problem = Problem(outcome, what, seen=seen, log=log)
        if problem.cause not in [p.cause for p in self.troubles]:
            self.troubles.append(problem)

    def score(self, stage: StageResult) -> int | None:
        """A stage's points; None for a part of it, and when anything of the grader has failed."""
        return None if self.partial or self.troubles else stage.score

    def of_stage(self, stage: StageResult) -> Run:
        """The run as if it had looked at one stage only."""
        tests = [t for t in self.tests if t.part in (stage.name, f"lab-{stage.name}")]
        return replace(self, stages=[stage], tests=tests)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a file, from which every writer can work without grading again."""
        data = {f.name: getattr(self, f.name) for f in fields(self)}
        return {"version": VERSION, **data, "stages": [s.to_dict() for s in self.stages],
                "tests": [t.to_dict() for t in self.tests],
                "troubles": [asdict(p, dict_factory=_flat) for p in self.troubles]}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Run:
        """The inverse of to_dict()."""
        tests = [TestResult.from_dict(test) for test in data["tests"]]
        named = {test.name: test for test in tests}
        stages = [StageResult.from_dict(stage, named) for stage in data["stages"]]
        troubles = [Problem(**_known(Problem, problem)) for problem in data["troubles"]]
        return cls(**_known(cls, data) | {"tests": tests, "stages": stages, "troubles": troubles})

    @property
    def boots(self) -> list[Boot]:
        """Every machine that was started."""
        return [boot for test in self.tests for boot in test.boots]

    def parts(self) -> list[Part]:
        """The cost of each part, in the order in which they first ran."""
        spans: dict[str, Part] = {}
        first: dict[str, float] = {}
        for test in sorted(self.tests, key=lambda t: t.started):
            part = spans.setdefault(test.part, Part(test.part))
            begin = first.setdefault(test.part, test.started) if test.started else 0.0
            part.tests += 1
            part.outcomes[test.outcome] += 1
            part.busy += test.seconds
            part.wall = max(part.wall, test.started + test.seconds - begin)
        return list(spans.values())

    def exit_status(self) -> int:
        """0 all passed, 1 points or tests lost, 3 could not run or the grader broke."""
        outcomes = [t.outcome for t in self.tests] + [p.outcome for p in self.troubles]
        outcomes += [e.outcome for s in self.stages for e in s.selected]
        if Outcome.GRADER_BROKE in outcomes or Outcome.COULD_NOT_RUN in outcomes:
            return EXIT_INCONCLUSIVE
        return EXIT_POINTS_LOST if Outcome.FAILED in outcomes else EXIT_PASSED
