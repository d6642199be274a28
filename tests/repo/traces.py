# SPDX-License-Identifier: GPL-2.0
"""Look for traces of solutions: any distinctive line of one, in any file that a student can read.

Distinctive is a line of code of a solution, white space aside, that has 15 characters or more, two
names or more (`return -ENOENT;` has one), and does not also stand in the code that he is given,
be it as a part of a line.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from harness import exercises
from harness.solution import solved, unsolved

from repo import scan

SHORTEST = 15
_NAME = re.compile(r"\b(?!(?:return|goto|if|else|static|int|void|bool|struct|enum)\b)[A-Za-z_]\w+")
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)


def squeezed(text: str) -> str:
    """The text with its white space made alike."""
    return re.sub(r"\s+", " ", text).strip()


def code_lines(text: str) -> list[str]:
    """The lines of C without comments, white space aside."""
    rows = _COMMENT.sub("", text).splitlines()
    return [row for row in map(squeezed, rows) if row]


def marked_files(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Every file with a solution in it, and the stage's exercises."""
    for directory in exercises.stage_directories(root):
        stage = exercises.load_stage(directory)
        for name in sorted(stage.blocks):
            yield directory / name, [e.number for e in stage.exercises]


def given_lines(root: Path) -> set[str]:
    """Every line of code that a student gets: common/, and the stages without their solutions."""
    marked = dict(marked_files(root))
    given: set[str] = set()
    for path in scan.code_files(root, *scan.C_SUFFIXES):
        if path in marked:
            given.update(code_lines(unsolved(path, marked[path])))
        elif re.match(r"(common|project\d\d|labs)/", str(path.relative_to(root))):
            given.update(code_lines(scan.text_of(path)))
    return given


def distinctive(root: Path) -> dict[str, list[str]]:
    """The lines that only a solution has, each with the files that it is from, by stage."""
    given = "\n".join(given_lines(root))
    found: dict[str, list[str]] = {}
    for path, numbers in marked_files(root):
        for line in code_lines(solved(path, numbers)):
            if len(line) >= SHORTEST and len(_NAME.findall(line)) > 1 and line not in given:
                found.setdefault(line, []).append(str(path.relative_to(root)))
    return found


def objects(repository: Path) -> Iterator[tuple[str, str]]:
    """Every object in git's store, of whatever commit or none."""
    listing = subprocess.run(["git", "cat-file", "--batch-all-objects", "--batch"], check=True,
                             cwd=repository, capture_output=True).stdout
    at = 0
    while at < len(listing):
        end = listing.index(b"\n", at)
        name, _, size = listing[at:end].decode().split()
        after = end + 1 + int(size)
        yield f"git object {name[:12]}", listing[end + 1:after].decode("utf-8", "replace")
        at = after + 1


def texts(repository: Path) -> Iterator[tuple[str, str]]:
    """Everything that a student can read: files, and git's objects unpacked."""
    for path in sorted(repository.rglob("*")):
        inside = path.relative_to(repository)
        if path.is_file() and inside.parts[:2] != (".git", "objects"):
            yield str(inside), path.read_text(encoding="utf-8", errors="replace")
    yield from objects(repository)


def find(lines: dict[str, list[str]], repository: Path) -> list[str]:
    """Every place in a student's repository that has one of these lines."""
    found = []
    for place, text in texts(repository):
        text = squeezed(text)
        found += [f"{place} has a line of {origins[0]}: {line}"
                  for line, origins in lines.items() if line in text]
    return found
