# SPDX-License-Identifier: GPL-2.0
"""results.json in the format of Gradescope's autograder platform.

Gradescope takes `score` of the whole or, without it, the sum over the tests, each of which must
have one then; a result that has neither it shows as a failed autograder run, to be looked at and
repeated. That is what an undecided result has to be, so exercises without one carry no score.
"""

from __future__ import annotations

import json

from harness.grade import problem_text
from harness.results import ExerciseResult, Outcome, Run, StageResult

_UNDECIDED = "This says nothing about the code and is not a zero; it has to be graded again."


def _output(result: ExerciseResult) -> str:
    if result.outcome is Outcome.PASSED:
        return f"All {len(result.tests)} tests of this exercise passed."
    parts = [f"Exercise {result.exercise.number}: {result.outcome.value}."]
    if not result.outcome.conclusive:
        parts.append(_UNDECIDED)
    if not result.tests:
        parts.append("No test of this exercise has run.")
    for test, problem, count in result.problems:
        machine = f" ({test.machine})" if test.machine else ""
        machine += f" and {count - 1} more" if count > 1 else ""
        parts.append(f"{test.title}{machine}\n{problem_text(problem)}")
    return "\n\n".join(parts)


def test_entry(result: ExerciseResult) -> dict:
    """One exercise; what could not be decided has no score."""
    entry = {
        "name": result.exercise.title,
        "number": result.exercise.number,
        "status": "passed" if result.outcome is Outcome.PASSED else "failed",
        "output": _output(result),
        "output_format": "text",
        "visibility": "visible",
        "extra_data": {"outcome": result.outcome.value, "points": result.exercise.points,
                       "seconds": round(result.seconds, 2)},
    }
    if result.score is not None:
        entry |= {"score": result.score, "max_score": result.exercise.points}
    return entry


def _summary(run: Run, stage: StageResult) -> str:
    rows = list(run.notes)
    if stage.score is None:
        rows.append("The grader could not finish: " + _UNDECIDED)
    rows += [f"{p.what}: {p.seen}" for p in run.troubles]
    return "\n".join(rows)


def results(run: Run, stage: StageResult) -> dict:
    """The data of one stage."""
    decided = stage.score is not None and not run.troubles
    data = {
        "output": _summary(run, stage),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "execution_time": round(run.seconds, 1),
        "tests": [test_entry(e) for e in stage.selected],
        "extra_data": {
            "stage": stage.name, "max_score": stage.max_score, "decided": decided,
            "certain_points": stage.earned, "exit_status": run.exit_status(),
            "boots": [{"machine": b.machine, "seconds": b.seconds} for b in run.boots],
        },
    }
    return {"score": stage.score, **data} if decided else data


def text(run: Run, stage: StageResult) -> str:
    """The file's content."""
    return json.dumps(results(run, stage), indent=2, ensure_ascii=False) + "\n"
