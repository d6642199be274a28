# SPDX-License-Identifier: GPL-2.0
"""What several writers say about an exercise, in plain text."""

from __future__ import annotations

from harness.grade import problem_text
from harness.results import ExerciseResult, Outcome, Problem, Run

NO_ZERO = "This says nothing about the code and is not a zero: it has to be graded again."
MEANING = {
    Outcome.COULD_NOT_RUN: "Something that the grader needs is missing on its computer. " + NO_ZERO,
    Outcome.GRADER_BROKE: "The grader itself failed. " + NO_ZERO,
}


def how_many(count: int, what: str) -> str:
    """3 tests, 1 test."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def points(result: ExerciseResult) -> str:
    """10/15, or ?/15 where nobody can know."""
    return f"{'?' if result.score is None else result.score}/{result.exercise.points}"


def explanation(result: ExerciseResult) -> str:
    """Everything that one needs to know about an exercise: all its problems, each once."""
    if result.outcome is Outcome.PASSED:
        return f"passed: {how_many(len(result.tests), 'test')}"
    parts = [f"Exercise {result.exercise.number}: {result.outcome.value}."]
    if meaning := MEANING.get(result.outcome):
        parts.append(meaning)
    if not result.tests:
        parts.append("No test of this exercise has run.")
    for test, problem, count in result.problems:
        more = f", and {count - 1} more" if count > 1 else ""
        kind = "" if test.outcome is result.outcome else f"{test.outcome.value}: "
        parts.append(f"{kind}{test.place}{more}\n{problem_text(problem)}")
    return "\n\n".join(parts)


def trouble_text(problem: Problem) -> str:
    """A trouble of the grader's own."""
    return f"{problem.outcome.value}: {problem_text(problem)}"


def summary(run: Run) -> str:
    """What concerns the whole run: the files taken, and what is wrong with the grader itself."""
    return "\n".join([*run.notes, *map(trouble_text, run.troubles)])
