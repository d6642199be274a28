# SPDX-License-Identifier: GPL-2.0
"""The submissions in a directory: whose each is, and when it was handed in.

    alice/  project01-alice.tar.gz  alice.bundle       one submission of alice
    alice@2026-11-20T2359.zip  alice@2026-11-21T0830/  two, with the times of the collecting system

| when | from | worth |
|---|---|---|
| NAME@TIME | the name | as good as the system that wrote it |
| a git bundle | its commit | the student's own clock |
| anything else | the newest of the file, or of the files in the folder | copying changes it |
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone, tzinfo
from itertools import islice
from pathlib import Path

from harness.klass import gitbundle
from harness.klass.errors import BadClass, Unreadable
from harness.klass.members import MEMBER_LIMIT

FEEDBACK = ("feedback.html", "feedback.md")  # lie beside the submissions of a student
CLOCKS = {"name": "the name", "commit": "the commit", "file": "the file's time"}
_EXTENSION = re.compile(r"\.(?:tar(?:\.(?:gz|bz2|xz|zst))?|tgz|tbz2|txz|zip|bundle)$", re.I)
_STAGE_PREFIX = re.compile(r"^project\d\d-(?=.)")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T_ ](\d\d)[:.-]?(\d\d)(?:[:.-]?(\d\d))?)?"
                   r"(Z|[+-]\d\d:?\d\d)?")
_PLAIN = re.compile(r"[A-Za-z0-9_+@][A-Za-z0-9._+@-]{0,99}")


@dataclass(frozen=True)
class Attempt:
    """One submission of one student."""

    student: str
    entry: str  # its name in the directory
    submitted: datetime
    clock: str  # a key of CLOCKS

    @property
    def folder(self) -> str:
        """Where its result goes, below OUT."""
        return f"students/{slug(self.student)}/{slug(self.entry)}"


def slug(name: str) -> str:
    """A name that is safe as a folder's, in a URL and on a command line; different ones differ."""
    if _PLAIN.fullmatch(name) and name not in FEEDBACK:
        return name
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:8]
    return "_" + re.sub(r"[^A-Za-z0-9_+@-]", "_", name)[:80] + "-" + digest


def shown(name: str) -> str:
    """A file's name as text: no bytes that are no UTF-8, no control characters."""
    text = os.fsencode(name).decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def parse_time(text: str, zone: tzinfo | None = None) -> datetime | None:
    """A time as people and systems write it; without a zone it is in `zone`, or local."""
    match = _TIME.fullmatch(text.strip())
    if not match:
        return None
    day, hour, minute, second, offset = match.groups()
    try:
        time = datetime.fromisoformat(f"{day}T{hour or '00'}:{minute or '00'}:{second or '00'}")
        aware = datetime.strptime(offset, "%z").tzinfo if offset else zone
    except ValueError:
        return None
    return time.replace(tzinfo=aware) if aware else time.astimezone()


def student_and_time(entry: str, zone: tzinfo | None) -> tuple[str, datetime | None]:
    """Take `project01-NAME@TIME.ext` apart."""
    name = _STAGE_PREFIX.sub("", _EXTENSION.sub("", entry))
    who, at, when = name.rpartition("@")
    if at and who and (time := parse_time(when, zone)):
        return who, time
    return name, None


def _files(folder: Path) -> Iterator[Path]:
    for home, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(home, name) for name in names)


def _file_time(path: Path) -> datetime:
    """The time of a file, or of the newest file below a folder."""
    is_folder = path.is_dir() and not path.is_symlink()
    times = [file.lstat().st_mtime for file in islice(_files(path), MEMBER_LIMIT)] \
        if is_folder else []
    newest = int(max(times, default=path.lstat().st_mtime))
    return datetime.fromtimestamp(newest, timezone.utc)


def _commit_time(path: Path) -> datetime | None:
    """When the commit of a git bundle was made; None for anything else."""
    try:
        with path.open("rb") as file:
            is_bundle = file.read(16).endswith(b" git bundle\n")
        return gitbundle.commit_time(path) if is_bundle else None
    except (Unreadable, ValueError, OverflowError, OSError):
        return None  # its grading will say so


def _attempt(path: Path, zone: tzinfo | None) -> Attempt:
    student, time = student_and_time(path.name, zone)
    clock = "name"
    if time is None and path.is_file() and not path.is_symlink():
        time, clock = _commit_time(path), "commit"
    if time is None:
        time, clock = _file_time(path), "file"
    return Attempt(shown(student), path.name, time, clock)


def find(directory: Path, zone: tzinfo | None = None) -> list[Attempt]:
    """Every submission, by student and time."""
    if not directory.is_dir():
        what = "a file" if directory.exists() else "no such directory"
        raise BadClass(f"SUBMISSIONS={directory}: {what}; name the directory with a folder or an"
                       " archive for each student")
    attempts = [_attempt(p, zone) for p in directory.iterdir() if not p.name.startswith(".")]
    if not attempts:
        raise BadClass(f"SUBMISSIONS={directory}: there is nothing in it")
    return sorted(attempts, key=lambda a: (a.student.casefold(), a.student, a.submitted, a.entry))
