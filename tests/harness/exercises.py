# SPDX-License-Identifier: GPL-2.0
"""Exercises: where they are marked in the reference source, and what is wrong with the marks.

A mark is a comment above the solution:

    /*
     * EXERCISE 1.2 (15 points): Title, which may go on
     *       on the next line
     * Do:   what to write
     * Read: where it is explained
     * Hint: optional
     */
    #ifndef TODO_1_2
            the solution
    #else
            return VTX_TODO("1.2", "what happens until it is solved");
    #endif

Points, titles and reading lists are written there and nowhere else. A stage is a directory named
projectNN (or labs/NAME) that has such marks; a later issue adds marks and this file stays.

A student's repository has them in projectNN/exercises.json as well (harness.starter writes it),
so that no edit of his can change what an exercise is worth.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.errors import LabError

REPOSITORY = Path(__file__).resolve().parents[2]
GIVEN = "exercises.json"
STAGE_POINTS = 100
SOURCE_SUFFIXES = (".c", ".h", ".S")

_MARK = re.compile(r"^\s*(?:/?\*+|//)?\s*EXERCISE\s+(\d+\.\d+)\s+\((\d+) points?\):\s*(.*)$")
_LOOKS_LIKE_MARK = re.compile(r"^\s*(?:/?\*+|//)?\s*EXERCISE\b")
_SECTION = re.compile(r"^(Do|Read|Hint):\s*(.*)$")
_DIRECTIVE = re.compile(r"^\s*#\s*(ifndef|ifdef|if|elif|else|endif)\b\s*(.*)$")
_TODO_SYMBOL = re.compile(r"\bTODO_(\d+)_(\d+)\b")
_TODO_CALL = re.compile(r'\bVTX_TODO\(\s*"(\d+\.\d+)"')
_STUB = re.compile(r'\bVTX_TODO\(\s*"(\d+\.\d+)",\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\)')


@dataclass(frozen=True)
class Exercise:
    """One mark: what the student is asked to do and what it is worth."""

    number: str  # "1.3"
    points: int
    title: str
    do: str = ""
    read: str = ""
    hint: str = ""
    file: str = ""  # relative to the repository: "project01/vmx_probe.c"
    line: int = 0
    stub: str = ""  # what the VTX_TODO line says until it is solved

    @property
    def place(self) -> str:
        """Where to look: file:line, or the file where its line is not known."""
        return f"{self.file}:{self.line}" if self.line else self.file

    @property
    def order(self) -> tuple[int, int]:
        """Sort key: 1.10 comes after 1.9."""
        major, minor = self.number.split(".")
        return int(major), int(minor)


@dataclass
class Block:
    """One `#ifndef TODO_x_y … #else … #endif`."""

    number: str
    line: int
    has_else: bool = False
    calls: list[str] = field(default_factory=list)  # numbers that VTX_TODO names in the #else part


@dataclass
class SourceMarks:
    """What one file holds."""

    exercises: list[Exercise] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass
class StageMarks:
    """What one stage directory holds."""

    name: str  # "project01"
    directory: Path
    exercises: list[Exercise] = field(default_factory=list)
    blocks: dict[str, list[Block]] = field(default_factory=dict)  # by file name
    problems: list[str] = field(default_factory=list)

    @property
    def points(self) -> int:
        """All points of the stage."""
        return sum(e.points for e in self.exercises)

    def marked_files(self) -> set[str]:
        """Names of the files that a student has to change."""
        return {name for name, blocks in self.blocks.items() if blocks} | {
            Path(e.file).name for e in self.exercises
        }


def stage_name(text: str | int) -> str:
    """The directory name that 1, "01", "project1" or "project01" mean; a lab keeps its name."""
    text = str(text)
    match = re.fullmatch(r"(?:project)?0*(\d{1,2})", text)
    return f"project{int(match.group(1)):02d}" if match else text


def stage_directories(root: Path) -> list[Path]:
    """Every stage of the repository in its order, the labs after the projects."""
    projects = sorted(p for p in root.glob("project[0-9][0-9]") if (p / "stage.c").is_file())
    labs = sorted(p for p in root.glob("labs/*") if (p / "stage.c").is_file())
    return projects + labs


def stage_directory(root: Path, name: str) -> Path:
    """The directory of one stage, whether it is a project or a lab."""
    project = root / stage_name(name)
    return project if project.is_dir() else root / "labs" / name.removeprefix("lab-")


def find_stage(root: Path, text: str) -> Path:
    """The directory of the stage that somebody typed; the error names those that there are."""
    known = {d.name: d for d in stage_directories(root)}
    name = stage_name(text)
    if name not in known:
        raise LabError(f"there is no stage {text} here; the stages are {', '.join(known)}")
    return known[name]


def stage_title(directory: Path) -> str:
    """The first heading of the write-up, or the directory's name where there is none yet."""
    readme = directory / "README.md"
    if readme.is_file():
        for line in readme.read_text(encoding="utf-8").splitlines():
            if line.startswith("# "):
                return line[2:].strip()
    return directory.name


def student_files(directory: Path) -> list[str]:
    """The file names that a submission may bring for this stage."""
    listing = directory / "student.files"
    if not listing.is_file():
        return []
    lines = (line.split("#")[0].strip() for line in listing.read_text("utf-8").splitlines())
    return [line for line in lines if line]


def _comment_text(line: str) -> str:
    return re.sub(r"^\s*(?:/?\*+(?!/)|//)?\s?", "", line).rstrip()


def _parse_mark(lines: list[str], start: int, file: str) -> Exercise:
    """Read the mark whose first line is lines[start], up to the end of its comment."""
    match = _MARK.match(lines[start])
    parts = {"title": [match.group(3)], "do": [], "read": [], "hint": []}
    current = "title"
    for line in lines[start + 1 :]:
        text = _comment_text(line.split("*/")[0]).strip()
        section = _SECTION.match(text)
        if section:
            current, text = section.group(1).lower(), section.group(2)
        parts[current].append(text)
        if "*/" in line:
            break
    joined = {name: " ".join(p for p in part if p).strip() for name, part in parts.items()}
    return Exercise(match.group(1), int(match.group(2)), file=file, line=start + 1, **joined)


class _BlockReader:
    """Follow the preprocessor's conditionals and keep those about TODO_ symbols."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.blocks: list[Block] = []
        self.problems: list[str] = []
        self._stack: list[Block | None] = []

    def _open(self, word: str, rest: str, line: int) -> None:
        symbol = _TODO_SYMBOL.search(rest)
        block = None
        if symbol:
            number = f"{symbol.group(1)}.{symbol.group(2)}"
            if word != "ifndef" or not _TODO_SYMBOL.fullmatch(rest.split("/*")[0].strip()):
                self.problems.append(
                    f"{self.file}:{line}: write `#ifndef {symbol.group(0)}`: that is the only form"
                    " that starter trees are made from"
                )
            if any(self._stack):
                self.problems.append(f"{self.file}:{line}: an exercise inside an exercise")
            block = Block(number, line)
            self.blocks.append(block)
        self._stack.append(block)

    def directive(self, word: str, rest: str, line: int) -> None:
        """Take one #if…, #else or #endif."""
        if word in ("if", "ifdef", "ifndef"):
            self._open(word, rest, line)
        elif not self._stack:
            self.problems.append(f"{self.file}:{line}: #{word} without #if")
        elif word == "endif":
            self._stack.pop()
        elif word == "else" and self._stack[-1]:
            self._stack[-1].has_else = True

    def text(self, line: str) -> None:
        """Take one line that is no conditional."""
        for block in self._stack:
            if block and block.has_else:
                block.calls += _TODO_CALL.findall(line)


def stubs(text: str) -> dict[str, str]:
    """What each VTX_TODO call of a source says, by the exercise's number; the first one counts."""
    found: dict[str, str] = {}
    for call in _STUB.finditer(text):
        literals = re.findall(r'"((?:[^"\\]|\\.)*)"', call.group(2))
        found.setdefault(call.group(1), "".join(literals))
    return found


def parse_source(text: str, file: str) -> SourceMarks:
    """Find the marks and the TODO blocks of one source file."""
    marks = SourceMarks()
    reader = _BlockReader(file)
    lines = text.splitlines()
    for i, line in enumerate(lines):
        directive = _DIRECTIVE.match(line)
        if directive:
            reader.directive(directive.group(1), directive.group(2).strip(), i + 1)
        else:
            reader.text(line)
        if _MARK.match(line):
            marks.exercises.append(_parse_mark(lines, i, file))
        elif _LOOKS_LIKE_MARK.match(line):
            marks.problems.append(
                f"{file}:{i + 1}: expected `EXERCISE x.y (N points): title`, saw `{line.strip()}`"
            )
    said = stubs(text)
    marks.exercises = [replace(e, stub=said.get(e.number, "")) for e in marks.exercises]
    marks.blocks = reader.blocks
    marks.problems += reader.problems
    return marks


def _check_numbers(stage: StageMarks) -> list[str]:
    problems = []
    numbers = [e.number for e in stage.exercises]
    match = re.fullmatch(r"project(\d+)", stage.name)
    major = int(match.group(1)) if match else stage.exercises[0].order[0]
    wanted = [f"{major}.{i + 1}" for i in range(len(numbers))]
    if numbers != wanted:
        problems.append(
            f"{stage.name}: exercises must be numbered {wanted[0]} to {wanted[-1]} without a gap or"
            f" a repetition, found {', '.join(numbers)}"
        )
    if stage.points != STAGE_POINTS:
        problems.append(
            f"{stage.name}: the points add up to {stage.points}, expected {STAGE_POINTS}"
        )
    return problems


def _check_mark(exercise: Exercise, own: list[Block]) -> list[str]:
    at = f"{exercise.file}:{exercise.line}: exercise {exercise.number}"
    problems = [
        f"{at} has no `{label}:` line"
        for label, text in (("Do", exercise.do), ("Read", exercise.read))
        if not text
    ]
    symbol = "TODO_" + exercise.number.replace(".", "_")
    if not exercise.title:
        problems.append(f"{at} has no title")
    if not own:
        problems.append(f"{at} has no `#ifndef {symbol}` in its stage")
    elif not any(exercise.number in block.calls for block in own):
        call = f'VTX_TODO("{exercise.number}"'
        problems.append(f"{at}: no #else part of `#ifndef {symbol}` says {call}")
    return problems


def _check_blocks(stage: StageMarks) -> list[str]:
    numbers = {e.number for e in stage.exercises}
    problems = []
    for file, blocks in sorted(stage.blocks.items()):
        for block in blocks:
            at = f"{stage.name}/{file}:{block.line}"
            if block.number not in numbers:
                problems.append(f"{at}: exercise {block.number} is not marked in {stage.name}")
            if not block.has_else:
                problems.append(f"{at}: exercise {block.number}: #ifndef without #else")
            problems += [
                f"{at}: VTX_TODO names {call} inside exercise {block.number}"
                for call in block.calls
                if call != block.number
            ]
    return problems


def _line_of(path: Path, number: str) -> int:
    """The line of an exercise's mark in a file that the student may have edited; 0 without one."""
    if not path.is_file():
        return 0
    text = path.read_text(encoding="utf-8", errors="replace")
    found = re.search(rf"\bEXERCISE\s+{re.escape(number)}(?![\d.])", text)
    return text.count("\n", 0, found.start()) + 1 if found else 0


def _load_given(directory: Path) -> list[Exercise]:
    """What exercises.json says; only the lines are looked up in the files as they are now."""
    data = json.loads((directory / GIVEN).read_text(encoding="utf-8"))
    found = [Exercise(**entry) for entry in data["exercises"]]
    return [replace(e, line=_line_of(directory / Path(e.file).name, e.number)) for e in found]


def _find_stubs(stage: StageMarks) -> None:
    """An exercise may have its mark in one file, say a header's, and its stub in another."""
    said: dict[str, str] = {}
    for name in stage.blocks:
        text = (stage.directory / name).read_text(encoding="utf-8", errors="replace")
        said = stubs(text) | said
    stage.exercises = [replace(e, stub=e.stub or said.get(e.number, "")) for e in stage.exercises]


def load_stage(directory: Path) -> StageMarks:
    """Read the marks of one stage directory and find everything wrong with them."""
    stage = StageMarks(directory.name, directory)
    if (directory / GIVEN).is_file():
        stage.exercises = _load_given(directory)
        return stage
    for path in sorted(p for p in directory.iterdir() if p.suffix in SOURCE_SUFFIXES):
        file = f"{directory.name}/{path.name}"
        marks = parse_source(path.read_text(encoding="utf-8", errors="replace"), file)
        stage.exercises += marks.exercises
        stage.problems += marks.problems
        if marks.blocks:
            stage.blocks[path.name] = marks.blocks
    _find_stubs(stage)
    stage.exercises.sort(key=lambda e: e.order)
    if not stage.exercises:
        stage.problems.append(f"{stage.name}: no exercise is marked")
        return stage
    stage.problems += _check_numbers(stage) + _check_blocks(stage)
    blocks = [b for bs in stage.blocks.values() for b in bs]
    for exercise in stage.exercises:
        stage.problems += _check_mark(exercise, [b for b in blocks if b.number == exercise.number])
    return stage


def check_student_files(stage: StageMarks) -> list[str]:
    """A marked file must be the student's, and what is listed must exist."""
    listed = student_files(stage.directory)
    at = f"{stage.name}/student.files"
    problems = [
        f"{at}: {name} holds an exercise and is not listed"
        for name in sorted(stage.marked_files() - set(listed))
    ]
    for name in listed:
        if Path(name).name != name:
            problems.append(f"{at}: `{name}` must be a plain file name")
        elif not (stage.directory / name).is_file():
            problems.append(f"{at}: {name} does not exist in {stage.name}/")
    return problems
