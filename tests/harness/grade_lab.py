# SPDX-License-Identifier: GPL-2.0
"""The lab machine as a stage test sees it: booted at first use, shared, and replaced when it dies.

A panic costs the test that caused it, and the other tests of the same exercise; everybody else gets
a new machine. The number of new machines is bounded, so the worst submission costs bounded time.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from harness.errors import BootFailed, EmulatorDied, Hang, MachineError
from harness.grade import CouldNotRun, Unmet, check, check_run, clean, excerpt, fail
from harness.grade import how_it_ended, run_log
from harness.grade_fate import MAX_SLOW, Fate
from harness.kmsg import KmsgRecord, check_kmsg, check_taint, sign_of
from harness.results import Boot, Outcome, Problem

MODULE = "/lab/vtxdrv.ko"
MAX_DEATHS = 10  # of one machine, over the whole suite
ERROR, MANY_ERRORS = 3, 100  # records of that level or worse in one test
MAX_FAILED_BOOTS = 2  # in a row
MAX_HANGS = 2  # of them by silence, or by a command that did not end: a minute each
MAX_LOAD_DEATHS = 2  # while loading vtxdrv.ko: it will not get better
JSON_CAP = 8 << 20  # bytes; `detect --verbose` of many processors is long
# Guest time counts instructions in Bochs: a sixth of it is five times what any command needs,
# and a busy second of it takes six of ours.
BOCHS_PATIENCE = 1 / 6
STUCK = "it loops or waits in the kernel, for a lock or an event that never comes"
LOAD_TIMEOUT = 30  # guest seconds for insmod and rmmod


@dataclass(frozen=True)
class LabKey:
    """What tells one shared machine from another."""

    stage: str
    vendor: str = "vmx"
    kver: str = ""  # as on the command line; "" is the default kernel
    cpus: int = 2
    cpu_model: str = ""
    mem_mib: int = 256
    cmdline: str = ""
    firmware: str = ""  # see harness/bochs_bios.py
    instance: str = ""  # a name that keeps tests apart which must not share a machine

    @property
    def label(self) -> str:
        """The short form, used as the id of a parametrized test."""
        parts = [self.vendor, self.cpu_model, f"{self.cpus}cpus" if self.cpus != 2 else "",
                 f"{self.mem_mib}M" if self.mem_mib != 256 else "", self.kver, self.firmware,
                 self.instance]
        if self.cmdline:
            parts.append("".join(c if c.isalnum() else "_" for c in self.cmdline))
        return "-".join(part for part in parts if part)

    @property
    def group(self) -> str:
        """The xdist group: all tests of one machine run in one worker."""
        return f"{self.stage}-{self.label}"


class Lab:
    """One shared machine. Everything a test does not find here it finds in `lab.machine`."""

    def __init__(self, key: LabKey, boot: Callable[[LabKey], Any],
                 say: Callable[[str], None] = lambda text: None,
                 fate: Fate | None = None) -> None:
        self.key = key
        self.fate = fate or Fate()
        self.machine: Any = None
        self.boots: list[Boot] = []  # of the current test
        self.deaths = 0
        self.hangs = 0
        self.load_deaths = 0
        self.exercise = ""
        self._boot_machine = boot
        self._say = say
        self._why = "first use"
        self._failed_boots = 0
        self._first_record = 0
        self._taint = 0
        self._last_words = ""
        self.doing = "the test ran"
        self._spoilt = False  # a command did not end; the next test gets a new machine

    # ---- life, as the plugin drives it -----------------------------------------------------

    def begin(self, exercise: str, loads: bool = True) -> None:
        """Before a test: a living machine, and a clean slate for its kernel messages."""
        self._leave_the_wounded()
        self.exercise = exercise
        self.boots = []
        self._last_words = ""
        self.doing = "the test ran"
        self._refuse_the_hopeless()
        if loads:
            self._refuse_to_load()
        if self._spoilt:
            self.discard()
        self.ensure()
        self.machine.ping()
        self._first_record = len(self.machine.records)
        self._taint = self.machine.taint

    def _leave_the_wounded(self) -> None:
        """A kernel that has oopsed still holds what the dead process held, and one that prints
        without an end will go on: not for others."""
        if oops := next((r.text for r in self.kmsg if sign_of(r.text) == "oops"), ""):
            self.lose(f"kernel oops: {oops}")
        elif sum(record.level <= ERROR for record in self.kmsg) > MANY_ERRORS:
            self.lose(f"the kernel prints errors without an end: {self.kmsg[-1].text}")

    def lose(self, why: str) -> None:
        """Give the machine up because of what the current exercise did to it."""
        self._why, self.deaths = why, self.deaths + 1
        self._note_killer()
        self.discard()

    def _note_killer(self, slow: bool = False) -> None:
        for kind in ("exercise", "slow")[: 1 + slow]:
            if self.exercise:
                self.fate.note(kind, self.exercise, self._why)

    def _refuse_the_hopeless(self) -> None:
        if killed := self.fate.of_exercise(self.exercise):
            fail("not run", "a living machine",
                 f"an earlier test of exercise {self.exercise} took it: {killed}")
        if lost := self.fate.of_patience():
            fail("not run", "an end of each test within seconds",
                 f"tests of {MAX_SLOW} exercises hung, which is all the time there is: {lost}")
        if self.deaths >= MAX_DEATHS or self.hangs >= MAX_HANGS:
            fail("not run", "a living machine",
                 f"{self.deaths} machines ended and {self.hangs} times nothing answered any more;"
                 f" the last time: {self._why}")

    def _refuse_to_load(self) -> None:
        """Only for tests that load the module: the others may still earn their points."""
        if hopeless := self.fate.of_loading():
            fail("not run", "vtxdrv.ko can be loaded",
                 f"loading it ended machines of several kinds: {hopeless}")
        if self.load_deaths >= MAX_LOAD_DEATHS:
            fail("not run", "vtxdrv.ko can be loaded", f"loading it ends the machine: {self._why}")

    def ensure(self) -> None:
        """Boot unless the machine is alive; after two failed boots nobody tries again."""
        if self.machine is not None and self.machine.alive:
            return
        self.machine = None
        while self.machine is None:
            if self._failed_boots >= MAX_FAILED_BOOTS:
                raise CouldNotRun(self._why)
            try:
                self.machine = self._boot_machine(self.key)
            except (BootFailed, EmulatorDied) as error:  # no code of the stage has run yet
                self._failed_boots += 1
                self._why = str(error)
                self._note_boot(None, self._why.splitlines()[0])
        self._failed_boots, self._spoilt = 0, False
        self._note_boot(self.machine.ready_seconds, self._why)
        self._first_record = 0
        self._taint = 0

    def _note_boot(self, seconds: float | None, why: str) -> None:
        spec = getattr(self.machine, "spec", None)
        self.boots.append(Boot(describe_spec(spec, self.key), self.key.stage, seconds, why))

    def finish(self, expected: tuple[str, ...]) -> None:
        """After a test that passed: whatever the kernel complained about, this test caused."""
        if self.machine is None or not self.machine.alive:
            return
        self.machine.ping()
        wrong = check_kmsg(self.kmsg, expected) + check_taint(self.machine.taint, self._taint)
        if wrong:
            fail("the kernel's log", "nothing more severe than a notice", wrong[0],
                 log=[str(record) for record in self.kmsg])

    def log(self) -> str:
        """For a test that failed: its kernel messages, also those not yet collected."""
        if self._last_words:
            return self._last_words
        if self.machine is None:
            return ""
        if self.machine.alive:
            with contextlib.suppress(MachineError):
                self.machine.ping()
        return "\n".join(str(record) for record in self.kmsg)

    def mourn(self, error: MachineError) -> None:
        """The machine died in a test: remember why, and let the next test have a new one."""
        self.deaths += 1
        self.hangs += isinstance(error, Hang)
        self._why = str(error).splitlines()[0]
        self._last_words = clean(error.tail)
        if not isinstance(error, EmulatorDied):
            self._note_killer(slow=isinstance(error, Hang))
        self.discard()

    def discard(self) -> None:
        """Throw the machine away; the next test boots another."""
        if self.machine is not None:
            self.machine.kill()
            self.machine = None

    # ---- what tests use ------------------------------------------------------------------------

    @property
    def kmsg(self) -> list[KmsgRecord]:
        """Kernel messages since the test began."""
        return self.machine.records[self._first_record :] if self.machine else []

    def run(self, argv: list[str], timeout: float = 30, **how: Any) -> Any:
        """Run a program in the machine; see Machine.run()."""
        words = [str(a) for a in argv]
        self.doing = f"`{' '.join(words)}` ran"
        return self._in_time(self.machine.run(words, timeout=self._patience(timeout), **how))

    def sh(self, script: str, timeout: float = 30, **how: Any) -> Any:
        """Run a line of shell in the machine."""
        self.doing = f"`{script}` ran"
        patience = self._patience(timeout)
        return self._in_time(self.machine.sh(script, timeout=patience, **how))

    def _patience(self, timeout: float) -> float:
        spec = getattr(self.machine, "spec", None)
        slow = getattr(spec, "accel", None) == "bochs"
        return timeout * BOCHS_PATIENCE if slow else timeout

    def _in_time(self, result: Any) -> Any:
        """Remember a command that did not end: the exercise is lost, and waiting is dear."""
        if result.timed_out:
            self.hangs += 1
            where = f", not even when killed: {STUCK}" if getattr(result, "stuck", False) else ""
            self._why = f"`{' '.join(result.argv)}` did not end in its time{where}"
            self._note_killer(slow=True)
            self._spoilt = True  # whoever it left behind would disturb the next test
        return result

    def put(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Write a file in the machine."""
        self.machine.put(path, data, mode)

    def get(self, path: str) -> bytes:
        """Read a file of the machine."""
        return self.machine.get(path)

    def probe(self, *words: object) -> str:
        """Ask the grader's own module; see tests/harness/probe."""
        return self.machine.probe(*words)

    def vtxctl(self, *words: object, timeout: float = 30, **how: Any) -> Any:
        """Run vtxctl in the machine."""
        return self.run(["vtxctl", *map(str, words)], timeout=timeout, **how)

    def json_of(self, result: Any, status: int | None = 0) -> Any:
        """The JSON that a command printed; None for any exit status that it may have had."""
        __tracebackhide__ = True
        if status is not None or result.timed_out:
            check_run(result, status or 0)
        if result.status < 0:
            fail(f"`{' '.join(result.argv)}`", "it ends and prints JSON", how_it_ended(result),
                 log=run_log(result))
        try:
            return json.loads(result.stdout)
        except ValueError as error:
            cut = " (the output was cut: it is too long)" if result.truncated else ""
            fail(f"output of `{' '.join(result.argv)}`, exit status {result.status}", "JSON",
                 f"{error}{cut}", log=excerpt(result.stdout) + "\n" + excerpt(result.stderr))

    def vtxctl_json(self, *words: object, status: int | None = 0, timeout: float = 30) -> Any:
        """Run vtxctl and return its JSON; what is not JSON fails the test."""
        __tracebackhide__ = True
        return self.json_of(self.vtxctl(*words, timeout=timeout, cap=JSON_CAP), status)

    def loaded(self) -> bool:
        """Is vtxdrv.ko in the kernel?"""
        return any(row.startswith(b"vtxdrv ") for row in self.get("/proc/modules").splitlines())

    def load(self, **parameters: object) -> Any:
        """Insert vtxdrv.ko; fails the test unless that works."""
        __tracebackhide__ = True
        words = [f"{name}={value}" for name, value in parameters.items()]
        result = self._load_or_give_up(["insmod", MODULE, *words])
        return check_run(result, what="insmod vtxdrv.ko " + " ".join(words))

    def try_load(self, **parameters: object) -> Any:
        """Insert vtxdrv.ko where that may be refused; return the Result."""
        return self._load_or_give_up(
            ["insmod", MODULE, *(f"{name}={value}" for name, value in parameters.items())])

    def unload(self) -> Any:
        """Remove vtxdrv.ko; fails the test unless that works."""
        __tracebackhide__ = True
        return check_run(self._load_or_give_up(["rmmod", "vtxdrv"]), what="rmmod vtxdrv")

    def _load_or_give_up(self, argv: list[str]) -> Any:
        __tracebackhide__ = True
        self._refuse_to_load()
        try:
            result = self.run(argv, timeout=LOAD_TIMEOUT)
        except MachineError as error:
            self._note_load_death(str(error).splitlines()[0])
            if isinstance(error, Hang):  # a second look would cost another minute
                self.load_deaths = MAX_LOAD_DEATHS
            raise
        if result.timed_out:  # it sits in the kernel and cannot be killed
            stuck = f"`{' '.join(argv)}` did not end in its time: {STUCK}"
            self._note_load_death(stuck)
            self.deaths, self._why = self.deaths + 1, stuck
            self._last_words = getattr(result, "stack", "") or self.log()
            self.discard()
            fail(" ".join(argv), "an end within seconds", stuck, log=self._last_words)
        return result

    def _note_load_death(self, why: str) -> None:
        self.load_deaths += 1
        self.fate.note("load", self.key.group, why)

    @contextlib.contextmanager
    def ends(self, *kinds: type[MachineError]) -> Iterator[None]:
        """The test means to end the machine, for example by a reboot, in one of these ways."""
        __tracebackhide__ = True
        try:
            yield
        except kinds as error:
            self._why = f"a test meant to end it ({error.what})"
            self.discard()
            return
        fail("the machine", " or ".join(kind.what for kind in kinds), "it is still alive")

    def is_clean(self) -> None:
        """Fail unless no CPU is in VMX operation or has CR4.VMXE set."""
        __tracebackhide__ = True
        for cpu in range(self.key.cpus):
            cr4 = int(self.probe("cr4", cpu), 0)
            check(cr4 >> 13 & 1, 0, f"CR4.VMXE of CPU {cpu}")


class LabPool:
    """The machines of one process, each kept until its last test is over."""

    def __init__(self, boot: Callable[[LabKey], Any], say: Callable[[str], None],
                 fate: Fate | None = None) -> None:
        self._fate = fate or Fate()
        self._boot = boot
        self._say = say
        self._labs: dict[LabKey, Lab] = {}
        self.waiting: dict[LabKey, int] = {}  # tests still to come

    def get(self, key: LabKey) -> Lab:
        """The shared machine of that key, not necessarily booted."""
        if key not in self._labs:
            self._labs[key] = Lab(key, self._boot, self._say, self._fate)
        return self._labs[key]

    def done_with(self, key: LabKey) -> None:
        """One test less will need it; nobody waits for the machine to shut down in order."""
        self.waiting[key] = self.waiting.get(key, 1) - 1
        if self.waiting[key] <= 0 and key in self._labs:
            self._labs[key].discard()

    def close(self) -> None:
        """Switch everything off."""
        for lab in self._labs.values():
            lab.discard()


def describe_spec(spec: Any, key: LabKey) -> str:
    """A machine in the words of the progress lines."""
    accel = getattr(spec, "accel", None) or "?"
    model = getattr(spec, "cpu_model", None) or key.cpu_model
    kernel = getattr(getattr(spec, "kernel", None), "release", None) or key.kver or "default"
    name = f"{accel}/{model}" if model else accel
    return f"{key.vendor} on {name}, {key.cpus} CPUs, kernel {kernel}"


def problem_of_machine(error: MachineError) -> Problem:
    """The end of a machine as a problem of the test that was running."""
    return Problem(Outcome.FAILED, "the lab machine while the test ran", "it stays alive",
                   clean(f"{error.what}: {error.detail}" if error.detail else error.what),
                   log=excerpt(error.tail))


def build_or_fail(build: Any) -> Any:
    """The build, or the reason why there is nothing to boot as the test's own result."""
    problem = build.problem()
    if problem is None:
        return build
    if problem.outcome is Outcome.FAILED:
        raise Unmet(problem)
    raise CouldNotRun(f"{problem.seen}\n{problem.log}")
