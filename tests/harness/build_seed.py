# SPDX-License-Identifier: GPL-2.0
"""A build begins with objects that exist: a submission's with those of what is not the student's.

They come from the reference, built once for a state of its sources, kernel headers and compiler, in
a folder of the cache that no submission's build ever writes to. What flows is only from there to
the build's own new folder, and never an object of a file that the student may change. kbuild
then finds them up to date, because the commands that made them differ in the folder's name alone.

What the compiler said of them, with all of its warnings on, is kept beside them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from harness import build_kin, cache
from harness.build import make_command, run_limited
from harness.build_kin import LOG, NOTE
from harness.errors import LabError
from harness.exercises import student_files
from harness.spec import Kernel

FOLDER = "objects"
KEPT = 16
HOST_KEY = "host.key"
BULKY = ("vtxdrv.o", "vtxdrv.ko", "vtxctl")  # each build links its own
OBJECT = re.compile(r"\.?(.+?)\.(?:o|d|o\.cmd)")  # detect.o, detect.d, .detect.o.cmd
WHOLE = {"vtxdrv", "vtxdrv.mod"}  # made of all objects


def number_of(stage: str) -> int:
    return int(stage[-2:])


def sources(root: Path, stage: str) -> list[Path]:
    """Every file that a stage's build may read, in a fixed order."""
    folders = [root / f"project{n:02}" for n in range(1, number_of(stage) + 1)]
    return [root / "Makefile", *sorted(
        path for folder in (root / "common", *folders) for path in folder.rglob("*")
        if path.is_file())]


def key(root: Path, stage: str, kernel: Kernel, todo: str = "") -> str:
    """A name for the content of all that the objects are made of."""
    compiler = Path(shutil.which(kernel.kcc or "gcc") or "gcc").resolve().stat()
    symbols = (kernel.headers_dir / "Module.symvers").stat()
    parts: list[str | bytes] = [stage, kernel.release, todo, str(compiler.st_mtime_ns),
                                str(compiler.st_size), str(symbols.st_mtime_ns)]
    for path in sources(root, stage):
        parts += [str(path.relative_to(root)), path.read_bytes()]
    return cache.digest(*parts)


def host_key(root: Path, stage: str, todo: str) -> str:
    """The same for what no kernel has a part in."""
    compiler = Path(shutil.which("cc") or "cc").resolve().stat()
    return cache.digest(stage, todo, str(compiler.st_mtime_ns), str(compiler.st_size),
                        *(path.read_bytes() for path in sources(root, stage)))


def before(root: Path, stage: str, kernel: Kernel, todo: str) -> Path | None:
    """The objects of the stage before, if they are there."""
    earlier = f"project{number_of(stage) - 1:02}"
    if not (root / earlier).is_dir():
        return None
    found = cache.root() / FOLDER / key(root, earlier, kernel, todo)
    return found if found.is_dir() else None


def beside(root: Path, stage: str, kernel: Kernel, todo: str) -> Path | None:
    """The objects of the stage for any other kernel, if they are there."""
    wanted = host_key(root, stage, todo)
    for note in (cache.root() / FOLDER).glob(f"*/{HOST_KEY}"):
        if note.read_text(encoding="utf-8") == wanted:
            return note.parent
    return None


def reference(root: Path, stage: str, kernel: Kernel, variables: dict[str, str]) -> Path:
    """Return the folder with the reference's objects; it is built if it is not there."""

    def build(path: Path) -> None:
        out = path.parent / "o"
        known = build_kin.begin(root, stage, out / stage, todo, before(root, stage, kernel, todo),
                                beside(root, stage, kernel, todo))
        status, log = run_limited(make_command(stage, out, variables), root)
        if status:
            raise LabError(f"the reference does not build:\n{log[-2000:]}")
        (out / stage / NOTE).write_text(json.dumps(str(out / stage)), encoding="utf-8")
        (out / stage / LOG).write_text(known + log, encoding="utf-8")
        (out / stage / HOST_KEY).write_text(host_key(root, stage, todo), encoding="utf-8")
        for product in BULKY:
            (out / stage / product).unlink()
        (out / stage).rename(path)

    todo = variables.get("TODO", "")
    name = key(root, stage, kernel, todo)
    found = cache.entry(f"{FOLDER}/{name}", build)
    cache.prune(FOLDER, KEPT)
    return found


def is_shared(path: Path, own: set[str]) -> bool:
    """Is this an object, or what belongs to one, of a file that is not the student's?"""
    match = OBJECT.fullmatch(path.name)
    return bool(match) and match[1] not in own | WHOLE and not path.is_symlink()


def sow(source: Path, folder: Path, own: set[str]) -> None:
    """Copy the objects; kbuild's notes about their commands get the folder's own name."""
    made_in = json.loads((source / NOTE).read_text(encoding="utf-8"))
    (folder / "user").mkdir(exist_ok=True)
    shared = [path for path in (*source.iterdir(), *(source / "user").iterdir())
              if is_shared(path, own)]
    for path in shared:
        target = folder / path.relative_to(source)
        if path.suffix == ".cmd":
            text = path.read_text(encoding="utf-8")
            target.write_text(text.replace(made_in, str(folder)), encoding="utf-8")
        else:
            shutil.copyfile(path, target)
    build_kin.take_guests(source, folder)  # no student's file is one


def seed(root: Path, stage: str, folder: Path, kernel: Kernel, submitted: Path | None,
         variables: dict[str, str]) -> None:
    """Make a build folder anew, with links and the objects that are not the submission's own."""
    names = student_files(root / stage) if submitted else []
    if not all(name.endswith((".c", ".S")) for name in names):
        return  # a header may change the object of any file
    try:
        source = reference(root, stage, kernel, variables)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shutil.copy2(source / "stage-config.mk", folder)  # newer than an object, it would remake it
        build_kin.compose(root, number_of(stage), folder, variables.get("TODO", ""), submitted)
        sow(source, folder, {os.path.splitext(name)[0] for name in names})
    except (LabError, OSError, subprocess.SubprocessError):
        shutil.rmtree(folder, ignore_errors=True)  # make would take half an object for a whole one


def seed_new(root: Path, stage: str, folder: Path, kernel: Kernel,
             variables: dict[str, str]) -> None:
    """Begin a build of the tree itself, unless its folder is there: then make knows what is old."""
    if not folder.exists():
        seed(root, stage, folder, kernel, None, variables)
