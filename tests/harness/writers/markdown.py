# SPDX-License-Identifier: GPL-2.0
"""rubric.md: for a job summary on GitHub, a merge request, a mail.

What a student may have written stands in code blocks only, each with a fence longer than any in it:
no markup, link, image, HTML or mention of his takes effect.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from harness.results import ExerciseResult, Outcome, Problem, Run, StageResult, TestResult
from harness.writers.terminal import total
from harness.writers.words import MEANING, points

_FENCE = re.compile(r"`{3,}")
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!$])")
_HOT = re.compile(r"(?<=@)|(?<=://)|(?<=www)(?=\.)")  # what GitHub makes a link of all the same
_PLACE = re.compile(r"[\w./-]+(#[\w-]+)?")
_MARKS = {Outcome.PASSED: "passed", Outcome.FAILED: "**failed**",
          Outcome.COULD_NOT_RUN: "**could not run**", Outcome.GRADER_BROKE: "**grader broke**",
          Outcome.NOT_SELECTED: "–"}


def inline(text: str) -> str:
    """One line of text without any markup; mentions and addresses are parted invisibly."""
    return _HOT.sub("\u200b", _SPECIAL.sub(r"\\\1", " ".join(text.split())))


def fenced(text: str) -> Iterator[str]:
    """A code block that its content cannot end."""
    fence = "`" * max([3, *(len(run) + 1 for run in _FENCE.findall(text))])
    yield from (f"{fence}text", *text.splitlines(), fence, "")


def link(place: str) -> str:
    """A file of the repository, and a heading in it, as a link; anything else as text."""
    return f"[{inline(place)}]({place})" if _PLACE.fullmatch(place) else inline(place)


def problem_lines(problem: Problem) -> Iterator[str]:
    """What was looked at, expected and seen in one block, the log in another."""
    told = [part for part in problem.parts if part[0] not in ("read", "log", "more")]
    indent = "\n" + " " * 11
    yield from fenced("\n".join(f"{word:<10} {text.replace(chr(10), indent)}"
                                for word, text in told))
    if problem.read:
        yield from (f"Read: {link(problem.read)}", "")
    if problem.log:
        yield from ("Log:", "", *fenced(problem.log))


def test_lines(test: TestResult, problem: Problem, count: int) -> Iterator[str]:
    """One test that did not pass."""
    more = f", and {count - 1} more" if count > 1 else ""
    yield from (f"Test: {inline(test.place)}{more} — {_MARKS.get(test.outcome, '')}", "")
    yield from problem_lines(problem)


def exercise_lines(result: ExerciseResult) -> Iterator[str]:
    """A section that is folded until somebody opens it."""
    title = html.escape(f"{result.exercise.number} {result.exercise.title}")  # no Markdown here
    yield from ("<details>", f"<summary>{title}: {result.outcome.value}, {points(result)}"
                "</summary>", "")
    if meaning := MEANING.get(result.outcome):
        yield from (meaning, "")
    if not result.tests:
        yield from ("No test of this exercise has run.", "")
    for problem in result.problems:
        yield from test_lines(*problem)
    yield from ("</details>", "")


def table(stage: StageResult) -> Iterator[str]:
    """Exercises and points."""
    yield from ("| Exercise | | Points | Result |", "|---|---|--:|---|")
    for result in stage.exercises:
        cells = (result.exercise.number, inline(result.exercise.title), points(result),
                 _MARKS[result.outcome])
        yield "| " + " | ".join(cells) + " |"
    yield ""


def lines(run: Run, stage: StageResult) -> Iterator[str]:
    """The whole rubric."""
    title = stage.title if stage.title != stage.name else stage.name
    yield from (f"# {inline(title)}", "", f"**{inline(total(run, stage))}**", "")
    yield from table(stage)
    for problem in run.troubles:
        yield from (f"**{problem.outcome.value}**. {MEANING.get(problem.outcome, '')}", "")
        yield from problem_lines(problem)
    for result in stage.selected:
        if result.outcome is not Outcome.PASSED:
            yield from exercise_lines(result)
    if run.notes:
        yield from fenced("\n".join(run.notes))


def text(run: Run, stage: StageResult) -> str:
    """The file's content."""
    return "\n".join(lines(run, stage)).rstrip() + "\n"
