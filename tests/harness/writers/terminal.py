# SPDX-License-Identifier: GPL-2.0
"""The rubric as a person reads it: a table, and below each loss what was expected and seen."""

from __future__ import annotations

import os.path
import textwrap
from collections.abc import Iterator

from harness.plain import cut, no_commands
from harness.results import ExerciseResult, Outcome, Problem, Run, StageResult, TestResult
from harness.writers.figures import figure_rows
from harness.writers.rows import MAX_WIDTH, MIN_WIDTH, Row, labelled
from harness.writers.words import how_many, points

TESTS_SHOWN = 3
FAILURE_WIDTH = 200  # of a line of them
FAILURES_SHOWN = 10  # of a run of everything: who reads the last twenty lines of a log has them
_WORDS = {Outcome.PASSED: "passed", Outcome.FAILED: "FAILED", Outcome.SKIPPED: "skipped",
          Outcome.COULD_NOT_RUN: "COULD NOT RUN", Outcome.GRADER_BROKE: "GRADER BROKE",
          Outcome.NOT_SELECTED: "-"}

_FAILURES = (Outcome.FAILED, Outcome.GRADER_BROKE, Outcome.COULD_NOT_RUN)


def problem_rows(
    test: TestResult, problem: Problem, count: int, told: set, width: int
) -> Iterator[Row]:
    """Everything that helps with one failed test; what was told before is only named."""
    more = f", and {count - 1} more" if count > 1 else ""
    yield from labelled("test", test.place + more, width)
    if problem.cause in told:
        named = problem.what or textwrap.shorten(problem.seen, 60, placeholder=" …")
        word = "why" if problem.outcome is Outcome.COULD_NOT_RUN else "seen"
        yield from labelled(word, f"{named}: as above", width)
        return
    told.add(problem.cause)
    for word, text in problem.parts:
        yield from labelled(word, text, width)


def exercise_rows(result: ExerciseResult, told: set, width: int) -> Iterator[Row]:
    """The exercise's line of the table, and the reasons if points were lost."""
    title, *rest = textwrap.wrap(result.exercise.title, width - 34) or [""]
    row = f"  {result.exercise.number:<5}{title:<{width - 33}} {points(result):>7}  "
    yield Row(row + _WORDS[result.outcome], result.outcome)
    yield from (Row(" " * 7 + text) for text in rest)
    if not result.tests and result.outcome is Outcome.GRADER_BROKE:
        yield from labelled("seen", "no test of this exercise has run", width)
    problems = result.problems
    for test, problem, count in problems[:TESTS_SHOWN]:
        yield from problem_rows(test, problem, count, told, width)
    if (more := len(problems) - TESTS_SHOWN) > 0:
        yield from labelled("and", f"{how_many(more, 'more test')} of this exercise", width)
    if problems:
        yield Row("")


def total(run: Run, stage: StageResult) -> str:
    """The sum, or why there is none."""
    score = run.score(stage)
    if score is not None:
        return f"{score} of {stage.max_score} points"
    unknown = sum(e.exercise.points for e in stage.selected if e.score is None)
    if unknown:
        return (f"no score: {unknown} of {stage.max_score} points could not be decided,"
                f" {stage.earned} are certain")
    if run.partial:
        return f"{stage.earned} points in the selected exercises; no total for a part of the suite"
    return f"no score: the grader itself failed; {stage.earned} points are certain"


def advice_rows(stage: StageResult, width: int) -> Iterator[Row]:
    """What to do next, where a person works in a tree of his own."""
    for i, text in enumerate(stage.advice):
        if not i:
            yield Row("")
        indent = "  " + " " * (len(text) - len(text.lstrip()))
        for row in textwrap.wrap(text.strip(), width, initial_indent=indent,
                                 subsequent_indent=" " * 8):
            yield Row(row)


def stage_rows(run: Run, stage: StageResult, width: int) -> Iterator[Row]:
    """One stage's rubric."""
    yield Row("")
    yield Row(f"{stage.name}: {stage.title}" if stage.title != stage.name else stage.name)
    told: set = set()
    for result in stage.exercises:
        yield from exercise_rows(result, told, width)
    score = run.score(stage)
    outcome = None if score is None else \
        (Outcome.PASSED if score == stage.max_score else Outcome.FAILED)
    yield Row(f"  total: {total(run, stage)}", outcome)
    yield from advice_rows(stage, width)


def trouble_rows(run: Run, width: int) -> Iterator[Row]:
    """What is wrong with the grader itself."""
    for problem in run.troubles:
        yield Row("")
        yield Row(f"{_WORDS[problem.outcome]}: {problem.what}", problem.outcome)
        for word, text in problem.parts[1:]:
            yield from labelled(word, text, width)
    if run.exit_status() == 3:
        yield Row("")
        yield Row("Some results say nothing about the code: they are no zeros. `make doctor` may"
                  " know why.", Outcome.COULD_NOT_RUN)


def lines(run: Run, width: int = MIN_WIDTH) -> list[Row]:
    """The summary of a whole run."""
    width = min(max(width, MIN_WIDTH), MAX_WIDTH)
    rows = [Row("")] + [Row(note) for note in run.notes] if run.notes else []
    for stage in run.stages:
        rows += stage_rows(run, stage, width)
    rows += trouble_rows(run, width)
    rows += figure_rows(run)
    return rows + [Row("")]


def written(paths: list[str]) -> list[str]:
    """What was written: a line for each name, with the folders that have a file of that name."""
    folders: dict[str, list[str]] = {}
    for path in paths:
        folders.setdefault(os.path.basename(path), []).append(os.path.dirname(path))
    return [f"written: {_in_folders(places, name)}" for name, places in folders.items()]


def _in_folders(places: list[str], name: str) -> str:
    """The file of that name in each of the folders, as a shell has it."""
    parents = {os.path.dirname(place) for place in places}
    if len(places) == 1 or len(parents) > 1:
        return " ".join(f"{place}/{name}" for place in places)
    return f"{parents.pop()}/{{{','.join(map(os.path.basename, places))}}}/{name}"


def failure_rows(run: Run) -> Iterator[Row]:
    """What did not pass, each in one line with the beginning of its reason."""
    bad = [(problem.outcome, "the grader", problem) for problem in run.troubles]
    tests = [test for test in run.tests if test.problem and test.outcome in _FAILURES]
    tests.sort(key=lambda test: _FAILURES.index(test.outcome))
    bad += [(test.outcome, test.name, test.problem) for test in tests]
    for outcome, name, problem in bad[:FAILURES_SHOWN]:
        text = cut(f"{_WORDS[outcome]}: {name}: {_reason(problem)}", FAILURE_WIDTH)
        yield Row(no_commands(text), outcome)
    if (more := len(bad) - FAILURES_SHOWN) > 0:
        yield Row(f"and {more} more: see above", bad[-1][0])


def _reason(problem: Problem) -> str:
    """The first lines of what was looked at and of what was seen."""
    first = (text.strip().partition("\n")[0] for text in (problem.what, problem.seen))
    return ": ".join(text for text in first if text)


def text(run: Run, stage: StageResult) -> str:
    """The same for one stage as a text file."""
    rows = [Row(note) for note in run.notes]
    rows += [*stage_rows(run, stage, MAX_WIDTH), *trouble_rows(run, MAX_WIDTH), *figure_rows(run)]
    return "\n".join(row.text for row in rows).lstrip("\n") + "\n"
