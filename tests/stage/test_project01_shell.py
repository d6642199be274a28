# SPDX-License-Identifier: GPL-2.0
"""The interactive shell of `make lab`, used as a person does: a terminal, keys, and the way out."""
import os
import sys

import pexpect
import pytest

from harness.grade import check
from harness.grade_key import forced

pytestmark = [pytest.mark.reference, pytest.mark.lab(vendor="svm", instance="shell")]

PROMPT = r"# \x1b\[6n"  # busybox then asks the terminal where its cursor is
SECONDS = 60  # for anything; a boot under TCG takes 3


@pytest.fixture
def terminal(stage_build, lab_key, tmp_path):
    """A terminal that runs the command behind `make lab`."""
    command = ["-m", "harness.lab", "shell", "--stage-dir", str(stage_build.directory),
               "--vendor", lab_key.vendor, "--artefacts", str(tmp_path)]
    child = pexpect.spawn(sys.executable, command, timeout=SECONDS, dimensions=(33, 101),
                          env={**os.environ, **forced(lab_key), "TERM": "vt100", "LINES": "24",
                               "COLUMNS": "80"},
                          encoding="utf-8")
    yield child
    child.close(force=True)


def test_shell(terminal):
    """Commands run, the window's size is the terminal's, errors come back, Ctrl-] leaves."""
    terminal.expect("Leave it with `exit` or Ctrl-]")
    terminal.expect(PROMPT)
    for line, answer in (("insmod /lab/vtxdrv.ko", PROMPT), ("stty size", "33 101"),
                         ("vtxctl --version", "vtxctl of vtxdrv"),
                         ("false; echo status=$?", "status=1")):
        terminal.sendline(line)
        terminal.expect(answer)
    terminal.send("\x1d")
    terminal.expect(pexpect.EOF)
    terminal.wait()
    check(terminal.signalstatus, None, "signal that ended `make lab`")
