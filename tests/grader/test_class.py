# SPDX-License-Identifier: GPL-2.0
"""A class is graded whole: side by side, through an interrupt, with every kind of disaster."""

from __future__ import annotations

import csv
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from class_of_twenty import EXPECTED, POLICY, STAGE, fill
from harness import regrade
from harness.regrade import REPOSITORY

JOBS = "2"
INTERRUPT_AFTER = 8  # results
END = 120  # seconds for an interrupted run to switch its machines off

needs_packages = pytest.mark.skipif(
    not shutil.which("parallel") or subprocess.run(
        [sys.executable, "-c", "import jinja2, pygal"], check=False,
        capture_output=True).returncode,
    reason="make install-deps DEPS=class")


@pytest.fixture
def start(tmp_path, grading):
    """Start grade-class on tmp_path/in; its output goes to a file."""
    def run(*more):
        argv = [sys.executable, "-m", "harness.klass", "--submissions", str(tmp_path / "in"),
                "--stage", STAGE, "--build-root", str(grading.build), "--jobs", JOBS,
                "--out", str(tmp_path / "out"), *more]
        output = (tmp_path / "log").open("ab")
        return subprocess.Popen(argv, cwd=REPOSITORY, env=regrade._environment(REPOSITORY),
                                stdout=output, stderr=subprocess.STDOUT)
    return run


def table(tmp_path):
    with (tmp_path / "out/grades.csv").open(encoding="utf-8", newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def check(rows, names):
    """Each student has the points, the status and the reason that he should have."""
    log = []
    for name in names:
        final, status, note = EXPECTED[name]
        row = rows[name]
        if (row["final"], row["status"]) != (final, status) or note not in row["note"]:
            log.append(f"{name}: expected {EXPECTED[name]}, saw {row}")
    assert not log, "\n".join(log)


def log_of(tmp_path):
    return (tmp_path / "log").read_text(encoding="utf-8")


@needs_packages
@pytest.mark.sample
def test_small_class(start, tmp_path):
    """Three who need no machine: an empty folder, half an archive, code that does not compile."""
    fill(tmp_path / "in", ["jan", "kim", "gus"])
    assert start().wait(300) == 0, log_of(tmp_path)
    check(table(tmp_path), ["jan", "kim", "gus"])
    assert start().wait(300) == 0
    assert "nothing to grade" in log_of(tmp_path), "the second run has graded again"


def interrupted(process, tmp_path):
    """Let some results come, then end the run as a person or a time limit does."""
    while log_of(tmp_path).count("points") < INTERRUPT_AFTER and process.poll() is None:
        time.sleep(1)
    process.send_signal(signal.SIGINT)
    return process.wait(END)


def grandchildren(out):
    """Processes that still work for this class."""
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True)
    return [row for row in listed.stdout.splitlines() if str(out) in row]


@needs_packages
def test_class_of_twenty(start, tmp_path):
    """Hang, panic, no compiling, nothing, damage, resubmissions, lateness; interrupt, resume."""
    fill(tmp_path / "in")
    (tmp_path / "policy.toml").write_text(POLICY, encoding="utf-8")
    policy = ["--policy", str(tmp_path / "policy.toml")]
    assert interrupted(start(*policy), tmp_path) == 130, log_of(tmp_path)
    assert not grandchildren(tmp_path / "out")
    assert not (tmp_path / "out/grades.csv").exists(), "half a table looks like a whole one"
    before = len(list((tmp_path / "out").glob("students/*/*/record.json")))
    assert INTERRUPT_AFTER <= before < 21
    assert start(*policy).wait(1800) == 0, log_of(tmp_path)
    again = log_of(tmp_path).split("interrupted")[1]
    assert len(re.findall(r", before$|, before ", again, re.M)) == before, again
    rows = table(tmp_path)
    assert rows.keys() == EXPECTED.keys()
    check(rows, EXPECTED)
    page = (tmp_path / "out/index.html").read_text(encoding="utf-8")
    assert page.count('<tr class="') == 20 and "<i>" not in page
    print(log_of(tmp_path))
