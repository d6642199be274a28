# SPDX-License-Identifier: GPL-2.0
"""`make hand-in STAGE=01`: pack a student's files of a stage; say now what would be refused."""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass, field
from getpass import getuser
from pathlib import Path

from harness.errors import LabError
from harness.exercises import GIVEN, REPOSITORY, find_stage, student_files
from harness.next_step import undone
from harness.submit import Refused, take_file


@dataclass
class Parcel:
    """What there is to hand in."""

    files: dict[str, bytes] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)  # by file: "unchanged"
    problems: list[str] = field(default_factory=list)


def _as_given(directory: Path) -> dict[str, str]:
    """Digests of the files as the student got them; empty in the reference tree."""
    path = directory / GIVEN
    return json.loads(path.read_text(encoding="utf-8"))["given"] if path.is_file() else {}


def collect(directory: Path) -> Parcel:
    """Read the stage's files as the grader will."""
    parcel, given = Parcel(), _as_given(directory)
    for name in student_files(directory):
        try:
            data = take_file(directory / name)
        except Refused as refused:
            parcel.problems.append(f"{name} would be refused: {refused}")
            continue
        if data is None:
            parcel.problems.append(f"{name} is missing in {directory.name}/")
            continue
        parcel.files[name] = data
        if hashlib.sha256(data).hexdigest() == given.get(name):
            parcel.notes[name] = "unchanged: as you got it"
    return parcel


def your_name(wanted: str) -> str:
    """A name that can be part of a file's: NAME=, git's, or the login."""
    if not wanted:
        asked = subprocess.run(["git", "config", "user.name"], capture_output=True, text=True,
                               cwd=REPOSITORY, check=False)
        wanted = asked.stdout.strip() or getuser()
    plain = re.sub(r"[^\w.-]+", "-", wanted).strip("-.")
    if not plain:
        raise LabError(f"NAME={wanted}: expected letters or digits")
    return plain


def pack(folder: str, parcel: Parcel, archive: Path) -> None:
    """Write the archive: these files and nothing else, nothing of this computer in it."""
    with tarfile.open(archive, "w:gz") as tar:
        for name, data in parcel.files.items():
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mode, entry.mtime = len(data), 0o644, int(time.time())
            tar.addfile(entry, io.BytesIO(data))


def _check(directory: Path, parcel: Parcel) -> None:
    """Refuse to pack what the grader would refuse, or what holds no work at all."""
    if parcel.problems:
        raise LabError("nothing was packed:\n  " + "\n  ".join(parcel.problems))
    if not parcel.files:
        raise LabError(f"{directory.name} has no student.files: there is nothing to hand in")
    if len(parcel.notes) == len(parcel.files):
        raise LabError(f"nothing was packed: every file of {directory.name} is as you got it")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make hand-in", description=__doc__)
    parser.add_argument("--stage", required=True)
    parser.add_argument("--name", default="", help="NAME=: yours (default: git's user.name)")
    options = parser.parse_args(arguments)
    try:
        directory = find_stage(REPOSITORY, options.stage)
        parcel = collect(directory)
        _check(directory, parcel)
        archive = Path(f"{directory.name}-{your_name(options.name)}.tar.gz")
        pack(directory.name, parcel, archive)
    except LabError as error:
        print(f"hand-in: {error}", file=sys.stderr)
        return 1
    print(f"{archive} holds:")
    for name in parcel.files:
        print(f"  {directory.name}/{name:<24} {parcel.notes.get(name, 'changed')}")
    if numbers := undone(directory):
        print(f"Not done yet: {', '.join(numbers)}.")
    print(f"Nothing in it would be refused. What it earns: make check-{directory.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
