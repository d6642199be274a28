# SPDX-License-Identifier: GPL-2.0
"""Cases for the campaign of VMRUN: changes of a VMCB that a processor takes."""

from __future__ import annotations

import random
from collections.abc import Iterator

from entry.cases import boundaries, flips, randoms
from entry.svm import FIELDS, OUTPUTS, width

Case = dict[str, int]
MODES = {"64-bit": 0, "real": 1, "protected": 2, "paged": 3}  # enum vtx_vcpu_mode
# The driver has these for itself: they are not changed but where VMRUN is refused for sure.
HELD = {"TLB_CONTROL", "CLEAN_BITS", "VIRT_EXT", "AVIC_APIC_BAR", "GHCB_PA", "AVIC_BACKING_PAGE",
        "AVIC_LOGICAL_TABLE", "AVIC_PHYSICAL_TABLE", "VMSA_POINTER", "SPEC_CTRL"}
VALID, DELIVER = 1 << 31, 1 << 11
VECTORS = (0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 13, 14, 15, 17, 18, 20, 21, 22, 27, 28, 29, 30, 31, 32,
           128, 255)
SVME, LME, LMA, NXE = 1 << 12, 1 << 8, 1 << 10, 1 << 11
PE, NW, CD, PG, WP = 1, 1 << 29, 1 << 30, 1 << 31, 1 << 16
PAE, CET = 1 << 5, 1 << 23
LONG, DEFAULT = 1 << 9, 1 << 10  # attributes of CS
TYPES = (0, 0, 0, 1, 4, 5, 6, 7)  # of memory
VMRUN, NP = 1, 1
CONTROL_REGISTERS = ("CR0", "CR3", "CR4", "EFER", "CS.attributes")


def values(rng: random.Random, name: str, base: int) -> list[int]:
    """Boundary values, single-bit flips and random values of a field."""
    bits = width(name)
    found = boundaries(bits, base) + flips(bits, base) + randoms(rng, bits, 8)
    return [value & (1 << bits) - 1 for value in found]


def singles(rng: random.Random, base: Case) -> Iterator[Case]:
    """One field changed: every field."""
    for name in FIELDS:
        if name not in OUTPUTS:
            # What is refused by the driver needs to be seen refused, not sixty times over.
            tried = values(rng, name, base[name])
            for value in rng.sample(tried, 3) if name in HELD else tried:
                yield {name: value}


def registers(rng: random.Random, base: Case, count: int) -> Iterator[Case]:
    """The registers of paging and long mode: what goes together, and what does not."""
    for _ in range(count):
        cr0 = base["CR0"] & ~(PE | PG | WP | CD | NW)
        cr0 |= sum(rng.choice((0, bit)) for bit in (PE, PG, WP, CD, NW))
        cr4 = base["CR4"] & ~PAE | rng.choice((0, PAE, PAE)) | rng.choice((0, 0, 0, CET))
        efer = SVME | sum(rng.choice((0, bit)) for bit in (LME, LMA, NXE))
        attributes = base["CS.attributes"] & ~(LONG | DEFAULT)
        attributes |= rng.choice((0, LONG)) | rng.choice((0, DEFAULT))
        case = {"CR0": cr0, "CR4": cr4, "EFER": efer, "CS.attributes": attributes}
        if not rng.randrange(4):
            case["CR3"] = rng.choice(randoms(rng, 64, 4) + flips(64, base["CR3"]))
        yield dict(rng.sample(sorted(case.items()), rng.randrange(1, len(case) + 1)))


def events(rng: random.Random, count: int) -> Iterator[Case]:
    """Injected events, into guests of any mode and with any flags."""
    for _ in range(count):
        yield {
            "EVENTINJ": rng.choice((VALID,) * 9 + (0,)) | rng.choice((0, 2, 3, 3, 3, 4, 1, 5, 6, 7))
            << 8 | rng.choice(VECTORS) | rng.choice((0, 0, DELIVER))
            | rng.choice((0,) * 9 + (1,)) << rng.randrange(12, 31) | rng.getrandbits(32) << 32,
            "INTERRUPT_STATE": rng.choice((0, 0, 1)),
            "RFLAGS": 2 | rng.choice((0, 1 << 9)) | rng.choice((0, 0, 1 << 8)),
            "IDTR.limit": rng.choice((0, 0xFFF, 0xFFFF)),
        }


def events_in_modes(rng: random.Random, base: Case, count: int) -> Iterator[Case]:
    """Exceptions that a mode may not have."""
    cases = registers(rng, base, count)
    for case in cases:
        yield {**case, "EVENTINJ": VALID | 3 << 8 | rng.choice((4, 5, 5, 10, 11, 13, 14, 17))}


def pairs(rng: random.Random, base: Case, count: int) -> Iterator[Case]:
    """Two or three fields at once."""
    names = [name for name in FIELDS if name not in OUTPUTS | HELD]
    for _ in range(count):
        chosen = rng.sample(names, rng.choice((2, 2, 3)))
        if not rng.randrange(3):
            chosen[0] = rng.choice(CONTROL_REGISTERS)
        yield {name: rng.choice(values(rng, name, base[name])) for name in chosen}


def refused(rng: random.Random, base: Case, count: int) -> Iterator[Case]:
    """What VMRUN refuses for sure, so that everything else may be anything."""
    sure = ({"INTERCEPT_4": base["INTERCEPT_4"] & ~VMRUN}, {"GUEST_ASID": 0},
            {"EFER": base["EFER"] & ~SVME})
    names = [name for name in FIELDS if name not in OUTPUTS]
    for _ in range(count):
        case = {name: rng.choice(values(rng, name, base[name]))
                for name in (*rng.sample(sorted(HELD), 1), *rng.sample(names, 2))}
        yield {**case, "NP_CONTROL": rng.choice((0, NP)), **rng.choice(sure)}


def memory_types(rng: random.Random, count: int) -> Iterator[Case]:
    """PATs, mostly right ones."""
    for _ in range(count):
        yield {"G_PAT": sum(rng.choice((*TYPES * 3, 2, 3, 8, 0x46)) << 8 * i for i in range(8))}


def generate(seed: int, mode: str, base: Case) -> list[Case]:
    """All cases of a guest's mode, no two the same, in one order on every Python."""
    rng = random.Random(f"{seed} {mode}")
    made = [*singles(rng, base), *registers(rng, base, 600), *events(rng, 600),
            *events_in_modes(rng, base, 300), *pairs(rng, base, 900), *refused(rng, base, 300),
            *memory_types(rng, 100)]
    unique = {tuple(sorted(case.items())): case for case in made if case}
    return list(unique.values())
