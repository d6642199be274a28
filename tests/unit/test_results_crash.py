# SPDX-License-Identifier: GPL-2.0
"""A grader that crashes: never a zero, never an earlier run's score, and it says so.

Each way to crash is tried on the fake repository of grade_fakes, with the files of an earlier run,
full of points, lying where the new ones belong.
"""

import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import grade_fakes
import pytest
from harness import grade_files, grade_sum
from harness.grade_files import WRITERS
from harness.results import Outcome, Run, TestResult
from made_up_run import make_run

STALE = {"score": 100, "tests": [], "extra_data": {"run_id": "earlier"}}
SUITE = """
@exercise("1.1")
def test_first(lab):
    check_run(lab.run(["true"]))


@exercise("1.2")
@pytest.mark.lab(instance="other")
def test_second(lab):
    {body}
"""
SIDE_BY_SIDE = ["-n", "2", "--dist", "loadgroup"]


def start(tmp_path, body="pass", conftest="", options=(), extra=""):
    """Start the grader on a suite whose second exercise does `body`; the process."""
    root = grade_fakes.repository(tmp_path / "tree", SUITE.format(body=body) + extra, conftest)
    results = root / "build/results/project01"
    results.mkdir(parents=True)
    for name in WRITERS:
        (results / name).write_text(json.dumps(STALE))
    # A job in the background of a script ignores SIGINT, and so would all that it starts.
    command = ["env", "--default-signal=INT", sys.executable, "-m", "pytest", "tests/stage",
               "--root", str(root), "--stage", "1", *map(str, options)]
    keep = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    return subprocess.Popen(command, cwd=root, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, env=keep | {"PYTHONUNBUFFERED": "1"})


def end(process, tmp_path):
    """What became of it: exit status, output, and this run's results.json or None."""
    output = process.communicate(timeout=180)[0]
    path = tmp_path / "tree/build/results/project01/results.json"
    data = json.loads(path.read_text()) if path.is_file() else None
    assert "earlier" not in json.dumps(data), "an earlier run's result was left behind"
    left = [p.name for p in path.parent.iterdir() if p.name not in WRITERS]
    assert left == [], "half-written files"
    return process.returncode, output, data


def grade(tmp_path, *arguments, **options):
    return end(start(tmp_path, *arguments, **options), tmp_path)


def has_no_score(data):
    return data is None or not any("score" in part for part in [data, *data["tests"]])


# ---- crashes in a test -------------------------------------------------------------------------


BROKEN_FIXTURE = """
@pytest.fixture
def broken():
    {setup}
    yield
    {teardown}

@exercise("1.2")
def test_with_it(broken):
    pass
"""


@pytest.mark.parametrize(("body", "word"), [
    ("lab.nothing()", "GRADER BROKE"),
    ("raise OSError(28, 'No space left on device')", "No space left on device"),
    ("from harness.errors import AccelUnusable; raise AccelUnusable('bochs is not installed')",
     "bochs is not installed"),
    ("pytest.skip('not on this computer')", "not on this computer"),
])
def test_a_test_that_cannot_judge(tmp_path, body, word):
    status, output, data = grade(tmp_path, body)
    assert status == 3 and data is not None and has_no_score(data), output
    assert word in output and "no score: 40 of 100 points" in output
    assert data["tests"][0]["extra_data"]["score"] == 60


@pytest.mark.parametrize(("setup", "teardown"), [("raise OSError('gone')", "pass"),
                                                 ("pass", "raise OSError('gone')")])
def test_a_fixture_that_fails(tmp_path, setup, teardown):
    status, output, data = grade(tmp_path, extra=BROKEN_FIXTURE.format(setup=setup,
                                                                       teardown=teardown))
    assert status == 3 and has_no_score(data), output
    assert "gone" in output and "GRADER BROKE" in output


@pytest.mark.parametrize("death", ["os._exit(9)", "os.kill(os.getpid(), 9)"])  # 9: out of memory
def test_a_worker_that_dies(tmp_path, death):
    pytest.importorskip("xdist")
    status, output, data = grade(tmp_path, f"import os; {death}", options=SIDE_BY_SIDE)
    assert status == 3 and has_no_score(data), output
    assert "died during this test" in output and "test_second" in output
    assert output.count("replacing crashed worker") <= 2


def test_a_grader_that_is_killed_leaves_no_result(tmp_path):
    status, _, data = grade(tmp_path, "import os; os.kill(os.getpid(), 9)")
    assert status == -signal.SIGKILL and data is None


# ---- crashes around the tests ------------------------------------------------------------------


@pytest.mark.parametrize(("hook", "options"), [
    ("pytest_runtest_logreport(report)", []),
    ("pytest_runtest_logreport(report)", SIDE_BY_SIDE),
    ("pytest_runtest_makereport(item, call)", SIDE_BY_SIDE),
    ("pytest_collection_modifyitems(items)", []),
    ("pytest_sessionfinish(session)", []),
    ("pytest_configure(config)", []),
])
def test_a_hook_that_raises(tmp_path, hook, options):
    if options:
        pytest.importorskip("xdist")
    raising = f"\ndef {hook}:\n    raise RuntimeError('a bug in a hook')\n"
    status, output, data = grade(tmp_path, conftest=raising, options=options)
    assert status == 3 and has_no_score(data), output
    assert "a bug in a hook" in output


def test_a_module_that_cannot_be_read(tmp_path):
    status, output, data = grade(tmp_path, extra="import nothing_like_that\n")
    assert status == 3 and data is not None and has_no_score(data), output
    assert "cannot be collected" in output and "nothing_like_that" in output


@pytest.mark.parametrize("options", [[], SIDE_BY_SIDE])
def test_a_module_that_is_missing_beside_one_that_works(tmp_path, options):
    """Its tests might have failed: what passed elsewhere is not certain either."""
    if options:
        pytest.importorskip("xdist")
    process = start(tmp_path, options=[*options, "--continue-on-collection-errors"])
    (tmp_path / "tree/tests/stage/test_project01_b.py").write_text("import nothing_like_that\n")
    status, output, data = end(process, tmp_path)
    assert status == 3 and has_no_score(data), output
    assert [t["extra_data"]["outcome"] for t in data["tests"]] == ["grader broke"] * 2


def test_results_that_cannot_be_put_together(tmp_path):
    breaking = "\nfrom harness import grade_sum\ngrade_sum.stage_result = None\n"
    status, output, data = grade(tmp_path, conftest=breaking)
    assert status == 3 and data is None
    assert "its results could not be put together" in output and "TypeError" in output


# ---- files ---------------------------------------------------------------------------------------


def failing(error):
    def text(run, stage):
        raise error
    return text


@pytest.mark.parametrize("name", WRITERS)
def test_a_writer_that_fails_costs_no_other_file(tmp_path, monkeypatch, name):
    monkeypatch.setattr(WRITERS[name], "text", failing(KeyError("a bug in a writer")))
    run, stage = make_run(Outcome.PASSED)
    written = grade_files.write(run, [(stage, tmp_path)])
    assert {p.name for p in tmp_path.iterdir()} == {p.name for p in written} == \
        set(WRITERS) - {name}
    assert run.exit_status() == 3 and f"{name} could not be written" in run.troubles[0].what
    if name != "results.json":
        assert has_no_score(json.loads((tmp_path / "results.json").read_text()))


def test_a_writer_that_fails_is_told_of(tmp_path):
    breaking = ("\nfrom harness.writers import junit\n"
                "def text(run, stage):\n    raise KeyError('a bug in a writer')\n"
                "junit.text = text\n")
    status, output, data = grade(tmp_path, conftest=breaking)
    assert status == 3 and data is not None and has_no_score(data), output
    assert "junit.xml could not be written" in output and "a bug in a writer" in output


def test_a_summary_that_fails(tmp_path):
    breaking = ("\nfrom harness.writers import terminal\n"
                "def lines(run, width=80):\n    raise KeyError('a bug in the rubric')\n"
                "terminal.lines = lines\n")
    status, output, _ = grade(tmp_path, conftest=breaking)
    assert status == 3 and "a bug in the rubric" in output


def test_a_full_disk(tmp_path):
    """The kernel refuses what is written beyond a limit, as a full disk would."""
    status, output, data = grade(
        tmp_path, "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))")
    assert status == 3 and data is None, output
    assert "results.json could not be written" in output and "File too large" in output


def test_a_folder_that_cannot_be_written_is_said_at_once(tmp_path):
    (tmp_path / "file").write_text("")
    process = start(tmp_path, options=["--results", tmp_path / "file" / "results"])
    output = process.communicate(timeout=180)[0]
    assert process.returncode == 3 and "the results cannot be written" in output
    assert "RESULTS=" in output and "booting" not in output and "Traceback" not in output


def test_a_wrong_command_line_leaves_no_earlier_result(tmp_path):
    status, output, data = grade(tmp_path, options=["--submit", tmp_path / "nobody"])
    assert status == 4 and "there is no such directory" in output and data is None


def test_a_part_of_a_suite_leaves_no_earlier_result(tmp_path):
    status, _, data = grade(tmp_path, options=["--exercise", "1.1"])
    assert status == 0 and data is None


def test_nothing_is_removed_or_written_where_nobody_asked_for_files(tmp_path):
    settings = SimpleNamespace(results=None, stage="", root=tmp_path)
    assert grade_sum.folders(settings) == []


def test_a_file_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    run = Run(run_id="x")
    stage = grade_sum.StageResult("project01", "x")
    (tmp_path / "results.json").write_text("old")
    monkeypatch.setattr(WRITERS["results.json"], "text", lambda run, stage: "\udcff")
    grade_files.write(run, [(stage, tmp_path)])
    assert (tmp_path / "results.json").read_text() == "old"
    assert not list(tmp_path.glob(".*")) and len(run.troubles) == 1


# ---- interruption --------------------------------------------------------------------------------


SLOWLY = "import time, pathlib; pathlib.Path('begun').touch(); time.sleep(30)"


@pytest.mark.parametrize(("number", "options"), [
    (signal.SIGTERM, []), (signal.SIGTERM, SIDE_BY_SIDE), (signal.SIGINT, [])])
def test_an_interruption_half_way(tmp_path, options, number):
    if options:
        pytest.importorskip("xdist")
    process = start(tmp_path, SLOWLY, options=options)
    deadline = time.monotonic() + 120
    while not (tmp_path / "tree/begun").exists():
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    status, output, data = end(process, tmp_path)
    assert status == 2, output  # pytest's own: interrupted
    assert data is not None and has_no_score(data)
    assert [t["extra_data"]["outcome"] for t in data["tests"]][1] == "could not run"
    assert "the run was interrupted" in output and "no score" in output


# ---- what nobody heard of ----------------------------------------------------------------------


@pytest.mark.parametrize("outcome", [Outcome.PASSED, Outcome.FAILED])
def test_a_pass_is_doubted_where_tests_may_be_missing(tmp_path, outcome):
    root = grade_fakes.repository(tmp_path / "tree")
    run = Run(tests=[TestResult("t", "t", "project01", "1.1", outcome=outcome)])
    settings = SimpleNamespace(root=root, submit=True, todo="")
    stage = grade_sum.stage_result(run, settings, root / "project01", grade_sum.not_run(
        Outcome.GRADER_BROKE, "a worker has said nothing"))
    first, second = stage.exercises
    assert first.outcome is (Outcome.FAILED if outcome is Outcome.FAILED else Outcome.GRADER_BROKE)
    assert second.outcome is Outcome.GRADER_BROKE and stage.score is None
    assert "a worker has said nothing" in second.problems[0][1].seen


def test_nothing_is_doubted_without_a_reason(tmp_path):
    root = grade_fakes.repository(tmp_path / "tree")
    run = Run(tests=[TestResult(f"t{i}", "t", "project01", f"1.{i}") for i in (1, 2)])
    settings = SimpleNamespace(root=root, submit=True, todo="")
    assert grade_sum.stage_result(run, settings, root / "project01", None).score == 100
