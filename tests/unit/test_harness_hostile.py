# SPDX-License-Identifier: GPL-2.0
"""What submissions have done to the grader once, and shall not do again."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import grade_fakes
import pytest
from harness import grade_boot
from harness.build import Build
from harness.errors import Hang, Panic, ProtocolError
from harness.grade import Unmet
from harness.grade_explain import explain, kernel_trouble
from harness.grade_fate import MAX_SLOW, Fate
from harness.grade_key import LabKey
from harness.grade_lab import Lab
from harness.grade_life import MANY_ERRORS, MAX_HANGS
from harness.results import Outcome, Problem
from harness.submit import Refused, check_includes

TESTS = Path(__file__).resolve().parents[1]


def lab(fate, vendor="vmx", behaviour=""):
    return Lab(LabKey("project01", vendor), lambda key: grade_fakes.FakeMachine(behaviour),
               fate=fate)


def fates(tmp_path):
    """The same run as two workers see it."""
    return [Fate(tmp_path / "fate.jsonl"), Fate(tmp_path / "fate.jsonl")]


def test_a_deadly_exercise_is_known_to_every_worker(tmp_path):
    one, other = (lab(fate) for fate in fates(tmp_path))
    one.begin("1.1")
    one.mourn(Hang("no sign of life"))
    with pytest.raises(Unmet, match="an earlier test of exercise 1.1"):
        other.begin("1.1")
    other.begin("1.2")


def test_a_module_that_ends_two_kinds_of_machines_is_not_tried_on_a_third(tmp_path):
    for fate, vendor in zip(fates(tmp_path), ("vmx", "svm"), strict=True):
        machine = lab(fate, vendor, "badmodule")
        machine.begin("1.1" if vendor == "vmx" else "1.2")
        with pytest.raises(Panic):
            machine.load()
    with pytest.raises(Unmet, match="machines of several kinds: kernel panic"):
        lab(Fate(tmp_path / "fate.jsonl"), "none").begin("1.3")


def test_a_module_that_ends_one_kind_of_machine_is_tried_on_another(tmp_path):
    one, other = fates(tmp_path)
    machine = lab(one, "svm", "badmodule")
    machine.begin("1.1")
    with pytest.raises(Panic):
        machine.load()
    lab(other, "vmx").begin("1.3")


def test_what_needs_no_module_runs_without_one(tmp_path):
    for fate, vendor in zip(fates(tmp_path), ("vmx", "svm"), strict=True):
        machine = lab(fate, vendor, "badmodule")
        machine.begin("1.1" if vendor == "vmx" else "1.2")
        with pytest.raises(Panic):
            machine.load()
    other = lab(Fate(tmp_path / "fate.jsonl"), "none")
    other.begin("1.3", loads=False)
    with pytest.raises(Unmet, match="several kinds"):
        other.load()


def test_exercises_that_hang_are_bounded_over_all_machines(tmp_path):
    for i in range(MAX_SLOW):
        machine = lab(Fate(tmp_path / "fate.jsonl"), f"vendor{i}")
        machine.begin(f"1.{i}")
        machine.run(["hang"])
    with pytest.raises(Unmet, match=f"tests of {MAX_SLOW} exercises hung"):
        lab(Fate(tmp_path / "fate.jsonl")).begin("1.99")


def test_commands_that_do_not_end_are_bounded_like_hangs():
    machine = lab(Fate())
    for i in range(MAX_HANGS):
        machine.begin(f"1.{i}")
        assert machine.run(["hang"]).timed_out
    with pytest.raises(Unmet, match="`hang` did not end in its time"):
        machine.begin("1.99")


@pytest.mark.parametrize(("log", "what", "shown"), [
    ("a.c:3:1: error: expected ';'\n", "compile", "a.c:3:1"),
    ('ERROR: modpost: "f" [project01/vtxdrv.ko] undefined!\n', "link", "modpost"),
    ("a.c:9: undefined reference to `f'\n", "link", "undefined"),
    ("a.o: relocation truncated to fit: R_X86_64_PC32\ncollect2: error: ld\n", "link", "truncated"),
    ("cc: fatal error: Killed signal terminated program cc1\n", "compile", "cc1"),
])
def test_an_error_of_the_code_says_which_kind(log, what, shown):
    problem = Build("project01", Path("x"), log="make: entering\n" + log).problem()
    assert problem.what == f"the code does not {what}" and shown in problem.log


def test_builds_of_old_submissions_are_removed(tmp_path):
    builds = [tmp_path / "variants" / f"submit-{i}" for i in range(grade_boot.KEPT_BUILDS + 2)]
    for age, folder in enumerate(reversed(builds)):
        folder.mkdir(parents=True)
        os.utime(folder, (time.time() - age * 3600,) * 2)
    grade_boot.prepare_artefacts(SimpleNamespace(build=tmp_path, run_id="now"))
    assert [folder for folder in builds if folder.exists()] == builds[2:]


@pytest.mark.parametrize("text", [
    'asm(".inc" "bin \\"/etc/passwd\\"");', 'asm(".inc"\n\t"lude \\"/etc/passwd\\"");',
])
def test_a_file_is_not_read_in_pieces(text):
    with pytest.raises(Refused, match="incbin"):
        check_includes(text)


def test_termination_ends_the_run_in_order(tmp_path):
    """As with Ctrl-C: what has begun is cleaned up."""
    root = grade_fakes.repository(tmp_path / "tree", """
import pathlib, time
@exercise("1.1")
def test_first(lab):
    try:
        pathlib.Path("begun").touch()
        time.sleep(60)
    finally:
        pathlib.Path("ended").touch()
""")
    keep = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    command = [sys.executable, "-m", "pytest", "tests/stage", "--root", str(root), "--stage", "1"]
    with subprocess.Popen(command, cwd=root, env=keep, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 30
        while not (root / "begun").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) != 0
    assert (root / "ended").exists()


@pytest.mark.parametrize("name", ["with space", "it's", 'a"b', "a;touch hacked", "`touch hacked`"])
def test_a_directory_may_have_any_name(tmp_path, name):
    """The Makefile quotes SUBMIT for the shell (tested without running anything)."""
    command = ["make", "-n", "check-project1", f"SUBMIT={name}", "PYTHON=true"]
    shown = subprocess.run(command, cwd=TESTS.parent, text=True, capture_output=True, check=True)
    script = next(row for row in shown.stdout.splitlines() if "--submit" in row)
    words = script.partition("--submit ")[2].partition(" --results")[0].strip()
    echo = subprocess.run(["sh", "-c", f"printf %s {words}"], cwd=tmp_path, text=True,
                          capture_output=True, check=True)
    assert echo.stdout == name and not list(tmp_path.iterdir())


OOPS = """\
[    8.1] <1> BUG: kernel NULL pointer dereference, address: 0000000000000008
[    8.2] <1> #PF: supervisor write access in kernel mode
[    8.3] <4> Oops: 0002 [#1] PREEMPT SMP NOPTI
[    8.4] <4> RIP: 0010:ioctl_get_info+0x52/0x90 [vtxdrv]
[    8.5] <4> RSP: 0018:ffffc9000045fd98 EFLAGS: 00010246
[    8.6] <4> Call Trace:
[    8.7] <4>  device_ioctl+0x3f/0x60 [vtxdrv]"""


def test_a_crash_is_named_with_its_place_and_without_registers():
    headline, log = kernel_trouble(OOPS.splitlines())
    assert headline.endswith("address: 0000000000000008, in ioctl_get_info+0x52/0x90 [vtxdrv]")
    assert "device_ioctl" in log and "RSP" not in log
    assert kernel_trouble(["[    1.0] <6> vtxdrv: project01 loaded"]) is None


def test_a_machine_that_cannot_be_understood_twice_is_the_codes_fault():
    machine = lab(Fate())
    machine.begin("1.1")
    problem = Problem(Outcome.GRADER_BROKE)
    explain(problem, ProtocolError("request 7: damaged"), machine)
    assert problem.outcome is Outcome.FAILED and "flooded" in problem.seen
    with pytest.raises(Unmet, match="request 7"):
        machine.begin("1.1")


def test_a_flood_of_errors_is_not_for_the_next_test():
    machine = lab(Fate())
    machine.begin("1.1")
    for _ in range(MANY_ERRORS + 1):
        machine.machine.say(3, "vtxdrv: flood")
    flooded = machine.machine
    machine.begin("1.2")
    assert machine.machine is not flooded


def test_a_kernel_that_has_oopsed_is_not_for_the_next_test():
    machine = lab(Fate())
    machine.begin("1.1")
    machine.machine.say(1, "BUG: kernel NULL pointer dereference, address: 8")
    wounded = machine.machine
    machine.begin("1.2")
    assert machine.machine is not wounded
    with pytest.raises(Unmet, match="kernel oops: BUG"):
        machine.begin("1.1")
