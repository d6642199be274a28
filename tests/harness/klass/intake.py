# SPDX-License-Identifier: GPL-2.0
"""Take a stage's files out of a submission, wherever in it they are.

They may lie at the top, in projectNN/, or below a wrapping folder as zip tools make it. The folder
that has most of them wins; then the one that is called like the stage, then the one nearest to the
top. What is in it is copied into a flat private folder, which the grader takes as SUBMIT.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import resource
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from harness import submit
from harness.klass.errors import Unreadable
from harness.klass.members import (DEPTH_LIMIT, MEMBER_LIMIT, MIB, TOO_LARGE, Member,
                                   archive_reader, members)

MEMORY_LIMIT = 2048 * MIB
_PROJECT = re.compile(r"project\d\d")
_NOT_HANDED_IN = {"__MACOSX", "build"}  # resource forks; copies that the build makes


@dataclass
class Intake:
    """What came out of a submission."""

    taken: dict[str, bytes] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)  # name, why
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """The content that is graded: the same files give the same result."""
        hash = hashlib.sha256()
        for name, data in sorted(self.taken.items()):
            hash.update(f"{name}\0{len(data)}\0".encode() + data)
        hash.update(repr(sorted(self.refused.items())).encode())
        return hash.hexdigest()

    def problems(self) -> list[str]:
        """What is wrong with it, one line a file."""
        rows = [f"{name}: refused: {why}" for name, why in self.refused.items()]
        return rows + [f"{name}: missing" for name in self.missing]


@dataclass
class Base:
    """One folder of the submission that has some of the files."""

    parts: tuple[str, ...]
    taken: dict[str, bytes] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    def rank(self, stage: str) -> tuple:
        """The smallest is the one that was handed in."""
        named = bool(self.parts) and self.parts[-1] == stage
        return (not named, -len(self.taken), -len(self.refused), len(self.parts), self.parts)

    def add(self, member: Member) -> None:
        """Read a file, or note why not."""
        name = member.parts[-1]
        try:
            if member.why:
                raise submit.Refused(member.why)
            data = member.read()
            if len(data) > submit.SIZE_LIMIT:
                raise submit.Refused(TOO_LARGE)
        except submit.Refused as refused:
            self.refused[name] = str(refused)
            self.taken.pop(name, None)
        else:
            self.taken[name] = data
            self.refused.pop(name, None)  # the same name twice in an archive: the last counts


def _sensible(parts: tuple[str, ...], stage: str) -> bool:
    """Whether somebody would hand in files in this folder for this stage."""
    if len(parts) > DEPTH_LIMIT or any(p.startswith(".") or p in _NOT_HANDED_IN for p in parts):
        return False
    return not any(_PROJECT.fullmatch(part) and part != stage for part in parts)


def _bases(stream: Iterator[Member], stage: str, names: list[str]) -> dict[tuple, Base]:
    bases: dict[tuple, Base] = {}
    held = 0
    for number, member in enumerate(stream):
        if number >= MEMBER_LIMIT:
            raise Unreadable(f"it has more than {MEMBER_LIMIT} files")
        parts = member.parts
        if parts and parts[-1] in names and _sensible(parts[:-1], stage):
            base = bases.setdefault(parts[:-1], Base(parts[:-1]))
            base.add(member)
            held += len(base.taken.get(parts[-1], b""))
            if held > 64 * submit.SIZE_LIMIT:
                raise Unreadable("it has too many copies of the stage's files")
    return bases


def _inner_archive(path: Path) -> Path | None:
    """The archive in a folder that holds nothing else, as learning platforms hand them out."""
    if path.is_symlink() or not path.is_dir():
        return None
    files = [p for p in path.iterdir() if not p.name.startswith(".")]
    if len(files) != 1 or files[0].is_symlink() or not files[0].is_file():
        return None
    return files[0] if archive_reader(files[0]) else None


def look(path: Path, stage: str, names: list[str]) -> Intake:
    """Find the stage's files in a submission; Unreadable when it cannot be opened."""
    inner = _inner_archive(path)
    bases = _bases(members(inner or path), stage, names)
    found = Intake(missing=list(names))
    if not bases:
        found.notes.append("none of the stage's files is in it")
        return found
    best, *others = sorted(bases.values(), key=lambda base: base.rank(stage))
    found.taken, found.refused = best.taken, best.refused
    found.missing = [n for n in names if n not in best.taken and n not in best.refused]
    if inner:
        found.notes.append(f"taken from {inner.name} in the folder")
    left = ["/".join(o.parts) or "." for o in others
            if o.taken and (found.missing or len(o.taken) == len(best.taken))]
    if left:
        found.notes.append(f"taken from {'/'.join(best.parts) or '.'}, and not from "
                           + ", ".join(left[:3]))
    return found


@contextlib.contextmanager
def bounded_memory(limit: int = MEMORY_LIMIT) -> Iterator[None]:
    """A decompressor that wants gigabytes gets a MemoryError instead of the whole machine's."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    except MemoryError as error:
        raise Unreadable("unpacking it takes too much memory") from error
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def take(path: Path, stage: str, names: list[str], target: Path) -> Intake:
    """Copy the stage's files of a submission into the new folder `target`."""
    with bounded_memory():
        found = look(path, stage, names)
    target.mkdir(parents=True, mode=0o700)
    for name, data in found.taken.items():
        (target / name).write_bytes(data)
    return found
