# SPDX-License-Identifier: GPL-2.0
"""Write the files of a result again, from its run.json and without grading.

    python -m harness.writers build/results/project02/run.json [--only rubric.md]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from harness import grade_files
from harness.results import Run


def load(path: Path) -> Run:
    """The run that a run.json holds."""
    return Run.from_dict(json.loads(path.read_text(encoding="utf-8")))


def main(argv: list[str]) -> int:
    """The command line; 0, or 3 where a file could not be written."""
    parser = argparse.ArgumentParser(prog="harness.writers", description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="a run.json")
    parser.add_argument("--only", choices=grade_files.WRITERS, help="print this file instead")
    given = parser.parse_args(argv)
    run = load(given.run)
    if given.only:
        for stage in run.stages:
            sys.stdout.write(grade_files.WRITERS[given.only].text(run, stage))
        return 0
    for path in grade_files.write(run, [(stage, given.run.parent) for stage in run.stages]):
        print(f"written: {path}")
    for problem in run.troubles:
        print(f"{problem.what}: {problem.seen}", file=sys.stderr)
    return 3 if run.troubles else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
