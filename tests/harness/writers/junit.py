# SPDX-License-Identifier: GPL-2.0
"""JUnit XML: a test case for each test, its exercise and points as properties.

failed is <failure>, grader broke is <error>, could not run is <skipped>.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime

from harness.grade import problem_text
from harness.results import Outcome, Run, StageResult, TestResult

_TAGS = {Outcome.FAILED: "failure", Outcome.GRADER_BROKE: "error", Outcome.COULD_NOT_RUN: "skipped",
         Outcome.SKIPPED: "skipped"}
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _safe(text: object) -> str:
    return _NOT_XML.sub("?", str(text))


def _properties(parent: ET.Element, values: dict[str, object]) -> None:
    box = ET.SubElement(parent, "properties")
    for name, value in values.items():
        ET.SubElement(box, "property", name=name, value=_safe(value))


def case(parent: ET.Element, test: TestResult, points: int | None) -> None:
    """One test."""
    element = ET.SubElement(parent, "testcase", classname=_safe(test.part), name=_safe(test.title),
                            time=f"{test.seconds:.3f}")
    values = {"nodeid": test.name, "outcome": test.outcome.value, "machine": test.machine}
    if test.exercise:
        values |= {"exercise": test.exercise, "points": "" if points is None else points}
    _properties(element, values)
    if tag := _TAGS.get(test.outcome):
        problem = test.problem
        what = ET.SubElement(element, tag, type=test.outcome.value,
                             message=_safe(problem.what or problem.seen if problem else ""))
        what.text = _safe(problem_text(problem)) if problem else ""


def suite(run: Run, stage: StageResult) -> ET.Element:
    """One stage."""
    tests = [t for t in run.tests if t.part in (stage.name, f"lab-{stage.name}")]
    count = {o: str(sum(t.outcome is o for t in tests)) for o in Outcome}
    skipped = int(count[Outcome.COULD_NOT_RUN]) + int(count[Outcome.SKIPPED])
    element = ET.Element(
        "testsuite", name=stage.name, tests=str(len(tests)), failures=count[Outcome.FAILED],
        errors=count[Outcome.GRADER_BROKE], skipped=str(skipped), time=f"{run.seconds:.3f}",
        timestamp=datetime.fromtimestamp(run.started, UTC).strftime("%Y-%m-%dT%H:%M:%S"),
    )
    score = "undecided" if stage.score is None else stage.score
    _properties(element, {"score": score, "max_score": stage.max_score,
                          "notes": "; ".join(run.notes)})
    points = {e.exercise.number: e.exercise.points for e in stage.exercises}
    for test in tests:
        case(element, test, points.get(test.exercise))
    return element


def text(run: Run, stage: StageResult) -> str:
    """The file's content."""
    root = ET.Element("testsuites")
    root.append(suite(run, stage))
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"
