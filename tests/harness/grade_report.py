# SPDX-License-Identifier: GPL-2.0
"""The controlling process: collects what the workers report, shows progress, writes the results."""

from __future__ import annotations

import contextlib
import time
import traceback
from pathlib import Path
from typing import Any

import pytest

from harness import grade_boot, grade_files, grade_sum, parity
from harness.grade import excerpt
from harness.grade_settings import Settings, clock
from harness.grade_sum import merge, not_run, plain_name
from harness.results import EXIT_INCONCLUSIVE, Outcome, Problem, Run, TestResult
from harness.writers import terminal

_MARKUP = {Outcome.PASSED: {"green": True}, Outcome.FAILED: {"red": True, "bold": True},
           Outcome.GRADER_BROKE: {"purple": True, "bold": True},
           Outcome.COULD_NOT_RUN: {"yellow": True, "bold": True}}
BROKEN = "the grader itself failed"


class Controller:
    """Pytest hooks of the process that the user started."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self.config = config
        self.settings = settings
        self.announced: set[str] = set()  # the names of all tests that are going to run
        self.plan: dict[str, TestResult] = {}  # what is known of them beforehand
        self.results: dict[str, TestResult] = {}
        self.run = Run(started=settings.started, submission=str(settings.submit or ""),
                       run_id=settings.run_id)
        self._doubt: Problem | None = None  # why there may be tests that nobody has heard of
        self._interrupted = ""
        self._finished = False
        self._written: list[Path] = []

    def prepare(self) -> None:
        """Before anything is collected: take the submission, once for all workers."""
        self._clear()
        self.settings.check()
        grade_boot.prepare_artefacts(self.settings)
        self.run.notes += grade_boot.take_submission(self.settings)
        if self.settings.todo:
            self.run.notes.append(f"built with these exercises unsolved: {self.settings.todo}")

    def _clear(self) -> None:
        """Let no file of an earlier run stay where this one's will be looked for."""
        try:
            for folder in grade_sum.folders(self.settings):
                grade_files.clear(folder)
        except OSError as error:
            pytest.exit(f"the results cannot be written: {error}; name another folder with"
                        " RESULTS= (--results)", EXIT_INCONCLUSIVE)

    def pytest_sessionstart(self) -> None:
        """One line a test is enough: no file names between them."""
        if reporter := self._reporter():
            reporter.showfspath = False

    def _reporter(self) -> Any:
        return self.config.pluginmanager.getplugin("terminalreporter")

    # ---- what is going to run --------------------------------------------------------------

    def take_plan(self, plan: list[dict]) -> None:
        """Note every test that was collected; each worker has the same list."""
        for data in plan:
            test = TestResult.from_dict(data)
            self.plan.setdefault(test.name, test)
        self.announced |= self.plan.keys()

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Learn of the tests early: a worker tells more about them only when it ends."""
        self.announced |= {plain_name(nodeid) for nodeid in ids}

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: Any) -> None:
        """A worker has ended: regularly, with its plan, or by a crash."""
        self.take_plan(getattr(node, "workeroutput", {}).get("vtx_plan", []))
        if error:
            self.run.blame(BROKEN, f"worker {node.gateway.id} died: {error}")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A test module that cannot even be imported."""
        if report.failed:
            self._have_doubt(Outcome.GRADER_BROKE, f"{report.nodeid} cannot be collected",
                             str(report.longrepr))

    def pytest_internalerror(self, excrepr: Any) -> None:
        """Pytest or this plugin is broken."""
        self._have_doubt(Outcome.GRADER_BROKE, "internal error of the grader", str(excrepr))

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo) -> None:
        """Ctrl-C, SIGTERM, or pytest.exit() somewhere."""
        if isinstance(excinfo.value, pytest.Session.Interrupted):  # by what is already known
            return
        self._interrupted = "the run was interrupted"
        why = str(excinfo.value) or "Ctrl-C, or a signal such as that of a time limit"
        self.run.blame(self._interrupted, why, outcome=Outcome.COULD_NOT_RUN)

    def _have_doubt(self, outcome: Outcome, why: str, log: str = "") -> None:
        """Tests may be missing of which not even the number is known."""
        self._doubt = not_run(outcome, why)
        self.run.blame(self._interrupted or BROKEN, why, excerpt(log), outcome)

    # ---- what has run --------------------------------------------------------------------------

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the worst phase of each test, and say so when the test is over."""
        self.take_plan(getattr(report, "vtx_plan", []))
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
        last = (text.strip().splitlines() or [""])[-1]
        self._undecided(name, not_run(Outcome.GRADER_BROKE, last,
                                      "the grader's process, which died during this test"))

    def _undecided(self, name: str, problem: Problem) -> None:
        test = self.plan.get(name) or TestResult(name=name, title=name)
        test.outcome, test.problem = problem.outcome, problem
        self.results[name] = test

    def _unreported(self) -> None:
        """Tests that were going to run, and of which nothing was heard."""
        why = self._interrupted or "it was planned and never reported"
        outcome = Outcome.COULD_NOT_RUN if self._interrupted else Outcome.GRADER_BROKE
        missing = self.announced - self.results.keys()
        for name in missing & self.plan.keys():
            self._undecided(name, not_run(outcome, why))
        if strangers := missing - self.plan.keys():
            self._have_doubt(outcome, f"{why}: {len(strangers)} tests, {min(strangers)} among"
                             " them")

    def _progress(self, name: str) -> None:
        test = self.results.get(name)
        reporter = self._reporter()
        if test is None or reporter is None:
            return
        now = clock(time.time() - self.settings.started)
        count = f"[{len(self.results)}/{len(self.announced) or '?'}]"
        reporter.ensure_newline()
        reporter.write(f"{now}  {count:>9} {test.part} {test.exercise:<4}{test.place} ")
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
        """Write the results, decide the exit status, and never end by an exception of our own:
        pytest would make a 1 of it, which means that points are lost."""
        try:
            self._finish()
        except Exception:
            self.run.blame(BROKEN, "its results could not be put together",
                           excerpt(traceback.format_exc()))
        if not self._is_pytests_own(exitstatus):
            session.exitstatus = self.run.exit_status()
        if exitstatus == pytest.ExitCode.INTERNAL_ERROR:  # pytest then shows no summary
            self._show(self._reporter())

    def _is_pytests_own(self, exitstatus: int) -> bool:
        """Interrupted, used wrongly, and nothing to do at all: that is for pytest to say."""
        nothing = exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and not self.run.stages
        return bool(self._interrupted or nothing or exitstatus == pytest.ExitCode.USAGE_ERROR)

    def _finish(self) -> None:
        run = self.run
        run.seconds = time.time() - self.settings.started
        run.partial = grade_sum.is_partial(self.config, self.settings)
        if not run.partial:
            self._unreported()
        run.tests = list(self.results.values())
        if self.settings.parity_out:
            parity.write_cells(self.settings.parity_out, run.tests)
        directories = grade_sum.directories_of(self.settings,
                                               [*self.plan.values(), *self.results.values()])
        run.stages = [grade_sum.stage_result(run, self.settings, directory, self._doubt)
                      for directory in directories]
        if self.settings.results and (self.settings.write_part or not run.partial):
            self._written = grade_files.write(
                run, [(s, grade_sum.folder(self.settings, s.name)) for s in run.stages])

    # ---- the report -------------------------------------------------------------------------

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> Any:
        """The rubric explains the failures of exercises; pytest shows the others."""
        stats = terminalreporter.stats
        failed = stats.get("failed", [])
        stats["failed"] = [r for r in failed if not explained(r)]
        yield
        stats["failed"] = failed
        self._show(terminalreporter)

    def _show(self, reporter: Any) -> None:
        if reporter is None:
            return
        try:
            rows = terminal.lines(self.run, reporter._tw.fullwidth)
        except Exception:
            reporter._session.exitstatus = EXIT_INCONCLUSIVE
            reporter.write_line(f"{BROKEN}: {traceback.format_exc()}")
            rows = []
        for row in rows:
            reporter.write_line(row.text, **_MARKUP.get(row.outcome, {}))
        for row in terminal.written([short(path) for path in self._written]):
            reporter.write_line(row)
        if logs := grade_boot.link_artefacts(self.settings):
            reporter.write_line(f"logs of the machines: {short(logs)}")
        if not self.settings.stage:  # else the rubric is all there is, and says it
            for row in terminal.failure_rows(self.run):
                reporter.write_line(row.text, **_MARKUP.get(row.outcome, {}))


def forget_results(settings: Settings | None) -> None:
    """The grader has broken after it wrote them: a score would not be certain."""
    for folder in grade_sum.folders(settings) if settings else []:
        with contextlib.suppress(OSError):
            (folder / grade_files.RESULT).unlink(missing_ok=True)


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
