# SPDX-License-Identifier: GPL-2.0
"""The life of a shared lab machine: booted at first use, and replaced when it dies.

A panic costs the test that caused it, and the other tests of the same exercise; everybody else gets
a new machine. The number of new machines is bounded, so the worst submission costs bounded time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from harness.errors import BootFailed, EmulatorDied, Hang, MachineError
from harness.grade import CouldNotRun, clean, fail, kernel_log
from harness.grade_fate import MAX_SLOW, Fate
from harness.grade_key import LabKey, describe_spec
from harness.kmsg import KmsgRecord, check_kmsg, check_taint, sign_of
from harness.results import Boot

NOT_RUN = "a test that was not run"
MAX_DEATHS = 10  # of one machine, over the whole suite
ERROR, MANY_ERRORS = 3, 100  # records of that level or worse in one test
MAX_FAILED_BOOTS = 2  # in a row
MAX_HANGS = 2  # of them by silence, or by a command that did not end: a minute each
MAX_SPENT = 300  # seconds of commands on one machine; the reference needs 6. Under Bochs a sixth.
MAX_LOAD_DEATHS = 2  # while loading vtxdrv.ko: it will not get better


class Life:
    """One shared machine: what the plugin does before, after and instead of a test."""

    def __init__(self, key: LabKey, boot: Callable[[LabKey], Any],
                 say: Callable[[str], None] = lambda text: None,
                 fate: Fate | None = None) -> None:
        self.key = key
        self.fate = fate or Fate()
        self.machine: Any = None
        self.boots: list[Boot] = []  # of the current test
        self.left_out: list[str] = []  # what of it this machine cannot, and why
        self.deaths = 0
        self.hangs = 0
        self.load_deaths = 0
        self.spent = 0.0  # seconds of the machine's clock, in commands
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

    @property
    def kmsg(self) -> list[KmsgRecord]:
        """Kernel messages since the test began."""
        return self.machine.records[self._first_record :] if self.machine else []

    def begin(self, exercise: str, loads: bool = True) -> None:
        """Before a test: a living machine, and a clean slate for its kernel messages."""
        self._leave_the_wounded()
        self.exercise = exercise
        self.boots = []
        self.left_out = []
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
            fail(NOT_RUN, "a living machine",
                 f"an earlier test of exercise {self.exercise} took it: {killed}")
        if lost := self.fate.of_patience():
            fail(NOT_RUN, "an end of each test within seconds",
                 f"tests of {MAX_SLOW} exercises hung, which is all the time there is: {lost}")
        if self.spent > MAX_SPENT and not self.key.column:
            fail(NOT_RUN, "commands that end within a moment",
                 f"they took {self.spent:.0f} s in all, fifty times what the reference needs")
        if self.deaths >= MAX_DEATHS or self.hangs >= MAX_HANGS:
            counts = ((self.deaths, "times the machine ended"),
                      (self.hangs, "times nothing answered any more"))
            told = " and ".join(f"{count} {what}" for count, what in counts if count)
            fail(NOT_RUN, "a living machine", f"{told}; the last time: {self._why}")

    def _refuse_to_load(self) -> None:
        """Only for tests that load the module: the others may still earn their points."""
        if hopeless := self.fate.of_loading():
            fail(NOT_RUN, "vtxdrv.ko can be loaded",
                 f"loading it ended machines of several kinds: {hopeless}")
        if self.load_deaths >= MAX_LOAD_DEATHS:
            fail(NOT_RUN, "vtxdrv.ko can be loaded", f"loading it ends the machine: {self._why}")

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
                 log=kernel_log(self.kmsg))

    def log(self) -> str:
        """For a test that failed: its kernel messages, also those not yet collected."""
        if self._last_words:
            return self._last_words
        if self.machine is None:
            return ""
        if self.machine.alive:
            with contextlib.suppress(MachineError):
                self.machine.ping()
        return kernel_log(self.kmsg)

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
