# SPDX-License-Identifier: GPL-2.0
"""The controlling process: collects what the workers report, shows progress, writes the results."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from harness import grade_boot, next_step
from harness.exercises import load_stage, stage_directories, stage_directory, stage_title
from harness.grade import clean, excerpt
from harness.grade_settings import Settings, clock
from harness.results import ExerciseResult, Outcome, Problem, Run, StageResult, TestResult, worst
from harness.writers import gradescope, junit, terminal

_STAGE_FILE = re.compile(r"test_(project\d\d|lab_[a-z0-9]+)")
_MARKUP = {Outcome.PASSED: {"green": True}, Outcome.FAILED: {"red": True, "bold": True},
           Outcome.GRADER_BROKE: {"purple": True, "bold": True},
           Outcome.COULD_NOT_RUN: {"yellow": True, "bold": True}}


def plain_name(nodeid: str) -> str:
    """A node id without the group that xdist appends to it."""
    return nodeid.rsplit("@", 1)[0] if nodeid.rfind("@") > nodeid.rfind("]") > 0 else nodeid


class Controller:
    """Pytest hooks of the process that the user started."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self.config = config
        self.settings = settings
        self.plan: dict[str, TestResult] = {}
        self.results: dict[str, TestResult] = {}
        self.run = Run(started=settings.started, submission=str(settings.submit or ""))
        self._total = 0
        self._finished = False

    def prepare(self) -> None:
        """Before anything is collected: take the submission, once for all workers."""
        grade_boot.prepare_artefacts(self.settings)
        self.run.notes += grade_boot.take_submission(self.settings)
        if self.settings.todo:
            self.run.notes.append(f"built with these exercises unsolved: {self.settings.todo}")

    def pytest_sessionstart(self) -> None:
        """One line a test is enough: no file names between them."""
        if reporter := self.config.pluginmanager.getplugin("terminalreporter"):
            reporter.showfspath = False

    # ---- what is going to run --------------------------------------------------------------

    def take_plan(self, plan: list[dict]) -> None:
        """Note every test that was collected; each worker has the same list."""
        for data in plan:
            test = TestResult.from_dict(data)
            self.plan.setdefault(test.name, test)
        self._total = max(self._total, len(plan))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Learn the number of tests early, for the progress lines."""
        self._total = max(self._total, len(ids))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: Any) -> None:
        """A worker has ended: regularly, with its plan, or by a crash."""
        self.take_plan(getattr(node, "workeroutput", {}).get("vtx_plan", []))
        if error:
            self._trouble(f"worker {node.gateway.id} died: {error}")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A test module that cannot even be imported."""
        if report.failed:
            self._trouble(f"{report.nodeid} cannot be collected", str(report.longrepr))

    def pytest_internalerror(self, excrepr: Any) -> None:
        """Pytest or this plugin is broken."""
        self._trouble("internal error of the grader", str(excrepr))

    def _trouble(self, seen: str, log: str = "") -> None:
        known = any(p.seen == seen for p in self.run.troubles)
        if not known:  # every worker reports the same module
            self.run.troubles.append(
                Problem(Outcome.GRADER_BROKE, "the grader itself failed", seen=clean(seen),
                        log=excerpt(log)))

    # ---- what has run --------------------------------------------------------------------------

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the worst phase of each test, and say so when the test is over."""
        name = plain_name(report.nodeid)
        data = getattr(report, "vtx", None)
        if data is not None:
            new = TestResult.from_dict(data)
            self.results[name] = merge(self.results.get(name), new)
        elif report.failed:  # xdist's own report of a worker that crashed during this test
            self._crashed(name, str(report.longrepr))
        if report.when == "teardown" or data is None and report.failed:
            self._progress(name)

    def _crashed(self, name: str, text: str) -> None:
        test = self.plan.get(name) or TestResult(name=name, title=name)
        test.outcome = Outcome.GRADER_BROKE
        test.problem = Problem(test.outcome, "the grader's process died during this test",
                               seen=clean(text).strip().splitlines()[-1] if text.strip() else "")
        self.results[name] = test

    def _progress(self, name: str) -> None:
        test = self.results.get(name)
        reporter = self.config.pluginmanager.getplugin("terminalreporter")
        if test is None or reporter is None:
            return
        now = clock(time.time() - self.settings.started)
        count = f"[{len(self.results)}/{self._total or '?'}]"
        machine = f" ({test.machine})" if test.machine else ""
        reporter.ensure_newline()
        reporter.write(f"{now}  {count:>9} {test.part} {test.exercise:<4}{test.title}{machine} ")
        reporter.write(test.outcome.value, **_MARKUP.get(test.outcome, {}))
        reporter.write_line(f" {test.seconds:.1f} s")

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, str] | None:
        """Count as pytest does, but leave the printing to _progress()."""
        if report.when == "call" or report.failed or report.skipped:
            broken = report.failed and report.when != "call" and not hasattr(report, "vtx")
            return ("error" if broken else report.outcome), "", ""
        return "", "", ""

    # ---- the end ---------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Decide the exit status; pytest's own codes for usage and interruption stay."""
        self.finish()
        decided = self.run.exit_status()
        if int(exitstatus) in (0, 1) or self.run.troubles:
            session.exitstatus = decided

    def finish(self) -> None:
        """Put the results together."""
        if self._finished:
            return
        self._finished = True
        run = self.run
        run.seconds = time.time() - self.settings.started
        run.partial = self._is_partial()
        for name, test in self.plan.items():
            if name not in self.results and not run.partial:
                self._crashed(name, "it was planned and never reported")
        run.tests = list(self.results.values())
        run.stages = [self._stage(d) for d in self._stages()]

    def _is_partial(self) -> bool:
        option = self.config.option
        narrowed = self.settings.exercise or option.keyword or option.markexpr or option.maxfail
        return bool(narrowed or getattr(option, "lf", False) or self._lacks_files())

    def _lacks_files(self) -> bool:
        """True if the command line names some files of a stage and not all of them."""
        args = self.config.args
        if any("::" in arg for arg in args):
            return True
        here = self.config.invocation_params.dir
        given = {(here / arg).resolve() for arg in args if arg.endswith(".py")}
        for path in list(given):
            stage = stage_of_file(path)
            given_too = path.parent.glob("test_*.py") if stage else []
            if any(stage_of_file(p) == stage and p not in given for p in given_too):
                return True
        return False

    def _stages(self) -> list[Path]:
        root = self.settings.root
        if self.settings.stage:
            return [stage_directory(root, self.settings.stage)]
        parts = {t.part for t in [*self.plan.values(), *self.results.values()]}
        return [d for d in stage_directories(root)
                if d.name in parts or f"lab-{d.name}" in parts]

    def _stage(self, directory: Path) -> StageResult:
        marks = load_stage(directory)
        missing = Outcome.NOT_SELECTED if self.run.partial else Outcome.GRADER_BROKE
        stage = StageResult(directory.name, stage_title(directory))
        for exercise in marks.exercises:
            tests = [t for t in self.run.tests if t.exercise == exercise.number]
            stage.exercises.append(ExerciseResult(exercise, tests, missing))
        self._check_numbers(stage)
        if not (self.settings.submit or self.run.partial):
            stage.advice = next_step.advice(self.settings.root, stage, self.settings.todo)
        return stage

    def _check_numbers(self, stage: StageResult) -> None:
        known = {e.exercise.number for e in stage.exercises}
        for test in self.run.tests:
            if test.part == stage.name and test.exercise and test.exercise not in known:
                self._trouble(f"{test.name} is for exercise {test.exercise}, which is not marked in"
                              f" {stage.name}")

    # ---- the report -------------------------------------------------------------------------

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> Any:
        """The rubric explains the failures of exercises; pytest shows the others."""
        stats = terminalreporter.stats
        failed = stats.get("failed", [])
        stats["failed"] = [r for r in failed if not explained(r)]
        yield
        stats["failed"] = failed
        self.finish()
        for row in terminal.lines(self.run, terminalreporter._tw.fullwidth):
            terminalreporter.write_line(row.text, **_MARKUP.get(row.outcome, {}))
        for path in self.write():
            terminalreporter.write_line(f"written: {short(path)}")
        if logs := grade_boot.link_artefacts(self.settings):
            terminalreporter.write_line(f"logs of the machines: {short(logs)}")

    def write(self) -> list[Path]:
        """Write the files of each stage; a part of a suite has no score to write."""
        if self.run.partial:
            return []
        written = []
        for stage in self.run.stages:
            folder = self.settings.results
            folder = folder if self.settings.stage else folder / stage.name
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in (("results.json", gradescope.text(self.run, stage)),
                               ("junit.xml", junit.text(self.run, stage)),
                               ("rubric.txt", terminal.text(self.run, stage))):
                (folder / name).write_text(text, encoding="utf-8")
                written.append(folder / name)
        return written


def stage_of_file(path: Path) -> str:
    """The stage whose tests a file holds: "project01", "lab-linux"; "" for any other file."""
    found = _STAGE_FILE.match(path.name) if path.parent.name == "stage" else None
    return found.group(1).replace("lab_", "lab-") if found else ""


def merge(old: TestResult | None, new: TestResult) -> TestResult:
    """Two phases of one test: the worse one explains it, the boots of both count."""
    if old is None:
        return new
    keep, other = (old, new) if worst([old.outcome, new.outcome]) is old.outcome else (new, old)
    keep.boots += other.boots
    keep.started = min(keep.started, other.started)
    keep.seconds = max(keep.seconds, other.seconds)
    return keep


def explained(report: Any) -> bool:
    """True for a failure that the rubric shows with everything one needs to know."""
    data = getattr(report, "vtx", None)
    return bool(data and data["exercise"] and data["outcome"] != Outcome.GRADER_BROKE.value)


def short(path: Path) -> str:
    """A path as seen from here, when that is shorter."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
