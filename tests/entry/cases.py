# SPDX-License-Identifier: GPL-2.0
"""Cases for the campaign: changes of a VMCS that a processor takes."""

from __future__ import annotations

import random
from collections.abc import Iterator

from entry.checker import Rule, kind_of, width
from entry.made_up import CONTROLS, GROUPS
from entry.trial import may_be_1

Case = dict[str, int]
MOST_FIELDS = 8
NOT_TRIED = {"VMX_PREEMPTION_TIMER_VALUE"}  # the driver needs it itself
GROUP_NAMES = ("PIN", "PRIMARY", "SECONDARY", "TERTIARY", "EXIT", "EXIT2", "ENTRY")  # enum's order
ACTIVATED_BY = {"SECONDARY": "PRIMARY.ACTIVATE_SECONDARY_CONTROLS",
                "TERTIARY": "PRIMARY.ACTIVATE_TERTIARY_CONTROLS",
                "EXIT2": "EXIT.ACTIVATE_SECONDARY_CONTROLS"}
# Where addresses and canonical forms begin to be wrong, on any processor.
EDGES = [1 << bit for bit in (32, 36, 39, 40, 46, 47, 48, 52, 56, 57)]
EDGES += [(1 << bit) - 1 for bit in (32, 40, 47, 48)] + [(1 << 64) - (1 << 47), 0xFFF, 0x1000]
EVENT = "VM_ENTRY_INTERRUPTION_INFORMATION"
REGISTERS = ("ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR")
VECTORS = (0, 1, 2, 3, 6, 8, 10, 13, 14, 17, 18, 21, 31, 32, 255)


def boundaries(bits: int, base: int) -> list[int]:
    """Values at the edges of a field."""
    most = (1 << bits) - 1
    values = [0, 1, 2, 3, 4, 7, 8, most, most - 1, most >> 1, (most >> 1) + 1, base + 1, base - 1]
    if bits == 64:
        values += EDGES + [base ^ edge for edge in EDGES]
    return [value & most for value in values]


def flips(bits: int, base: int) -> list[int]:
    """Each bit changed alone."""
    return [base ^ 1 << bit for bit in range(bits)]


def randoms(rng: random.Random, bits: int, count: int) -> list[int]:
    """Draw values of many bits, and of few."""
    return [rng.getrandbits(bits) & (rng.getrandbits(bits) if number % 2 else -1)
            for number in range(count)]


def singles(rng: random.Random, base: Case) -> Iterator[Case]:
    """One field changed: every field, boundary values, single-bit flips and random values."""
    for name, value in base.items():
        bits = width(name)
        for changed in boundaries(bits, value) + flips(bits, value) + randoms(rng, bits, 8):
            yield {name: changed}


def with_control(base: Case, facts: dict, rule: Rule) -> Case | None:
    """What switches the control on that a rule asks for, or None if the processor has none."""
    group = GROUP_NAMES[rule.group]
    if rule.mask & ~may_be_1(facts, group) or GROUPS[group] not in base:
        return None
    changes = {GROUPS[group]: base[GROUPS[group]] | rule.mask}
    if group in ACTIVATED_BY:
        field = GROUPS[ACTIVATED_BY[group].split(".")[0]]
        changes[field] = base[field] | CONTROLS[ACTIVATED_BY[group]]
    return changes


def conditional(rng: random.Random, base: Case, facts: dict, rules: list[Rule]) -> Iterator[Case]:
    """For rules that apply under a control: it, and the rule's field, and both."""
    for rule in rules:
        changes = with_control(base, facts, rule) if rule.mask else None
        if changes is None:
            continue
        yield changes
        first = rule.fields[0]
        if first in base and first not in changes:
            for value in edge_values(rng, first, base[first]):
                yield {**changes, first: value}
        yield from (control_pairs(rng, base, changes))


def control_pairs(rng: random.Random, base: Case, changes: Case) -> Iterator[Case]:
    """Switch a control on and flip bits of other control fields: what excludes what."""
    names = list(GROUPS.values())
    for _ in range(24):
        name = rng.choice([name for name in names if name in base])
        yield {**changes, name: changes.get(name, base[name]) ^ 1 << rng.randrange(32)}


def edge_values(rng: random.Random, name: str, base: int) -> list[int]:
    """Return fewer values than singles() has."""
    bits = width(name)
    return boundaries(bits, base) + flips(bits, base) + randoms(rng, bits, 2)


def modes(base: Case, facts: dict) -> list[Case]:
    """Guests of other modes, where the processor has EPT: each guest field is tried in them."""
    secondary, entry = GROUPS["SECONDARY"], GROUPS["ENTRY"]
    code = base["GUEST_CS_ACCESS_RIGHTS"]
    compatible = {"GUEST_CS_ACCESS_RIGHTS": code & ~(1 << 13) | 1 << 14}
    found = [compatible, {"GUEST_SS_SELECTOR": 0}]
    ept, free = (CONTROLS[f"SECONDARY.{name}"] for name in ("ENABLE_EPT", "UNRESTRICTED_GUEST"))
    legacy = {entry: base[entry] & ~CONTROLS["ENTRY.IA32E_MODE_GUEST"], "GUEST_IA32_EFER": 0,
              **compatible}
    if not ept & ~may_be_1(facts, "SECONDARY"):
        found.append({secondary: base[secondary] | ept, **legacy})
    if not (ept | free) & ~may_be_1(facts, "SECONDARY"):
        found.append({secondary: base[secondary] | ept | free})
        found.append({secondary: base[secondary] | ept | free, **legacy,
                      "GUEST_CR0": base["GUEST_CR0"] & ~(1 | 1 << 31)})
    return found


def in_modes(rng: random.Random, base: Case, facts: dict) -> Iterator[Case]:
    """Guest state of other guests."""
    guest = [name for name in base if kind_of(name) == "guest"]
    for mode in modes(base, facts):
        yield mode
        for name in guest:
            value = mode.get(name, base[name])
            tried = boundaries(width(name), value) + flips(min(width(name), 18), value)
            for changed in rng.sample(tried, min(len(tried), 18)):
                yield {**mode, name: changed}


def segments(rng: random.Random, base: Case, facts: dict, count: int) -> Iterator[Case]:
    """Draw descriptors that are nearly right, for one or two registers."""
    secondary = GROUPS["SECONDARY"]
    free = CONTROLS["SECONDARY.ENABLE_EPT"] | CONTROLS["SECONDARY.UNRESTRICTED_GUEST"]
    may_be_free = not free & ~may_be_1(facts, "SECONDARY")
    for number in range(count):
        case = {}
        for register in rng.sample(REGISTERS, 1 + number % 2):
            system = register in ("LDTR", "TR")
            rights = (rng.choice((2, 3, 9, 11) if system else (0, 1, 2, 3, 7, 9, 10, 11, 13, 15))
                      | (not system) << 4 | rng.choice((0, 0, 0, 1, 3)) << 5 | 1 << 7
                      | rng.choice((0, 0, 0, 1 << 4, 1 << 7, 1 << 8, 1 << 14, 1 << 16)))
            case |= {f"GUEST_{register}_ACCESS_RIGHTS": rights | (register == "CS") << 13,
                     f"GUEST_{register}_SELECTOR": rng.choice((0, 0x10, 0x10, 0x13, 0x14, 3)),
                     f"GUEST_{register}_LIMIT": rng.choice((0xFFFF, 0x67, 0xFFFFF, 0x100000))}
        if may_be_free and rng.randrange(2):
            case[secondary] = base[secondary] | free
        yield case


def events(rng: random.Random, base: Case) -> Iterator[Case]:
    """Injected events, into guests that block, sleep or single-step."""
    for _ in range(1500):
        event = (1 << 31 | rng.randrange(8) << 8 | rng.choice(VECTORS)
                 | rng.choice((0, 0, 1)) << 11
                 | rng.choice((0,) * 9 + (1,)) << rng.randrange(12, 31))
        yield {
            EVENT: event, "VM_ENTRY_INSTRUCTION_LENGTH": rng.choice((0, 1, 2, 15, 16)),
            "VM_ENTRY_EXCEPTION_ERROR_CODE": rng.choice((0, 4, 0x7FFF, 0x8000, 0x10000)),
            "GUEST_ACTIVITY_STATE": rng.choice((0, 0, 0, 1, 2, 3)),
            "GUEST_INTERRUPTIBILITY_STATE": rng.choice((0, 0, 1, 2, 8)),
            "GUEST_RFLAGS": 2 | rng.choice((0, 1 << 9)) | rng.choice((0, 0, 1 << 8)),
            "GUEST_PENDING_DEBUG_EXCEPTIONS": rng.choice((0, 0, 1 << 14)),
            GROUPS["PIN"]: base[GROUPS["PIN"]] | rng.choice((0, CONTROLS["PIN.VIRTUAL_NMIS"])),
        }


def pairs(rng: random.Random, base: Case, count: int) -> Iterator[Case]:
    """Two fields of the guest, or of a segment register, at once."""
    guest = [name for name in base if kind_of(name) == "guest"]
    for number in range(count):
        if number % 2:
            names = rng.sample(guest, 2)
        else:
            register = rng.choice(REGISTERS)
            names = rng.sample([name for name in guest if name.startswith(f"GUEST_{register}_")], 2)
        yield {name: rng.choice(edge_values(rng, name, base[name])) for name in names}


def generate(seed: int, base: Case, facts: dict, rules: list[Rule]) -> list[Case]:
    """All cases of a machine, no two the same, in an order that does not depend on Python's."""
    rng = random.Random(seed)
    base = {name: value for name, value in base.items()
            if kind_of(name) != "read-only" and name not in NOT_TRIED}
    made = [*singles(rng, base), *conditional(rng, base, facts, rules),
            *in_modes(rng, base, facts), *segments(rng, base, facts, 1500), *events(rng, base),
            *pairs(rng, base, 1500)]
    unique = {tuple(sorted(case.items())): case for case in made
              if case and len(case) <= MOST_FIELDS}
    return list(unique.values())
