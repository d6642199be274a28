# SPDX-License-Identifier: GPL-2.0
"""The table of mutants at the end of the run: who was killed by what, and who survived.

Each test of a mutant leaves its row in report.user_properties, which travel from the workers of
xdist to the process that prints.
"""
import json

import pytest

from harness.grade_settings import SETTINGS
from harness.plain import cut

PROPERTY = "mutant"
TIME_IS_OVER = "not begun: the time that BUDGET= gave is over"
HEADER = ("mutant", "killed by", "what the student reads")
MESSAGE = 140  # columns of it; the whole is in mutants.json


class MutantTable:
    """Collects the rows in the controlling process, prints and writes them."""

    def __init__(self, folder):
        self.folder = folder
        self.rows = {}
        self.tests = self.left_out = 0

    def pytest_runtest_logreport(self, report):
        """Take the row of a test that is over."""
        found = dict(report.user_properties).get(PROPERTY)
        if report.when == "call" and found:
            self.rows[found["name"]] = found
        if report.when == "setup":
            self.tests += 1
            self.left_out += report.skipped and TIME_IS_OVER in str(report.longrepr)

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter):
        """Print the table, name the survivors, and leave both in files."""
        if self.left_out:
            terminalreporter.write_line(
                f"BUDGET: {self.tests - self.left_out} of {self.tests} gradings were begun in the"
                " time there was; every run draws others, and without BUDGET= all are made")
        if not self.rows:
            return
        rows = [self.rows[name] for name in sorted(self.rows)]
        text = table(rows)
        terminalreporter.ensure_newline()
        terminalreporter.section("mutants")
        terminalreporter.write_line(text)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "mutants.txt").write_text(text + "\n", encoding="utf-8")
        (self.folder / "mutants.json").write_text(
            json.dumps(rows, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        terminalreporter.write_line(f"written: {self.folder}/mutants.txt, mutants.json")


def killers(row):
    """The exercises that lost points, with how many."""
    lost = ", ".join(f"{number} (-{points})" for number, points in row["killed_by"])
    return lost or ("SURVIVED" if row["decided"] else "NO RESULT")


def table(rows):
    """The rows in columns, what is wrong with a mutant below its row, and a closing line."""
    cells = [HEADER, *((row["name"], killers(row), cut(row["message"], MESSAGE)) for row in rows)]
    wide = [max(len(cell[i]) for cell in cells) for i in range(2)]
    lines = []
    for cell, row in zip(cells, [None, *rows], strict=True):
        lines.append(f"{cell[0]:<{wide[0]}}  {cell[1]:<{wide[1]}}  {cell[2]}".rstrip())
        lines += [f"{'':<{wide[0]}}  ! {problem}" for problem in (row or {}).get("problems", [])]
    return "\n".join([*lines, "", closing(rows)])


def closing(rows):
    """How many were caught, and the names of those that were not, or not well."""
    bad = {"survived": [r["name"] for r in rows if killers(r) == "SURVIVED"],
           "not well caught": [r["name"] for r in rows
                               if r["problems"] and killers(r) != "SURVIVED"]}
    good = sum(not row["problems"] for row in rows)
    told = [f"{what}: {', '.join(names)}" for what, names in bad.items() if names]
    return "; ".join([f"{good} of {len(rows)} mutants caught, by the exercise that they break",
                      *told])


def pytest_runtest_setup(item):
    """What has begun may end; nothing begins after the time is over."""
    if item.config.stash[SETTINGS].time_is_over:
        pytest.skip(TIME_IS_OVER)


@pytest.hookimpl(trylast=True)  # after the course's plugin, whose settings it needs
def pytest_configure(config):
    """The table is made where the reports of all workers arrive."""
    if not hasattr(config, "workerinput"):
        settings = config.stash[SETTINGS]
        config.pluginmanager.register(MutantTable(settings.results), "vtx-mutants")
