# SPDX-License-Identifier: GPL-2.0
"""The grader as a whole, on a fake repository with fake machines: deaths, exit statuses, files."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import grade_fakes
import pytest
from harness.errors import Hang, Panic
from harness.grade import CouldNotRun, Unmet
from harness.grade_collect import _lot, lab_keys
from harness.grade_key import LabKey
from harness.grade_lab import Lab
from harness.grade_life import MAX_DEATHS, MAX_HANGS
from harness.grade_pool import LabPool
from harness.grade_settings import Settings

GOOD = """
@exercise("1.1", expected="it works")
def test_first(lab):
    \"\"\"The first thing.\"\"\"
    check_run(lab.run(["true"]))
"""
SECOND = """
@exercise("1.2", read="README.md#second")
@pytest.mark.lab(instance={instance!r})
def test_second({fixture}):
    {body}
"""


def grade(tmp_path, second="pass", fixture="lab", instance="", extra="", options=()):
    """Run the fake suite in a process of its own; returns exit status, output, results.json."""
    body = GOOD + SECOND.format(instance=instance, fixture=fixture, body=second) + extra
    root = grade_fakes.repository(tmp_path / "tree", body)
    command = [sys.executable, "-m", "pytest", "tests/stage",
               "--root", str(root), "--stage", "1", *map(str, options)]
    keep = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    done = subprocess.run(command, cwd=root, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=keep, timeout=180, check=False)
    results = root / "build" / "results" / "project01" / "results.json"
    data = json.loads(results.read_text()) if results.is_file() else None
    return done.returncode, done.stdout, data


def scores(data):
    """The points of each exercise; Gradescope sees them only where the whole is decided."""
    points = [t["extra_data"]["score"] for t in data["tests"]]
    assert [t.get("score") for t in data["tests"]] == (points if "score" in data else
                                                       [None] * len(points))
    return points


def test_all_points(tmp_path):
    status, output, data = grade(tmp_path)
    assert status == 0, output
    assert scores(data) == [60, 40] and data["score"] == 100
    assert "100 of 100 points" in output and "booting project01-vmx" in output
    assert output.rstrip().splitlines()[-1].startswith("====")
    assert (tmp_path / "tree/build/results/project01/junit.xml").is_file()


def test_a_lost_exercise(tmp_path):
    status, output, data = grade(tmp_path, "check(1, 2, 'the number of things')")
    assert status == 1 and scores(data) == [60, 0]
    for part in ("the number of things", "README.md#second", "0/40  FAILED"):
        assert part in output, output
    assert "Traceback" not in output


@pytest.mark.parametrize(("body", "instance", "words"), [
    ("lab.nothing()", "", "AttributeError"),
    ("raise CouldNotRun('no such emulator')", "", "no such emulator"),
    ("pass", "noboot", "did not boot"),
])
def test_no_result_is_no_zero(tmp_path, body, instance, words):
    status, output, data = grade(tmp_path, body, instance=instance)
    assert status == 3, output
    assert "score" not in data and scores(data) == [60, None]
    assert words in output


def test_what_the_kernel_says_is_the_tests_fault(tmp_path):
    status, output, data = grade(tmp_path, "lab.run(['warn'])")
    assert status == 1 and scores(data) == [60, 0]
    assert "WARNING: CPU: 0" in output


def test_announced_kernel_lines_are_fine(tmp_path):
    mark = "@exercise('1.2')\n@expect_kmsg('WARNING')\ndef test_w(lab):\n    lab.run(['warn'])\n"
    assert grade(tmp_path, extra=mark)[0] == 0


def test_a_panic_costs_one_exercise(tmp_path):
    later = "\n@exercise('1.1')\ndef test_later(lab):\n    pass\n"
    status, output, data = grade(tmp_path, "lab.run(['panic'])", extra=later)
    assert status == 1 and scores(data) == [60, 0], output
    assert "kernel panic: Fatal exception" in output and "(again: kernel panic" in output


def test_a_dead_emulator_gets_a_second_chance(tmp_path):
    once = ("import pathlib\n    p = pathlib.Path('once')\n    first = not p.exists()\n"
            "    p.touch()\n    lab.run(['die' if first else 'true'])")
    assert grade(tmp_path, once)[2]["score"] == 100


def test_an_emulator_that_dies_twice_is_a_failure(tmp_path):
    status, output, _ = grade(tmp_path, "lab.run(['die'])")
    assert status == 1 and "the emulator died: signal 9" in output


def test_a_submission_that_does_not_compile(tmp_path):
    (tmp_path / "hand").mkdir()
    (tmp_path / "hand" / "logic.c").write_text("SYNTAX\n")
    status, output, data = grade(tmp_path, options=["--submit", tmp_path / "hand"])
    assert status == 1 and data["score"] == 0
    assert "error: expected ';'" in output and "project01: taken from" in data["output"]


def test_an_incomplete_submission(tmp_path):
    (tmp_path / "hand").mkdir()
    status, output, data = grade(tmp_path, options=["--submit", tmp_path / "hand"])
    assert status == 1 and data["score"] == 0
    assert "logic.c: missing; looked for" in output


def test_a_part_of_the_suite_has_no_score(tmp_path):
    status, output, data = grade(tmp_path, options=["--exercise", "1.1"])
    assert status == 0 and data is None
    assert "no total for a part of the suite" in output


@pytest.mark.parametrize(("named", "whole"), [
    (["test_project01.py"], False), (["test_project01.py", "test_project01_b.py"], True)])
def test_all_files_of_a_stage_are_a_whole(tmp_path, named, whole):
    root = grade_fakes.repository(tmp_path / "tree", GOOD + SECOND.format(
        instance="", fixture="lab", body="pass"))
    (root / "tests/stage/test_project01_b.py").write_text("def test_nothing():\n    pass\n")
    files = [f"tests/stage/{name}" for name in named]
    subprocess.run([sys.executable, "-m", "pytest", *files, "--root", str(root), "--stage", "1"],
                   cwd=root, timeout=180, check=True, capture_output=True)
    assert (root / "build/results/project01/results.json").is_file() == whole


def test_a_broken_test_module(tmp_path):
    status, output, data = grade(tmp_path, extra="import nothing_like_that\n")
    assert status == 3 and "score" not in data
    assert "cannot be collected" in output


def test_workers_side_by_side(tmp_path):
    pytest.importorskip("xdist")
    options = ["-n", "2", "--dist", "loadgroup", "--kver", "6.1", "--kver", "6.12"]
    status, output, data = grade(tmp_path, "check(lab_key.kver, '6.1', 'kernel')",
                                 fixture="lab, lab_key", instance="other", options=options)
    assert status == 1 and scores(data) == [60, 0], output
    assert output.count("booting project01-vmx") == 4
    assert "vmx-6.12-other" in output


def test_a_worker_that_crashes(tmp_path):
    pytest.importorskip("xdist")
    status, output, data = grade(tmp_path, "import os; os._exit(9)", instance="other",
                                 options=["-n", "2", "--dist", "loadgroup"])
    assert status == 3 and "score" not in data, output


# ---- one machine and its deaths ----------------------------------------------------------------


def lab(behaviour=""):
    grade_fakes.FakeMachine.made = 0
    return Lab(LabKey("project01"), lambda key: grade_fakes.FakeMachine(behaviour))


def kill(machine):
    with pytest.raises(Panic) as caught:
        machine.run(["panic"])
    machine.mourn(caught.value)


def test_other_tests_of_a_deadly_exercise_are_not_run_again():
    machine = lab()
    machine.begin("1.1")
    kill(machine)
    with pytest.raises(Unmet, match="an earlier test of exercise 1.1"):
        machine.begin("1.1")
    machine.begin("1.2")
    assert grade_fakes.FakeMachine.made == 2


def test_deaths_are_bounded():
    machine = lab()
    for i in range(MAX_DEATHS):
        machine.begin(f"1.{i}")
        kill(machine)
    with pytest.raises(Unmet, match=f"{MAX_DEATHS} times the machine ended"):
        machine.begin("1.99")


def test_hangs_are_bounded_more_tightly():
    machine = lab()
    for i in range(MAX_HANGS):
        machine.begin(f"1.{i}")
        machine.mourn(Hang("no answer"))
    with pytest.raises(Unmet, match=f"{MAX_HANGS} times nothing answered"):
        machine.begin("1.99")


def test_a_module_that_kills_twice_is_not_loaded_again():
    machine = lab("badmodule")
    for exercise in ("1.1", "1.2"):
        machine.begin(exercise)
        with pytest.raises(Panic) as caught:
            machine.load()
        machine.mourn(caught.value)
    with pytest.raises(Unmet, match="loading it ends the machine"):
        machine.begin("1.3")


def test_boots_that_fail_are_bounded():
    machine = lab("noboot")
    for _ in range(3):
        with pytest.raises(CouldNotRun):
            machine.begin("1.1")
    assert grade_fakes.FakeMachine.made == 2


def test_a_machine_is_kept_until_its_last_test():
    pool = LabPool(lambda key: grade_fakes.FakeMachine(), print)
    key = LabKey("project01")
    pool.waiting[key] = 2
    pool.get(key).begin("1.1")
    pool.done_with(key)
    assert pool.get(key).machine.alive
    pool.done_with(key)
    assert pool.get(key).machine is None


def test_marks_become_machines():
    keys = lab_keys({"vendor": ["vmx", "svm"], "cpus": 1}, "project02", ["6.1", "6.12"])
    assert [k.label for k in keys] == ["vmx-1cpus-6.1", "svm-1cpus-6.1", "vmx-1cpus-6.12",
                                       "svm-1cpus-6.12"]
    assert keys[0].group == "project02-vmx-1cpus-6.1"


def test_one_kernel_is_enough():
    """For what no kernel of the host has a part in; the one that is asked for, if it is one."""
    assert [k.label for k in lab_keys({"kernels": 1}, "project06", ["6.1", "6.12"])] == ["vmx-6.1"]
    assert [k.label for k in lab_keys({"kernels": 1}, "project06", ["6.12"])] == ["vmx-6.12"]


def test_the_repository_is_found():
    from harness.grade_settings import REPOSITORY
    assert (REPOSITORY / "tests" / "harness").is_dir()
    assert Path(__file__).is_relative_to(REPOSITORY)


class Drawn:
    """A collected grading, as far as its place in the order depends on it."""

    path = Path("tests/grader/test_mutants_graded.py")

    def __init__(self, name, sample=False):
        self.nodeid, self.sample = f"tests/grader/test_mutants_graded.py::{name}", sample

    def get_closest_marker(self, name):
        return self.sample or None


def order(seed, budget=1.0):
    items = [Drawn(f"test[{n}]", sample=n == 9) for n in range(12)]
    settings = SimpleNamespace(seed=seed, budget=budget)
    return [item.nodeid for item in sorted(items, key=lambda i: _lot(i, settings))]


def test_what_there_is_no_time_for_is_drawn_and_the_sample_is_never_left_out():
    assert order("one") == order("one") != order("two")
    assert sorted(order("one")) == sorted(order("two"))
    assert order("one")[0].endswith("[9]") and order("two")[0].endswith("[9]")
    assert order("one", budget=0) == order("two", budget=0)


def test_time_is_over_only_where_somebody_has_set_a_limit(tmp_path):
    began = Settings(tmp_path, tmp_path, "run", started=0.0)
    assert not began.time_is_over
    assert replace(began, budget=60.0).time_is_over
    assert not replace(began, started=time.time(), budget=60.0).time_is_over
