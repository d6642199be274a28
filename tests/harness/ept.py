# SPDX-License-Identifier: GPL-2.0
"""EPT and NPT, read from physical memory: what a processor would find in the tables.

Intel SDM vol. 3, "The Extended Page Table Mechanism (EPT)". `read(address, length)` gives the
host's physical memory, for example machine.outside.phys, so that nothing inside the machine can
change what is found. What no processor takes ("EPT Misconfigurations") raises Misconfigured.

AMD's nested tables (APM vol. 2, "Nested Paging") have the format of other page tables, in which a
guest's accesses are a user's. Their entries are read as EPT's would be: see as_ept().
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness import paging
from harness.paging import ADDRESS, ENTRIES, LEVELS, PAGE, Endless, entries

READ, WRITE, EXECUTE = 1 << 0, 1 << 1, 1 << 2
RIGHTS = READ | WRITE | EXECUTE
TYPE_SHIFT, TYPE_MASK = 3, 7
IGNORE_PAT, LEAF, ACCESSED, DIRTY = 1 << 6, 1 << 7, 1 << 8, 1 << 9
UC, WB = 0, 6
# Of AMD's format: APM vol. 2, "Page-Translation-Table Entry Fields".
NPT_UNCACHED, NPT_ACCESSED, NPT_DIRTY = 1 << 3 | 1 << 4, 1 << 5, 1 << 6
MEMORY_TYPES = (0, 1, 4, 5, 6)  # UC, WC, WT, WP, WB
MAY_BE_LEAF = (30, 21)
TABLE_RESERVED = 0x78  # of an entry that leads to a table: bits 6:3, and bit 7 in the root
MOST_TABLES = 4096
# EPTP: SDM vol. 3, "Extended-Page-Table Pointer (EPTP)".
POINTER_LEVELS, POINTER_AD = 3, 1 << 6
# IA32_VMX_EPT_VPID_CAP: SDM vol. 3, appendix A, "VPID and EPT Capabilities".
CAP_EXECUTE_ONLY, CAP_FOUR_LEVELS, CAP_UC, CAP_WB = 1 << 0, 1 << 6, 1 << 8, 1 << 14
CAP_2_MIB, CAP_1_GIB, CAP_INVEPT, CAP_AD = 1 << 16, 1 << 17, 1 << 20, 1 << 21
CAP_INVEPT_SINGLE, CAP_INVEPT_ALL, CAP_INVVPID = 1 << 25, 1 << 26, 1 << 32

Read = Callable[[int, int], bytes]


class NotPresent(LookupError):
    """No entry that is present leads to that guest-physical address."""


class Misconfigured(Exception):
    """An entry that no processor takes: an exit with reason 49."""


@dataclass(frozen=True)
class Leaf:
    """A page that the tables map."""

    gpa: int
    frame: int  # host-physical address
    size: int
    rights: int  # of the entry itself, and with those above it
    memory_type: int
    ignore_pat: bool
    accessed: bool
    dirty: bool
    entry: int


@dataclass(frozen=True)
class Table:
    """A page of entries."""

    frame: int
    shift: int  # one of LEVELS
    gpa: int  # first address that it is about


@dataclass(frozen=True)
class Rules:
    """What this processor takes."""

    width: int = 40  # MAXPHYADDR
    execute_only: bool = True
    sizes: tuple[int, ...] = (12, 21, 30)  # shifts of pages that there are
    npt: bool = False  # AMD's format

    @classmethod
    def of(cls, capabilities: int, width: int) -> Rules:
        """As IA32_VMX_EPT_VPID_CAP and CPUID 8000_0008H say."""
        sizes = (12, *((21,) if capabilities & CAP_2_MIB else ()),
                 *((30,) if capabilities & CAP_1_GIB else ()))
        return cls(width, bool(capabilities & CAP_EXECUTE_ONLY), sizes)


def as_ept(entry: int, shift: int) -> int:
    """An entry of AMD's format as EPT's with the same meaning; what AMD reserves stays wrong."""
    if not entry & paging.PRESENT:
        return 0
    made = entry & ADDRESS | READ | (WRITE if entry & paging.WRITABLE else 0)
    made |= 0 if entry & paging.NO_EXECUTE else EXECUTE
    if not entry & paging.USER:  # a guest could not get there
        raise Misconfigured(f"entry {entry:#x} at bit {shift}: the user bit is clear")
    if not is_leaf(entry, shift):
        return made | entry & LEAF | (ACCESSED if entry & NPT_ACCESSED else 0)
    made |= (UC if entry & NPT_UNCACHED == NPT_UNCACHED else WB) << TYPE_SHIFT | entry & LEAF
    return made | (ACCESSED if entry & NPT_ACCESSED else 0) | (DIRTY if entry & NPT_DIRTY else 0)


def is_leaf(entry: int, shift: int) -> bool:
    """Does the entry map a page, and not lead to a table?"""
    return shift == LEVELS[-1] or shift in MAY_BE_LEAF and bool(entry & LEAF)


def memory_type(entry: int) -> int:
    """Of a leaf: 0 UC, 6 WB …"""
    return entry >> TYPE_SHIFT & TYPE_MASK


def _wrong_rights(entry: int, rules: Rules) -> str:
    if entry & WRITE and not entry & READ:
        return "it can be written and not read"
    if entry & RIGHTS == EXECUTE and not rules.execute_only:
        return "it can only be executed, which this processor does not offer"
    return ""


def _wrong_leaf(entry: int, shift: int, rules: Rules) -> str:
    if shift not in rules.sizes:
        return f"a page of 2^{shift} bytes, which this processor does not offer"
    if entry & ADDRESS & (1 << shift) - 1:
        return f"bits below the frame of a page of 2^{shift} bytes are set"
    if memory_type(entry) not in MEMORY_TYPES:
        return f"memory type {memory_type(entry)} is reserved"
    return ""


def wrong_with(entry: int, shift: int, rules: Rules) -> str:
    """Why no processor takes a present entry; "" where nothing is wrong with it."""
    if wrong := _wrong_rights(entry, rules):
        return wrong
    if (entry & ADDRESS) >> rules.width:
        return f"an address beyond {rules.width} bits"
    if is_leaf(entry, shift):
        return _wrong_leaf(entry, shift, rules)
    reserved = TABLE_RESERVED | (LEAF if shift == LEVELS[0] else 0)
    return "reserved bits of an entry that leads to a table are set" if entry & reserved else ""


def _meaning(entry: int, shift: int, rules: Rules) -> int:
    return as_ept(entry, shift) if rules.npt else entry


def _checked(entry: int, shift: int, gpa: int, rules: Rules) -> int:
    if wrong := wrong_with(entry, shift, rules):
        raise Misconfigured(f"{gpa:#x}: entry {entry:#x} at bit {shift}: {wrong}")
    return entry


def _frame(entry: int, size: int) -> int:
    return entry & ADDRESS & ~(size - 1)


def steps(read: Read, pointer: int, gpa: int, rules: Rules = Rules()) -> list[tuple[int, int]]:
    """(table, entry) of each level that a walk reads; the last one is not present, or a leaf."""
    made, frame = [], pointer & ADDRESS
    for shift in LEVELS:
        index = gpa >> shift & ENTRIES - 1
        entry = int.from_bytes(read(frame + 8 * index, 8), "little")
        made.append((frame, entry))
        entry = _meaning(entry, shift, rules)
        if not entry & RIGHTS:
            break
        if is_leaf(_checked(entry, shift, gpa, rules), shift):
            break
        frame = entry & ADDRESS
    return made


def find(read: Read, pointer: int, gpa: int, rules: Rules = Rules()) -> Leaf:
    """The page that an address lies in."""
    made = steps(read, pointer, gpa, rules)
    shift, rights = LEVELS[len(made) - 1], RIGHTS
    told = [_meaning(each, level, rules) for level, (_, each) in zip(LEVELS, made)]
    entry = told[-1]
    if not entry & RIGHTS:
        raise NotPresent(f"{gpa:#x}: the entry at bit {shift} is not present")
    for each in told:
        rights &= each
    return _leaf(gpa & ~((1 << shift) - 1), entry, shift, rights)


def translate(read: Read, pointer: int, gpa: int, rules: Rules = Rules()) -> int:
    """The host-physical address of a guest-physical one."""
    leaf = find(read, pointer, gpa, rules)
    return leaf.frame | gpa & leaf.size - 1


def _leaf(gpa: int, entry: int, shift: int, rights: int) -> Leaf:
    size = 1 << shift
    return Leaf(gpa, _frame(entry, size), size, rights, memory_type(entry),
                bool(entry & IGNORE_PAT), bool(entry & ACCESSED), bool(entry & DIRTY), entry)


def walk(read: Read, pointer: int, rules: Rules = Rules()) -> Iterator[Table | Leaf]:
    """Every table and every page, in the order of their addresses, tables before pages."""
    tables = 0
    for found in _walk(read, Table(pointer & ADDRESS, LEVELS[0], 0), RIGHTS, rules):
        tables += isinstance(found, Table)
        if tables > MOST_TABLES:
            raise Endless(f"more than {MOST_TABLES} tables below {pointer:#x}")
        yield found


def _walk(read: Read, table: Table, rights: int, rules: Rules) -> Iterator[Table | Leaf]:
    yield table
    for index, raw in enumerate(entries(read, table.frame)):
        entry = _meaning(raw, table.shift, rules)
        if not entry & RIGHTS:
            continue
        gpa = table.gpa | index << table.shift
        _checked(entry, table.shift, gpa, rules)
        if is_leaf(entry, table.shift):
            yield _leaf(gpa, entry, table.shift, rights & entry)
        else:
            below = LEVELS[LEVELS.index(table.shift) + 1]
            yield from _walk(read, Table(entry & ADDRESS, below, gpa), rights & entry, rules)


def runs(leaves: list[Leaf]) -> list[tuple[int, int, int, int, int]]:
    """Neighbouring pages that are mapped alike: (gpa, bytes, page size, rights, memory type)."""
    made: list[list[int]] = []
    for leaf in leaves:
        alike = [leaf.size, leaf.rights, leaf.memory_type]
        if made and made[-1][0] + made[-1][1] == leaf.gpa and made[-1][2:] == alike:
            made[-1][1] += leaf.size
        else:
            made.append([leaf.gpa, leaf.size, *alike])
    return [tuple(run) for run in made]


assert PAGE == 1 << LEVELS[-1]
