# SPDX-License-Identifier: GPL-2.0
"""The parity table: run its columns, keep what was found, and write it down.

    python3 -m harness.parity_table [--columns "svm-tcg svm-bochs"] [--jobs 4] [--build-root build]

docs/parity.json has the cells as the last run of each column has left them; docs/parity.md is made
of it, and so is the summary in project07/README.md. Exit status 1: a cell is `fail`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from harness import accel as accelerators
from harness import kernel
from harness.exercises import REPOSITORY
from harness.parity import COLUMNS, STAGE
from harness.results import Outcome

CELLS = "docs/parity.json"
TABLE = "docs/parity.md"
WRITE_UP = f"{STAGE}/README.md"
MARKS = ("<!-- parity: made by make parity -->", "<!-- end of parity -->")
PASS, FAIL, NONE, NOT_RUN = "pass", "fail", "n/a", "not run"
STAGE_OF_ROW = re.compile(r"test_(project\d\d)")
HEAD = f"""# Parity: one set of tests, two vendors

Made by `make parity` from a run; do not edit. Each test of stages 1 to 6 that needs the lab machine
runs with the module of {STAGE}, on one kind of machine a column. *pass*: every variant of it has
passed. *n/a*: it has no meaning there, for the reason of that number at the end. *pass, but (n)*:
something is otherwise there, and that part of the test was left out. A reason that begins with the
name of an emulator (TCG is QEMU's) is no trait of SVM, but what that emulator does otherwise than
the manual; see tests/harness/vendor.py.
"""
REPLACED = """
## Tests that a later stage has replaced

What these look at is otherwise from a later stage on, on both vendors; they run with the module of
their own stage, on VMX, and that stage's tests have taken their place.

| Test | From | What is otherwise |
|---|---|---|
"""


# ---- the run -----------------------------------------------------------------------------------


def pytest_words(build: str, jobs: int, columns: list[str]) -> list[str]:
    """pytest for the cells of these columns, and nothing else."""
    words = [sys.executable, "-m", "pytest", "-c", "tests/pytest.ini", "tests/stage",
             "--build-root", build, "--parity-only"]
    words += [word for name in columns for word in ("--parity", name)]
    return words + (["-n", str(jobs), "--dist", "loadgroup"] if jobs else [])


def environment(root: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(root / "tests"), "PYTHONDONTWRITEBYTECODE": "1"}


def plan_of(root: Path) -> dict[str, Any]:
    """Every row that the tests of this tree make; nothing is run."""
    with tempfile.TemporaryDirectory(prefix="vtx-parity-") as folder:
        path = Path(folder, "plan.json")
        words = pytest_words(str(Path(folder, "build")), 0, list(COLUMNS))
        words += ["--collect-only", "-q", "--parity-plan", str(path)]
        done = subprocess.run(words, cwd=root, env=environment(root), capture_output=True,
                              text=True, check=False)
        if not path.exists():
            raise SystemExit(f"the tests cannot be collected:\n{done.stdout[-2000:]}{done.stderr}")
        return json.loads(path.read_text(encoding="utf-8"))


def here() -> list[str]:
    """The columns whose machines this host can offer."""
    return [name for name, column in COLUMNS.items()
            if accelerators.usable(column.accel, column.vendor).ok]


def run(root: Path, build: str, jobs: int, columns: list[str]) -> int:
    """Run columns and take their cells over; pytest's exit status."""
    with tempfile.TemporaryDirectory(prefix="vtx-parity-") as folder:
        path = Path(folder, "cells.json")
        words = [*pytest_words(build, jobs, columns), "--parity-out", str(path)]
        status = subprocess.run(words, cwd=root, env=environment(root), check=False).returncode
        if not path.exists():
            return status or 1
        found = json.loads(path.read_text(encoding="utf-8"))
    kept = read_cells(root)
    for name in columns:
        kept[name] = {"about": {"kernel": kernel.resolve().release}, "cells": found.get(name, {})}
    write_cells(root, kept)
    return status


def write_cells(root: Path, kept: dict[str, Any]) -> None:
    """A line for each row of a column, so that what has changed can be read."""
    columns = []
    for name in (name for name in COLUMNS if name in kept):
        rows = ",\n".join(f"   {json.dumps(row)}: {json.dumps(tries, ensure_ascii=False)}"
                          for row, tries in sorted(kept[name]["cells"].items()))
        about = json.dumps(kept[name]["about"])
        columns.append(f' "{name}": {{\n  "about": {about},\n  "cells": {{\n{rows}\n  }}\n }}')
    (root / CELLS).write_text("{\n" + ",\n".join(columns) + "\n}\n", encoding="utf-8")


def read_cells(root: Path) -> dict[str, Any]:
    """What the last run of each column has found."""
    path = root / CELLS
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


# ---- the table ---------------------------------------------------------------------------------


class Table:
    """Rows, cells and reasons, as they are written."""

    def __init__(self, plan: dict[str, Any], cells: dict[str, Any]) -> None:
        self.columns = [name for name in COLUMNS if name in cells]
        self.replaced = {row: told for row, told in plan.items() if told["replaced"]}
        self.rows = {row: told for row, told in plan.items() if not told["replaced"]}
        self.stale = sorted({row for name in self.columns for row in cells[name]["cells"]}
                            - self.rows.keys())
        self._cells = cells
        self.reasons: list[str] = []

    def state(self, row: str, column: str) -> tuple[str, list[str]]:
        """(pass, fail, n/a or not run, and why) of a cell."""
        if lacks := self.rows[row]["lacks"].get(column, ""):
            return NONE, [lacks]
        tries = self._cells[column]["cells"].get(row, [])
        left_out = sorted({why for _, whys in tries for why in whys.split("; ") if why})
        outcomes = {outcome for outcome, _ in tries}
        if not tries:
            return NOT_RUN, []
        if outcomes == {Outcome.SKIPPED.value}:
            return NONE, left_out
        if outcomes <= {Outcome.PASSED.value, Outcome.SKIPPED.value}:
            return PASS, left_out
        return FAIL, []

    def text(self, row: str, column: str) -> str:
        """A cell in words."""
        state, reasons = self.state(row, column)
        if not reasons:
            return f"**{state}**" if state in (FAIL, NOT_RUN) else state
        self.reasons += [why for why in reasons if why not in self.reasons]
        numbers = ", ".join(str(self.reasons.index(why) + 1) for why in reasons)
        return f"{state}{', but' if state == PASS else ''} ({numbers})"

    def count(self, stage: str, column: str) -> dict[str, int]:
        """How many cells of a stage ended how."""
        states = [self.state(row, column)[0] for row in self.rows if stage_of(row) == stage]
        return {state: states.count(state) for state in (PASS, NONE, FAIL, NOT_RUN)}

    @property
    def stages(self) -> list[str]:
        return sorted({stage_of(row) for row in self.rows})

    def failed(self) -> list[str]:
        """Cells that must not be there."""
        return [f"{row} on {column}: {self.state(row, column)[0]}" for row in self.rows
                for column in self.columns if self.state(row, column)[0] in (FAIL, NOT_RUN)]


def stage_of(row: str) -> str:
    """The stage whose test it is."""
    return STAGE_OF_ROW.match(row)[1]


def cell_text(text: str) -> str:
    """Nothing that ends a cell of a Markdown table."""
    return text.replace("|", "\\|").replace("<", "&lt;")


def head_row(table: Table, first: str) -> str:
    """The first two lines of a table."""
    names = [COLUMNS[name].title for name in table.columns]
    return f"| {first} | {' | '.join(names)} |\n|---|{'---|' * len(names)}\n"


def summary(table: Table) -> str:
    """A line for each stage: passed, not applicable, failed."""
    made = head_row(table, "Stage: pass, n/a, fail")
    for stage in table.stages:
        counts = [table.count(stage, column) for column in table.columns]
        words = [f"{c[PASS]}, {c[NONE]}, {c[FAIL] + c[NOT_RUN]}" for c in counts]
        made += f"| {stage} | {' | '.join(words)} |\n"
    return made


def about(table: Table, cells: dict[str, Any]) -> str:
    """What each column was run on."""
    made = ""
    for name in table.columns:
        told = cells[name]["about"]
        made += f"- {COLUMNS[name].title} (`{name}`): Linux {told['kernel']}.\n"
    missing = [column.title for name, column in COLUMNS.items() if name not in table.columns]
    if missing:
        made += f"- Not there: {', '.join(missing)}; the host of that run cannot offer them.\n"
    return made


def sentence(why: str) -> str:
    """A reason with a capital letter; TCG is one of its own."""
    return f"TCG:{why[4:]}" if why.startswith("tcg:") else why[0].upper() + why[1:]


def render(plan: dict[str, Any], cells: dict[str, Any]) -> str:
    """docs/parity.md."""
    table = Table(plan, cells)
    made = f"{HEAD}\n{about(table, cells)}\n{summary(table)}"
    for stage in table.stages:
        made += f"\n## {stage}\n\n{head_row(table, 'Test')}"
        for row, told in table.rows.items():
            if stage_of(row) == stage:
                name = row.partition("::")[2]
                words = " | ".join(table.text(row, column) for column in table.columns)
                made += f"| `{name}`: {cell_text(told['title'])} | {words} |\n"
    made += "\n## Reasons\n\n" + "".join(f"{n}. {cell_text(sentence(why))}.\n"
                                         for n, why in enumerate(table.reasons, 1))
    made += REPLACED
    for row, told in table.replaced.items():
        stage, why = told["replaced"]
        made += f"| `{row.removeprefix('test_')}` | {stage} | {cell_text(why)} |\n"
    return made


def with_summary(text: str, plan: dict[str, Any], cells: dict[str, Any]) -> str:
    """The write-up with its summary made anew; it has the two marks."""
    before, begin, rest = text.partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not (begin and end):
        raise SystemExit(f"{WRITE_UP}: expected {MARKS[0]} and {MARKS[1]} around the summary")
    return f"{before}{MARKS[0]}\n\n{summary(Table(plan, cells))}\n{MARKS[1]}{after}"


def write(root: Path) -> Table:
    """Make both pages of the cells that are kept."""
    plan, cells = plan_of(root), read_cells(root)
    (root / TABLE).write_text(render(plan, cells), encoding="utf-8")
    page = root / WRITE_UP
    page.write_text(with_summary(page.read_text(encoding="utf-8"), plan, cells), encoding="utf-8")
    return Table(plan, cells)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--columns", default="", help=f"of {', '.join(COLUMNS)}; default: all that"
                        " this host can offer")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--build-root", default="build")
    parser.add_argument("--write-only", action="store_true", help="make the pages, run nothing")
    options = parser.parse_args(arguments)
    columns = options.columns.split() or here()
    if unknown := set(columns) - COLUMNS.keys():
        parser.error(f"COLUMNS: {' '.join(sorted(unknown))}: expected some of {' '.join(COLUMNS)}")
    status = 0 if options.write_only else \
        run(REPOSITORY, options.build_root, options.jobs, columns)
    table = write(REPOSITORY)
    for line in (bad := table.failed()):
        print(line)
    print(f"{TABLE} and the summary in {WRITE_UP} are written; cells that are no `pass` and no"
          f" `n/a`: {len(bad)}")
    return status or int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
