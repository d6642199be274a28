# SPDX-License-Identifier: GPL-2.0
"""The monitor guest, typed at as a person does: through `make lab`, on a terminal."""
import os
import re
import sys

import pexpect
import pytest

from harness.grade import check
from harness.grade_key import forced

pytestmark = [pytest.mark.reference, pytest.mark.lab(vendor="vmx", instance="monitor", kernels=1)]

PROMPT = r"# \x1b\[6n"  # busybox then asks the terminal where its cursor is
SECONDS = 90  # for anything; a boot under Bochs takes 10
ANSWER = r"\r\n> "  # and the monitor's next prompt
LEAVE = "\x01x"  # Ctrl-A x: Ctrl-] would leave the lab


@pytest.fixture
def terminal(stage_build, lab_key, tmp_path):
    """A terminal with a root shell in a lab machine that has the driver loaded."""
    command = ["-m", "harness.lab", "shell", "--stage-dir", str(stage_build.directory),
               "--vendor", lab_key.vendor, "--artefacts", str(tmp_path)]
    child = pexpect.spawn(sys.executable, command, timeout=SECONDS, dimensions=(40, 120),
                          env={**os.environ, **forced(lab_key), "TERM": "vt100"}, encoding="utf-8")
    child.expect(PROMPT)
    shell(child, "insmod /lab/vtxdrv.ko")
    yield child
    child.close(force=True)


def shell(child, line: str) -> str:
    """What a command prints in the shell."""
    child.sendline(line)
    child.expect(PROMPT)
    return child.before


def start(child) -> None:
    """Start the monitor."""
    child.sendline("vtxctl run monitor")
    child.expect(r"vtxdrv monitor, \d+ KiB of memory")
    child.expect(ANSWER)


def ask(child, line: str) -> str:
    """What the monitor answers; the echo is its own."""
    child.send(line + "\r")
    child.expect(ANSWER)
    return child.before


def test_typed_at(terminal):
    """Commands, mistakes that are rubbed out, a page fault, exceptions, and the guest's status."""
    start(terminal)
    check("how often the timer has interrupted" in ask(terminal, "help"), True, "help helps")
    check(re.search(r"\d+ ticks, 100 a second", ask(terminal, "tixx\x7f\x7fcks")) is not None, True,
          "a rubbed-out mistake is no part of the command")
    check("page 1 of" in ask(terminal, "fault 0x40001000"), True,
          "its page-fault handler maps the page")
    check("page fault" in ask(terminal, "fault 0x40001008"), False, "a second page fault")
    check("exception 0 came" in ask(terminal, "divide"), True, "#DE reaches its handler")
    check("exception 13 came" in ask(terminal, "msr 0xdead"), True, "#GP reaches its handler")
    check(re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", ask(terminal, "time")) is not None, True,
          "the clock tells the time")
    check("no such command" in ask(terminal, "abc\x03"), False, "Ctrl-C throws the line away")
    terminal.send("exit 5\r")
    terminal.expect(PROMPT)
    check("status=5" in shell(terminal, "echo status=$?"), True, "the guest's status is vtxctl's")


def test_left(terminal):
    """Ctrl-A x ends the guest whatever it does, and the terminal is as it was."""
    before = shell(terminal, "stty -a")
    start(terminal)
    terminal.send("\x01h")
    terminal.expect("Ctrl-A x or Ctrl-] ends the guest")
    terminal.send(LEAVE)
    terminal.expect(PROMPT)
    check("status=130" in shell(terminal, "echo status=$?"), True, "left as by Ctrl-C: status 130")
    check(shell(terminal, "stty -a"), before, "the terminal's settings after the guest")


def test_background(terminal):
    """In the background the guest leaves keyboard and terminal to the shell."""
    terminal.sendline("vtxctl run monitor & sleep 1")
    terminal.expect("vtxdrv monitor")
    terminal.expect(PROMPT)
    check("icanon" in shell(terminal, "stty -a"), True, "the shell's terminal is not raw")
    check("typed-here" in shell(terminal, "echo typed-here"), True, "keys are the shell's")
    check("Interrupt" in shell(terminal, "kill -INT %1; wait %1; echo status=$?") or
          "status=130" in terminal.before, True, "the guest ends by a signal")
