# SPDX-License-Identifier: GPL-2.0
"""The page tables of project04 on made-up memory, and the mutants of exercise 4.1 with them."""

import errno
import random
import re
import subprocess
from pathlib import Path

import pytest

from harness import mutants, paging
from harness.evidence import NoMemory
from harness.grade import Unmet, problem_text
from stage import guest_tools
from stage.guest_tools import MIB, PAGE
from unit import host_build

REPOSITORY = Path(__file__).resolve().parents[2]
STAGE = 4
EXERCISE = "4.1"
HERE = Path(__file__).parent / "build_guest_tables.c"
SIZES = (16 * PAGE, 2 * MIB - PAGE, 2 * MIB, 4 * MIB + PAGE, 6 * MIB, 12 * MIB + 5 * PAGE)


def build(folder, logic=REPOSITORY / "project04/guest_tables_logic.c"):
    tool = folder / "tables"
    host_build.run(["gcc", *host_build.compile_flags((), STAGE), *host_build.SANITIZE, "-w", "-o",
                    tool, HERE, logic])
    return tool


@pytest.fixture(scope="module", name="tool")
def built(tmp_path_factory):
    return build(tmp_path_factory.mktemp("tables"))


def made(tool, size, seed=1, huge=4):
    """(result, usable, root), frames by guest address, read() of the memory."""
    done = subprocess.run([tool, f"{size:#x}", str(seed), str(huge)], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    frames = {int(r[1], 0): int(r[2], 0) for r in rows if r[0] == "frame"}
    pages = {int(r[1], 0): b"".join(int(w, 16).to_bytes(8, "little") for w in r[2:])
             for r in rows if r[0] == "page"}

    known = set(frames.values())

    def read(address, length):
        at = address & ~(PAGE - 1)
        if at not in known:
            raise NoMemory(f"{address:#x} is not the guest's")
        return pages.get(at, bytes(PAGE))[address - at:address - at + length]
    result, usable, root = (int(word, 0) for word in rows[0][1:])
    return (result, usable, root), frames.get, read


def hold_to_it(tool, size, seed, huge):
    """The tables as the stage's tests want them."""
    (result, usable, root), frame, read = made(tool, size, seed, huge)
    guest_tools.check(result, 0, "what guest_tables_build() returns")
    lowest, leaves = guest_tools.check_tables(read, root, frame, size)
    guest_tools.check(usable, lowest, "usable: bytes below the first table")
    guest_tools.check_huge(leaves, guest_tools.huge_regions(frame, usable))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("huge", [0, 4, 8])
def test_tables(tool, size, huge):
    for seed in range(3):
        hold_to_it(tool, size, seed, huge)


def test_random_sizes(tool):
    rng = random.Random(4)
    for seed in range(12):
        hold_to_it(tool, rng.randrange(16, 6000) * PAGE, seed, rng.randrange(9))


def test_more_than_a_gigabyte(tool):
    """A second table of the second level."""
    hold_to_it(tool, 1030 * MIB, 1, 8)


@pytest.mark.parametrize("pages", [1, 2, 4, 5])
def test_memory_that_is_too_small(tool, pages):
    assert made(tool, pages * PAGE)[0] == (-errno.ENOSPC, 0, 0)


class Memory:
    """The part of a lab that find_root() needs: what vtxprobe says to `names`."""

    def __init__(self, frame, read, size):
        self.pages = [frame(address) for address in range(0, size, PAGE)]
        self.read = read

    def probe(self, _, frame, index):
        entries = ((at, int.from_bytes(self.read(at + 8 * index, 8), "little"))
                   for at in self.pages)
        return " ".join(f"{at:#x}" for at, entry in entries
                        if entry & 1 and entry & paging.ADDRESS == int(frame, 0))


def test_the_root_is_found_by_what_it_leads_to(tool):
    (_, usable, root), frame, read = made(tool, 6 * MIB)

    def owners(address):  # who can touch memory below the tables only
        return frame(address) if address < usable else None
    assert guest_tools.find_roots(Memory(frame, read, 6 * MIB), read, owners) == [root]


def complaint(tool):
    """What the checks say of a wrong one; None: nothing."""
    for size in SIZES:
        for huge in (4, 8):
            try:
                hold_to_it(tool, size, 1, huge)
            except Unmet as error:
                return problem_text(error.problem)
            except AssertionError as error:  # the sanitizers
                return str(error)
    return None


def test_mutants_of_the_tables_are_caught(tmp_path):
    """What test_mutants_on_host.py does through vtxctl, which has no command for tables."""
    problems = []
    chosen = [m for m in mutants.load(REPOSITORY, f"project{STAGE:02}")
              if m.pure_logic and EXERCISE in m.breaks]
    assert chosen
    for mutant in chosen:
        folder = mutants.write(mutant, REPOSITORY, tmp_path / mutant.name)
        said = complaint(build(folder, folder / "guest_tables_logic.c"))
        if not said or not re.search(mutant.says, said):
            problems.append(f"{mutant.name}: {said}")
    assert not problems, "\n".join(problems)
