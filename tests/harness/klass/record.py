# SPDX-License-Identifier: GPL-2.0
"""The record of one graded submission: OUT/students/NAME/ENTRY/record.json.

It is written last into a folder that then gets its name, so a record that can be read belongs to a
whole result. Its key says what was graded with what: with another content of the submission,
another grader or another kernel it is somebody else's.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from harness.klass.marks import Graded
from harness.klass.plan import Plan, write_whole

NAME = "record.json"
GRADED, UNREADABLE, UNDECIDED = "graded", "unreadable", "undecided"
# What decides about points; the class's own code and the documentation do not.
_JUDGES = ("Makefile", "common", "labs", "tests/conftest.py", "tests/pytest.ini", "tests/harness",
           "tests/stage", "project??")
_NO_JUDGES = ("/klass/", "/__pycache__/", ".md")


@dataclass
class Record:
    """What was found out."""

    key: str
    entry: str
    status: str
    why: str = ""
    points: dict[str, int | None] = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)  # files that are missing or refused
    notes: list[str] = field(default_factory=list)
    headlines: list[str] = field(default_factory=list)  # what went wrong in which exercises
    seconds: float = 0.0
    finished: float = 0.0  # seconds since the epoch
    commit: str = ""

    @property
    def decided(self) -> bool:
        """Whether it need not be graded again."""
        return self.status != UNDECIDED

    @property
    def score(self) -> int | None:
        """The stage's points, by the exercises' own weights."""
        known = list(self.points.values())
        return None if None in known or not self.decided else sum(known)

    def graded(self, attempt) -> Graded:
        """What the policy is applied to."""
        return Graded(attempt.entry, attempt.submitted, self.points, not self.problems and
                      self.status == GRADED, self.why)

    def save(self, folder: Path) -> None:
        """Write the record: the last thing that goes into the folder."""
        write_whole(folder / NAME, json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Record | None:
        """The record in a folder; None if there is none that is whole."""
        with contextlib.suppress(OSError, ValueError, TypeError):
            data = json.loads((folder / NAME).read_text(encoding="utf-8"))
            return cls(**{f.name: data[f.name] for f in fields(cls) if f.name in data})
        return None


def _git(root: Path, *words: str) -> str:
    with contextlib.suppress(OSError):
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, check=False)
        return done.stdout.decode("utf-8", "surrogateescape") if done.returncode == 0 else ""
    return ""


def _files(root: Path) -> list[Path]:
    listed = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    found = [root / name for name in listed if name]
    found = found or [p for p in root.rglob("*") if "build" not in p.relative_to(root).parts]
    return sorted(p for p in found if _judges(p.relative_to(root)) and p.is_file())


def _judges(path: Path) -> bool:
    """Does this file of the tree decide about points? The tree itself may be in any folder."""
    return any(_below(path, top) for top in _JUDGES) and not any(
        no in str(path) for no in _NO_JUDGES)


def _below(path: Path, top: str) -> bool:
    depth = top.count("/") + 1
    return Path(*path.parts[:depth]).match(top)


def grader_digest(root: Path) -> str:
    """The content of everything that decides about points."""
    hash = hashlib.sha256()
    for path in _files(root):
        hash.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes() + b"\0")
    return hash.hexdigest()


def commit(root: Path) -> str:
    """The repository's state for a reader: a short id, with "+" when files differ from it."""
    known = _git(root, "rev-parse", "--short", "HEAD").strip()
    return known + ("+" if known and _git(root, "status", "--porcelain", "-uno").strip() else "")


def key_of(plan: Plan, content: str) -> str:
    """What a result belongs to."""
    parts = (plan.stage, plan.kver, grader_digest(plan.root), content)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
