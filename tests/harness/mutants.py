# SPDX-License-Identifier: GPL-2.0
"""Mutants: known mistakes of students, small edits of the reference that the suite must catch.

They are written in tests/mutants/projectNN.toml; tests/mutants/README.md explains the format. Here
they are read, checked, written as a submission, and held against what the grader said about it.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.exercises import load_stage, stage_directories, stage_directory, student_files
from harness.regrade import Grading

FOLDER = "tests/mutants"
_KEYS = {"mistake", "breaks", "also", "says", "file", "old", "new", "edit", "sample"}
_EDIT_KEYS = {"file", "old", "new"}
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
# What a student needs to see of a failure; `problem_text` writes these labels.
_LABELS = ("expected", "seen", "read")


class MutantError(Exception):
    """A file of mutants is wrong; the text has one line for each problem."""


@dataclass(frozen=True)
class Edit:
    """Text that occurs once in a file of the student, and what the mistake makes of it."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    """One mistake."""

    name: str
    stage: str
    mistake: str  # one sentence
    breaks: tuple[str, ...]  # exercises that must lose their points
    also: tuple[str, ...]  # exercises that may lose theirs, because nothing works without
    says: str  # regular expression: the concept that the student has to be told
    edits: tuple[Edit, ...]
    sample: bool = False  # part of `make check`

    @property
    def pure_logic(self) -> bool:
        """True for a mistake in C that also runs outside of the kernel."""
        return all(edit.file.endswith("_logic.c") for edit in self.edits)


@dataclass(frozen=True)
class Verdict:
    """What the grader made of a mutant."""

    killed_by: tuple[tuple[str, int], ...]  # exercise, points lost
    message: str  # the line that tells the student what is wrong
    problems: tuple[str, ...]  # why the suite is not good enough; empty for a mutant well caught

    @property
    def survived(self) -> bool:
        """True for a mistake that costs nothing."""
        return not self.killed_by


# ---- reading -------------------------------------------------------------------------------------


def _strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) for v in value)


def _check_edit(edit: Any, directory: Path, allowed: list[str]) -> list[str]:
    if not isinstance(edit, dict) or set(edit) != _EDIT_KEYS:
        return [f"an edit has exactly the keys {', '.join(sorted(_EDIT_KEYS))}"]
    if not all(isinstance(text, str) for text in edit.values()):
        return ["`file`, `old` and `new` must be texts"]
    name = edit["file"]
    if name not in allowed:
        return [f"`{name}` is not in {directory.name}/student.files: a student cannot change it"]
    count = (directory / name).read_text(encoding="utf-8").count(edit["old"]) if edit["old"] else 0
    problems = []
    if count != 1:
        problems.append(f"`old` must occur once in {directory.name}/{name}, it occurs {count}"
                        f" times: {edit['old'].strip().splitlines()[:1]}")
    if edit["old"] == edit["new"]:
        problems.append("`old` and `new` are the same")
    return problems


def _edits(table: dict[str, Any]) -> list[Any]:
    if "edit" in table:
        return table["edit"] if isinstance(table["edit"], list) else [table["edit"]]
    return [{key: table[key] for key in _EDIT_KEYS if key in table}]


def _check_exercises(table: dict[str, Any], known: list[str]) -> list[str]:
    breaks, also = table.get("breaks", []), table.get("also", [])
    if not (_strings(breaks) and _strings(also)):
        return ['`breaks` and `also` are lists of exercises: ["2.1"]']
    problems = [] if breaks else ["`breaks` names no exercise"]
    problems += [f"exercise {n} is not marked in this stage ({', '.join(known)})"
                 for n in [*breaks, *also] if n not in known]
    return problems + [f"{n} is in `breaks` and in `also`" for n in breaks if n in also]


def _check_texts(table: dict[str, Any]) -> list[str]:
    problems = [f"unknown key `{key}`" for key in sorted(set(table) - _KEYS)]
    problems += [f"`{key}` is missing: {what}" for key, what in
                 (("mistake", "one sentence"),
                  ("says", "what the message has to match, the concept"))
                 if not str(table.get(key, "")).strip()]
    try:
        re.compile(str(table.get("says", "")))
    except re.error as error:
        problems.append(f"`says` is no regular expression: {error}")
    if "edit" in table and _EDIT_KEYS & set(table):
        problems.append("either file, old and new, or [[NAME.edit]] with them, not both")
    if not isinstance(table.get("sample", False), bool):
        problems.append("`sample` must be true or false")
    return problems


def _check(name: str, table: Any, directory: Path, known: list[str]) -> list[str]:
    """Everything that is wrong with one table."""
    if not isinstance(table, dict):
        return [f"[{name}] must be a table"]
    problems = [] if _NAME.fullmatch(name) else ["a name is words-with-hyphens"]
    problems += _check_texts(table) + _check_exercises(table, known)
    allowed = student_files(directory)
    for edit in _edits(table):
        problems += _check_edit(edit, directory, allowed)
    return [f"[{name}] {problem}" for problem in problems]


def _mutant(name: str, table: dict[str, Any], stage: str) -> Mutant:
    return Mutant(
        name, stage, table["mistake"].strip(), tuple(table["breaks"]),
        tuple(table.get("also", [])), table["says"],
        tuple(Edit(**edit) for edit in _edits(table)), table.get("sample", False),
    )


def load(root: Path, stage: str) -> list[Mutant]:
    """The mutants of one stage, in their order; MutantError says everything that is wrong."""
    path = root / FOLDER / f"{stage}.toml"
    directory = stage_directory(root, stage)
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise MutantError(f"{path}: {error}") from error
    known = [exercise.number for exercise in load_stage(directory).exercises]
    problems = [p for name, table in tables.items() for p in _check(name, table, directory, known)]
    if problems:
        raise MutantError("\n".join(f"{path.name}: {problem}" for problem in problems))
    return [_mutant(name, table, stage) for name, table in tables.items()]


def load_all(root: Path) -> list[Mutant]:
    """The mutants of every stage that has a file of them."""
    stages = [directory.name for directory in stage_directories(root)]
    return [mutant for stage in stages if (root / FOLDER / f"{stage}.toml").is_file()
            for mutant in load(root, stage)]


# ---- writing and judging -------------------------------------------------------------------------


def write(mutant: Mutant, root: Path, out: Path) -> Path:
    """Write the student files of the stage with the mistake in them: a directory for SUBMIT."""
    directory = stage_directory(root, mutant.stage)
    texts = {name: (directory / name).read_text(encoding="utf-8")
             for name in student_files(directory)}
    for edit in mutant.edits:
        texts[edit.file] = texts[edit.file].replace(edit.old, edit.new)
    out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8")
    return out


def headline(explanation: str) -> str:
    """The line of an explanation that says what is wrong, with what was expected and seen."""
    lines = explanation.splitlines()
    first = next((i for i, line in enumerate(lines) if line.startswith("  expected ")), None)
    if not first:
        return lines[-1].strip() if lines else ""
    seen = next((line for line in lines[first:] if line.startswith("  seen ")), "  seen ?")
    expected, seen = (" ".join(line.split()) for line in (lines[first], seen))
    return f"{lines[first - 1].strip()}: {expected}, {seen}"


def _unclear(number: str, explanation: str, says: str) -> list[str]:
    """What a student misses in the explanation of a lost exercise."""
    problems = [f"the explanation of {number} has no `{label}`" for label in _LABELS
                if not re.search(rf"^ +{label} ", explanation, re.M)]
    if not re.search(says, explanation):
        problems.append(f"the explanation of {number} does not match /{says}/")
    return problems


def judge(mutant: Mutant, grading: Grading) -> Verdict:
    """Hold a grading against what the mutant promises."""
    if not grading.decided:
        return Verdict((), "", (f"no score (exit status {grading.status}): the grader could not"
                                " tell",))
    worth = {test["number"]: test["extra_data"]["points"] for test in grading.data["tests"]}
    lost = grading.lost()
    problems = [f"{number} keeps its points" for number in mutant.breaks if number not in lost]
    problems += [f"{number} loses its points, and is neither in `breaks` nor in `also`"
                 for number in lost if number not in mutant.breaks + mutant.also]
    for number in set(mutant.breaks) & set(lost):
        problems += _unclear(number, grading.explanation(number), mutant.says)
    shown = next((n for n in (*mutant.breaks, *lost) if n in lost), "")
    return Verdict(tuple((n, worth[n]) for n in lost), headline(grading.explanation(shown)),
                   tuple(problems))
