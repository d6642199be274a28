# SPDX-License-Identifier: GPL-2.0
"""x86-64 page tables, read from physical memory: what a processor would find in them.

Intel SDM vol. 3, "4-Level Paging". `read(address, length)` gives physical memory, for example
machine.outside.phys, so that nothing inside the machine can change what is found.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

PRESENT, WRITABLE, USER, LEAF = 1 << 0, 1 << 1, 1 << 2, 1 << 7
NO_EXECUTE = 1 << 63
ADDRESS = 0x000F_FFFF_FFFF_F000
PAGE = 4096
ENTRIES = 512
LEVELS = (39, 30, 21, 12)  # bit of the linear address that the index of each level begins at
MAY_BE_LEAF = (30, 21)
CANONICAL = 47
MOST_TABLES = 4096  # what is built wrong may lead in circles

Read = Callable[[int, int], bytes]


class NotMapped(LookupError):
    """No present entry leads to that linear address."""


class Endless(Exception):
    """More tables than any guest has."""


@dataclass(frozen=True)
class Leaf:
    """A page that the tables map."""

    linear: int
    frame: int  # physical address
    size: int
    flags: int  # of the entry itself
    writable: bool  # with the entries above it
    user: bool
    executable: bool


@dataclass(frozen=True)
class Table:
    """A page of entries."""

    frame: int
    shift: int  # one of LEVELS
    linear: int  # first address that it is about


def entries(read: Read, frame: int) -> tuple[int, ...]:
    """The 512 entries of one table."""
    return struct.unpack(f"<{ENTRIES}Q", read(frame, PAGE))


def _is_leaf(entry: int, shift: int) -> bool:
    return shift == LEVELS[-1] or shift in MAY_BE_LEAF and bool(entry & LEAF)


def _frame(entry: int, size: int) -> int:
    return entry & ADDRESS & ~(size - 1)


def translate(read: Read, root: int, linear: int) -> int:
    """The physical address of a linear one."""
    frame = root & ADDRESS
    for shift in LEVELS:
        index = linear >> shift & ENTRIES - 1
        entry = int.from_bytes(read(frame + 8 * index, 8), "little")
        if not entry & PRESENT:
            raise NotMapped(f"{linear:#x}: no present entry at bit {shift}")
        if _is_leaf(entry, shift):
            return _frame(entry, 1 << shift) | linear & (1 << shift) - 1
        frame = entry & ADDRESS
    raise AssertionError("the last level is always a leaf")


def walk(read: Read, root: int) -> Iterator[Table | Leaf]:
    """Every table and every page, in the order of their linear addresses, tables before pages."""
    top = Table(root & ADDRESS, LEVELS[0], 0)
    tables = 0
    for found in _walk(read, top, (True, True, True)):
        tables += isinstance(found, Table)
        if tables > MOST_TABLES:
            raise Endless(f"more than {MOST_TABLES} tables below {root:#x}")
        yield found


def _walk(read: Read, table: Table, rights: tuple[bool, bool, bool]) -> Iterator[Table | Leaf]:
    yield table
    for index, entry in enumerate(entries(read, table.frame)):
        if not entry & PRESENT:
            continue
        linear = _canonical(table.linear | index << table.shift)
        mine = (rights[0] and bool(entry & WRITABLE), rights[1] and bool(entry & USER),
                rights[2] and not entry & NO_EXECUTE)
        if _is_leaf(entry, table.shift):
            size = 1 << table.shift
            yield Leaf(linear, _frame(entry, size), size, entry & ~ADDRESS, *mine)
        else:
            below = LEVELS[LEVELS.index(table.shift) + 1]
            yield from _walk(read, Table(entry & ADDRESS, below, linear), mine)


def _canonical(linear: int) -> int:
    upper = -1 << CANONICAL if linear >> CANONICAL & 1 else 0
    return (linear | upper) & (1 << 64) - 1
