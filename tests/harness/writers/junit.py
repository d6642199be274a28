# SPDX-License-Identifier: GPL-2.0
"""JUnit XML as the schema of Jenkins' xUnit plugin (junit-10.xsd) has it.

A test case for each test; `group` is its exercise. failed is <failure>, grader broke is <error>,
could not run is <skipped>. The schema knows no properties of a test case: the points of exercises
are properties of the suite, and what else is known of a test is its <system-out>.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime

from harness.grade import problem_text
from harness.results import Outcome, Problem, Run, StageResult, TestResult
from harness.writers.words import MEANING, points

_TAGS = {Outcome.FAILED: "failure", Outcome.GRADER_BROKE: "error", Outcome.COULD_NOT_RUN: "skipped",
         Outcome.SKIPPED: "skipped"}
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _safe(text: object) -> str:
    return _NOT_XML.sub("?", str(text))


def _properties(parent: ET.Element, values: dict[str, object]) -> None:
    box = ET.SubElement(parent, "properties")
    for name, value in values.items():
        ET.SubElement(box, "property", name=name, value=_safe(value))


def _end(parent: ET.Element, outcome: Outcome, problem: Problem | None) -> None:
    """How a test case ended, where it did not pass."""
    if tag := _TAGS.get(outcome):
        said = problem.what or problem.seen if problem else ""
        end = ET.SubElement(parent, tag, type=outcome.value, message=_safe(said))
        end.text = _safe("\n".join([MEANING.get(outcome, ""), problem_text(problem)]).strip()
                         if problem else "")


def case(parent: ET.Element, test: TestResult) -> None:
    """One test."""
    element = ET.SubElement(parent, "testcase", classname=_safe(test.part), name=_safe(test.title),
                            time=f"{test.seconds:.3f}")
    if test.exercise:
        element.set("group", test.exercise)
    _end(element, test.outcome, test.problem)
    facts = {"test": test.name, "outcome": test.outcome.value, "machine": test.machine}
    said = ET.SubElement(element, "system-out")
    said.text = _safe("\n".join(f"{name}: {value}" for name, value in facts.items() if value))


def _trouble(parent: ET.Element, problem: Problem) -> None:
    """The grader's own troubles are errors of a test case that nobody wrote."""
    element = ET.SubElement(parent, "testcase", classname="grader", name=_safe(problem.what))
    _end(element, problem.outcome, problem)


def _score(run: Run, stage: StageResult) -> dict[str, object]:
    score = run.score(stage)
    values = {"score": "undecided" if score is None else score, "max_score": stage.max_score}
    values |= {f"exercise {e.exercise.number}": f"{points(e)} {e.outcome.value}"
               for e in stage.exercises}
    return values | {"run": run.run_id, "notes": "; ".join(run.notes)}


def suite(run: Run, stage: StageResult) -> ET.Element:
    """One stage."""
    tests = run.of_stage(stage).tests
    outcomes = [t.outcome for t in tests] + [p.outcome for p in run.troubles]
    count = {tag: str(sum(_TAGS.get(o) == tag for o in outcomes)) for tag in _TAGS.values()}
    element = ET.Element(
        "testsuite", name=stage.name, tests=str(len(outcomes)), failures=count["failure"],
        errors=count["error"], skipped=count["skipped"], time=f"{run.seconds:.3f}",
        timestamp=datetime.fromtimestamp(run.started, UTC).strftime("%Y-%m-%dT%H:%M:%S"),
    )
    _properties(element, _score(run, stage))
    for test in tests:
        case(element, test)
    for problem in run.troubles:
        _trouble(element, problem)
    return element


def text(run: Run, stage: StageResult) -> str:
    """The file's content."""
    root = ET.Element("testsuites")
    root.append(suite(run, stage))
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"
