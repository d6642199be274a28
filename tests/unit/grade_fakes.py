# SPDX-License-Identifier: GPL-2.0
"""A repository and a lab machine small enough to test the grader itself in seconds."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from harness.errors import BootFailed, EmulatorDied, Hang, Panic
from harness.kmsg import KmsgRecord

MARK = """\
/*
 * EXERCISE {number} ({points} points): {title}
 * Do:   write it
 * Read: README.md
 */
#ifndef TODO_{symbol}
int f{symbol}(void) {{ return 0; }}
#else
int f{symbol}(void) {{ return VTX_TODO("{number}", "nothing happens"); }}
#endif
"""

# The "compiler" of the fake repository: a source with the word SYNTAX in it does not compile.
MAKEFILE = """\
.PHONY: project01
project01:
\t@mkdir -p $(O)/project01
\t@for f in project01/logic.c $(if $(SUBMIT),$(SUBMIT)/logic.c); do \\
\t\tif grep -q SYNTAX $$f; then echo "$$f:3:7: error: expected ';'"; exit 1; fi; done
\t@if grep -q NOTOOLS project01/logic.c; then echo "no headers here"; exit 1; fi
\t@touch $(O)/project01/vtxdrv.ko $(O)/project01/vtxctl
"""

CONFTEST = """\
import sys
sys.path[:0] = [{tests!r}, {unit!r}]
pytest_plugins = ["harness.grade_plugin"]
from harness import grade_boot
import grade_fakes
grade_boot.boot = lambda settings, key, say: (
    grade_boot.stage_build(settings, key, say), say("booting " + key.group),
    grade_fakes.FakeMachine(key.instance))[2]
"""


def mark(number: str, points: int, title: str = "Some exercise") -> str:
    """The source of one exercise."""
    symbol = number.replace(".", "_")
    return MARK.format(number=number, points=points, title=title, symbol=symbol)


def repository(root: Path, tests: str = "", conftest: str = "") -> Path:
    """A tree with one stage of two exercises, 60 and 40 points; more for its conftest.py."""
    stage = root / "project01"
    stage.mkdir(parents=True)
    (stage / "stage.c").write_text("/* units */\n")
    (stage / "logic.c").write_text(mark("1.1", 60, "First") + mark("1.2", 40, "Second"))
    (stage / "student.files").write_text("logic.c\n")
    (stage / "README.md").write_text("# The first stage\n")
    (root / "Makefile").write_text(MAKEFILE)
    folder = root / "tests" / "stage"
    folder.mkdir(parents=True)
    unit = Path(__file__).resolve().parent
    (root / "tests/conftest.py").write_text(
        CONFTEST.format(tests=str(unit.parent), unit=str(unit)) + conftest)
    (root / "tests/pytest.ini").write_text((unit.parent / "pytest.ini").read_text())
    (folder / "test_project01.py").write_text(
        "import pytest\nfrom harness.grade import *\n" + tests)
    return root


class FakeMachine:
    """Does what the first word of a command says; counts itself."""

    made = 0

    def __init__(self, behaviour: str = "") -> None:
        FakeMachine.made += 1
        if behaviour == "noboot":
            raise BootFailed(Hang("no answer for 60 s", tail="last line"))
        self.records: list[KmsgRecord] = []
        self.taint = 0
        self.alive = True
        self.ready_seconds = 0.1
        self.behaviour = behaviour
        self.modules = b""
        self.spec = SimpleNamespace(accel="fake", cpu_model=None, kernel=None)

    def ping(self) -> None:
        """Collect nothing."""

    def kill(self) -> None:
        """Stop."""
        self.alive = False

    def get(self, path: str) -> bytes:
        """Only /proc/modules exists."""
        return self.modules

    def say(self, level: int, text: str) -> None:
        """The kernel prints a line."""
        self.records.append(KmsgRecord(level, len(self.records), text))

    def _die(self, error: Exception) -> None:
        self.alive = False
        raise error

    def run(self, argv: list[str], timeout: float = 30) -> SimpleNamespace:
        """panic, die, warn, hang, status N; everything else succeeds."""
        word = argv[0]
        if word == "panic" or (word == "insmod" and self.behaviour == "badmodule"):
            self._die(Panic("Fatal exception", tail="[1.0] Kernel panic - not syncing"))
        if word == "die":
            self._die(EmulatorDied("signal 9"))
        if word == "warn":
            self.say(4, "WARNING: CPU: 0 PID: 1 at f+0x1/0x2 [vtxdrv]")
        if word == "insmod":
            self.modules = b"vtxdrv 16384 0 - Live\n"
        status = int(argv[1]) if word == "status" else 0
        return SimpleNamespace(argv=argv, status=status, stdout=b"out", stderr=b"err", kmsg=[],
                               timed_out=word == "hang", stack="stuck in f()")
