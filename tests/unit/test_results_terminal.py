# SPDX-License-Identifier: GPL-2.0
"""What is on the terminal: colours where they belong, and parts of the suite without exercises."""

import os
import subprocess
import sys

import grade_fakes
import made_up_run
import pytest
from harness import grade_files
from harness.results import Outcome
from harness.writers import terminal

SUITE = """
@exercise("1.1")
def test_first(lab):
    check_run(lab.run(["true"]))


@exercise("1.2")
def test_second(lab):
    check(1, 2, "the number of things")
"""
GRADER = """\
import pytest
from harness.grade import *

def test_a_mutant_dies():
    \"\"\"A mutant that is found.\"\"\"

def test_another(repository):
    \"\"\"A mutant that survives.\"\"\"
    {}

@pytest.mark.sample
def test_third():
    pytest.skip("not on this computer")
"""


def environment(**more):
    ours = ("PYTEST", "PY_COLORS", "NO_COLOR", "FORCE_COLOR", "TERM", "CI")
    return {k: v for k, v in os.environ.items() if not k.startswith(ours)} | more


def command(root, *arguments):
    return [sys.executable, "-m", "pytest", *arguments, "--root", str(root), "--rootdir", str(root),
            "-c", str(root / "tests/pytest.ini")]


@pytest.mark.parametrize(("more", "coloured"), [
    ({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False),
    ({"TERM": "dumb"}, False),
])
def test_colours_on_a_terminal(tmp_path, more, coloured):
    pexpect = pytest.importorskip("pexpect")
    root = grade_fakes.repository(tmp_path / "tree", SUITE)
    first, *rest = command(root, "tests/stage", "--stage", "1")
    child = pexpect.spawn(first, rest, cwd=root, env=environment(**more), encoding="utf-8",
                          timeout=180, dimensions=(40, 100))
    output = child.read()
    child.close()
    assert child.exitstatus == 1 and "0/40  FAILED" in output, output
    assert ("\x1b[31m" in output, "\x1b[" in output) == (coloured, coloured)
    assert "\x1b" not in (root / "build/results/project01/rubric.txt").read_text()


def test_no_colours_in_a_pipe(tmp_path):
    root = grade_fakes.repository(tmp_path / "tree", SUITE)
    done = subprocess.run(command(root, "tests/stage", "--stage", "1"), cwd=root, timeout=180,
                          env=environment(TERM="xterm"), stdout=subprocess.PIPE, check=False)
    assert b"0/40  FAILED" in done.stdout and b"\x1b" not in done.stdout


@pytest.mark.parametrize(("body", "status", "summary"), [
    ("check('alive', 'dead', 'the mutant')", 1, "3 tests (1 failed, 1 skipped)"),
    ("raise CouldNotRun('no emulator')", 3, "3 tests (1 could not run, 1 skipped)"),
    ("pass", 0, "3 tests (1 skipped)"),
])
def test_a_part_without_exercises_is_summarised(tmp_path, body, status, summary):
    root = grade_fakes.repository(tmp_path / "tree")
    folder = root / "tests" / "grader"
    folder.mkdir()
    (folder / "test_mutants.py").write_text(GRADER.format(body))
    done = subprocess.run(command(root, "tests/grader"), cwd=root, env=environment(), text=True,
                          timeout=180, check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    assert done.returncode == status, done.stdout
    assert f"part   grader: {summary}" in done.stdout
    assert "[2/3] grader     A mutant that survives" in done.stdout
    assert "total:" not in done.stdout and "written:" not in done.stdout
    assert not (root / "build/results").exists()
    if status == 1:
        assert done.stdout.count("the mutant\n  expected  dead\n  seen      alive") == 1


def test_the_last_lines_name_what_failed(tmp_path):
    """Of a run of everything a CI service shows the last twenty lines, and no more."""
    root = grade_fakes.repository(tmp_path / "tree", SUITE)
    body = "".join(f"\ndef test_more_{i}():\n    check({i}, -1, 'the {i}th')\n" for i in range(11))
    (root / "tests/unit").mkdir()
    (root / "tests/unit/test_u.py").write_text("from harness.grade import *\n" + body)
    done = subprocess.run(command(root, "tests/unit", "tests/stage", "--results", "build/results"),
                          cwd=root, env=environment(), text=True, timeout=180, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    *_, last, closing = (lines := done.stdout.rstrip().splitlines()[-20:])
    failed = [line for line in lines if line.startswith("FAILED: tests/")]
    assert closing.startswith("====") and last == "and 2 more: see above", done.stdout
    assert len(failed) == terminal.FAILURES_SHOWN
    assert "FAILED: tests/unit/test_u.py::test_more_3: the 3th: 3" in failed
    assert sum(line.startswith("written: ") for line in lines) == len(grade_files.WRITERS)


def test_a_line_for_each_kind_of_file():
    paths = ["b/project01/run.json", "b/project02/run.json", "b/project01/x.md", "c/d/y", "e/y"]
    assert terminal.written(paths) == [
        "written: b/{project01,project02}/run.json", "written: b/project01/x.md",
        "written: c/d/y e/y"]


def test_a_failure_takes_one_line():
    run, _ = made_up_run.make_run(Outcome.PASSED, Outcome.COULD_NOT_RUN, Outcome.FAILED,
                                  what="::error::x\nmore", seen="y" * 999)
    run.blame("the grader itself failed", "it died")
    rows = list(terminal.failure_rows(run))
    assert [row.text[:20] for row in rows] == [
        "GRADER BROKE: the gr", "FAILED: t::3: : :err", "COULD NOT RUN: t::2:"]
    assert all(len(row.text) < 250 and "\n" not in row.text for row in rows)
