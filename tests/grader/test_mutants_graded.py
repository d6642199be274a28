# SPDX-License-Identifier: GPL-2.0
"""Every mutant of tests/mutants is graded: it loses the points of what it breaks, and says why.

`make check` has time for the exercise that a mutant breaks, and not for what else it may cost.
"""
from pathlib import Path

import pytest

from harness import mutants
from harness.regrade import SAME_DRAW, grade

REPOSITORY = Path(__file__).resolve().parents[2]
TIMEOUT = 1200  # seconds; one that hangs a machine takes some minutes


def parameters():
    return [pytest.param(mutant, id=f"{mutant.stage}-{mutant.name}",
                         marks=[pytest.mark.sample] if mutant.sample else [])
            for mutant in mutants.load_all(REPOSITORY)]


@pytest.mark.parametrize("mutant", parameters())
def test_mutant(mutant, grading, tmp_path, record_property):
    """A mutant is caught by the exercise that it breaks."""
    submit = mutants.write(mutant, REPOSITORY, tmp_path / mutant.name)
    graded = grade(mutant.stage, submit, build=grading.build, results=tmp_path / "results",
                   seed=SAME_DRAW, timeout=TIMEOUT,
                   exercise=mutant.breaks[0] if grading.grader_sample else "")
    verdict = mutants.judge(mutant, graded)
    record_property("mutant", {
        "name": f"{mutant.stage}/{mutant.name}", "mistake": mutant.mistake,
        "decided": graded.decided, "killed_by": [list(k) for k in verdict.killed_by],
        "message": verdict.message, "problems": list(verdict.problems),
        "seconds": round(graded.seconds, 1)})
    told = "\n".join([mutant.mistake, *verdict.problems, graded.rubric])
    assert not verdict.survived, f"a mutant survives: {told}"
    assert not verdict.problems, told
