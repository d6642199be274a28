# SPDX-License-Identifier: GPL-2.0
"""EPT read from outside: addresses, rights, pages of each size, and what no processor takes."""

import struct

import pytest

from harness import ept
from harness.ept import EXECUTE, LEAF, READ, WB, WRITE, Leaf, Rules, Table
from harness.paging import PAGE, Endless

MIB = 1 << 20
ROOT, L3, L2, L1 = 0x1000, 0x2000, 0x3000, 0x4000
ALL = READ | WRITE | EXECUTE
WRITE_BACK = WB << ept.TYPE_SHIFT
POINTER = ROOT | WB | 3 << ept.POINTER_LEVELS | ept.POINTER_AD


def memory(**tables):
    """read() for a memory that has these tables: name = {index: entry}."""
    made = {frame: bytearray(PAGE) for frame in (ROOT, L3, L2, L1)}
    for name, rows in tables.items():
        for index, entry in rows.items():
            struct.pack_into("<Q", made[globals()[name]], 8 * index, entry)

    def read(address, length):
        offset = address % PAGE
        return bytes(made[address - offset][offset:offset + length])
    return read


PAGES = {0: 0x77000 | ALL | WRITE_BACK | ept.ACCESSED, 1: 0x78000 | READ | ept.DIRTY}
BIG = 0x600000 | READ | EXECUTE | WRITE_BACK | LEAF
GIB = 0x4000_0000 | ALL | WRITE_BACK | LEAF | ept.IGNORE_PAT
READS = memory(ROOT={0: L3 | ALL}, L3={0: L2 | ALL, 2: GIB}, L2={0: L1 | ALL, 1: BIG}, L1=PAGES)


@pytest.mark.parametrize(("gpa", "frame"), [
    (0, 0x77000), (0xabc, 0x77abc), (0x1008, 0x78008), (0x200000, 0x600000), (0x3fffff, 0x7fffff),
    (0x8000_0000, 0x4000_0000), (0xbfff_ffff, 0x7fff_ffff),
])
def test_translate(gpa, frame):
    assert ept.translate(READS, POINTER, gpa) == frame


@pytest.mark.parametrize(("gpa", "levels"), [
    (0x2000, 4), (0x400000, 3), (0x4000_0000, 2), (1 << 39, 1),
])
def test_not_present(gpa, levels):
    with pytest.raises(ept.NotPresent, match=f"{gpa:#x}"):
        ept.translate(READS, POINTER, gpa)
    assert len(ept.steps(READS, POINTER, gpa)) == levels


def test_walk():
    """Tables before pages; rights are those of all levels together."""
    found = list(ept.walk(READS, POINTER))
    assert [t for t in found if isinstance(t, Table)] == [
        Table(ROOT, 39, 0), Table(L3, 30, 0), Table(L2, 21, 0), Table(L1, 12, 0)]
    assert [leaf for leaf in found if isinstance(leaf, Leaf)] == [
        Leaf(0, 0x77000, PAGE, ALL, WB, False, True, False, PAGES[0]),
        Leaf(0x1000, 0x78000, PAGE, READ, 0, False, False, True, PAGES[1]),
        Leaf(2 * MIB, 6 * MIB, 2 * MIB, READ | EXECUTE, WB, False, False, False, BIG),
        Leaf(2 << 30, 1 << 30, 1 << 30, ALL, WB, True, False, False, GIB)]


def test_rights_of_all_levels():
    read = memory(ROOT={0: L3 | READ | WRITE}, L3={0: L2 | ALL}, L2={0: L1 | ALL}, L1=PAGES)
    assert ept.find(read, POINTER, 0).rights == READ | WRITE


def test_runs():
    leaves = [Leaf(at, 0x10000 - at, PAGE, rights, WB, False, False, False, 0)
              for at, rights in ((0, ALL), (PAGE, ALL), (2 * PAGE, READ), (4 * PAGE, READ))]
    assert ept.runs(leaves) == [(0, 2 * PAGE, PAGE, ALL, WB), (2 * PAGE, PAGE, PAGE, READ, WB),
                                (4 * PAGE, PAGE, PAGE, READ, WB)]


OLD = Rules(execute_only=False, sizes=(12, 21))


@pytest.mark.parametrize(("entry", "shift", "rules", "why"), [
    (0x5000 | WRITE, 12, Rules(), "written and not read"),
    (0x5000 | WRITE | EXECUTE, 12, Rules(), "written and not read"),
    (0x5000 | EXECUTE, 12, OLD, "only be executed"),
    (0x5000 | EXECUTE, 12, Rules(), ""),
    (0x5000 | ALL | 2 << 3, 12, Rules(), "memory type 2"),
    (0x5000 | ALL | 3 << 3, 12, Rules(), "memory type 3"),
    (0x5000 | ALL | 7 << 3, 12, Rules(), "memory type 7"),
    (0x5000 | ALL | WRITE_BACK, 12, Rules(), ""),
    (1 << 40 | ALL, 12, Rules(), "beyond 40 bits"),
    (1 << 40 | ALL, 12, Rules(width=46), ""),
    (0x201000 | ALL | LEAF, 21, Rules(), "below the frame"),
    (0x200000 | ALL | LEAF | WRITE_BACK, 21, Rules(), ""),
    (0x200000 | ALL | LEAF, 30, Rules(), "below the frame"),
    (0x40000000 | ALL | LEAF, 30, OLD, "does not offer"),
    (0x5000 | ALL | WRITE_BACK, 21, Rules(), "leads to a table"),
    (0x5000 | ALL | ept.IGNORE_PAT, 30, Rules(), "leads to a table"),
    (0x5000 | ALL | LEAF, 39, Rules(), "leads to a table"),
    (0x5000 | ALL | ept.ACCESSED, 39, Rules(), ""),
])
def test_what_no_processor_takes(entry, shift, rules, why):
    assert (why in ept.wrong_with(entry, shift, rules)) and bool(why) == bool(
        ept.wrong_with(entry, shift, rules))


def test_misconfigured():
    read = memory(ROOT={0: L3 | ALL}, L3={0: L2 | WRITE})
    with pytest.raises(ept.Misconfigured, match="written and not read"):
        list(ept.walk(read, POINTER))
    with pytest.raises(ept.Misconfigured):
        ept.translate(read, POINTER, 0x1234)


def test_circles():
    """What is built wrong may lead in circles; a walk ends all the same."""
    circle = {index: ROOT | ALL for index in range(512)}
    with pytest.raises(Endless):
        list(ept.walk(memory(ROOT=circle), POINTER))


def test_rules_of_a_processor():
    offers = ept.CAP_EXECUTE_ONLY | ept.CAP_2_MIB | ept.CAP_1_GIB
    assert Rules.of(offers, 46) == Rules(46)
    assert Rules.of(0, 36) == Rules(36, False, (12,))


# ---- AMD's format ------------------------------------------------------------------------------

P, W, U, UNCACHED, PS, NX = 1, 2, 4, 0x18, 1 << 7, 1 << 63
NPT = Rules(npt=True)
NPT_READS = memory(ROOT={0: L3 | P | W | U}, L3={0: L2 | P | W | U},
                   L2={0: L1 | P | U, 1: 0x600000 | P | W | U | PS | NX, 2: L1 | P | W},
                   L1={0: 0x77000 | P | W | U | UNCACHED | 0x60, 1: 0})


def test_npt_is_read_as_ept_would_be():
    """Rights with those above, the type by PCD and PWT, accessed and dirty."""
    leaf = ept.find(NPT_READS, ROOT, 0x10, NPT)
    assert (leaf.frame, leaf.size, leaf.rights) == (0x77000, PAGE, READ | EXECUTE)
    assert (leaf.memory_type, leaf.accessed, leaf.dirty) == (ept.UC, True, True)
    large = ept.find(NPT_READS, ROOT, 2 * MIB, NPT)
    assert (large.frame, large.size, large.rights) == (0x600000, 2 * MIB, READ | WRITE)
    assert (large.memory_type, large.accessed) == (WB, False)


def test_npt_that_a_guest_cannot_use():
    """An entry that is not present, and one whose user bit is clear."""
    with pytest.raises(ept.NotPresent):
        ept.find(NPT_READS, ROOT, PAGE, NPT)
    with pytest.raises(ept.Misconfigured, match="user bit"):
        ept.find(NPT_READS, ROOT, 4 * MIB, NPT)


def test_npt_steps_have_the_entries_as_they_are():
    assert ept.steps(NPT_READS, ROOT, 2 * MIB, NPT)[-1] == (L2, 0x600000 | P | W | U | PS | NX)
