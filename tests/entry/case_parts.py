# SPDX-License-Identifier: GPL-2.0
"""What the cases of rules are written with."""

from __future__ import annotations

from entry.made_up import NE, NONE, NOT_CANONICAL, PAE, PE, PG, VMXE, WIDE

EVENT, ERROR_CODE = "VM_ENTRY_INTERRUPTION_INFORMATION", "VM_ENTRY_EXCEPTION_ERROR_CODE"
LENGTH = "VM_ENTRY_INSTRUCTION_LENGTH"
BLOCKING, ACTIVITY = "GUEST_INTERRUPTIBILITY_STATE", "GUEST_ACTIVITY_STATE"
PENDING = "GUEST_PENDING_DEBUG_EXCEPTIONS"
VALID, NMI, EXCEPTION, SOFTWARE, OTHER = 1 << 31, 2 << 8, 3 << 8, 4 << 8, 7 << 8
DELIVER = 1 << 11
IF, TF, VM = 1 << 9, 1 << 8, 1 << 17
REAL = "+SECONDARY.UNRESTRICTED_GUEST"
EPT = {"+SECONDARY.ENABLE_EPT": 1, "EPT_POINTER": 0x1E}


def case(bad: dict, good: dict, facts: dict | None = None, **both) -> tuple:
    """One case; `both` is in the two states."""
    return ({**both, **bad}, {**both, **good}, facts or {})


def pair(field: str, bad: int, good: int, also: dict | None = None) -> tuple:
    """Make a case of two values of one field."""
    also = also or {}
    return ({**also, field: bad}, {**also, field: good}, {})


def state_msrs(side: str, group: str, prefix: str) -> dict[str, list]:
    """MSRs that host and guest have in common."""
    load = f"+{group}.LOAD_"
    fred_control = {"+EXIT2.LOAD_IA32_FRED": 1} if side == "HOST" else {"+ENTRY.LOAD_IA32_FRED": 1}
    cet = {load + "CET_STATE": 1}
    cr4 = PAE | VMXE
    cases = {
        "cr4.fixed": [pair(f"{side}_CR4", PAE, cr4), pair(f"{side}_CR4", cr4 | 1 << 15, cr4)],
        "cr4.cet": [case({f"{side}_CR0": PE | NE | PG}, {}, **{f"{side}_CR4": cr4 | 1 << 23})],
        "cr3.width": [pair(f"{side}_CR3", WIDE, WIDE - 1), pair(f"{side}_CR3", 1 << 63, 0x18),
                      case({f"{side}_CR3": 1 << 61}, {}, {"msr_489": 0x0FFFFFFF}),
                      pair(f"{side}_CR3", 1 << 60, 3 << 61)],
        "sysenter-esp.canonical": [
            pair(f"{side}_IA32_SYSENTER_ESP", NOT_CANONICAL, NOT_CANONICAL - 1)],
        "sysenter-eip.canonical": [
            pair(f"{side}_IA32_SYSENTER_EIP", NONE - NOT_CANONICAL, NONE - NOT_CANONICAL + 1)],
        "perf-global-ctrl": [pair(f"{side}_IA32_PERF_GLOBAL_CTRL", 1 << 63, 0,
                                  {load + "IA32_PERF_GLOBAL_CTRL": 1})],
        "pat": [pair(f"{side}_IA32_PAT", 2 << 56, 1 << 56), pair(f"{side}_IA32_PAT", 8, 7),
                pair(f"{side}_IA32_PAT", 0x0300, 0x0400),
                case({f"{side}_IA32_PAT": 3}, {f"{side}_IA32_PAT": 3,
                                              f"-{group}.LOAD_IA32_PAT": 1})],
        "efer.reserved": [pair(f"{side}_IA32_EFER", 0xD03, 0xD01),
                          case({f"{side}_IA32_EFER": 0xD01}, {f"{side}_IA32_EFER": 0x501},
                               {"ext1_edx": 0})],
        "s-cet": [pair(f"{side}_IA32_S_CET", 1 << 6, 1 << 5, cet),
                  pair(f"{side}_IA32_S_CET", 3 << 10, 1 << 11, cet),
                  pair(f"{side}_IA32_S_CET", NOT_CANONICAL, 0, cet)],
        "ssp": [pair(f"{side}_SSP", 2, 4, cet)],
        "ssp-table": [pair(f"{side}_IA32_INTERRUPT_SSP_TABLE_ADDR", NOT_CANONICAL, 0, cet)],
        "pkrs": [pair(f"{side}_IA32_PKRS", 1 << 32, (1 << 32) - 1, {load + "PKRS": 1})],
        "fred.config": [pair(f"{side}_IA32_FRED_CONFIG", 4, 8, fred_control),
                        pair(f"{side}_IA32_FRED_CONFIG", NOT_CANONICAL, 0x1000, fred_control)],
    }
    for number in (1, 2, 3):
        for what, step in (("RSP", 64), ("SSP", 8)):
            field = f"{side}_IA32_FRED_{what}{number}"
            cases[f"fred.{what.lower()}{number}"] = [
                pair(field, step // 2, step, fred_control),
                pair(field, NOT_CANONICAL, NOT_CANONICAL - step, fred_control)]
    return {f"{prefix}.{rule}": value for rule, value in cases.items()}
