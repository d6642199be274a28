# SPDX-License-Identifier: GPL-2.0
"""What a student is told: the next step below a rubric, where a demo stops, what he hands in."""

import os
import tarfile
from pathlib import Path

import pytest
from harness import hand_in, next_step
from harness.exercises import REPOSITORY, Exercise, load_stage
from harness.results import ExerciseResult, Outcome, Run, StageResult, TestResult
from harness.starter import __main__ as command
from harness.writers import terminal

FIRST, SECOND = "project01", "project02"


@pytest.fixture
def tree(tmp_path):
    """A starter in which a test may do what it likes."""
    assert command.main(["--out", str(tmp_path / "tree")]) == 0
    return tmp_path / "tree"


def result(stage, passed=(), other=Outcome.FAILED):
    """A rubric in which these exercises have passed."""
    def one(exercise: Exercise):
        outcome = Outcome.PASSED if exercise.number in passed else other
        test = TestResult(name="t", exercise=exercise.number, outcome=outcome)
        return ExerciseResult(exercise, [test])
    return StageResult(stage.name, stage.name, [one(e) for e in load_stage(stage).exercises])


def solve(tree, number, text="/* written by the student */\n"):
    """Remove an exercise's stub: what stands there instead is his own."""
    stage = tree / f"project{int(number[0]):02d}"
    path = tree / next(e.file for e in load_stage(stage).exercises if e.number == number)
    lines = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text("".join(text if f'VTX_TODO("{number}"' in line else line for line in lines),
                    "utf-8")
    return path


def told(tree, name, todo="", **options):
    return "\n".join(next_step.advice(tree, result(tree / name, **options), todo))


def test_first_step(tree):
    """Nothing done: the first exercise, where it is, its error, and the error after it."""
    first, second = load_stage(tree / FIRST).exercises[:2]
    text = told(tree, FIRST)
    assert f"next: exercise 1.1 ({first.points} points): {first.title}" in text
    assert f"in {first.place}" in text and first.line
    assert f"until it is done: exercise 1.1 is not done yet: {first.stub}" in text
    assert f"expect: exercise 1.2 is not done yet: {second.stub}" in text


def test_a_step_that_fails(tree):
    """An exercise that was begun and fails is still the next one, without its stub's error."""
    solve(tree, "1.1")
    text = told(tree, FIRST)
    assert "next: exercise 1.1" in text and "it is begun" in text
    assert "until it is done" not in text and "expect: exercise 1.2 is not done yet" in text


def test_a_stub_in_a_comment_is_no_stub(tree):
    """Who keeps the stub as a comment has begun."""
    path = solve(tree, "1.1", '\t/* VTX_TODO("1.1", "x"); */\n\t// VTX_TODO("1.1", "y");\n')
    assert 'VTX_TODO("1.1"' in path.read_text("utf-8")
    assert next_step.undone(tree / FIRST)[0] == "1.2"
    path.write_text(path.read_text("utf-8") + 'const char *s = "/*"; /* VTX_TODO("1.7", "z") */\n',
                    "utf-8")
    assert "1.7" in next_step.undone(tree / FIRST)


def test_last_step_and_the_end(tree):
    """The last one is called the last; a stage that is done leads to the next one."""
    numbers = [e.number for e in load_stage(tree / FIRST).exercises]
    for number in numbers[:-1]:
        solve(tree, number)
    assert "it is the last one that is missing" in told(tree, FIRST, passed=numbers[:-1])
    assert told(tree, FIRST, passed=numbers) == f"{FIRST} is done. Next: {SECOND}/README.md"
    last = max(path.name for path in tree.glob("project0*"))
    numbers = [e.number for e in load_stage(tree / last).exercises]
    assert told(tree, last, passed=numbers).endswith(f"{last} is done.")


def test_earlier_stages(tree):
    """A stage graded before the one below it is done: that is said first."""
    assert told(tree, SECOND).startswith(f"{SECOND} builds on {FIRST}, whose exercises 1.1, 1.2,")
    for exercise in load_stage(tree / FIRST).exercises:
        solve(tree, exercise.number)
    assert "builds on" not in told(tree, SECOND)


def test_undecided_is_no_step(tree):
    """A grader that could not run knows nothing about what is next."""
    assert told(tree, FIRST, other=Outcome.COULD_NOT_RUN) == ""


def test_reference_tree():
    """The reference has advice with TODO= only."""
    assert told(REPOSITORY, FIRST) == ""
    text = told(REPOSITORY, FIRST, todo="1.3 1.6", passed=["1.1", "1.2", "1.4", "1.5", "1.7"])
    assert "next: exercise 1.3" in text and "expect: exercise 1.6 is not done yet" in text


def test_advice_is_below_the_rubric(tree):
    """The rubric shows the lines after the total, as wide as the terminal at most."""
    stage = result(tree / FIRST)
    stage.advice = next_step.advice(tree, stage, "")
    rows = terminal.text(Run(stages=[stage]), stage).splitlines()
    total = next(i for i, row in enumerate(rows) if "total:" in row)
    assert any("next: exercise 1.1" in row for row in rows[total:])
    assert max(len(row.text) for row in terminal.advice_rows(stage, 80)) <= 80


def test_where_a_demo_stops(tree):
    """The first exercise that is missing up to the demo's stage; none in the reference."""
    assert "exercise 1.1" in next_step.where_it_stops(tree, 2)
    for exercise in load_stage(tree / FIRST).exercises:
        solve(tree, exercise.number)
    assert next_step.where_it_stops(tree, 1) == ""
    assert "exercise 2.1" in next_step.where_it_stops(tree, 2)
    assert next_step.where_it_stops(REPOSITORY, 2) == ""


# ---- hand-in ------------------------------------------------------------------------------------


@pytest.fixture
def hand(tree, monkeypatch):
    """Hand in from that tree."""
    monkeypatch.chdir(tree)
    monkeypatch.setattr(hand_in, "REPOSITORY", tree)
    return lambda *words: hand_in.main(["--stage", "1", "--name", "Ann O'Nym", *words])


def test_hand_in(tree, hand, capsys):
    """The stage's files and nothing else; unchanged ones and open exercises are named."""
    changed = solve(tree, "1.1").name
    (tree / FIRST / "notes.txt").write_text("mine\n", "ascii")
    assert hand() == 0
    with tarfile.open(tree / f"{FIRST}-Ann-O-Nym.tar.gz") as archive:
        packed = {entry.name for entry in archive}
    assert packed == {f"{FIRST}/{name}" for name in
                      (tree / FIRST / "student.files").read_text("ascii").split()}
    rows = capsys.readouterr().out.splitlines()
    assert any(row.split() == [f"{FIRST}/{changed}", "changed"] for row in rows)
    assert any("vmx_probe.c" in row and "unchanged" in row for row in rows)
    assert any(row.startswith("Not done yet: 1.2, 1.3") for row in rows)


def test_nothing_to_hand_in(tree, hand, capsys):
    """An untouched stage is no submission."""
    assert hand() == 1
    assert "is as you got it" in capsys.readouterr().err
    assert not list(tree.glob("*.tar.gz"))


@pytest.mark.parametrize(("spoil", "says"), [
    (Path.unlink, "is missing in project01/"),
    (lambda path: (path.unlink(), path.symlink_to("/etc/passwd")), "symbolic link"),
    (lambda path: path.write_text('#include "../secret.c"\n', "ascii"), "can be included"),
    (lambda path: (path.unlink(), os.mkfifo(path)), "not a regular file"),
])
def test_what_would_be_refused_is_said_now(tree, hand, capsys, spoil, says):
    """The grader's own rules, before it is too late; nothing is packed."""
    spoil(solve(tree, "1.1"))
    assert hand() == 1
    assert says in capsys.readouterr().err
    assert not list(tree.glob("*.tar.gz"))


def test_unknown_stage(hand, capsys):
    """A stage that is not there is named with those that are."""
    assert hand("--stage", "9") == 1
    assert f"the stages are {FIRST}, {SECOND}" in capsys.readouterr().err
