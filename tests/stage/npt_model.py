# SPDX-License-Identifier: GPL-2.0
"""What nested page tables have to mean: ranges in a list, and nothing of levels or entries.

A range is (gpa, bytes, hpa, rights, memory type). Tables that were read from memory are turned into
the same list, and both have to be equal after each step of a random sequence.
"""
from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from harness.ept import EXECUTE, READ, UC, WB, WRITE, Leaf

PAGE, MIB, GIB = 4096, 1 << 20, 1 << 30
SIZES = (GIB, 2 * MIB, PAGE)
RIGHTS = (READ, READ | WRITE, READ | EXECUTE, READ | WRITE | EXECUTE)
TYPES = (WB, WB, WB, UC)
MOST_LEAVES = 2048

Range = tuple[int, int, int, int, int]


def joined(ranges: Iterable[Range]) -> list[Range]:
    """Neighbours that are mapped alike and follow each other in the host are one."""
    made: list[Range] = []
    for gpa, size, hpa, rights, kind in sorted(ranges):
        if made:
            at, length, frame, *alike = made[-1]
            if at + length == gpa and frame + length == hpa and alike == [rights, kind]:
                made[-1] = (at, length + size, frame, rights, kind)
                continue
        made.append((gpa, size, hpa, rights, kind))
    return made


def of_leaves(leaves: Iterable[Leaf]) -> list[Range]:
    """What tables map, as the model has it."""
    return joined((leaf.gpa, leaf.size, leaf.frame, leaf.rights, leaf.memory_type)
                  for leaf in leaves)


@dataclass
class Model:
    """The ranges that are mapped."""

    ranges: list[Range] = field(default_factory=list)

    def _changed(self, gpa: int, size: int, change: Callable[[Range], list[Range]]) -> None:
        made = []
        for at, length, hpa, rights, kind in self.ranges:
            first, last = max(at, gpa), min(at + length, gpa + size)
            if first >= last:
                made.append((at, length, hpa, rights, kind))
                continue
            if at < first:
                made.append((at, first - at, hpa, rights, kind))
            made += change((first, last - first, hpa + first - at, rights, kind))
            if last < at + length:
                made.append((last, at + length - last, hpa + last - at, rights, kind))
        self.ranges = joined(made)

    def map(self, gpa: int, hpa: int, size: int, rights: int, kind: int) -> None:
        """In the place of what was there."""
        self.unmap(gpa, size)
        self.ranges = joined([*self.ranges, (gpa, size, hpa, rights, kind)])

    def unmap(self, gpa: int, size: int) -> None:
        """Of what was there."""
        self._changed(gpa, size, lambda old: [])

    def protect(self, gpa: int, size: int, rights: int) -> None:
        """Of what is there; what is not stays away."""
        self._changed(gpa, size, lambda old: [(*old[:3], rights, old[4])] if rights else [])

    def at(self, gpa: int) -> tuple[int, int, int] | None:
        """(hpa, rights, type) of an address, or None."""
        for start, size, hpa, rights, kind in self.ranges:
            if start <= gpa < start + size:
                return hpa + gpa - start, rights, kind
        return None

    def free(self, gpa: int, size: int) -> bool:
        """Is nothing mapped there?"""
        return all(gpa + size <= at or at + length <= gpa for at, length, *_ in self.ranges)


def best_pages(gpa: int, hpa: int, size: int, sizes: Iterable[int]) -> list[int]:
    """The sizes of the pages that map a range with as few entries as can be, in order."""
    made, end = [], gpa + size
    while gpa < end:
        page = max(s for s in sizes if not gpa % s and not hpa % s and gpa + s <= end)
        made.append(page)
        gpa, hpa = gpa + page, hpa + page
    return made


def place(rng: random.Random, top: int) -> tuple[int, int]:
    """(gpa, bytes): around some few centres, so that steps meet each other."""
    unit = rng.choice((PAGE, PAGE, PAGE, 2 * MIB, 2 * MIB, GIB))
    centre = rng.choice((0, GIB, 3 * GIB, 1 << 39, top // 2)) % top
    gpa = (centre + rng.randrange({PAGE: 2048, 2 * MIB: 6, GIB: 2}[unit]) * unit) % top
    size = rng.choice((1, 1, 2, 3, rng.randrange(1, 700 if unit == PAGE else 4))) * unit
    size += rng.choice((0, 0, PAGE)) if unit != PAGE else 0
    return gpa, min(size, top - gpa)


def steps(rng: random.Random, count: int, top: int, width: int, largest: int = GIB) -> list[tuple]:
    """A random sequence: ("map", gpa, hpa, size, rights, type), ("unmap", …), ("protect", …).

    A map makes MOST_LEAVES of the largest page at most: 1 GiB in pages of 4 KiB takes an emulated
    machine seconds.
    """
    made, model = [], Model()
    while len(made) < count:
        what = rng.choice(("map", "map", "map", "unmap", "protect"))
        gpa, size = place(rng, top)
        rights = rng.choice(RIGHTS)
        if what == "map":
            if not model.free(gpa, size) or size > MOST_LEAVES * largest:
                continue
            hpa = _frame(rng, gpa, size, width)
            made.append(("map", gpa, hpa, size, rights, rng.choice(TYPES)))
        else:
            made.append(("unmap", gpa, size) if what == "unmap" else ("protect", gpa, size, rights))
        getattr(model, made[-1][0])(*made[-1][1:])
    return made


def _frame(rng: random.Random, gpa: int, size: int, width: int) -> int:
    """Aligned as the address is, or not; what is large at least so that few entries do."""
    unit = rng.choice((2 * MIB, GIB) if size > 64 * MIB else (PAGE, 2 * MIB, GIB))
    frame = rng.randrange(1 << width - 1) & ~(unit - 1)
    return frame | gpa & unit - 1 & ~(PAGE - 1)
