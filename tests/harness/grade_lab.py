# SPDX-License-Identifier: GPL-2.0
"""The lab machine as a stage test uses it: commands, files, the module, and what they must show."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from harness import vendor
from harness.answers import wrong_with
from harness.errors import Hang, MachineError
from harness.grade import check_run, excerpt, fail, how_it_ended, run_log
from harness.grade_life import MAX_LOAD_DEATHS, Life

MODULE = "/lab/vtxdrv.ko"
JSON_CAP = 8 << 20  # bytes; `detect --verbose` of many processors is long
# Guest time counts instructions in Bochs: a sixth of it is five times what any command needs,
# and a busy second of it takes six of ours.
BOCHS_PATIENCE = 1 / 6
STUCK = "it loops or waits in the kernel, for a lock or an event that never comes"
LOAD_TIMEOUT = 30  # guest seconds for insmod and rmmod


class Lab(Life):
    """One shared machine. Everything a test does not find here it finds in `lab.machine`."""

    @property
    def vendor(self) -> vendor.Vendor:
        """What the machine's vendor calls things."""
        return vendor.of(self.key)

    def fault(self, name: str) -> str:
        """What is otherwise on this machine, and no driver can mend; "" if nothing is."""
        faults = vendor.FAULTS.get(self.key.accel, {}) if self.key.vendor == "svm" else {}
        found = vendor.BY_DESIGN.get(self.key.vendor, {}).get(name, "")
        if name in faults:
            found = f"{self.key.accel}: {faults[name]}"
        if found and found not in self.left_out:
            self.left_out.append(found)
        return found

    def needs(self, name: str) -> None:
        """Leave the test out on an emulator that cannot: see vendor.FAULTS."""
        if fault := self.fault(name):
            pytest.skip(fault)

    @property
    def nested(self) -> bool:
        """Does the stage's module have nested paging, as from project05 on?"""
        return self.key.stage >= "project05"

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
        return timeout * self._scale()

    def _scale(self) -> float:
        spec = getattr(self.machine, "spec", None)
        return BOCHS_PATIENCE if getattr(spec, "accel", None) == "bochs" else 1

    def _in_time(self, result: Any) -> Any:
        """Remember a command that did not end: the exercise is lost, and waiting is dear."""
        self.spent += getattr(result, "guest_seconds", 0) / self._scale()
        if result.timed_out:
            self.hangs += 1
            where = f", not even when killed: {STUCK}" if getattr(result, "stuck", False) else ""
            self._why = f"`{' '.join(result.argv)}` did not end in its time{where}"
            self._note_killer(slow=True)
            self._spoilt = True  # whoever it left behind would disturb the next test
        return result

    def put(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Write a file in the machine."""
        __tracebackhide__ = True
        with self._at_hand(path):
            self.machine.put(path, data, mode)

    def get(self, path: str) -> bytes:
        """Read a file of the machine."""
        __tracebackhide__ = True
        with self._at_hand(path):
            return self.machine.get(path)

    @contextlib.contextmanager
    def _at_hand(self, path: str) -> Iterator[None]:
        """What every machine has after its boot: if it is gone, somebody inside took it away."""
        __tracebackhide__ = True
        try:
            yield
        except OSError as error:
            fail(f"{path} in the lab machine", "it can be read and written, as after the boot",
                 f"{error.strerror}: something that ran in the machine took it away")

    def probe(self, *words: object) -> str:
        """Ask the grader's own module; see tests/harness/probe."""
        return self.machine.probe(*words)

    def number(self, *words: object) -> int:
        """The number that the grader's own module answers with."""
        __tracebackhide__ = True
        answer = self.probe(*words)
        try:
            return int(answer, 0)
        except ValueError:
            fail(f"vtxprobe's answer to `{' '.join(map(str, words))}`", "a number", answer)

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
            data = json.loads(result.stdout)
        except (ValueError, RecursionError) as error:
            cut = " (the output was cut: it is too long)" if result.truncated else ""
            seen = f"{error}{cut}" if result.stdout.strip() else "nothing was printed"
            fail(f"output of `{' '.join(result.argv)}`, exit status {result.status}", "JSON",
                 seen, log=excerpt(result.stdout) + "\n" + excerpt(result.stderr))
        _, _, words = " ".join(result.argv).rpartition("vtxctl ")
        if wrong := wrong_with(words.partition(" ")[0], data):
            where, expected = wrong
            fail(f"`{where}` in the JSON of `{' '.join(result.argv)}`", expected,
                 "something that no code of the stage writes there", log=excerpt(result.stdout))
        return data

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
