# SPDX-License-Identifier: GPL-2.0
"""One test: run, perhaps once more, and its end turned into a TestResult on pytest's report."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from harness.errors import EmulatorDied, MachineError, ProtocolError
from harness.grade import excerpt, problem_text
from harness.grade_collect import describe_item, exercise_of, key_of
from harness.grade_explain import explain
from harness.grade_outcome import problem_of
from harness.grade_settings import NONCE, PLAN, POOL, SETTINGS, USED_LAB
from harness.results import Outcome, Problem

_RERUN = pytest.StashKey[bool]()
_STARTED = pytest.StashKey[float]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """A lab test whose emulator died runs once more: it may not have been the test's fault."""
    key = key_of(item)
    if key is None:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    if item.stash.get(_RERUN, False):
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    item.config.stash[POOL].done_with(key)
    return True


@pytest.hookimpl(trylast=True)  # after the test itself, and only if it passed
def pytest_runtest_call(item: pytest.Item) -> None:
    """What the kernel complained about during a test is that test's failure."""
    lab = item.stash.get(USED_LAB, None)
    if lab is not None:
        mark = item.get_closest_marker("expect_kmsg")
        lab.finish(tuple(mark.args) if mark else ())


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Any:
    """Attach our own account of the phase to pytest's report."""
    outcome = yield
    report = outcome.get_result()
    if plan := item.config.stash.get(PLAN, None):
        report.vtx_plan, item.config.stash[PLAN] = plan, []
    problem = _problem(item, call)
    if call.when != "call" and problem is None:
        if call.when == "setup":
            item.stash[_STARTED] = call.start
        return
    result = describe_item(item)
    result.started = item.stash.get(_STARTED, call.start)
    result.seconds = call.stop - result.started
    result.problem = problem
    result.outcome = problem.outcome if problem else Outcome.PASSED
    lab = item.stash.get(USED_LAB, None)
    if lab is not None:
        result.boots, lab.boots = lab.boots, []
        result.left_out = "; ".join(lab.left_out)
    report.vtx = result.to_dict()
    if problem and problem.outcome is Outcome.FAILED and problem.what:
        report.longrepr = problem_text(problem)


def _problem(item: pytest.Item, call: pytest.CallInfo) -> Problem | None:
    if call.excinfo is None:
        return None
    error = call.excinfo.value
    number, aim, read = exercise_of(item)
    lab = item.stash.get(USED_LAB, None)
    if lab is not None and isinstance(error, MachineError):
        lab.mourn(error)
    if isinstance(error, EmulatorDied | ProtocolError) and not item.stash.get(_RERUN, False):
        item.stash[_RERUN] = True
        if lab is not None:
            lab.discard()
    problem = problem_of(call.excinfo, bool(number))
    if problem.outcome is Outcome.FAILED:
        problem.expected = problem.expected or aim or "what the test's title says"
        problem.read = problem.read or read
    if lab is not None and problem.outcome is Outcome.FAILED and not problem.log:
        problem.log = excerpt(lab.log())
    if lab is not None:
        explain(problem, error, lab)
    if NONCE in item.stash:
        problem.again = f"SEED={item.config.stash[SETTINGS].seed} draws the same values"
    return replace(problem)  # made harmless and bounded once more, after all that was added
