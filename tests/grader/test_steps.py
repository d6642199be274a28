# SPDX-License-Identifier: GPL-2.0
"""A student's way through a stage: with each exercise done in order, its points and no others come.

One test is one step, so that they can run side by side; the step before is a test of its own.
"""
from itertools import accumulate
from pathlib import Path

import pytest

from harness.exercises import load_stage, stage_directories
from harness.regrade import SAME_DRAW, grade

REPOSITORY = Path(__file__).resolve().parents[2]
TIMEOUT = 1200


def steps():
    """(stage, how many of its exercises are done) from none to all."""
    for directory in stage_directories(REPOSITORY):
        exercises = load_stage(directory).exercises
        for done in range(len(exercises) + 1):
            last = f"after-{exercises[done - 1].number}" if done else "nothing-done"
            yield pytest.param(directory, done, id=f"{directory.name}-{last}")


@pytest.mark.parametrize("directory, done", steps())
def test_step(directory, done, grading, tmp_path):
    """The exercises that are done have their points, the ones to come have none."""
    exercises = load_stage(directory).exercises
    todo = [exercise.number for exercise in exercises[done:]]
    graded = grade(directory.name, directory, todo=" ".join(todo), build=grading.build,
                   results=tmp_path / "results", seed=SAME_DRAW, timeout=TIMEOUT)
    wanted = {exercise.number: 0 if exercise.number in todo else exercise.points
              for exercise in exercises}
    assert graded.points == wanted, graded.rubric
    assert graded.score == [0, *accumulate(e.points for e in exercises)][done], graded.rubric
