# SPDX-License-Identifier: GPL-2.0
"""Starters, built and graded as a student does it: no points yet, and he is told what is next."""

import re
import shutil
import subprocess

import pytest
from harness import build, exercises
from harness.regrade import SAME_DRAW, grade
from harness.starter import __main__ as command

ROOT = exercises.REPOSITORY
STAGES = [d.name for d in exercises.stage_directories(ROOT)]


@pytest.fixture
def make_starter(tmp_path):
    """Make a starter that is removed after the test: builds are large."""
    def make(**options):
        words = [word for key, value in options.items() for word in (f"--{key}", value)]
        assert command.main(["--out", str(tmp_path / "starter"), *words]) == 0
        return tmp_path / "starter"
    yield make
    shutil.rmtree(tmp_path / "starter", ignore_errors=True)


def graded(starter, stage):
    """Grade one stage of a starter with the starter's own grader."""
    return grade(stage, root=starter, build=starter / "build",
                 results=starter / "build/results" / stage, seed=SAME_DRAW)


def squeezed(text):
    return re.sub(r"\s+", " ", text)


def check_untouched(grading, stage):
    """No point, the first exercise named, and the errors to expect now and then."""
    marks = exercises.load_stage(ROOT / stage).exercises
    assert grading.score == 0, grading.rubric
    assert grading.points == {e.number: 0 for e in marks}
    first, second = marks[:2]
    told = squeezed(grading.rubric)
    assert (f"next: exercise {first.number} ({first.points} points): {first.title} in {stage}/"
            in told), grading.rubric
    assert f"until it is done: exercise {first.number} is not done yet: {first.stub}" in told
    assert f"expect: exercise {second.number} is not done yet: {second.stub}" in told
    # The kernel's log has a stub's line: the module was loaded.
    assert "vtxdrv: exercise " in told, grading.rubric
    # What an undone exercise leaves out of the JSON is no forgery.
    assert "no code of the stage writes" not in told, grading.rubric


def without_a_warning(starter, stage):
    """Build as a student does, with all of the compiler's warnings."""
    done = subprocess.run(["make", "--no-print-directory", stage, "W=1"], cwd=starter, text=True,
                          env=build.clean_environment(), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout
    assert "warning" not in done.stdout, done.stdout


@pytest.mark.parametrize("stage", [
    pytest.param(stage, marks=[pytest.mark.sample] if stage == STAGES[0] else [])
    for stage in STAGES])
def test_untouched_starter(make_starter, stage):
    """Each stage of a starter builds without a warning, loads, and has no points yet."""
    starter = make_starter()
    without_a_warning(starter, stage)
    grading = graded(starter, stage)
    check_untouched(grading, stage)
    earlier = STAGES[:STAGES.index(stage)]
    for name in earlier:
        assert f"{stage} builds on {name}, whose exercises" in squeezed(grading.rubric)


@pytest.mark.parametrize(("given", "stage"), list(zip(STAGES, STAGES[1:])))
def test_given_solved(make_starter, given, stage):
    """Who joins late has all points of the stage before, and none of the one he begins with."""
    starter = make_starter(solved=given)
    without_a_warning(starter, stage)
    before = graded(starter, given)
    assert before.score == 100, before.rubric
    assert f"{given} is done. Next: {stage}/README.md" in squeezed(before.rubric)
    grading = graded(starter, stage)
    check_untouched(grading, stage)
    assert "builds on" not in grading.rubric
