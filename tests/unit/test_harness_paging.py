# SPDX-License-Identifier: GPL-2.0
"""Page tables read from outside: addresses, rights, pages of each size, and tables gone wrong."""

import struct

import pytest

from harness import paging
from harness.paging import LEAF, NO_EXECUTE, PRESENT, USER, WRITABLE, Leaf, Table

MIB = 1 << 20
ROOT, L3, L2, L1 = 0x1000, 0x2000, 0x3000, 0x4000
RW = PRESENT | WRITABLE


def memory(**tables):
    """read() for a memory that has these tables: name = {index: entry}."""
    made = {frame: bytearray(paging.PAGE) for frame in (ROOT, L3, L2, L1)}
    for name, rows in tables.items():
        for index, entry in rows.items():
            struct.pack_into("<Q", made[globals()[name]], 8 * index, entry)

    def read(address, length):
        offset = address % paging.PAGE
        return bytes(made[address - offset][offset:offset + length])
    return read


SMALL = memory(ROOT={0: L3 | RW}, L3={0: L2 | RW | USER}, L2={0: L1 | RW, 1: 0x600000 | RW | LEAF},
               L1={1: 0x77000 | RW, 2: 0x78000 | PRESENT | NO_EXECUTE})


@pytest.mark.parametrize(("linear", "physical"), [
    (0x1000, 0x77000), (0x1abc, 0x77abc), (0x2000, 0x78000), (0x200000, 0x600000),
    (0x2fffff, 0x6fffff),
])
def test_translate(linear, physical):
    assert paging.translate(SMALL, ROOT, linear) == physical


@pytest.mark.parametrize("linear", [0, 0x3000, 0x400000, 1 << 30, 1 << 39])
def test_not_mapped(linear):
    with pytest.raises(paging.NotMapped, match=f"{linear:#x}"):
        paging.translate(SMALL, ROOT, linear)


def test_walk():
    """Rights are those of all levels together; flags are the entry's own."""
    found = list(paging.walk(SMALL, ROOT | 0x18))  # CR3 has flags in its low bits
    assert [t for t in found if isinstance(t, Table)] == [
        Table(ROOT, 39, 0), Table(L3, 30, 0), Table(L2, 21, 0), Table(L1, 12, 0)]
    assert [leaf for leaf in found if isinstance(leaf, Leaf)] == [
        Leaf(0x1000, 0x77000, 4096, RW, True, False, True),
        Leaf(0x2000, 0x78000, 4096, PRESENT | NO_EXECUTE, False, False, False),
        Leaf(2 * MIB, 6 * MIB, 2 * MIB, RW | LEAF, True, False, True)]


def test_a_gigabyte_at_once_and_the_upper_half():
    read = memory(ROOT={256: L3 | RW}, L3={3: 0x4000_0000 | RW | LEAF})
    assert [leaf for leaf in paging.walk(read, ROOT) if isinstance(leaf, Leaf)] == [
        Leaf(0xffff_8000_c000_0000, 0x4000_0000, 1 << 30, RW | LEAF, True, False, True)]
    assert paging.translate(read, ROOT, 0xffff_8000_c012_3456) == 0x4012_3456


def test_tables_in_a_circle_have_an_end():
    circle = memory(ROOT={index: ROOT | RW for index in range(512)})
    with pytest.raises(paging.Endless):
        list(paging.walk(circle, ROOT))
