# SPDX-License-Identifier: GPL-2.0
"""What somebody asked `make starter` for, checked before anything is written."""

from __future__ import annotations

import re
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

from harness.errors import LabError
from harness.exercises import stage_directories, stage_name


@dataclass(frozen=True)
class Order:
    """A starter as it is wanted."""

    root: Path  # the reference repository
    out: Path
    stages: tuple[Path, ...]  # directories in the starter, the labs last
    solved: frozenset[str]  # names of the stages that are given solved
    hide: tuple[str, ...]

    @property
    def title(self) -> str:
        """The starter in a line."""
        names = [stage.name for stage in self.stages]
        span = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
        given = f", solved up to {max(self.solved)}" if self.solved else ""
        return f"vtxdrv starter: {span}{given}"


def _out(root: Path, text: str, caller: Path) -> Path:
    """The directory to write; it must not be part of anything else."""
    if not text:
        raise LabError("OUT= is missing: make starter OUT=../vtxdrv-starter")
    out = (caller / Path(text).expanduser()).resolve()
    if out.is_relative_to(root) and not out.is_relative_to(root / "build"):
        raise LabError(f"OUT={text} lies inside this repository ({root}): name a directory outside"
                       " of it, or one below build/")
    if out.is_dir() and any(out.iterdir()):
        raise LabError(f"OUT={text}: {out} is not empty; expected a new or an empty directory")
    if out.exists() and not out.is_dir():
        raise LabError(f"OUT={text}: {out} is a file; expected a new or an empty directory")
    return out


def _number(option: str, text: str, projects: list[str]) -> int:
    """How many of the projects an option means; "3", "03" and "project03" are the same."""
    name = stage_name(text)
    if name not in projects:
        raise LabError(f"{option}={text}: there is no such stage; expected one of"
                       f" {', '.join(projects)}")
    return projects.index(name) + 1


def make_order(root: Path, options: Namespace) -> Order:
    """Check the command line; LabError says what is wrong with it."""
    directories = stage_directories(root)
    projects = [d.name for d in directories if re.fullmatch(r"project\d\d", d.name)]
    upto = _number("UPTO", options.upto, projects) if options.upto else len(projects)
    solved = _number("SOLVED", options.solved, projects) if options.solved else 0
    if solved > upto:
        raise LabError(f"SOLVED={options.solved} is beyond UPTO={options.upto}")
    # What is built on top of the last project makes sense with it only.
    last = len(directories) if upto == len(projects) else upto
    return Order(root, _out(root, options.out, Path(options.caller)),
                 tuple(directories[:last]), frozenset(projects[:solved]),
                 tuple(options.hide.split()))
