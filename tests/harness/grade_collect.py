# SPDX-License-Identifier: GPL-2.0
"""Which tests run, on which machines, and in which order."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from harness import parity
from harness.exercises import stage_name
from harness.grade_key import LabKey
from harness.grade_settings import PLAN, POOL, SETTINGS, Settings
from harness.grade_sum import plain_name, stage_of_file
from harness.results import Outcome, TestResult

GRADER = "grader"  # the part whose tests grade mutants, steps and cheats
_LAB_KEYS = [*(field.name for field in fields(LabKey) if field.name != "kver"), "kernels"]


def part_of(path: Path) -> str:
    """The part of the suite: a stage's name for its tests, else the folder's."""
    return stage_of_file(path) or path.parent.name


def lab_wishes(definition: pytest.Item | Any) -> dict[str, Any]:
    """All `lab` marks of a test in one: the function's own win over its module's."""
    wishes: dict[str, Any] = {}
    for mark in reversed(list(definition.iter_markers("lab"))):
        unknown = set(mark.kwargs) - set(_LAB_KEYS)
        if unknown or mark.args:
            raise pytest.UsageError(f"{definition.nodeid}: lab() knows {', '.join(_LAB_KEYS)}")
        wishes |= mark.kwargs
    return wishes


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def lab_keys(wishes: dict[str, Any], stage: str, kvers: list[str]) -> list[LabKey]:
    """One key for each vendor and kernel that is asked for.

    `kernels=1` is for what happens between a guest and the driver, and no kernel of the host has a
    part in: of several the first is enough.
    """
    wishes = {"stage": stage} | wishes
    kvers = kvers[:wishes.pop("kernels", len(kvers))]
    wishes["stage"] = stage_name(wishes["stage"])
    vendors = _as_list(wishes.pop("vendor", "vmx"))
    return [LabKey(vendor=vendor, kver=kver, **wishes)
            for kver, vendor in itertools.product(kvers, vendors)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A lab test runs once for each of its machines."""
    if "lab_key" in metafunc.fixturenames:
        settings = metafunc.config.stash[SETTINGS]
        stage = part_of(metafunc.definition.path)
        wishes = lab_wishes(metafunc.definition)
        keys = lab_keys(wishes, stage, settings.kvers)
        keys += parity.keys(settings, wishes, metafunc.definition.path)
        metafunc.parametrize("lab_key", keys, ids=[key.label for key in keys])


def key_of(item: pytest.Item) -> LabKey | None:
    """The machine that a collected test needs."""
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("lab_key") if callspec else None


def exercise_of(item: pytest.Item) -> tuple[str, str, str]:
    """Number, expectation and reading of a test; empty without an `exercise` mark.

    Points are for the stage that teaches it: in the parity table the test has no number.
    """
    mark = item.get_closest_marker("exercise")
    if not mark:
        return "", "", ""
    key = key_of(item)
    number = "" if key and key.column else str(mark.args[0])
    return number, mark.kwargs.get("expected", ""), mark.kwargs.get("read", "")


@pytest.hookimpl(tryfirst=True)  # before xdist writes the groups into the node ids
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Select, and put the tests of one machine together."""
    settings = config.stash[SETTINGS]
    if settings.parity_plan:
        parity.write_plan(settings.parity_plan, [(i, key_of(i), describe_item(i)) for i in items])
    chosen = [i for i in items if _selected(i, settings)]
    if len(chosen) < len(items):
        kept = set(map(id, chosen))
        config.hook.pytest_deselected(items=[i for i in items if id(i) not in kept])
    order: dict[Any, int] = {}
    for item in chosen:
        key = key_of(item)
        order.setdefault(key or part_of(item.path), len(order))
        if key:
            item.add_marker(pytest.mark.xdist_group(key.group))
    # What takes longest first, when working side by side: whole gradings, then machines.
    chosen.sort(key=lambda i: (settings.parallel and _quickness(i),
                               order[key_of(i) or part_of(i.path)], _lot(i, settings)))
    items[:] = chosen


def _lot(item: pytest.Item, settings: Settings) -> tuple[bool, str]:
    """The place of a grading where there is no time for all: another one in each run."""
    if not settings.budget or part_of(item.path) != GRADER:
        return False, ""
    drawn = hashlib.sha256(f"{settings.seed}/{item.nodeid}".encode()).hexdigest()
    return item.get_closest_marker("sample") is None, drawn


def _quickness(item: pytest.Item) -> int:
    if part_of(item.path) == GRADER:
        return 0
    return 2 if key_of(item) is None else 1


def _selected(item: pytest.Item, settings: Settings) -> bool:
    key = key_of(item)
    if key and key.column:
        return parity.selected(settings, key, item)
    if settings.parity_only:
        return False
    if settings.stage and part_of(item.path) != settings.stage:
        return False
    if item.get_closest_marker("reference") and (settings.submit or settings.todo):
        return False
    if settings.grader_sample and part_of(item.path) == GRADER:
        return item.get_closest_marker("sample") is not None
    return not settings.exercise or exercise_of(item)[0] == settings.exercise


def pytest_collection_finish(session: pytest.Session) -> None:
    """Count who needs which machine, and leave the plan for the controller."""
    pool = session.config.stash[POOL]
    for item in session.items:
        if key := key_of(item):
            pool.waiting[key] = pool.waiting.get(key, 0) + 1
    plan = [describe_item(item).to_dict() for item in session.items]
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["vtx_plan"] = plan  # at the end, and with the first report
        session.config.stash[PLAN] = plan
    elif not session.config.stash[SETTINGS].parallel:
        session.config.pluginmanager.getplugin("vtx-controller").take_plan(plan)


def describe_item(item: pytest.Item) -> TestResult:
    """Everything about a test that is known before it runs."""
    number, aim, _ = exercise_of(item)
    key = key_of(item)
    text = (getattr(getattr(item, "function", None), "__doc__", None) or "").strip()
    spoken = item.name.split("[")[0].removeprefix("test_").replace("_", " ")
    title = text.splitlines()[0].rstrip(".") if text else spoken
    variant = item.name.partition("[")[2].removesuffix("]")
    if key:
        variant = variant.removeprefix(key.label).removesuffix(key.label).strip("-")
    if variant:
        title += f" [{variant}]"
    return TestResult(
        name=plain_name(item.nodeid), title=title, aim=aim,
        part=parity.PART if key and key.column else part_of(item.path),
        exercise=number, machine=key.label if key else "", outcome=Outcome.NOT_SELECTED,
    )
