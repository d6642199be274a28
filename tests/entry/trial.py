# SPDX-License-Identifier: GPL-2.0
"""What VTXDRV_TRY_ENTRY will enter with, and what the rules predict.

The driver does not enter with the changes alone (project04/vmx_try_entry.c says why); this is the
same decision, written a second time.
"""

from __future__ import annotations

from dataclasses import dataclass

from entry.checker import Checker, Finding, kind_of, width
from entry.made_up import CONTROLS, GROUPS, known

EVERYTHING = (1 << 32) - 1
RFLAGS_ONE, VALID = 2, 1 << 31
# Bits of controls that can be changed while the guest is really entered.
HARMLESS = {
    "VM_ENTRY_INTERRUPTION_INFORMATION": EVERYTHING,
    "VM_ENTRY_EXCEPTION_ERROR_CODE": EVERYTHING,
    "VM_ENTRY_INSTRUCTION_LENGTH": EVERYTHING,
    GROUPS["ENTRY"]: sum(CONTROLS[f"ENTRY.{name}"] for name in (
        "IA32E_MODE_GUEST", "LOAD_DEBUG_CONTROLS", "LOAD_IA32_PAT", "LOAD_IA32_EFER")),
    GROUPS["PIN"]: CONTROLS["PIN.VIRTUAL_NMIS"],
    GROUPS["PRIMARY"]: CONTROLS["PRIMARY.ACTIVATE_SECONDARY_CONTROLS"],
    GROUPS["SECONDARY"]: CONTROLS["SECONDARY.ENABLE_EPT"]
    | CONTROLS["SECONDARY.UNRESTRICTED_GUEST"],
}
EMPTY_EPT = 0x101E
ERROR_KINDS = {7: "control", 8: "host"}
REASON_KINDS = {0x80000021: "guest", 0x80000022: "msr-load"}
REFUSED = {22: "values that the host or we could not survive", 95: "no VMX-preemption timer",
           108: "the CPU has left VMX operation"}


@dataclass(frozen=True)
class Prediction:
    """What the rules say of a case."""

    live: bool  # the guest is entered, not sabotaged
    outcomes: frozenset[str]  # any of these agrees; empty: the rules cannot decide
    findings: tuple[Finding, ...]  # of the kinds that decide

    @property
    def rules(self) -> set[str]:
        """Which rules are violated."""
        return {found.id for found in self.findings if found.answer == "violated"}

    @property
    def own_rules(self) -> set[str]:
        """Return those that the case violates, not the driver to keep the guest from running."""
        return self.rules - (set() if self.live else {"guest.rflags.reserved"})


def entered_with(base: dict[str, int], changes: dict[str, int]) -> tuple[dict[str, int], bool]:
    """Return the state that is entered with, and whether the guest is."""
    state = {**base, **{name: value & (1 << width(name)) - 1 for name, value in changes.items()}}
    live = all(kind_of(name) == "guest" or not (state[name] ^ base[name]) & ~HARMLESS.get(name, 0)
               for name in changes)
    if not live:
        state["GUEST_RFLAGS"] &= ~RFLAGS_ONE
        return state, live
    state[GROUPS["PIN"]] |= CONTROLS["PIN.ACTIVATE_PREEMPTION_TIMER"]
    state["VMX_PREEMPTION_TIMER_VALUE"] = 0
    if (state[GROUPS["PRIMARY"]] & CONTROLS["PRIMARY.ACTIVATE_SECONDARY_CONTROLS"]
            and state.get(GROUPS["SECONDARY"], 0) & CONTROLS["SECONDARY.ENABLE_EPT"]):
        state["EPT_POINTER"] = EMPTY_EPT
    return state, live


def predict(checker: Checker, facts: bytes, base: dict[str, int],
            changes: dict[str, int]) -> Prediction:
    """Ask the rules. A processor checks controls and host state first, in any order."""
    state, live = entered_with(base, changes)
    found = checker.check(facts, state)
    for kinds in ({"control", "host"}, {"guest"}, {"msr-load"}):
        here = tuple(finding for finding in found if finding.kind in kinds)
        violated = {finding.kind for finding in here if finding.answer == "violated"}
        undecided = {finding.kind for finding in here if finding.answer == "undecided"}
        if violated:
            return Prediction(live, frozenset(violated | undecided), here)
        if undecided:
            return Prediction(live, frozenset(), here)
    return Prediction(live, frozenset({"none"}), ())


def outcome_of(error: int, reason: int) -> str:
    """Say what the processor did: control, host, guest, msr-load, none; or a number."""
    if error:
        return ERROR_KINDS.get(error, f"error {error}")
    if reason & VALID:
        return REASON_KINDS.get(reason, f"reason {reason:#x}")
    return "none"


def may_be_1(facts: dict, group: str) -> int:
    """Controls of a group that a processor allows: facts as vtxctl detect --json has them."""
    index = {"PIN": 1, "PRIMARY": 2, "EXIT": 3, "ENTRY": 4, "SECONDARY": 11}.get(group)
    if index is None:
        value = facts["vmx_msr"][{"TERTIARY": 18, "EXIT2": 19}[group]]
        return int(value, 0) if value else 0
    basic = int(facts["vmx_msr"][0], 0)
    if basic >> 55 & 1 and index < 5:
        index += 12
    value = facts["vmx_msr"][index]
    return int(value, 0) >> 32 & known(group) if value else 0
