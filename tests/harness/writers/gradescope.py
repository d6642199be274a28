# SPDX-License-Identifier: GPL-2.0
"""results.json in the format of Gradescope's autograder platform.

Gradescope takes the `score` of the whole or, without it, the sum over the tests. An undecided
result therefore has none at all: it shows as a failed autograder run, to be looked at and repeated.
What is certain all the same is in `extra_data`, which Gradescope stores and does not read.
"""

from __future__ import annotations

import json
from typing import Any

from harness.plain import cut
from harness.results import ExerciseResult, Outcome, Run, StageResult
from harness.writers.words import NO_ZERO, explanation, summary

OUTPUT_LIMIT = 20_000  # characters of one exercise
_STATUS = {Outcome.PASSED: "passed", Outcome.FAILED: "failed"}


def test_entry(result: ExerciseResult, decided: bool) -> dict[str, Any]:
    """One exercise."""
    entry = {
        "name": result.exercise.title,
        "name_format": "text",
        "number": result.exercise.number,
        "output": cut(explanation(result), OUTPUT_LIMIT),
        "output_format": "text",
        "tags": [result.outcome.value],
        "visibility": "visible",
        "extra_data": {"outcome": result.outcome.value, "points": result.exercise.points,
                       "score": result.score, "seconds": round(result.seconds, 2)},
    }
    if result.outcome in _STATUS:
        entry["status"] = _STATUS[result.outcome]
    if decided:
        entry |= {"score": result.score, "max_score": result.exercise.points}
    return entry


def _output(run: Run, decided: bool) -> str:
    text = summary(run)
    return text if decided else f"The grader could not finish. {NO_ZERO}\n{text}"


def results(run: Run, stage: StageResult) -> dict[str, Any]:
    """The data of one stage."""
    score = run.score(stage)
    decided = score is not None
    data = {
        "output": cut(_output(run, decided), OUTPUT_LIMIT),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "execution_time": round(run.seconds, 1),
        "tests": [test_entry(e, decided) for e in stage.selected],
        "extra_data": {
            "run_id": run.run_id, "stage": stage.name, "max_score": stage.max_score,
            "decided": decided, "certain_points": stage.earned, "exit_status": run.exit_status(),
            "boots": [{"machine": b.machine, "seconds": b.seconds} for b in run.boots],
        },
    }
    return {"score": score, **data} if decided else data


def text(run: Run, stage: StageResult) -> str:
    """The file's content."""
    return json.dumps(results(run, stage), indent=2, ensure_ascii=False) + "\n"
