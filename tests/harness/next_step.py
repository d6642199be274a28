# SPDX-License-Identifier: GPL-2.0
"""What to do next, for a person who works through the exercises in a tree of his own.

That is a starter, or the reference with TODO=. An exercise is undone while its stub stands in the
student's files (there) or while TODO= names it (here).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from harness.exercises import (
    GIVEN,
    Exercise,
    load_stage,
    stage_directories,
    student_files,
    stubs,
)
from harness.results import Outcome, StageResult

_COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*|("(?:\\.|[^"\\\n])*")', re.S)


def is_starter(directory: Path) -> bool:
    """True if this stage came out of `make starter`."""
    return (directory / GIVEN).is_file()


def undone(directory: Path, todo: str = "") -> list[str]:
    """The exercises of a stage that nobody has begun, in their order."""
    if is_starter(directory):
        standing = _standing_stubs(directory)
    else:
        standing = set(todo.split())
    return [e.number for e in load_stage(directory).exercises if e.number in standing]


def _standing_stubs(directory: Path) -> set[str]:
    found: set[str] = set()
    for name in student_files(directory):
        path = directory / name
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            found |= set(stubs(_COMMENT.sub(r"\1", text)))
    return found


def error_of(exercise: Exercise) -> str:
    """What the driver and vtxctl print until an exercise is done."""
    return f"exercise {exercise.number} is not done yet: {exercise.stub}"


def _step(exercise: Exercise, stub_stands: bool, after: Exercise | None) -> Iterator[str]:
    yield f"next: exercise {exercise.number} ({exercise.points} points): {exercise.title}"
    yield f"      in {exercise.place}"
    if stub_stands:
        yield f"      until it is done: {error_of(exercise)}"
    else:
        yield "      it is begun; what its tests expected and what they saw is above"
    if after:
        yield f"      when it is done, expect: {error_of(after)}"
    else:
        yield "      it is the last one that is missing"


def _before(earlier: list[Path], name: str, todo: str) -> Iterator[str]:
    """Earlier stages that this one is built on, as far as they are unfinished."""
    for directory in earlier:
        if numbers := undone(directory, todo):
            yield (f"{name} builds on {directory.name}, whose exercises {', '.join(numbers)} are"
                   " not done: what fails here may fail because of that. Do them first:"
                   f" make check-{directory.name}")


def advice(root: Path, result: StageResult, todo: str) -> list[str]:
    """The lines below a stage's rubric; none where nobody works through exercises."""
    stages = stage_directories(root)
    place = next((i for i, d in enumerate(stages) if d.name == result.name), None)
    if place is None or not (is_starter(stages[place]) or todo):
        return []
    rows = list(_before(stages[:place], result.name, todo))
    failed = [e.exercise for e in result.exercises if e.outcome is Outcome.FAILED]
    if failed:
        standing = undone(stages[place], todo)
        after = next((e for e in failed[1:] if e.number in standing), None)
        rows += _step(failed[0], failed[0].number in standing, after)
    elif result.complete:
        following = stages[place + 1:place + 2]
        rows += [f"{result.name} is done."
                 + (f" Next: {following[0].name}/README.md" if following else "")]
    return rows


def where_it_stops(root: Path, stage: int) -> str:
    """Why a demo of a starter cannot go on yet; "" when no exercise is missing."""
    stages = [d for d in stage_directories(root) if d.name <= f"project{stage:02d}"]
    for directory in stages:
        if is_starter(directory) and (numbers := undone(directory)):
            first = next(e for e in load_stage(directory).exercises if e.number == numbers[0])
            return ("The demo stops here: it needs exercises that are not done yet.\n"
                    f"Next: exercise {first.number}, {first.title}\n"
                    f"      in {first.place}; make check-{directory.name} says more")
    return ""
