# SPDX-License-Identifier: GPL-2.0
"""Cases of the rules about guest state: see rule_cases.py."""

from __future__ import annotations

from entry.case_parts import (ACTIVITY, BLOCKING, EPT, EVENT, EXCEPTION, IF, LENGTH, NMI,
                              OTHER, PENDING, REAL, SOFTWARE, TF, VALID, VM, case, pair, state_msrs)
from entry.made_up import (CODE, DATA, NE, NONE, NOT_CANONICAL, PAE, PE, PG, SEGMENTS, TSS,
                           UNUSABLE, VMXE, WIDE, WP)


def guest_registers() -> dict[str, list]:
    """Guest control registers and MSRs."""
    legacy = {"-ENTRY.IA32E_MODE_GUEST": 1, "GUEST_IA32_EFER": 0}
    cases = state_msrs("GUEST", "ENTRY", "guest")
    del cases["guest.ssp"]
    return {
        **cases,
        "guest.cr0.fixed": [
            pair("GUEST_CR0", PE | NE | WP, PE | NE | PG),
            pair("GUEST_CR0", 1 << 32 | PE | NE | PG, 3 << 29 | PE | NE | PG),
            case({}, {REAL: 1, **EPT}, **{"GUEST_CR0": NE}),
            case({"GUEST_CR0": 0}, {"GUEST_CR0": NE}, **{REAL: 1}, **EPT)],
        "guest.cr0.pg": [pair("GUEST_CR0", NE | PG, NE, {REAL: 1, **EPT})],
        "guest.debugctl": [pair("GUEST_IA32_DEBUGCTL", 1 << 3, 1 << 1),
                           pair("GUEST_IA32_DEBUGCTL", 1 << 16, 1 << 0),
                           case({}, {"-ENTRY.LOAD_DEBUG_CONTROLS": 1},
                                GUEST_IA32_DEBUGCTL=1 << 63)],
        "guest.ia32e.pg": [pair("GUEST_CR0", NE | PE, NE | PE | PG, {REAL: 1, **EPT})],
        "guest.ia32e.pae": [pair("GUEST_CR4", VMXE, VMXE | PAE)],
        "guest.cr4.pcide": [case(legacy, {}, GUEST_CR4=VMXE | PAE | 1 << 17)],
        "guest.dr7": [pair("GUEST_DR7", 1 << 32, (1 << 32) - 1),
                      case({}, {"-ENTRY.LOAD_DEBUG_CONTROLS": 1}, GUEST_DR7=1 << 63)],
        "guest.efer.lma": [pair("GUEST_IA32_EFER", 0x101, 0x501),
                           case({}, {"GUEST_IA32_EFER": 0}, **{"-ENTRY.IA32E_MODE_GUEST": 1})],
        "guest.efer.lme": [pair("GUEST_IA32_EFER", 0x401, 0x501),
                           case({}, {"GUEST_CR0": PE | NE},
                                **{"-ENTRY.IA32E_MODE_GUEST": 1, "GUEST_IA32_EFER": 0x100})],
        "guest.bndcfgs": [pair("GUEST_IA32_BNDCFGS", 4, 3, {"+ENTRY.LOAD_IA32_BNDCFGS": 1}),
                          pair("GUEST_IA32_BNDCFGS", NOT_CANONICAL, NOT_CANONICAL - 0x1000,
                               {"+ENTRY.LOAD_IA32_BNDCFGS": 1})],
        "guest.rtit-ctl": [pair("GUEST_IA32_RTIT_CTL", 1 << 63, 0,
                                {"+ENTRY.LOAD_IA32_RTIT_CTL": 1})],
        "guest.lbr-ctl": [pair("GUEST_IA32_LBR_CTL", 1 << 4, 0,
                               {"+ENTRY.LOAD_GUEST_IA32_LBR_CTL": 1})],
        "guest.uinv": [pair("GUEST_UINV", 0x100, 0xFF, {"+ENTRY.LOAD_UINV": 1})],
    }


def segment_rights(name: str, right: int) -> dict[str, list]:
    """Access rights that all registers share."""
    rights, limit = f"GUEST_{name}_ACCESS_RIGHTS", f"GUEST_{name}_LIMIT"
    pages, small = right | 1 << 15, right & ~(1 << 15)
    cases = {
        "s": [pair(rights, right ^ 1 << 4, right)],
        "p": [pair(rights, right & ~(1 << 7), right)],
        "reserved": [pair(rights, right | bit, right) for bit in (1 << 8, 1 << 11, 1 << 17)],
        "g": [case({rights: pages, limit: 0xFFF0FFE}, {rights: pages, limit: 0xFFF0FFF}),
              case({rights: small, limit: 0x100000}, {rights: small, limit: 0xFFFFF}),
              case({rights: small, limit: 0xFFFFFFFF}, {rights: pages, limit: 0xFFFFFFFF})],
    }
    if name not in ("CS", "TR"):
        for rule, value in cases.items():
            bad = value[0][0]
            value.append((bad, {**bad, rights: bad[rights] | UNUSABLE}, {}))
    return {f"guest.{name.lower()}.{rule}": value for rule, value in cases.items()}


def v86(name: str) -> dict[str, list]:
    """Virtual-8086 mode; its other registers may be whatever they are."""
    both = {"GUEST_RFLAGS": VM | 2, f"GUEST_{name}_SELECTOR": 0x1234}
    lower = name.lower()
    return {
        f"guest.{lower}.v86-base": [pair(f"GUEST_{name}_BASE", 0x12341, 0x12340, both)],
        f"guest.{lower}.v86-limit": [pair(f"GUEST_{name}_LIMIT", 0xFFFFF, 0xFFFF, both)],
        f"guest.{lower}.v86-rights": [pair(f"GUEST_{name}_ACCESS_RIGHTS", 0x93, 0xF3, both)],
    }


def segments() -> dict[str, list]:
    """Guest segment registers."""
    cs, ss = "GUEST_CS_ACCESS_RIGHTS", "GUEST_SS_ACCESS_RIGHTS"
    ldtr, tr = "GUEST_LDTR_ACCESS_RIGHTS", "GUEST_TR_ACCESS_RIGHTS"
    free = {REAL: 1, **EPT}
    three = {"GUEST_CS_SELECTOR": 0x13, "GUEST_SS_SELECTOR": 0x13}
    cases = {
        "guest.tr.ti": [pair("GUEST_TR_SELECTOR", 0x24, 0x23)],
        "guest.ldtr.ti": [pair("GUEST_LDTR_SELECTOR", 4, 3, {ldtr: 0x82}),
                          case({ldtr: 0x82}, {ldtr: UNUSABLE}, GUEST_LDTR_SELECTOR=4)],
        "guest.ss.rpl": [pair("GUEST_SS_SELECTOR", 0x11, 0x18),
                         case({}, free, GUEST_SS_SELECTOR=0x11)],
        "guest.ldtr.base": [pair("GUEST_LDTR_BASE", NOT_CANONICAL, 0, {ldtr: 0x82}),
                            case({ldtr: 0x82}, {ldtr: UNUSABLE}, GUEST_LDTR_BASE=NOT_CANONICAL)],
        "guest.cs.type": [pair(cs, CODE & ~1, CODE), pair(cs, CODE & ~0xF | 8, CODE & ~0xF | 9),
                          case({}, free, **{cs: CODE & ~0xF | 3}),
                          pair(cs, CODE & ~0xF | 14, CODE & ~0xF | 15)],
        "guest.ss.type": [pair(ss, DATA & ~0xF | 2, DATA & ~0xF | 7),
                          case({ss: DATA & ~0xF | 11}, {ss: DATA & ~0xF | 11 | UNUSABLE})],
        "guest.cs.dpl": [pair(cs, CODE | 0x20, CODE),
                         pair(cs, CODE | 0x24, CODE | 4),
                         case({cs: CODE | 0x60}, {cs: CODE | 0x60, ss: DATA | 0x60}, **three),
                         case({cs: CODE}, {cs: CODE | 4}, **{ss: DATA | 0x60, **three}),
                         case({cs: CODE & ~0xF | 0x23}, {cs: CODE & ~0xF | 3}, **free)],
        "guest.ss.dpl": [pair(ss, DATA | 0x20, DATA), case({}, free, **{ss: DATA | 0x20})],
        "guest.ss.dpl-0": [case({ss: DATA | 0x20}, {}, **free, **{cs: CODE & ~0xF | 3}),
                           case({ss: DATA | 0x20}, {}, **free, GUEST_CR0=NE)],
        "guest.cs.db": [pair(cs, CODE | 1 << 14, CODE), pair(cs, CODE | 1 << 14,
                                                             CODE & ~(1 << 13) | 1 << 14),
                        case({}, {"-ENTRY.IA32E_MODE_GUEST": 1}, **{cs: CODE | 1 << 14})],
        "guest.tr.type": [pair(tr, TSS & ~0xF | 9, TSS), pair(tr, TSS & ~0xF | 3, TSS),
                          case({}, {"-ENTRY.IA32E_MODE_GUEST": 1}, **{tr: TSS & ~0xF | 3})],
        "guest.tr.usable": [pair(tr, TSS | UNUSABLE, TSS)],
        "guest.ldtr.type": [pair(ldtr, 0x83, 0x82), pair(ldtr, 0x83, 0x83 | UNUSABLE)],
        **segment_rights("TR", TSS), **segment_rights("LDTR", 0x82),
    }
    for name in ("TR", "FS", "GS"):
        cases[f"guest.{name.lower()}.base"] = [
            pair(f"GUEST_{name}_BASE", NOT_CANONICAL, NOT_CANONICAL - 1)]
    for name in ("CS", "SS", "DS", "ES"):
        rights = f"GUEST_{name}_ACCESS_RIGHTS"
        cases[f"guest.{name.lower()}.base"] = [
            pair(f"GUEST_{name}_BASE", 1 << 32, (1 << 32) - 1)]
        if name != "CS":
            cases[f"guest.{name.lower()}.base"].append(
                case({}, {rights: UNUSABLE}, **{f"GUEST_{name}_BASE": 1 << 63}))
    for name in ("DS", "ES", "FS", "GS"):
        rights, selector = f"GUEST_{name}_ACCESS_RIGHTS", f"GUEST_{name}_SELECTOR"
        cases[f"guest.{name.lower()}.type"] = [
            pair(rights, DATA & ~0xF | 2, DATA & ~0xF | 1),
            pair(rights, DATA & ~0xF | 9, DATA & ~0xF | 11),
            case({rights: DATA & ~1}, {rights: DATA & ~1 | UNUSABLE})]
        cases[f"guest.{name.lower()}.dpl"] = [
            pair(selector, 0x11, 0x10), case({}, {rights: DATA | 0x20}, **{selector: 0x11}),
            case({rights: DATA & ~0xF | 11}, {rights: DATA & ~0xF | 15}, **{selector: 0x13}),
            case({}, free, **{selector: 0x13})]
    for name in SEGMENTS:
        cases |= segment_rights(name, CODE if name == "CS" else DATA)
        cases |= v86(name)
    return cases


def guest_rest() -> dict[str, list]:
    """What is no register, and RIP and RFLAGS."""
    legacy = {"-ENTRY.IA32E_MODE_GUEST": 1, "GUEST_IA32_EFER": 0}
    compatible = {"GUEST_CS_ACCESS_RIGHTS": CODE & ~(1 << 13)}
    cet = {"+ENTRY.LOAD_CET_STATE": 1}
    interrupt = {EVENT: VALID, "GUEST_RFLAGS": IF | 2}
    nmi = {EVENT: VALID | NMI | 2}
    hlt = {ACTIVITY: 1}
    stepping = {"GUEST_RFLAGS": TF | IF | 2}
    cases = {
        "guest.gdtr.base": [pair("GUEST_GDTR_BASE", NOT_CANONICAL, 0)],
        "guest.idtr.base": [pair("GUEST_IDTR_BASE", NOT_CANONICAL, 0)],
        "guest.gdtr.limit": [pair("GUEST_GDTR_LIMIT", 0x10000, 0xFFFF)],
        "guest.idtr.limit": [pair("GUEST_IDTR_LIMIT", 0x10000, 0xFFFF)],
        "guest.rip": [pair("GUEST_RIP", 1 << 32, (1 << 32) - 1, compatible),
                      case({"GUEST_RIP": 1 << 32, **legacy}, {"GUEST_RIP": 1 << 32})],
        "guest.rip.64": [pair("GUEST_RIP", NOT_CANONICAL << 1, NOT_CANONICAL),
                         pair("GUEST_RIP", NONE ^ 1 << 63, NONE - NOT_CANONICAL)],
        "guest.rflags.reserved": [pair("GUEST_RFLAGS", 0, 2), pair("GUEST_RFLAGS", 1 << 22 | 2,
                                                                   1 << 21 | 2),
                                  *(pair("GUEST_RFLAGS", 1 << bit | 2, 2) for bit in (3, 5, 15))],
        "guest.rflags.vm": [pair("GUEST_RFLAGS", VM | 2, 2),
                            case({}, legacy, GUEST_RFLAGS=VM | 2),
                            case({"GUEST_CR0": NE}, {"GUEST_CR0": NE | PE}, **legacy,
                                 GUEST_RFLAGS=VM | 2)],
        "guest.rflags.if": [case({"GUEST_RFLAGS": 2}, {}, **interrupt)],
        "guest.ssp": [pair("GUEST_SSP", 1, 4, cet)],
        "guest.ssp.32": [pair("GUEST_SSP", 1 << 32, 4, {**cet, **compatible})],
        "guest.ssp.64": [pair("GUEST_SSP", NOT_CANONICAL << 1, 1 << 32, cet)],
        "guest.activity.supported": [pair(ACTIVITY, 4, 3),
                                     *(case({ACTIVITY: state}, {},
                                            {"msr_485": 0x1C0 & ~(32 << state)})
                                       for state in (1, 2, 3))],
        "guest.activity.hlt": [pair("GUEST_SS_ACCESS_RIGHTS", DATA | 0x20, DATA, hlt)],
        "guest.activity.blocking": [case(hlt, {}, **{BLOCKING: 1, "GUEST_RFLAGS": IF | 2}),
                                    case({ACTIVITY: 2}, {}, **{BLOCKING: 2})],
        "guest.activity.event-hlt": [
            pair(EVENT, VALID | EXCEPTION | 3, VALID | EXCEPTION | 1, hlt),
            pair(EVENT, VALID | EXCEPTION | 3, VALID | EXCEPTION | 18, hlt),
            pair(EVENT, VALID | SOFTWARE, VALID | OTHER, {**hlt, LENGTH: 1})],
        "guest.activity.event-shutdown": [
            pair(EVENT, VALID, VALID | NMI | 2, {ACTIVITY: 2}),
            pair(EVENT, VALID | EXCEPTION | 1, VALID | EXCEPTION | 18, {ACTIVITY: 2})],
        "guest.activity.event-wait": [pair(EVENT, VALID | NMI | 2, NMI | 2, {ACTIVITY: 3})],
        "guest.interruptibility.reserved": [pair(BLOCKING, 1 << 5, 8)],
        "guest.interruptibility.both": [pair(BLOCKING, 3, 2, {"GUEST_RFLAGS": IF | 2})],
        "guest.interruptibility.if": [case({}, {"GUEST_RFLAGS": IF | 2}, **{BLOCKING: 1})],
        "guest.interruptibility.interrupt": [pair(BLOCKING, 1, 8, interrupt),
                                             pair(BLOCKING, 2, 0, interrupt)],
        "guest.interruptibility.nmi": [pair(BLOCKING, 2, 0, nmi)],
        "guest.interruptibility.nmi-sti": [],
        "guest.interruptibility.smi": [pair(BLOCKING, 4, 8)],
        "guest.interruptibility.virtual-nmi": [
            pair(BLOCKING, 8, 0, {**nmi, "+PIN.NMI_EXITING": 1, "+PIN.VIRTUAL_NMIS": 1}),
            case({"+PIN.VIRTUAL_NMIS": 1}, {}, **{**nmi, BLOCKING: 8, "+PIN.NMI_EXITING": 1})],
        "guest.interruptibility.enclave": [pair(BLOCKING, 0x12, 2)],
        "guest.pending-debug.reserved": [pair(PENDING, 1 << bit, 0xF)
                                         for bit in (4, 10, 13, 15, 63)],
        "guest.pending-debug.bs": [
            case({PENDING: 0}, {PENDING: 1 << 14}, **{BLOCKING: 1}, **stepping),
            case({PENDING: 1 << 14}, {PENDING: 0}, **{BLOCKING: 2}),
            case({PENDING: 0}, {PENDING: 1 << 14}, **hlt, **stepping),
            case({PENDING: 1 << 14}, {PENDING: 0}, **{BLOCKING: 1}, **stepping,
                 GUEST_IA32_DEBUGCTL=2),
            case({BLOCKING: 2}, {}, **{PENDING: 1 << 14})],
        "guest.pending-debug.rtm": [pair(PENDING, 1 << 16, 1 << 12),
                                    pair(PENDING, 1 << 16 | 1 << 12 | 1, 1)],
        "guest.link.address": [pair("VMCS_LINK_POINTER", NONE - 1, NONE),
                               pair("VMCS_LINK_POINTER", WIDE, NONE)],
        "guest.link.target": [], "guest.pdptes.memory": [],
    }
    for number in range(4):
        field = f"GUEST_PDPTE{number}"
        cases[f"guest.pdpte{number}"] = [
            pair(field, 3, 1, {**legacy, **EPT}), pair(field, 1 << 8 | 1, 1 << 9 | 1,
                                                       {**legacy, **EPT}),
            pair(field, WIDE | 1, WIDE, {**legacy, **EPT}), case({field: 3, **EPT, **legacy},
                                                                {field: 3, **EPT})]
    return cases
