# SPDX-License-Identifier: GPL-2.0
"""project05: pure C. Tables of any format, EPT's entries, slots; against models, step by step."""
import random

import pytest

from harness.grade import exercise
from stage import memory_logic, slot_model
from stage.memory_logic import ENTRIES, SLOTS, TABLES, Driver

# It needs a machine to run in, and no VMX: the code is in vtxctl as well.
pytestmark = pytest.mark.lab(vendor="vmx", cpus=2, instance="frames")


@pytest.fixture
def logic(lab):
    """The driver with the stage's code, in the lab machine."""
    return Driver.in_lab(lab)


@exercise("5.1", expected="the tables mean what was asked for, after every step", read=TABLES)
def test_random_sequence(logic, rng):
    """Map, unmap, protect; large and small, aligned and not; in a format drawn for this run."""
    memory_logic.check_sequence(logic, rng, 16)  # the dumps come over a slow line


@exercise("5.1", expected="leaves as large as format and alignment allow", read=TABLES)
def test_page_sizes(logic, rng):
    """4 KiB, 2 MiB and 1 GiB, where the processor has them."""
    memory_logic.check_page_sizes(logic, rng)


@exercise("5.1", expected="a leaf that is cut keeps what it had", read=TABLES)
def test_splits(logic, rng):
    """Accessed and dirty flags, rights and types of 1 GiB of which three pages are protected."""
    memory_logic.check_splits(logic, rng)


@exercise("5.1", expected="without memory nothing changes", read=TABLES)
def test_no_memory(logic, rng):
    """Each allocation fails once."""
    memory_logic.check_no_memory(logic, rng)


@exercise("5.1", expected="the entries on the way", read=TABLES)
def test_walks(logic, rng):
    """From the root to a leaf, or to what is not present."""
    memory_logic.check_walks(logic, rng)


@exercise("5.2", expected="entries, EPTP and invalidation as the capability MSR offers them",
          read=ENTRIES)
def test_capabilities(logic, rng):
    """Processors that were built, and some that were not."""
    slot_model.check_caps(logic, rng)


@exercise("5.3", expected="each request answered as the model answers it", read=SLOTS)
def test_slot_logic(logic, rng):
    """Slots set, moved, removed and refused at random; and who is where."""
    for _ in range(2):
        slot_model.check_slots(logic, random.Random(rng.getrandbits(32)))
