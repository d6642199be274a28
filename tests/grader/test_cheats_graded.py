# SPDX-License-Identifier: GPL-2.0
"""Every cheat of tests/cheats is graded: it gets what it deserves, and nobody is harmed."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import uuid
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from harness import cheats
from harness.regrade import SAME_DRAW, grade

REPOSITORY = Path(__file__).resolve().parents[2]
MIB = 1 << 20
DISK = 700 * MIB  # of builds, logs and machines of one grading; the machines' own files are gone
TIMEOUT = 900
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def parameters():
    for cheat in cheats.load_all(REPOSITORY):
        marks = [pytest.mark.sample] if cheat.sample else []
        if cheat.root:
            marks.append(pytest.mark.skipif(os.geteuid() != 0, reason="only root can make it"))
        yield pytest.param(cheat, marks=marks, id=f"{cheat.stage}-{cheat.name}")


def source_files(root):
    """What belongs to the tree, as git knows it; a tree without git has only that."""
    try:
        listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=root,
                                capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        listed = [str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()]
    return [name for name in listed if (root / name).is_file() and not name.startswith("build/")]


@pytest.fixture(scope="session")
def tree(tmp_path_factory):
    """A copy of the tree: what a submission does to it, it does to nobody else's."""
    copy = tmp_path_factory.mktemp("tree")
    for name in source_files(REPOSITORY):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, copy / name)
    yield copy
    shutil.rmtree(copy, ignore_errors=True)


def fingerprint(tree):
    """What every file of the tree is at this moment, the build root left out."""
    def one(path):
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "other"

    return {str(path.relative_to(tree)): one(path) for path in sorted(tree.rglob("*"))
            if path.relative_to(tree).parts[0] != "build" and not path.is_dir()
            and "__pycache__" not in path.parts}


def disk_use(folder):
    """Bytes that a folder occupies."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*") if not path.is_dir())


def marked_processes(mark):
    """Processes of this grading that are still there."""
    left = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in environ.read_bytes():
                left.append(int(environ.parent.name))
        except OSError:
            continue  # it has just ended
    return [pid for pid in left if pid != os.getpid()]


@pytest.fixture
def unharmed(tree, tmp_path, monkeypatch):
    """The host after a grading is the host before it."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    mark = f"VTX_CHEAT={uuid.uuid4()}"
    monkeypatch.setenv(*mark.split("="))
    monkeypatch.setenv("TMPDIR", str(scratch))
    before = fingerprint(tree)
    yield
    left = marked_processes(mark)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left, "processes of the grading are still there"
    assert fingerprint(tree) == before, "the tree has changed"
    assert not list(scratch.rglob("*.c")), "temporary files of the compiler are still there"
    assert disk_use(tree / "build") < DISK, "too much of the disk is used"


def check_files(grading):
    """Programs can read the results, and no control character reaches a terminal."""
    data = json.loads((grading.results / "results.json").read_text(encoding="utf-8"))
    assert data["score"] == sum(test["score"] for test in data["tests"])
    ET.parse(grading.results / "junit.xml")
    for name in ("rubric.txt", "junit.xml", "results.json"):
        found = CONTROL.search((grading.results / name).read_text(encoding="utf-8"))
        assert not found, f"{name} has the control character {found[0]!r}"


@pytest.mark.parametrize("cheat", parameters())
def test_cheat(cheat, tree, tmp_path, unharmed):
    """A cheat gets the points that it deserves."""
    build, submit = tree / "build", cheats.write(cheat, tree, tmp_path / cheat.name)
    shutil.rmtree(build, ignore_errors=True)
    grading = grade(cheat.stage, submit, root=tree, build=build, results=tmp_path / "results",
                    seed=SAME_DRAW, timeout=TIMEOUT)
    told = f"{cheat.tries}\n{grading.seconds:.0f} s, status {grading.status}\n{grading.rubric}"
    assert grading.score == cheat.score, told
    assert re.search(cheat.says, " ".join(grading.rubric.split())), told
    check_files(grading)
