# SPDX-License-Identifier: GPL-2.0
"""Cheats: submissions that want points which they do not deserve, or to harm the grader.

They are written in tests/cheats/projectNN.toml; tests/cheats/README.md explains the format. Here
they are read, checked, and written as a directory for SUBMIT.
"""

from __future__ import annotations

import importlib.util
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from harness.exercises import (
    REPOSITORY,
    load_stage,
    stage_directories,
    stage_directory,
    student_files,
)
from harness.solution import unsolved

FOLDER = "tests/cheats"
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")

# Code of a cheat that runs whenever vtxctl starts: in a file that vtxctl and the module share.
PROGRAM_FILE = {"project01": "detect_logic.c", "project02": "vmxon_logic.c"}
PROGRAM = """
#ifndef __KERNEL__
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
%(declare)s
static void __attribute__((constructor)) hostile(void)
{
%(code)s
}
#endif
"""

# Code of a cheat that runs when the module is loaded: file, text there, and what it becomes.
LOAD_FILE = {"project01": "detect.c", "project02": "vmxon_events.c"}
LOAD_AT = {"project01": "const struct vtx_unit detect_unit = {",
           "project02": "int vmxon_events_register(void)\n{\n\tint err;\n"}
LOAD_CALL = {"project01": "{at}\n\t.init = hostile,",
             "project02": "{at}\n\terr = hostile();\n\tif (err)\n\t\treturn err;\n"}
LOAD_HEAD = """#include <linux/delay.h>
#include <linux/io.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/kprobes.h>
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/sched.h>
"""
LOAD = """%(declare)s
static int hostile(void)
{
%(code)s
	return 0;
}

"""


class CheatError(Exception):
    """A file of cheats is wrong; the text says what."""


@dataclass(frozen=True)
class Cheat:
    """One attempt."""

    name: str
    stage: str
    tries: str  # one sentence, as in docs/cheating.md
    score: int  # what it deserves, exactly
    says: str  # regular expression that the rubric must match
    solved: bool = True  # made of the reference's solution; else of its stubs
    sample: bool = False  # part of `make check`
    root: bool = False  # can only be made by root
    trick: str = ""  # function of tests/cheats/tricks.py that arranges the directory
    edit: list[dict[str, str]] = field(default_factory=list)  # file, old, new
    files: dict[str, str] = field(default_factory=dict)  # more files, of any name
    append: dict[str, str] = field(default_factory=dict)  # file: text after its end
    program: str = ""  # C: runs whenever vtxctl starts
    load: str = ""  # C: runs when the module is loaded
    declare: str = ""  # C before it; before `load` if there are both
    reason: str = ""  # why it deserves more than nothing


def load(root: Path, stage: str) -> list[Cheat]:
    """The cheats of one stage, in their order."""
    path = root / FOLDER / f"{stage}.toml"
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    cheats = []
    for name, table in tables.items():
        try:
            cheat = Cheat(name, stage, **table)
            re.compile(cheat.says)
        except (TypeError, re.error) as error:
            raise CheatError(f"{path.name}: [{name}] {error}") from error
        if not _NAME.fullmatch(name) or cheat.score and not cheat.reason:
            raise CheatError(f"{path.name}: [{name}] has a name of words-with-hyphens, and a"
                             " `reason` if it earns points")
        cheats.append(cheat)
    return cheats


def load_all(root: Path) -> list[Cheat]:
    """The cheats of every stage that has a file of them."""
    names = (directory.name for directory in stage_directories(root))
    return [cheat for name in names if (root / FOLDER / f"{name}.toml").is_file()
            for cheat in load(root, name)]


# ---- writing -------------------------------------------------------------------------------------


def _base(cheat: Cheat, directory: Path) -> dict[str, str]:
    numbers = [exercise.number for exercise in load_stage(directory).exercises]
    return {name: (directory / name).read_text(encoding="utf-8") if cheat.solved
            else unsolved(directory / name, numbers) for name in student_files(directory)}


def _replace(texts: dict[str, str], name: str, old: str, new: str) -> None:
    if texts[name].count(old) != 1:
        raise CheatError(f"{name}: the text to be replaced occurs {texts[name].count(old)} times:"
                         f" {old.strip().splitlines()[0]}")
    texts[name] = texts[name].replace(old, new)


def texts_of(cheat: Cheat, root: Path) -> dict[str, str]:
    """The student's files of a cheat, by name."""
    texts = _base(cheat, stage_directory(root, cheat.stage))
    if cheat.program:
        code = {"declare": "" if cheat.load else cheat.declare, "code": cheat.program}
        texts[PROGRAM_FILE[cheat.stage]] += PROGRAM % code
    if cheat.load:
        code = {"declare": cheat.declare, "code": cheat.load}
        name, at = LOAD_FILE[cheat.stage], LOAD_AT[cheat.stage]
        _replace(texts, name, at, LOAD % code + LOAD_CALL[cheat.stage].replace("{at}", at))
        _replace(texts, name, "#include <linux/cpu.h>\n", LOAD_HEAD + "#include <linux/cpu.h>\n")
    for edit in cheat.edit:
        _replace(texts, edit["file"], edit["old"], edit["new"])
    for name, text in cheat.append.items():
        texts[name] += text
    return texts


def tricks(root: Path) -> ModuleType:
    """tests/cheats/tricks.py: what a directory can be that TOML cannot describe."""
    spec = importlib.util.spec_from_file_location("cheat_tricks", root / FOLDER / "tricks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(cheat: Cheat, root: Path, out: Path) -> Path:
    """Write a cheat as a directory for SUBMIT."""
    out.mkdir(parents=True)
    for name, text in {**texts_of(cheat, root), **cheat.files}.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(text, encoding="utf-8")
    if cheat.trick:
        getattr(tricks(root), cheat.trick)(out, stage_directory(root, cheat.stage))
    return out


# ---- what docs/cheating.md shows -----------------------------------------------------------------


def row(cheat: Cheat) -> str:
    """The cheat's line of the table."""
    earned = f"{cheat.score}: {cheat.reason}" if cheat.score else "0"
    return f"| `{cheat.name}` | {cheat.tries.replace('|', '/')} | {earned} |"


def main() -> None:
    """Print the tables of docs/cheating.md: python3 -m harness.cheats"""
    stage = ""
    for cheat in load_all(REPOSITORY):
        if cheat.stage != stage:
            stage = cheat.stage
            print(f"\n### {stage}\n\n| Cheat | What it tries | Points |\n|---|---|---|")
        print(row(cheat))


if __name__ == "__main__":
    main()
