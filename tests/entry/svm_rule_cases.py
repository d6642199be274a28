# SPDX-License-Identifier: GPL-2.0
"""A processor with SVM, a VMCB that it takes, and for each rule what violates it and what does not.

A case is (changes that violate the rule, changes that do not, changes of the processor). "+FIELD"
sets bits, "-FIELD" clears them.
"""

from __future__ import annotations

from entry.svm import FIELDS, OUTPUTS

PHYSICAL = 40
WIDE = 1 << PHYSICAL  # the first address that is too wide
PE, WP, NW, CD, PG = 1, 1 << 16, 1 << 29, 1 << 30, 1 << 31
PAE, PCIDE, OSXSAVE, SMEP, CET, PKS = 1 << 5, 1 << 17, 1 << 18, 1 << 20, 1 << 23, 1 << 24
SCE, LME, LMA, NXE, SVME, LMSLE, FFXSR, TCE = 1, *(1 << bit for bit in (8, 10, 11, 12, 13, 14, 15))
MCOMMIT, INTWB, UAIE = 1 << 17, 1 << 18, 1 << 20
NP, VNMI, SSS = 1, 1 << 25, 1 << 19  # CPUID 8000_000AH EDX
NMI, NMI_ENABLE = 1 << 1, 1 << 26
LONG, DEFAULT = 1 << 9, 1 << 10
VALID, EXCEPTION, SOFTWARE = 1 << 31, 3 << 8, 4 << 8
HOST_EFER = SVME | LMA | LME | SCE | NXE
LEAF1_EDX = sum(1 << bit for bit in (1, 2, 3, 4, 6, 7, 13, 24, 25))
LEAF1_ECX = 1 << 26 | 1 << 17
EXT1_EDX = 1 << 29 | 1 << 25 | 1 << 20 | 1 << 11
EXT_EBX = 1 << 8 | 1 << 13  # MCOMMIT, INT_WBINVD
V86 = 1 << 17


def raw_facts(**changes) -> dict:
    """Facts as vtxctl detect --json writes them, of a processor that has everything but VNMI."""
    has = {"cr0": PE | WP | PG, "cr4": PAE, "efer": HOST_EFER, "max_leaf": 0x10,
           "max_ext_leaf": 0x80000020, "leaf1_ecx": LEAF1_ECX, "leaf1_edx": LEAF1_EDX,
           "ext1_ecx": 1 << 17 | 1 << 2, "ext1_edx": EXT1_EDX, "svm": NP, "physical": PHYSICAL,
           "addr_ebx": EXT_EBX, **changes}
    return {
        "cpu": 0, "vendor": "AuthenticAMD", "max_leaf": hex(has["max_leaf"]),
        "max_ext_leaf": hex(has["max_ext_leaf"]),
        "leaf1": ["0x0", "0x0", hex(has["leaf1_ecx"]), hex(has["leaf1_edx"])],
        "ext1": ["0x0", "0x0", hex(has["ext1_ecx"]), hex(has["ext1_edx"])],
        "ext_svm": ["0x1", "0x10", "0x0", hex(has["svm"])],
        "ext_addr": [hex(has["physical"] | 48 << 8), hex(has["addr_ebx"]), "0x0", "0x0"],
        "cr0": hex(has["cr0"]), "cr4": hex(has["cr4"]), "efer": hex(has["efer"]),
        "feature_control": None, "vm_cr": "0x0", "vmx_msr": [None] * 20,
    }


def base_state() -> dict[str, int]:
    """Make the fields of a 64-bit guest with nested paging."""
    state = {name: 0 for name in FIELDS if name not in OUTPUTS}
    return {**state, "INTERCEPT_3": NMI | 1, "INTERCEPT_4": 1, "GUEST_ASID": 1, "NP_CONTROL": 1,
            "N_CR3": 0x1000, "G_PAT": 0x0007040600070406, "IOPM_BASE_PA": 0x4000,
            "MSRPM_BASE_PA": 0x8000, "EFER": SVME | LMA | LME, "CR0": PE | WP | PG, "CR3": 0x2000,
            "CR4": PAE, "DR6": 0xFFFF0FF0, "DR7": 0x400, "RFLAGS": 2,
            "CS.attributes": 0x9B | LONG}


def changed(state: dict[str, int], changes: dict) -> dict[str, int]:
    """Apply changes."""
    new = dict(state)
    for name, value in changes.items():
        if name[0] == "+":
            new[name[1:]] |= value
        elif name[0] == "-":
            new[name[1:]] &= ~value
        else:
            new[name] = value
    return new


def pair(field: str, bad: int, good: int, also: dict | None = None, **facts) -> tuple:
    """Make a case of two values of one field."""
    also = also or {}
    return ({**also, field: bad}, {**also, field: good}, facts)


def feature(field: str, bit: int, **without) -> tuple:
    """Make a case of a bit and a processor that lacks it, as against one that has it."""
    return ({"+" + field: bit}, {"-" + field: bit}, without)


LEGACY = {"-EFER": LME | LMA, "-CS.attributes": LONG}
EVENT = "EVENTINJ"

CASES: dict[str, list] = {
    "control.vmrun-intercept": [pair("INTERCEPT_4", 0xFFFFFFFE, 1)],
    "control.asid": [pair("GUEST_ASID", 0, 1)],
    "control.iopm": [pair("IOPM_BASE_PA", WIDE, WIDE - 0x3000),
                     pair("IOPM_BASE_PA", WIDE - 0x2000, WIDE - 0x3000 + 0xFFF),
                     pair("IOPM_BASE_PA", 1 << 63, 0),
                     pair("IOPM_BASE_PA", WIDE - 0x3000, WIDE // 2 - 0x3000, physical=39)],
    "control.msrpm": [pair("MSRPM_BASE_PA", WIDE, WIDE - 0x2000),
                      pair("MSRPM_BASE_PA", WIDE - 0x1000, WIDE - 0x2000 + 0xFFF)],
    "control.virtual-nmis": [
        pair("INTERCEPT_3", 1, 1 | NMI, {"V_INTR": NMI_ENABLE}, svm=NP | VNMI),
        ({"V_INTR": NMI_ENABLE, "INTERCEPT_3": 1}, {"INTERCEPT_3": 1}, {"svm": NP | VNMI})],
    "control.np.host": [({}, {"NP_CONTROL": 0}, {"cr0": PE})],
    "control.np.supported": [],
    "control.np.n-cr3": [pair("N_CR3", WIDE, WIDE - 0x1000), pair("N_CR3", 1 << 63, 0xFFF),
                         ({"N_CR3": WIDE}, {"N_CR3": WIDE, "NP_CONTROL": 0}, {})],
    "control.np.g-pat": [pair("G_PAT", 2, 1), pair("G_PAT", 3 << 8, 4 << 8),
                         pair("G_PAT", 8 << 56, 7 << 56), pair("G_PAT", 0x46, 6),
                         ({"G_PAT": 2}, {"G_PAT": 2, "NP_CONTROL": 0}, {})],
    "control.np.shadow-stacks": [pair("NP_CONTROL", 1 << 4, 1 << 4 | 1, svm=NP | SSS),
                                 pair("NP_CONTROL", 1 << 4, 0, svm=NP | SSS)],
    "guest.efer.svme": [({"-EFER": SVME}, {}, {})],
    "guest.cr0.nw": [({"+CR0": NW}, {"+CR0": NW | CD}, {}), ({"+CR0": NW}, {"+CR0": CD}, {})],
    "guest.cr0.upper": [({"+CR0": 1 << bit}, {"+CR0": 1 << bit - 32}, {}) for bit in (32, 63)],
    "guest.cr3.reserved": [pair("CR3", WIDE, WIDE - 0x1000), pair("CR3", 1 << 52, 0xFFF),
                           ({"CR3": 1 << 31}, {"CR3": 1 << 31, **LEGACY}, {"physical": 31})],
    "guest.cr4.reserved": [
        feature("CR4", 1 << 63), feature("CR4", 1 << 13), feature("CR4", PKS),
        feature("CR4", PCIDE, leaf1_ecx=1 << 26), feature("CR4", OSXSAVE, leaf1_ecx=1 << 17),
        feature("CR4", SMEP, max_leaf=6), feature("CR4", 1, leaf1_edx=LEAF1_EDX & ~2),
        ({"+CR4": 1 << 24}, {"+CR4": PCIDE | OSXSAVE | 1 << 8 | 3}, {}),
        ({"+CR4": 1 << 24 | SMEP}, {"+CR4": SMEP}, {"cr4": PAE | SMEP})],
    "guest.dr6.upper": [pair("DR6", 1 << 32, 0xFFFFFFFF), pair("DR6", 1 << 63, 0)],
    "guest.dr7.upper": [pair("DR7", 1 << 32, 0xFFFFFFFF), pair("DR7", 1 << 63, 0)],
    "guest.efer.reserved": [
        *(feature("EFER", 1 << bit) for bit in (9, 16, 19, 20, 22, 63)),
        feature("EFER", NXE, ext1_edx=EXT1_EDX & ~(1 << 20), efer=SVME | LMA | LME),
        feature("EFER", TCE, ext1_ecx=4),
        feature("EFER", FFXSR, ext1_edx=EXT1_EDX & ~(1 << 25)),
        feature("EFER", MCOMMIT, addr_ebx=1 << 13), feature("EFER", INTWB, addr_ebx=1 << 8),
        feature("EFER", LMSLE, addr_ebx=1 << 20),
        ({"+EFER": 1 << 9}, {"+EFER": SCE | NXE | LMSLE | FFXSR | TCE | MCOMMIT | INTWB}, {})],
    "guest.efer.long-mode": [
        ({}, LEGACY, {"ext1_edx": EXT1_EDX & ~(1 << 29)}),
        ({"-EFER": LME}, LEGACY, {"ext1_edx": EXT1_EDX & ~(1 << 29)})],
    "guest.long-mode.pae": [({"-CR4": PAE}, {}, {}), ({"-CR4": PAE}, {"-CR4": PAE, **LEGACY}, {}),
                            ({"-CR4": PAE}, {"-CR4": PAE, "-CR0": PG}, {})],
    "guest.long-mode.pe": [({"-CR0": PE}, {}, {}), ({"-CR0": PE}, {"-CR0": PE, **LEGACY}, {}),
                           ({"-CR0": PE}, {"-CR0": PE | PG}, {})],
    "guest.long-mode.cs": [
        ({"+CS.attributes": DEFAULT}, {}, {}),
        ({"+CS.attributes": DEFAULT}, {"CS.attributes": 0x9B | DEFAULT}, {}),
        ({"+CS.attributes": DEFAULT}, {"+CS.attributes": DEFAULT, "-EFER": LME}, {}),
        ({"+CS.attributes": DEFAULT}, {"+CS.attributes": DEFAULT, "-CR0": PG}, {}),
        ({"+CS.attributes": DEFAULT}, {"+CS.attributes": DEFAULT, "-CR4": PAE}, {})],
    "guest.s-cet.reserved": [pair("S_CET", 4, 3, cr4=PAE | CET), pair("S_CET", 1 << 63, 0,
                                                                      cr4=PAE | CET)],
    "guest.cet.wp": [({"+CR4": CET, "-CR0": WP}, {"+CR4": CET}, {}),
                     ({"+CR4": CET, "-CR0": WP}, {"-CR0": WP}, {})],
    "guest.cet.v86": [],
    "event.type": [pair(EVENT, VALID | number << 8, number << 8) for number in (1, 5, 6, 7)],
    "event.vector": [pair(EVENT, VALID | EXCEPTION | 2, VALID | EXCEPTION | 3),
                     pair(EVENT, VALID | EXCEPTION | 32, VALID | EXCEPTION | 30),
                     pair(EVENT, VALID | EXCEPTION | 255, VALID | SOFTWARE | 255),
                     pair(EVENT, VALID | EXCEPTION | 2, VALID | 2 << 8 | 255)],
    "event.reserved-vector": [
        *(pair(EVENT, VALID | EXCEPTION | bad, VALID | EXCEPTION | good)
          for bad, good in ((9, 8), (15, 14), (20, 21), (22, 21), (27, 28), (31, 30))),
        pair(EVENT, VALID | EXCEPTION | 15, VALID | 15)],
    "event.mode": [pair(EVENT, VALID | EXCEPTION | 5, VALID | SOFTWARE | 5),
                   ({EVENT: VALID | EXCEPTION | 5}, {EVENT: VALID | EXCEPTION | 5, **LEGACY}, {}),
                   ({EVENT: VALID | EXCEPTION | 5},
                    {EVENT: VALID | EXCEPTION | 5, "-CS.attributes": LONG}, {})],
}

# What makes a rule undecided, what makes it hold, and on which processor.
UNDECIDED: dict[str, list] = {
    "control.np.supported": [({}, {"NP_CONTROL": 0}, {"svm": 0})],
    "control.np.n-cr3": [({"N_CR3": WIDE}, {"N_CR3": 0}, {"efer": SVME})],
    "control.np.host": [({}, {"NP_CONTROL": 0}, {"cr0": 0})],
    "guest.cr3.reserved": [({"CR3": 1 << 32, **LEGACY}, {"CR3": 0xFFFFFFFF, **LEGACY}, {})],
    "guest.cr4.reserved": [({"+CR4": SMEP}, {}, {})],
    "guest.efer.reserved": [({"+EFER": 1 << 1}, {"+EFER": SCE}, {}),
                            ({"+EFER": UAIE}, {}, {"max_ext_leaf": 0x80000021})],
    "guest.s-cet.reserved": [({"S_CET": 4}, {"S_CET": 3}, {})],
    "guest.cet.v86": [({"+CR4": CET, "+RFLAGS": V86}, {"+CR4": CET}, {}),
                      ({"+CR4": CET, "+RFLAGS": V86}, {"+RFLAGS": V86}, {})],
    "event.mode": [({EVENT: VALID | EXCEPTION | 4}, {EVENT: VALID | SOFTWARE | 4}, {}),
                   *(({EVENT: VALID | EXCEPTION | vector, "-CR0": PE | PG},
                      {EVENT: VALID | EXCEPTION | vector}, {}) for vector in (10, 11, 14, 17))],
}
