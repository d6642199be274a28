# SPDX-License-Identifier: GPL-2.0
"""Where an emulator does not do what the manual says: the list in docs/entry-checks.md."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from entry.trial import Prediction

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/entry-checks.md"
_BLOCK = re.compile(r"```json deviations\n(.*?)```", re.S)


def matches(value: int, pattern: list[str]) -> bool:
    """Does a value have, under a mask, what a pattern says?"""
    mask, wanted = (int(number, 0) for number in pattern)
    return value & mask == wanted


@dataclass
class Deviation:
    """A check that the emulator leaves out, adds or does differently."""

    name: str
    models: list[str]  # on which it occurs in a full run; empty: on all
    rules: list[str]  # violated, and seen as if they were not; or none. ends: the first is
    seen: list[str]  # what the emulator does instead
    section: str
    cause: str
    fields: list[str] = field(default_factory=list)  # for checks of its own: one is changed
    wrong: str = ""  # a mask: only these bits of the field go unchecked
    value: list[str] = field(default_factory=list)  # mask, and what the field that is blamed has
    where: dict[str, list[str]] = field(default_factory=dict)  # field: mask, and what it has
    ends: bool = False  # the emulator ends, or the host in it: such cases are not tried
    unless: list[str] = field(default_factory=list)  # ends: a rule that is looked at before
    occurred: int = 0

    def explains(self, prediction: Prediction, seen: str, case: dict[str, int],
                 base: dict[str, int]) -> bool:
        """Is this disagreement this deviation, or in part?"""
        if seen not in self.seen or (self.fields and not set(self.fields) & set(case)):
            return False
        state = {**base, **case}
        if not all(matches(state[name], pattern) for name, pattern in self.where.items()):
            return False
        return bool(self.covered(prediction)) if self.rules else not prediction.own_rules

    def covered(self, prediction: Prediction) -> set[str]:
        """Return the violated rules that the emulator does not check."""
        mask = int(self.wrong, 0) if self.wrong else (1 << 64) - 1
        return {found.id for found in prediction.findings
                if found.answer == "violated" and found.id in self.rules
                and not found.wrong & ~mask
                and (not self.value or matches(found.seen, self.value))}


def read(document: Path = DOCUMENT) -> list[Deviation]:
    """Read the list."""
    found = _BLOCK.search(document.read_text(encoding="utf-8"))
    if not found:
        raise ValueError(f"{document} has no block ```json deviations")
    return [Deviation(**entry) for entry in json.loads(found[1])]


def ends(deviations: list[Deviation], prediction: Prediction) -> Deviation | None:
    """The deviation that ends the emulator, if nothing else refuses this case."""
    for one in deviations:
        if (one.ends and one.rules and one.rules[0] in prediction.rules
                and prediction.rules <= set(one.rules)):
            return one
    return None


def ends_by_state(deviations: list[Deviation], prediction: Prediction,
                  state: dict[str, int]) -> Deviation | None:
    """The deviation that ends the emulator because of a state that violates nothing."""
    for one in deviations:
        if (one.ends and not one.rules and not prediction.rules & set(one.unless)
                and all(matches(state[name], pattern) for name, pattern in one.where.items())):
            return one
    return None


def explain(deviations: list[Deviation], prediction: Prediction, seen: str,
            case: dict[str, int], base: dict[str, int]) -> list[Deviation]:
    """The deviations that together are the reason of a disagreement; none if they are not.

    If the processor let a state pass, every violated rule must be one that it does not check.
    """
    found = [one for one in deviations if one.explains(prediction, seen, case, base)]
    covered = set().union(*(one.covered(prediction) for one in found)) if found else set()
    return found if prediction.own_rules <= covered else []
