# SPDX-License-Identifier: GPL-2.0
"""The emulator of vtxctl: the same as this computer's processor, and right where that cannot show
it: in 16 and 32 bits, with page tables, holes and ports.
"""
import subprocess
from pathlib import Path

import pytest

from unit import host_build

HERE = Path(__file__).parent
STAGE = 5
PROJECT = host_build.TOP / "project05"
EMULATOR = [*sorted(PROJECT.glob("cmd_emul*.c")), PROJECT / "guest_walk_logic.c"]
FORMS = 347  # of instructions, in emul_native.S


def build(folder, *sources):
    """A program of the emulator and some sources, with the sanitizers."""
    tool = folder / "check"
    host_build.run(["gcc", "-O1", *host_build.compile_flags((), STAGE), *host_build.SANITIZE, "-o",
                    tool, *sources, *EMULATOR, "-lcapstone"])
    return tool


def output(*command):
    """What it prints, which is also what the failure is about."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False,
                          timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("seed", [1, 20261122])
def test_like_the_processor(tmp_path, seed):
    """Each instruction does to registers, flags and memory what the processor does."""
    tool = build(tmp_path, HERE / "check_emul.c", HERE / "emul_native.S")
    assert output(tool, seed, 40) == f"{FORMS} instructions\n"


def test_world(tmp_path):
    """Faults, segments, strings, code that changes, and the formats of page tables."""
    tool = build(tmp_path, HERE / "check_emul_world.c", HERE / "emul_world.c")
    assert output(tool) == "0 failures\n"
