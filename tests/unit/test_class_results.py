# SPDX-License-Identifier: GPL-2.0
"""A class with a fake grader: what is graded again, what is kept, and the tables made of it."""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import shutil
import signal
import subprocess
import zipfile
from datetime import datetime, timezone
from pathlib import Path

import pytest
from harness import regrade
from harness.klass import attempts, collect, gradescope, one, plan, record, runner, slurm, tables
from harness.klass.errors import BadClass
from harness.klass.policy import Policy
from harness.regrade import REPOSITORY, Grading

EVIL = "<script>alert(1)</script>"
UTC = timezone.utc


class FakeGrader:
    """Gives full points to every exercise of complete files; counts its calls."""

    def __init__(self, status=0):
        self.status, self.calls = status, []

    def __call__(self, stage, submit, *, build, results, root, **_):
        self.calls.append(sorted(p.name for p in submit.iterdir()))
        results.mkdir()
        exercises = plan.Plan(stage, Path(), Path(), Path()).exercises()
        score = None if self.status == 3 else 1
        tests = [{"number": n, "extra_data": {"outcome": "x", "score": score and points}}
                 for n, (points, _) in exercises.items()]
        data = {"tests": tests} | ({"score": 100} if score else {})
        (results / "results.json").write_text(json.dumps(data), encoding="utf-8")
        (results / "rubric.txt").write_text(f"{submit}/detect.c: {EVIL}\n", encoding="utf-8")
        return Grading(stage, self.status, 1.0, "output", results, data)


@pytest.fixture
def classroom(tmp_path, monkeypatch):
    """A class of two: alice has complete files, bob an archive that is none."""
    monkeypatch.setattr(record, "grader_digest", lambda root: "grader 1")
    (tmp_path / "in/alice").mkdir(parents=True)
    for name in plan.Plan("project01", Path(), Path(), Path()).files:
        (tmp_path / "in/alice" / name).write_text("int x;\n", encoding="utf-8")
    (tmp_path / "in/bob.zip").write_text("sorry", encoding="utf-8")
    made = plan.make(tmp_path / "in", "01", None, tmp_path / "build", "", Policy())
    made.save()
    return made


def grade_all(classroom, grader):
    return [one.grade_one(classroom, attempt, grader)[0] for attempt in classroom.attempts]


def test_plan_survives_the_disk(classroom):
    """A job reads what the planner wrote; results are beside the submissions."""
    assert plan.Plan.load(classroom.out) == classroom
    assert classroom.out == classroom.submissions.with_name("in-graded") / "project01"
    with pytest.raises(BadClass, match="inside of SUBMISSIONS"):
        plan.make(classroom.submissions, "01", classroom.submissions / "out", Path(), "", Policy())
    with pytest.raises(BadClass, match="project01"):
        plan.make(classroom.submissions, "77", None, Path(), "", Policy())


def test_only_what_can_count_is_graded(classroom):
    """With `last` the others need no grading, after the cut-off nothing does."""
    first = attempts.Attempt("a", "1", datetime(2026, 1, 1, tzinfo=UTC), "name")
    second = attempts.Attempt("a", "2", datetime(2026, 1, 3, tzinfo=UTC), "name")
    both = [first, second]
    assert plan.wanted(both, Policy()) == both
    assert plan.wanted(both, Policy(resubmissions="last")) == [second]
    strict = Policy(deadline=first.submitted, cut_off=second.submitted - first.submitted)
    assert plan.wanted(both, strict) == both
    strict.cut_off /= 2
    strict.resubmissions = "last"
    assert plan.wanted(both, strict) == [first]


def test_done_is_kept(classroom):
    """What was graded is not graded again, an unreadable one neither."""
    grader = FakeGrader()
    assert grade_all(classroom, grader) == ["graded", "unreadable"]
    assert grade_all(classroom, grader) == ["kept", "kept"]
    assert len(grader.calls) == 1 and len(grader.calls[0]) == 4
    known = record.Record.load(classroom.out / classroom.attempts[0].folder)
    assert known.score == 100 and known.taken
    rubric = classroom.out / classroom.attempts[0].folder / "rubric.txt"
    assert rubric.read_text(encoding="utf-8").startswith("files/detect.c")


@pytest.mark.parametrize("change", ["content", "grader", "kernel", "stage files"])
def test_another_thing_is_graded_again(classroom, monkeypatch, change):
    """Changed files, a changed grader, another kernel; touching a file is no change."""
    grader = FakeGrader()
    grade_all(classroom, grader)
    file = classroom.submissions / "alice/detect.c"
    file.touch()
    assert grade_all(classroom, grader)[0] == "kept"
    if change == "content":
        file.write_text("int y;\n", encoding="utf-8")
    elif change == "grader":
        monkeypatch.setattr(record, "grader_digest", lambda root: "grader 2")
    elif change == "kernel":
        classroom.kver = "6.12"
    else:
        file.unlink()
    assert grade_all(classroom, grader)[0] == "graded"
    assert len(grader.calls) == 2


def test_undecided_is_tried_again(classroom):
    """It has no score, is no zero, and the next run grades it."""
    assert grade_all(classroom, FakeGrader(status=3))[0] == "undecided"
    row = collect.table(classroom, Policy()).rows[0]
    assert (row.status, row.marks.final) == ("undecided", None)
    assert grade_all(classroom, FakeGrader())[0] == "graded"


def test_interrupt_leaves_nothing_that_looks_done(classroom):
    """Ended in the middle, also of what is graded anew: not graded yet, and then graded."""
    def interrupted(stage, submit, *, results, **_):
        results.mkdir()
        (results / "results.json").write_text('{"score": 100}', encoding="utf-8")
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        one.grade_one(classroom, classroom.attempts[0], interrupted)
    assert collect.table(classroom, Policy()).rows[0].note == collect.NOT_YET
    grader = FakeGrader()
    assert grade_all(classroom, grader)[0] == "graded" and len(grader.calls) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": 1}', "null"])
def test_half_a_record_is_none(classroom, text):
    """What a power cut may leave is not taken for a result."""
    grade_all(classroom, FakeGrader())
    path = classroom.out / classroom.attempts[0].folder / record.NAME
    path.write_text(text, encoding="utf-8")
    assert collect.table(classroom, Policy()).rows[0].marks.final is None
    assert grade_all(classroom, FakeGrader())[0] == "graded"


def test_build_folder_does_not_grow(classroom):
    """A submission's own build goes when it is graded."""
    def grader(stage, submit, *, build, **more):
        name = one.grade_boot.submission_name(submit.resolve())
        (build / f"variants/kernel-6.1_submit-{name}-1122-0").mkdir(parents=True)
        return FakeGrader()(stage, submit, build=build, **more)
    one.grade_one(classroom, classroom.attempts[0], grader)
    assert not list((classroom.build / "variants").iterdir())


def test_only_a_runs_own_logs_are_packed_and_removed(classroom):
    """The path is read from the grader's output, in which there is a student's text, too."""
    logs, other = classroom.build / "artefacts/1122-0", classroom.out / "somebody's"
    for folder in (logs, other):
        folder.mkdir(parents=True)
        (folder / "console.log").touch()
        output = f"written: x\nlogs of the machines: {folder}\n"
        one._keep_logs(classroom, Grading("project01", 1, 1.0, output, folder), classroom.out)
    assert not logs.exists() and (classroom.out / "logs.tar.xz").exists()
    assert (other / "console.log").exists()


def test_any_name_of_a_submission_has_a_lock_of_its_own(tmp_path):
    for name in ("alice", "alice.lock", "alice"):
        with one._alone(tmp_path / ".work" / name):
            pass


def test_grader_digest():
    """Documentation and the class's own code decide about no points; the tests do."""
    names = {str(p.relative_to(REPOSITORY)) for p in record._files(REPOSITORY)}
    assert {"Makefile", "common/kernel/main.c", "tests/stage/test_project01.py",
            "tests/harness/grade_plugin.py", "project01/detect.c"} <= names
    assert not [n for n in names if n.endswith(".md") or "klass" in n or "tests/unit" in n]


def rows_of(table):
    return list(csv.DictReader(io.StringIO(tables.text(table))))


def test_grader_digest_in_any_folder(tmp_path):
    root = tmp_path / "klass/john.mdoe"
    (root / "project01").mkdir(parents=True)
    (root / "project01/detect.c").write_text("one", encoding="utf-8")
    before = record.grader_digest(root)
    (root / "project01/detect.c").write_text("two", encoding="utf-8")
    assert record.grader_digest(root) != before


def test_csv(classroom):
    """A row a student; what is undecided is empty, what could not be read says why."""
    before = rows_of(collect.table(classroom, Policy()))
    assert [(r["final"], r["1.1"], r["status"]) for r in before] == 2 * [("", "", "undecided")]
    grade_all(classroom, FakeGrader())
    alice, bob = rows_of(collect.table(classroom, Policy()))
    assert (alice["name"], alice["final"], alice["1.1"]) == ("alice", "100", "15")
    assert (bob["final"], bob["status"]) == ("0", "unreadable")
    assert "a folder, tar" in bob["note"]


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_no_formulas(name):
    """A spreadsheet must not compute what a student is called."""
    assert tables.plain(name).startswith("'")
    assert "\n" not in tables.plain(f"a\n{name}")


def page_of(classroom):
    pytest.importorskip("pygal", reason="make install-deps DEPS=class")
    from harness.klass import page
    table = collect.table(classroom, Policy(), "Project 1")
    page.write(classroom.out, table, Policy(), "footer")
    return (classroom.out / "index.html").read_text(encoding="utf-8")


def test_page(classroom):
    """One file that needs nothing else, with everybody in it; undecided ones are counted."""
    assert "2 undecided" in page_of(classroom)
    grade_all(classroom, FakeGrader())
    text = page_of(classroom)
    assert "undecided</b>" not in text and text.count("<svg") == 2
    assert 'href="students/alice/feedback.html"' in text and "a folder, tar" in text
    for outside in ("src=", "<link", "@import", "url(", 'href="http', "xlink:href=\"http"):
        assert outside not in text


def test_page_escapes_what_students_write(classroom):
    """Their names, the names of their files, their output."""
    (classroom.submissions / "alice").rename(classroom.submissions / EVIL.replace("/", "∕"))
    made = plan.make(classroom.submissions, "01", None, classroom.build, "", Policy())
    grade_all(made, FakeGrader())
    assert "<script>alert" not in page_of(made)
    texts = [p.read_text(encoding="utf-8") for p in made.out.glob("students/*/feedback.html")]
    assert len(texts) == 2 and any("&lt;script&gt;" in text for text in texts)
    assert not any("<script" in text for text in texts)


def test_many_sizes_of_class(classroom):
    """No rows with a number, and a full house: the pictures are drawn."""
    plot = pytest.importorskip("harness.klass.plot", reason="make install-deps DEPS=class")
    assert plot.bins([0, 9.99, 10, 99, 100, 105], 100) == list(zip(
        [f"{i}–" for i in range(0, 100, 10)] + ["100"], [2, 1, 0, 0, 0, 0, 0, 0, 0, 1, 2],
        strict=True))
    table = collect.table(classroom, Policy())
    assert "<svg" in plot.distribution(table) and "<svg" in plot.success(table)


def test_progress_lines():
    """Counted, with the time to go at the speed so far."""
    tally = runner.Tally(total=10, jobs=2)
    assert "[ 1/10] alice" in tally.take("graded\t60\talice\t100 points")
    assert "about 4 min to go" in tally.take("graded\t60\tbob\t0 points")
    assert tally.take("kept\t60\tcarol\t100 points").count("before") == 1
    assert tally.graded == 2 and "2 graded in" in tally.speed()


def test_what_parallel_is_told(classroom):
    """Its own time limit is longer than the grader's, and its patience than the grader's end."""
    if not shutil.which("parallel"):
        pytest.skip("make install-deps DEPS=class")
    words = runner.command(classroom, 2, 20)
    assert int(words[words.index("--timeout") + 1]) > regrade.TIMEOUT + regrade.PATIENCE
    assert runner.END_SECONDS > regrade.PATIENCE
    assert words[words.index("--halt") + 1] == "soon,fail=5"


def test_one_at_a_time(classroom):
    """A second run in the same OUT says so."""
    with runner.alone(classroom), pytest.raises(BadClass, match="another grade-class"), \
            runner.alone(classroom):
        pass


def test_slurm_ranges():
    """What sbatch --array wants."""
    assert slurm.ranges([0, 1, 2, 5, 7, 8]) == "0-2,5,7-8"
    assert slurm.ranges([3]) == "3"


def test_slurm_commands(classroom, tmp_path):
    """An array of what is to be graded, then a job that collects, with the policy's options."""
    options = argparse.Namespace(jobs=8, policy=Path("po licy.toml"), deadline="2026-11-20")
    script = slurm.submit_script(classroom, [0, 1], options)
    fake = tmp_path / "bin/sbatch"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>{tmp_path}/calls\necho 4711\n')
    fake.chmod(0o755)
    environ = os.environ | {"PATH": f"{fake.parent}:{os.environ['PATH']}"}
    subprocess.run(["sh", script], check=True, env=environ, capture_output=True)
    array, after = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
    assert "--array=0-1%8" in array and array.endswith(f"slurm.sh {classroom.out}")
    assert "--dependency=afterany:4711" in after and "collect --policy" in after
    assert "po licy.toml --deadline 2026-11-20" in after


def test_slurm_script_is_for_an_array(classroom):
    """Given to sbatch without --array it says so."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("SLURM_")}
    done = subprocess.run(["sh", slurm.SCRIPT, classroom.out], cwd=REPOSITORY, env=environ,
                          capture_output=True, text=True, check=False)
    assert done.returncode and "not a task of a job array" in done.stderr


def test_gradescope_package(tmp_path):
    """What Gradescope looks for is at the top and executable; the tree comes without history."""
    packages = [tmp_path / "one.zip", tmp_path / "two.zip"]
    for package in packages:
        assert gradescope.write("2", package) == 0
    assert packages[0].read_bytes() == packages[1].read_bytes()
    with zipfile.ZipFile(packages[0]) as package:
        names = {info.filename: info.external_attr >> 16 for info in package.infolist()}
        assert package.read("stage") == b"project02\n"
    assert names["setup.sh"] == names["run_autograder"] == 0o755
    assert {"Dockerfile", "vtxdrv/Makefile", "vtxdrv/project02/student.files"} <= names.keys()
    assert not [name for name in names if "/.git/" in name or name.startswith("vtxdrv/build/")]


def test_gradescope_undecided_has_no_result(classroom, monkeypatch, tmp_path):
    """No results.json: Gradescope shows a failed run and not a zero."""
    results = tmp_path / "results/results.json"
    arguments = ("project01", classroom.submissions / "alice", results, tmp_path / "b")
    for status, there in ((3, False), (0, True), (3, False)):
        grader = FakeGrader(status)
        monkeypatch.setattr(gradescope.regrade, "grade",
                            lambda *a, grader=grader, **k: grader(*a, root=REPOSITORY, **k))
        assert gradescope.grade(*arguments) == (0 if there else 1)
        assert results.is_file() == there


@pytest.fixture(autouse=True)
def _own_signals():
    """Jobs set a handler for SIGTERM; the test run keeps its own."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)
