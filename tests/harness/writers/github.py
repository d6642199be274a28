# SPDX-License-Identifier: GPL-2.0
"""classroom.json: what GitHub's autograding-grading-reporter reads, base64-coded, from a runner.

Read in the reporter's source: it sums `score` over the tests, and reports to GitHub Classroom only
where `max_score` is not zero or null. It prints `message` of a test with the status "error" and
`test_code` of any test, but not `message` of one that failed; `line_no` 0 is not printed. The file
travels in an environment variable, which Linux bounds at 128 KiB.
"""

from __future__ import annotations

import json
from typing import Any

from harness.plain import cut
from harness.results import ExerciseResult, Outcome, Run, StageResult
from harness.writers.words import MEANING, explanation, summary

VERSION = 1
LIMIT = 64 << 10  # bytes of the file: base64 makes four of three
_STATUS = {Outcome.PASSED: "pass", Outcome.FAILED: "fail"}  # anything else is an error


def test_entry(result: ExerciseResult, limit: int) -> dict[str, Any]:
    """One exercise; an undecided one is an error whose score is null, which counts for nothing."""
    exercise = result.exercise
    status = _STATUS.get(result.outcome, "error")
    said = "" if status == "pass" else cut(explanation(result), limit)
    return {
        "name": f"{exercise.number} {exercise.title} ({exercise.file})",
        "status": status,
        "score": result.score,
        "max_score": exercise.points,
        "message": said,
        "test_code": said if status == "fail" else "",
        "filename": exercise.file,
        "line_no": exercise.line,
        "duration": round(result.seconds, 2),
    }


def results(run: Run, stage: StageResult, limit: int = LIMIT) -> dict[str, Any]:
    """The data of one stage."""
    score = run.score(stage)
    tests = [test_entry(e, limit) for e in stage.selected]
    status = "error" if score is None else "pass" if score == stage.max_score else "fail"
    said = summary(run) if score is not None else \
        "\n".join([MEANING[Outcome.GRADER_BROKE if run.troubles else Outcome.COULD_NOT_RUN],
                   summary(run)])
    return {"version": VERSION, "status": status, "message": cut(said, limit),
            "max_score": None if score is None else stage.max_score, "tests": tests}


def text(run: Run, stage: StageResult) -> str:
    """The file's content, its longest texts cut until it is small enough to travel."""
    limit = LIMIT
    while True:
        data = json.dumps(results(run, stage, limit), ensure_ascii=False) + "\n"
        if len(data.encode()) <= LIMIT or limit < 100:
            return data
        limit //= 2
