# SPDX-License-Identifier: GPL-2.0
"""Gradescope: the autograder package, and what run_autograder calls in its container.

A result that says nothing about the code must show as a failed run there, which the instructor
starts again: then there is no results.json at all, and the reason is in the output.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

from harness import regrade
from harness.exercises import stage_directory, student_files
from harness.klass import intake
from harness.klass.errors import BadClass, Unreadable
from harness.klass.plan import known_stage
from harness.regrade import REPOSITORY

FILES = Path(__file__).with_name("gradescope")
_INSIDE = "vtxdrv"  # the repository's folder in the package
_EXECUTABLE = ("setup.sh", "run_autograder")


def _tracked(root: Path) -> list[str]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=False)
    if done.returncode:
        raise BadClass(f"{root} is no git repository: the package is made of its tracked files")
    return [name for name in done.stdout.decode().split("\0") if name and (root / name).is_file()]


def _add(package: zipfile.ZipFile, name: str, data: bytes, executable: bool) -> None:
    info = zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0))  # the same tree makes the same package
    info.external_attr = (0o755 if executable else 0o644) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    package.writestr(info, data)


def write(stage: str, out: Path, root: Path = REPOSITORY) -> int:
    """Write the package: the files of ./gradescope, the stage's name, the tree without history."""
    stage = known_stage(root, stage)
    with zipfile.ZipFile(out, "w") as package:
        for path in sorted(FILES.iterdir()):
            _add(package, path.name, path.read_bytes(), path.name in _EXECUTABLE)
        _add(package, "stage", f"{stage}\n".encode(), False)
        for name in _tracked(root):
            path = root / name
            executable = bool(path.stat().st_mode & 0o100)
            _add(package, f"{_INSIDE}/{name}", path.read_bytes(), executable)
    print(f"written: {out}, {out.stat().st_size // 1024} KiB; what to do with it: docs/class.md")
    return 0


def _taken(submission: Path, stage: str, folder: Path) -> list[str]:
    """Copy the student's files; what is wrong with them."""
    try:
        names = student_files(stage_directory(REPOSITORY, stage))
        return intake.take(submission, stage, names, folder).problems()
    except Unreadable as error:
        folder.mkdir(exist_ok=True)
        return [str(error)]


def grade(stage: str, submission: Path, results: Path, build: Path) -> int:
    """Grade one submission into `results`; 0 when there is a score, 1 when there is no result."""
    results.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="vtx-gradescope-") as scratch:
        files, found = Path(scratch, "files"), Path(scratch, "results")
        for problem in _taken(submission, stage, files):
            print(problem)
        graded = regrade.grade(stage, files, build=build, results=found)
        print(graded.output)
        if graded.score is None:
            print("The grader could not decide this. It is not a zero: run the autograder again.")
            return 1
        results.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(found / "results.json", results)
    return 0
