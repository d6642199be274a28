# SPDX-License-Identifier: GPL-2.0
"""The pytest plugin of the course: options, collection, fixtures, and what becomes of an exception.

tests/conftest.py loads it. Each worker process turns its tests' ends into TestResult data and
attaches it to pytest's own reports; harness.grade_report, in the controlling process, makes the
rubric of them. How to write a test: see harness.grade.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from harness import grade_boot, grade_report
from harness.errors import EmulatorDied, MachineError, ProtocolError
from harness.exercises import stage_name
from harness.grade_explain import explain
from harness.grade_fate import Fate
from harness.grade_lab import Lab, LabKey, LabPool, problem_of_machine
from harness.grade_outcome import problem_of
from harness.orderly import end_in_order
from harness.results import Outcome, Problem, TestResult

REPOSITORY = Path(__file__).resolve().parents[2]
_LAB_KEYS = ("stage", "vendor", "cpus", "cpu_model", "mem_mib", "cmdline", "firmware",
             "instance")

SETTINGS = pytest.StashKey["Settings"]()
POOL = pytest.StashKey[LabPool]()
USED_LAB = pytest.StashKey[Lab]()
NONCE = pytest.StashKey[int]()
RERUN = pytest.StashKey[bool]()


@dataclass
class Settings:
    """The command line, as every process of the run has it."""

    root: Path
    build: Path
    run_id: str
    started: float
    stage: str = ""
    exercise: str = ""
    kvers: list[str] = field(default_factory=lambda: [""])
    todo: str = ""
    submit: Path | None = None
    results: Path | None = None
    seed: str = ""
    parallel: bool = False


def pytest_addoption(parser: pytest.Parser) -> None:
    """The course's own options."""
    group = parser.getgroup("vtxdrv", "grading a stage of vtxdrv")
    group.addoption("--stage", default="", help="only this stage: 1, 01, project01, lab-NAME")
    group.addoption("--exercise", default="", help="only this exercise: 1.3")
    group.addoption("--submit", default="", metavar="DIR", help="grade the files in DIR")
    group.addoption("--kver", action="append", default=[], help="kernel release or series;"
                    " repeat it to run every lab test with each")
    group.addoption("--todo", default="", metavar="LIST", help="leave these exercises unsolved")
    group.addoption("--results", default="", metavar="DIR", help="where results.json, junit.xml and"
                    " rubric.txt go (with --stage: directly; else a folder for each stage)")
    group.addoption("--build-root", default="build", metavar="DIR", help="the O= of make")
    group.addoption("--seed", default="", help="draw the nonces of an earlier run again")
    group.addoption("--root", default=str(REPOSITORY), help="the repository (for our own tests)")


def make_settings(config: pytest.Config) -> Settings:
    """Read the options; the worker processes get the run's identity from the controller."""
    option = config.getoption
    shared = getattr(config, "workerinput", {}).get("vtx", {})
    root = Path(option("--root")).resolve()
    submit = Path(option("--submit")).resolve() if option("--submit") else None
    if submit and not submit.is_dir():
        what = "this is a file; name its" if submit.exists() else "there is no such"
        raise pytest.UsageError(f"SUBMIT={option('--submit')}: {what} directory")
    stage = stage_name(option("--stage")) if option("--stage") else ""
    build = (root / option("--build-root")).resolve()
    results = Path(option("--results")).resolve() if option("--results") else \
        build / "results" / stage
    return Settings(
        root=root, build=build, stage=stage, exercise=option("--exercise"),
        run_id=shared.get("run_id") or time.strftime("%m%d-%H%M%S-") + uuid.uuid4().hex[:4],
        started=shared.get("started") or time.time(),
        kvers=option("--kver") or [""], todo=option("--todo"), submit=submit, results=results,
        seed=option("--seed") or shared.get("seed") or uuid.uuid4().hex[:8],
        parallel=bool(shared) or bool(getattr(config.option, "numprocesses", None)),
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks; prepare this process."""
    for line in (
        "exercise(number, expected='', read=''): the points of this exercise depend on this test",
        f"lab({'=, '.join(_LAB_KEYS)}=): the machine it needs",
        "expect_kmsg(regex, ...): kernel lines above notice that belong to this test",
        "reference: about the course itself; left out when a submission is graded",
        "slow: takes long and is left out by -m 'not slow'",
    ):
        config.addinivalue_line("markers", line)
    settings = make_settings(config)
    config.stash[SETTINGS] = settings
    config.stash[POOL] = LabPool(
        lambda key: grade_boot.boot(settings, key, lambda text: announce(config, text)),
        lambda text: announce(config, text),
        Fate(settings.build / "artefacts" / settings.run_id / "fate.jsonl"),
    )
    end_in_order(with_parent=hasattr(config, "workerinput"))
    if not hasattr(config, "workerinput"):
        controller = grade_report.Controller(config, settings)
        config.pluginmanager.register(controller, "vtx-controller")
        controller.prepare()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker which run it belongs to."""
    settings = node.config.stash[SETTINGS]
    node.workerinput["vtx"] = {"run_id": settings.run_id, "started": settings.started,
                               "seed": settings.seed}


def announce(config: pytest.Config, text: str) -> None:
    """One line of progress from any process, past pytest's capturing, to standard error."""
    settings = config.stash[SETTINGS]
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
        clock = grade_report.clock(time.time() - settings.started)
        os.write(sys.__stderr__.fileno(), f"{clock}  {text}\n".encode())


# ---- collection ------------------------------------------------------------------------------


def part_of(path: Path) -> str:
    """The part of the suite: a stage's name for its tests, else the folder's."""
    return grade_report.stage_of_file(path) or path.parent.name


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
    """One key for each vendor and kernel that is asked for."""
    wishes = {"stage": stage} | wishes
    wishes["stage"] = stage_name(wishes["stage"])
    vendors = _as_list(wishes.pop("vendor", "vmx"))
    return [LabKey(vendor=vendor, kver=kver, **wishes)
            for kver, vendor in itertools.product(kvers, vendors)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A lab test runs once for each of its machines."""
    if "lab_key" in metafunc.fixturenames:
        settings = metafunc.config.stash[SETTINGS]
        stage = part_of(metafunc.definition.path)
        keys = lab_keys(lab_wishes(metafunc.definition), stage, settings.kvers)
        metafunc.parametrize("lab_key", keys, ids=[key.label for key in keys])


def key_of(item: pytest.Item) -> LabKey | None:
    """The machine that a collected test needs."""
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("lab_key") if callspec else None


def exercise_of(item: pytest.Item) -> tuple[str, str, str]:
    """Number, expectation and reading of a test; empty without an `exercise` mark."""
    mark = item.get_closest_marker("exercise")
    if not mark:
        return "", "", ""
    return str(mark.args[0]), mark.kwargs.get("expected", ""), mark.kwargs.get("read", "")


@pytest.hookimpl(tryfirst=True)  # before xdist writes the groups into the node ids
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Select, and put the tests of one machine together."""
    settings = config.stash[SETTINGS]
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
    # Machines first when working side by side: they take longest.
    chosen.sort(key=lambda i: (settings.parallel and key_of(i) is None,
                               order[key_of(i) or part_of(i.path)]))
    items[:] = chosen


def _selected(item: pytest.Item, settings: Settings) -> bool:
    if settings.stage and part_of(item.path) != settings.stage:
        return False
    if item.get_closest_marker("reference") and (settings.submit or settings.todo):
        return False
    return not settings.exercise or exercise_of(item)[0] == settings.exercise


def pytest_collection_finish(session: pytest.Session) -> None:
    """Count who needs which machine, and leave the plan for the controller."""
    pool = session.config.stash[POOL]
    for item in session.items:
        if key := key_of(item):
            pool.waiting[key] = pool.waiting.get(key, 0) + 1
    plan = [describe_item(item).to_dict() for item in session.items]
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["vtx_plan"] = plan
    elif not session.config.stash[SETTINGS].parallel:
        session.config.pluginmanager.getplugin("vtx-controller").take_plan(plan)


# ---- one test ------------------------------------------------------------------------------------


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
        name=grade_report.plain_name(item.nodeid), title=title, part=part_of(item.path), aim=aim,
        exercise=number, machine=key.label if key else "", outcome=Outcome.NOT_SELECTED,
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """A lab test whose emulator died runs once more: it may not have been the test's fault."""
    key = key_of(item)
    if key is None:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    if item.stash.get(RERUN, False):
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
    report.vtx = result.to_dict()
    if problem and problem.outcome is Outcome.FAILED and problem.what:
        report.longrepr = grade_report.problem_text(problem)


_STARTED = pytest.StashKey[float]()


def _problem(item: pytest.Item, call: pytest.CallInfo) -> Problem | None:
    if call.excinfo is None:
        return None
    error = call.excinfo.value
    number, aim, read = exercise_of(item)
    lab = item.stash.get(USED_LAB, None)
    if lab is not None and isinstance(error, MachineError):
        lab.mourn(error)
    if isinstance(error, EmulatorDied | ProtocolError) and not item.stash.get(RERUN, False):
        item.stash[RERUN] = True
        if lab is not None:
            lab.discard()
    problem = problem_of(call.excinfo, bool(number), problem_of_machine)
    if problem.outcome is Outcome.FAILED:
        problem.expected = problem.expected or aim
        problem.read = problem.read or read
    if lab is not None and problem.outcome is Outcome.FAILED and not problem.log:
        problem.log = grade_report.excerpt(lab.log())
    if lab is not None:
        explain(problem, error, lab)
    if NONCE in item.stash:
        problem.log = f"--seed {item.config.stash[SETTINGS].seed} repeats it\n{problem.log}"
    return problem


def pytest_sessionfinish(session: pytest.Session) -> None:
    """No machine outlives the suite."""
    session.config.stash[POOL].close()


# ---- fixtures -----------------------------------------------------------------------------------


@pytest.fixture
def lab(request: pytest.FixtureRequest, lab_key: LabKey) -> Lab:
    """The booted machine that this test shares with others; vtxdrv.ko is not necessarily loaded."""
    machine = request.config.stash[POOL].get(lab_key)
    request.node.stash[USED_LAB] = machine
    machine.begin(exercise_of(request.node)[0], loads="driver" in request.fixturenames)
    return machine


@pytest.fixture
def driver(lab: Lab) -> Lab:
    """The same machine with vtxdrv.ko loaded."""
    if not lab.loaded():
        lab.load()
    return lab


@pytest.fixture
def stage_build(request: pytest.FixtureRequest, lab_key: LabKey) -> Any:
    """The stage's module and tool, built for the kernel of lab_key; nothing is booted."""
    config = request.config
    return grade_boot.stage_build(config.stash[SETTINGS], lab_key,
                                  lambda text: announce(config, text))


@pytest.fixture
def nonce(request: pytest.FixtureRequest) -> int:
    """64 random bits for this test and this run; --seed draws them again."""
    settings = request.config.stash[SETTINGS]
    value = random.Random(f"{settings.seed}/{request.node.name}").getrandbits(64)
    request.node.stash[NONCE] = value
    return value


@pytest.fixture
def rng(nonce: int) -> random.Random:
    """A random number generator seeded with the nonce."""
    return random.Random(nonce)


@pytest.fixture(scope="session")
def repository(request: pytest.FixtureRequest) -> Path:
    """The top of the tree that is looked at."""
    return request.config.stash[SETTINGS].root


@pytest.fixture(scope="session")
def grading(request: pytest.FixtureRequest) -> Settings:
    """The options of this run."""
    return request.config.stash[SETTINGS]
