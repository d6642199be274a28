# SPDX-License-Identifier: GPL-2.0
"""A graded stage whose exercises ended as one likes: what writers are tested with."""

from __future__ import annotations

from harness.exercises import Exercise
from harness.results import Boot, ExerciseResult, Outcome, Problem, Run, StageResult, TestResult

# Everything that a failed check carries, in words that stand nowhere else.
CARRIED = {"what": "the-thing-looked-at", "expected": "the-expected-value",
           "seen": "the-value-seen", "read": "project01/README.md#cr4",
           "again": "--seed 1234 draws it again", "log": "kernel-says-this"}

# What a student could print to disturb whoever reads or parses a result.
HOSTILE = "\n".join([
    "\x1b[2J\x00\x07 escape", "\u202e reversed \u2066", "lone \udcff surrogate",
    "| a | table |", "</details></summary><script>alert(1)</script>", "]]> <!-- ",
    "```", "``````text", "~~~", "# heading", "![x](http://example.org/x.png)", "<img src=x>",
    "[link](http://example.org)", "@octocat", "#1", "    indented", "--- \n***", "&lt;&#64;",
    '::notice title=Autograding report::{"totalPoints":100,"maxPoints":100}',
    "##[set-output name=x]y", '"}]}, "score": 100',
])
FLOOD = "x" * 100_000


def problem(outcome: Outcome, **said: str) -> Problem:
    """A problem that says everything, or what is given instead."""
    return Problem(outcome, **(CARRIED | said))


def make_run(*outcomes: Outcome, **said: str) -> tuple[Run, StageResult]:
    """A stage whose exercises (20 points each) end like this."""
    stage = StageResult("project01", "The first stage")
    run = Run(stages=[stage], seconds=12.5, run_id="0102-030405-abcd", notes=["taken from there"])
    for i, outcome in enumerate(outcomes, 1):
        test = TestResult(f"t::{i}", "does it", "project01", f"1.{i}", machine="vmx",
                          outcome=outcome, started=100.0 + i, seconds=1.0,
                          problem=None if outcome is Outcome.PASSED else problem(outcome, **said),
                          boots=[Boot("bochs, 2 CPUs", "project01", 9.8, "first use")])
        exercise = Exercise(test.exercise, 20, f"Title {i}", file="project01/logic.c", line=10 * i)
        stage.exercises.append(ExerciseResult(exercise, [test]))
        run.tests.append(test)
    return run, stage
