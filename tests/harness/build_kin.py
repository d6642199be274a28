# SPDX-License-Identifier: GPL-2.0
"""The build of a reference begins with the objects that its kin have made of the same text.

The stage before it, for the same kernel, has most of its files, and a file that names no stage, in
itself or in any header that it reads, is the same there. What runs on the host or in a guest is the
same for each kernel. Warnings in their logs are taken over with the objects: none gets lost.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from harness.build import clean_environment

NOTE = "made-in.json"
LOG = "build.log"
STAGE_WORD = b"VTX_STAGE"
WARNING = re.compile(r"\b(?:warning|error):")
COMMAND = re.compile(r"\.(.+)\.o\.cmd")


def compose(root: Path, number: int, folder: Path, todo: str, submitted: Path | None) -> None:
    """Fill a build folder with its links."""
    subprocess.run(["sh", "common/mk/compose.sh", str(folder), f"{number:02}",
                    str(submitted or "")], cwd=root, check=True, capture_output=True,
                   env=clean_environment() | {"TODO": todo}, stdin=subprocess.DEVNULL)


def same_text(folder: Path, stage: str, names: Iterable[str]) -> bool:
    """Do these files of a stage come from earlier ones, and say nothing of stages?"""
    def same(path: Path) -> bool:
        return (path.is_symlink() and Path(os.readlink(path)).parent.name != stage
                and STAGE_WORD not in path.read_bytes())

    return all(same(folder / name) for name in names)


def module_objects(source: Path, folder: Path, stage: str, made_in: str) -> list[str]:
    """The names of the module's objects that the stage before has made of the same text."""
    found = []
    for note in source.glob(".*.o.cmd"):
        name = COMMAND.fullmatch(note.name)[1]
        text = note.read_text(encoding="utf-8")
        read = set(re.findall(rf"{re.escape(made_in)}/(\w[\w.-]*)", text)) - {f"{name}.o"}
        if (source / f"{name}.c").is_symlink() and same_text(folder, stage, read):
            found.append(name)
    return found


def take_module(source: Path, folder: Path, stage: str) -> None:
    """Copy them, with notes that say what this build's own commands would."""
    made_in = json.loads((source / NOTE).read_text(encoding="utf-8"))
    number = int(stage[-2:])
    for name in module_objects(source, folder, stage, made_in):
        note = f".{name}.o.cmd"
        text = (source / note).read_text(encoding="utf-8").replace(made_in, str(folder))
        shutil.copyfile(source / f"{name}.o", folder / f"{name}.o")
        (folder / note).write_text(text.replace(f"-DVTX_STAGE={number - 1} ",
                                                f"-DVTX_STAGE={number} "), encoding="utf-8")


def user_objects(source: Path, folder: Path, stage: str) -> list[str]:
    """The same for vtxctl."""
    found = []
    for note in source.glob("user/*.d"):
        read = note.read_text(encoding="utf-8").replace("\\\n", " ").partition(":")[2].split()
        if same_text(folder, stage, read):
            found.append(note.stem)
    return found


def take_user(source: Path, folder: Path, names: Iterable[str]) -> None:
    """Copy objects of vtxctl."""
    (folder / "user").mkdir(exist_ok=True)
    for name in names:
        for suffix in ("o", "d"):
            shutil.copyfile(source / f"user/{name}.{suffix}", folder / f"user/{name}.{suffix}")


def take_guests(source: Path, folder: Path) -> None:
    """Copy what was made of guests; what was made later is copied later: make compares times."""
    made = [path for path in source.glob("guest/*") if path.is_file() and not path.is_symlink()]
    for path in sorted(made, key=lambda path: path.stat().st_mtime_ns):
        shutil.copyfile(path, folder / "guest" / path.name)


def begin(root: Path, stage: str, folder: Path, todo: str, before: Path | None,
          beside: Path | None) -> str:
    """Make a build folder with what there is; `before` is the stage before it for the same kernel,
    `beside` the same stage for another one. Returns what the compiler said of it."""
    found = [path for path in (before, beside) if path and (path / LOG).is_file()]
    if not found:
        return ""
    try:
        folder.mkdir(parents=True)
        compose(root, int(stage[-2:]), folder, todo, None)
        if before in found:
            take_module(before, folder, stage)
            take_user(before, folder, user_objects(before, folder, stage))
        if beside in found:
            take_user(beside, folder, [path.stem for path in beside.glob("user/*.d")])
            take_guests(beside, folder)
    except (OSError, subprocess.SubprocessError):
        shutil.rmtree(folder, ignore_errors=True)
        return ""
    return "".join(warnings(path) for path in found)


def warnings(source: Path) -> str:
    """The lines of a log that are worth to be kept."""
    rows = (source / LOG).read_text(encoding="utf-8").splitlines()
    return "".join(f"{row}\n" for row in dict.fromkeys(filter(WARNING.search, rows)))
