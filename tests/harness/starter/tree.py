# SPDX-License-Identifier: GPL-2.0
"""The files of a starter: planned in memory, where everything can go wrong, and then written."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from harness.errors import LabError
from harness.exercises import GIVEN, SOURCE_SUFFIXES, load_stage, stage_title, student_files
from harness.solution import solved, unsolved
from harness.starter.hide import starter_tests
from harness.starter.order import Order

# Taken as they are, * also over /. Stages, labs and their tests are found.
KEPT = ("Makefile", "LICENSE", ".clang-format", ".gitignore", "common/*", "labs/README.md",
        "docs/Doxyfile", "docs/build.sh", "docs/filter.py", "docs/debugging.md",
        "docs/dependencies.md", "docs/grading.md", "docs/lab-machine.md", "docs/parity.md",
        "tests/conftest.py", "tests/pytest.ini", "tests/harness/*",
        "tests/unit/reference_*.py", "tests/unit/recordings/*.json")
# And of these not: what only the one who teaches needs.
LEFT_OUT = ("common/mk/course.mk", "tests/harness/starter/*", "tests/harness/solution.py",
            "tests/harness/regrade.py", "tests/harness/klass/*", "tests/harness/mutants*",
            "tests/harness/cheats*")
# The starter's own, from templates: links are written as from docs/starter/.
OWN = {"README.md": "docs/starter/README.md",
       ".github/workflows/classroom.yml": "docs/starter/classroom.yml"}
STAGE_TESTS = "tests/stage"
_TEST_OF = re.compile(r"test_(?:project\d\d|lab_([a-z0-9]+))")


@dataclass
class Starter:
    """What will be in the directory."""

    files: dict[str, bytes] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def _git_files(root: Path, *options: str) -> list[str]:
    done = subprocess.run(["git", "-c", f"safe.directory={root}", "ls-files", "-z", *options],
                          cwd=root, capture_output=True, check=False)
    return [name for name in done.stdout.decode().split("\0") if name]


def source_files(root: Path) -> tuple[list[str], list[str]]:
    """All files of the reference that git would commit, and those that it does not know yet."""
    if not (root / ".git").exists():  # a tarball: nothing but what was packed, and builds
        paths = (path.relative_to(root) for path in root.rglob("*"))
        return sorted(str(p) for p in paths
                      if not {"build", "__pycache__", ".pytest_cache"} & set(p.parts)), []
    known = _git_files(root, "--cached")
    new = _git_files(root, "--others", "--exclude-standard")
    return sorted({*known, *new}), new


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _stage_of(name: str, order: Order) -> Path | None:
    """The stage that a file belongs to, if the starter has it."""
    return next((s for s in order.stages if (order.root / name).parent.is_relative_to(s)), None)


def _wanted(name: str, order: Order) -> bool:
    path = order.root / name
    if not path.is_file() or path.is_symlink() or _matches(name, LEFT_OUT):
        return False
    return _matches(name, KEPT) or _stage_of(name, order) is not None


def _is_source(name: str, stage: Path | None) -> bool:
    return stage is not None and Path(name).suffix in SOURCE_SUFFIXES


def _content(name: str, order: Order) -> bytes:
    """A file of the reference as the starter has it."""
    path, stage = order.root / name, _stage_of(name, order)
    if not _is_source(name, stage):
        return path.read_bytes()
    numbers = [e.number for e in load_stage(stage).exercises]
    take = solved if stage.name in order.solved else unsolved
    return take(path, numbers).encode()


def _exercises(stage: Path, files: dict[str, bytes], folder: str) -> bytes:
    """exercises.json: the marks, and what the student's files were when he got them."""
    data = {
        "note": "Made with this repository; the grader reads it. Your edits of the marks in the"
                " source change nothing.",
        "exercises": [{k: v for k, v in asdict(e).items() if k != "line"}
                      for e in load_stage(stage).exercises],
        "given": {name: hashlib.sha256(files[f"{folder}/{name}"]).hexdigest()
                  for name in student_files(stage)},
    }
    return (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode()


def _tests(order: Order, names: list[str]) -> dict[str, bytes]:
    """The tests of the starter's stages, and the helpers that they import."""
    here = {s.name for s in order.stages}
    sources = {}
    for name in names:
        path = Path(name)
        if str(path.parent) != STAGE_TESTS or path.suffix != ".py":
            continue
        found = _TEST_OF.match(path.name)
        stage = (found.group(1) or found.group().removeprefix("test_")) if found else ""
        if not stage or stage in here:
            sources[path.name] = (order.root / name).read_text(encoding="utf-8")
    kept = starter_tests(sources, order.hide, order.stages)
    return {f"{STAGE_TESTS}/{name}": text.encode() for name, text in kept.items()}


def _stage_rows(order: Order) -> str:
    """The table of stages in the student's README.md."""
    rows = ["| Stage | What you build | Check it with |", "|---|---|---|"]
    for stage in order.stages:
        path = stage.relative_to(order.root)
        goal = f"check-{stage.name}" if path.parent == Path() else f"check-lab-{stage.name}"
        given = "given solved" if stage.name in order.solved else f"`make {goal}`"
        title = stage_title(stage).partition(": ")[2] or stage.name
        rows.append(f"| [{path}]({path}/README.md) | {title} | {given} |")
    return "\n".join(rows)


def _words(order: Order) -> dict[str, str]:
    """What differs in the templates from starter to starter."""
    open_stages = [s for s in order.stages if s.name not in order.solved] or list(order.stages)
    first = open_stages[0]
    write_up = f"{first.relative_to(order.root)}/README.md"
    return {
        "@STAGES@": _stage_rows(order), "@FIRST@": first.name,
        "@WRITEUP@": f"[{write_up}]({write_up})",
        "@EXERCISE@": load_stage(first).exercises[0].number,
        "@NUMBER@": first.name.removeprefix("project"),
        "@NUMBERS@": " ".join(s.name.removeprefix("project") for s in open_stages),
    }


def _own(order: Order) -> dict[str, bytes]:
    """The files made from templates, with links as from the top of the starter."""
    made = {}
    for name, template in OWN.items():
        text = (order.root / template).read_text(encoding="utf-8")
        text = text.replace("](../../", "](").replace("](../", "](docs/")
        for word, value in _words(order).items():
            text = text.replace(word, value)
        made[name] = text.encode()
    return made


def plan(order: Order) -> Starter:
    """Everything that the starter will hold; LabError where that cannot be."""
    names, new = source_files(order.root)
    wanted = [name for name in names if _wanted(name, order)]
    starter = Starter({name: _content(name, order) for name in wanted})
    starter.modes = {name: (order.root / name).stat().st_mode & 0o777 for name in wanted}
    starter.files |= _tests(order, names) | _own(order)
    for stage in order.stages:
        folder = str(stage.relative_to(order.root))
        starter.files[f"{folder}/{GIVEN}"] = _exercises(stage, starter.files, folder)
    if uncommitted := sorted(set(new) & set(wanted)):
        starter.notes.append("taken, although git does not know them yet: "
                             + ", ".join(uncommitted))
    return starter


def write(starter: Starter, out: Path) -> None:
    """Write the files; a directory that cannot be finished is emptied again."""
    try:
        for name, data in sorted(starter.files.items()):
            path = out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            path.chmod(0o755 if starter.modes.get(name, 0) & 0o100 else 0o644)
    except OSError as error:
        shutil.rmtree(out, ignore_errors=True)
        raise LabError(f"{out} cannot be written: {error.strerror}") from error
