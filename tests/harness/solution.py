# SPDX-License-Identifier: GPL-2.0
"""Take solutions out of the reference source, or leave them in: a thin wrapper around unifdef.

    python -m harness.solution --stage 02      what a correct answer adds to the student's files
"""

from __future__ import annotations

import argparse
import difflib
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.errors import LabError
from harness.exercises import REPOSITORY, find_stage, load_stage, student_files

_COLOURS = {"+": "\033[32m", "-": "\033[31m", "@": "\033[36m"}
_PLAIN = "\033[0m"


def _unifdef(path: Path, flag: str, numbers: Iterable[str]) -> str:
    """The file with the conditionals about these exercises resolved."""
    symbols = [f"{flag}TODO_{number.replace('.', '_')}" for number in numbers]
    try:
        done = subprocess.run(["unifdef", *symbols, path], capture_output=True, check=False)
    except FileNotFoundError:
        raise LabError("unifdef is not installed: make install-deps") from None
    if done.returncode not in (0, 1):  # 0: nothing to change, 1: changed
        raise LabError(f"unifdef cannot read {path}: {done.stderr.decode().strip()}")
    return done.stdout.decode("utf-8")


def unsolved(path: Path, numbers: Iterable[str]) -> str:
    """The file as a student gets it: stubs in the place of these exercises' solutions."""
    return _unifdef(path, "-D", numbers)


def solved(path: Path, numbers: Iterable[str]) -> str:
    """The file with the solutions of these exercises, and without their stubs."""
    return _unifdef(path, "-U", numbers)


def stage_diff(directory: Path, name: str) -> Iterator[str]:
    """Lines of a unified diff; `git apply` in a starter takes them."""
    numbers = [e.number for e in load_stage(directory).exercises]
    for file in student_files(directory):
        texts = (unsolved(directory / file, numbers), solved(directory / file, numbers))
        before, after = (text.splitlines(keepends=True) for text in texts)
        yield from difflib.unified_diff(before, after, f"a/{name}/{file}", f"b/{name}/{file}")


def _coloured(line: str) -> str:
    colour = _COLOURS.get(line[0])
    return f"{colour}{line.rstrip()}{_PLAIN}\n" if colour else line


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make solution-diff", description=__doc__)
    parser.add_argument("--stage", required=True, help="2, 02 or project02")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # | head
    try:
        directory = find_stage(REPOSITORY, options.stage)
        lines = list(stage_diff(directory, str(directory.relative_to(REPOSITORY))))
    except LabError as error:
        print(f"solution-diff: {error}", file=sys.stderr)
        return 1
    coloured = sys.stdout.isatty()
    sys.stdout.writelines(_coloured(line) if coloured else line for line in lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
