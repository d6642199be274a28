# SPDX-License-Identifier: GPL-2.0
"""The pytest plugin of the course: its options and marks, and what a process of the suite sets up.

tests/conftest.py loads it. Each worker process turns its tests' ends into TestResult data and
attaches it to pytest's own reports; harness.grade_report, in the controlling process, makes the
rubric of them. How to write a test: see harness.grade.
"""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from harness import grade_boot, grade_report
from harness.grade_fate import Fate
from harness.grade_pool import LabPool
from harness.grade_settings import POOL, SETTINGS, add_options, announce, make_settings
from harness.orderly import end_in_order
from harness.results import EXIT_INCONCLUSIVE

# Which tests run, in which order; one test and its end; what it can ask for.
pytest_plugins = ["harness.grade_collect", "harness.grade_item", "harness.grade_fixtures"]

# A test that ends its worker is tried again in the next, and each try may be minutes.
WORKERS_REPLACED = "2"
MARKS = (
    "exercise(number, expected='', read=''): the points of this exercise depend on this test",
    "lab(stage=, vendor=, cpus=, ...): the machine it needs; see LabKey",
    "only_on(vendor, reason): what it shows only this vendor has; the parity table says why",
    "replaced(stage, reason): what it shows is otherwise from that stage on, on both vendors",
    "expect_kmsg(regex, ...): kernel lines above notice that belong to this test",
    "reference: about the course itself; left out when a submission is graded",
    "instructor: left out of starters that are made with HIDE=instructor",
    "sample: the part of the grader's own tests that `make check` runs",
    "slow: takes long and is left out by -m 'not slow'",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The course's own options."""
    add_options(parser.getgroup("vtxdrv", "grading a stage of vtxdrv"))


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks; prepare this process."""
    for line in MARKS:
        config.addinivalue_line("markers", line)
    settings = make_settings(config)
    config.stash[SETTINGS] = settings
    config.stash[POOL] = LabPool(
        lambda key: grade_boot.boot(settings, key, lambda text: announce(config, text)),
        lambda text: announce(config, text),
        Fate(settings.build / "artefacts" / settings.run_id / "fate.jsonl"),
    )
    end_in_order(with_parent=hasattr(config, "workerinput"))
    if getattr(config.option, "maxworkerrestart", "") is None:
        config.option.maxworkerrestart = WORKERS_REPLACED  # read by xdist, whose hook is the last
    if not hasattr(config, "workerinput"):
        controller = grade_report.Controller(config, settings)
        config.pluginmanager.register(controller, "vtx-controller")
        controller.prepare()


@pytest.hookimpl(hookwrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Any:
    """What breaks after the last test, in pytest or in a plugin of others, is no lost point:
    without this, Python's own exit status would say so."""
    outcome = yield
    error = outcome.excinfo[1] if outcome.excinfo else None
    if isinstance(error, Exception) and not isinstance(error, pytest.UsageError):
        traceback.print_exception(error)
        grade_report.forget_results(config.stash.get(SETTINGS, None))
        outcome.force_result(EXIT_INCONCLUSIVE)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker which run it belongs to."""
    settings = node.config.stash[SETTINGS]
    node.workerinput["vtx"] = {"run_id": settings.run_id, "started": settings.started,
                               "seed": settings.seed}


def pytest_sessionfinish(session: pytest.Session) -> None:
    """No machine outlives the suite."""
    session.config.stash[POOL].close()
