# SPDX-License-Identifier: GPL-2.0
"""A processor that can do everything and a VMCS that it takes: what cases are changes of."""

from __future__ import annotations

from entry.checker import FIELDS, kind_of, read_controls

CONTROLS = read_controls()
GROUPS = {
    "PIN": "PIN_BASED_VM_EXECUTION_CONTROLS",
    "PRIMARY": "PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS",
    "SECONDARY": "SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS",
    "TERTIARY": "TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS",
    "EXIT": "PRIMARY_VM_EXIT_CONTROLS",
    "EXIT2": "SECONDARY_VM_EXIT_CONTROLS",
    "ENTRY": "VM_ENTRY_CONTROLS",
}
PHYSICAL, LINEAR = 40, 48
WIDE = 1 << PHYSICAL  # the first address that is too wide
NOT_CANONICAL = 1 << LINEAR - 1
NONE = (1 << 64) - 1
# Access rights: 64-bit code, data, busy TSS; all present.
CODE, DATA, TSS, UNUSABLE = 0xA09B, 0xC093, 0x8B, 0x10000
PE, NE, WP, PG, PAE, VMXE = 1, 1 << 5, 1 << 16, 1 << 31, 1 << 5, 1 << 13
PAT = 0x0007040600070406
EFER = 0xD01
SEGMENTS = ("ES", "CS", "SS", "DS", "FS", "GS")


def known(group: str) -> int:
    """Every control of a group."""
    return sum(mask for name, mask in CONTROLS.items() if name.startswith(group + "."))


def msrs() -> dict[int, int]:
    """Capability MSRs that allow every control that has a name, and demand none."""
    allowed = {0x481: "PIN", 0x482: "PRIMARY", 0x48B: "SECONDARY", 0x483: "EXIT", 0x484: "ENTRY"}
    values = {index: known(group) << 32 for index, group in allowed.items()}
    for index in (0x481, 0x482, 0x483, 0x484):
        values[index + 0xC] = values[index]
    return {
        **values, 0x480: 1 << 55 | 6 << 50 | 0x1000 << 32 | 0x2B,
        0x485: 1 << 30 | 0x1C0 | 4 << 16,
        0x486: PE | NE | PG, 0x487: 0xFFFFFFFF, 0x488: VMXE, 0x489: 0x1FFFFFFFF & ~(1 << 15),
        0x48A: 0x3FF << 1, 0x48C: 1 | 3 << 6 | 1 << 8 | 1 << 14 | 3 << 20 | 1 << 23,
        0x491: 1, 0x492: known("TERTIARY"), 0x493: known("EXIT2"),
    }


def raw_facts(**changes) -> dict:
    """Facts as vtxctl detect --json writes them; changes: msr_48c=0, physical=36, efer=…."""
    values = msrs()
    values.update({int(key[4:], 16): value for key, value in changes.items()
                   if key.startswith("msr_")})
    address = changes.get("physical", PHYSICAL) | changes.get("linear", LINEAR) << 8
    return {
        "cpu": 0, "vendor": "GenuineIntel", "max_leaf": "0x1f", "max_ext_leaf": "0x80000008",
        "leaf1": ["0x0", "0x0", "0x20", "0x0"], "ext_svm": ["0x0"] * 4,
        "ext1": ["0x0", "0x0", "0x0", hex(changes.get("ext1_edx", 1 << 20))],
        "ext_addr": [hex(address), "0x0", "0x0", "0x0"],
        "cr0": "0x80050033", "cr4": "0x26f0", "efer": hex(changes.get("efer", EFER)),
        "feature_control": "0x5", "vm_cr": None,
        "vmx_msr": [None if values.get(0x480 + i) is None else hex(values[0x480 + i])
                    for i in range(20)],
    }


def base_state() -> dict[str, int]:
    """Make the fields of a 64-bit guest on a 64-bit host; every field of the table is there."""
    state = {name: 0 for name in FIELDS if kind_of(name) != "read-only"}
    for name in ("EXIT.HOST_ADDRESS_SPACE_SIZE", "EXIT.LOAD_IA32_PAT", "EXIT.LOAD_IA32_EFER",
                 "ENTRY.IA32E_MODE_GUEST", "ENTRY.LOAD_IA32_PAT", "ENTRY.LOAD_IA32_EFER",
                 "ENTRY.LOAD_DEBUG_CONTROLS", "PRIMARY.ACTIVATE_SECONDARY_CONTROLS",
                 "PRIMARY.ACTIVATE_TERTIARY_CONTROLS", "EXIT.ACTIVATE_SECONDARY_CONTROLS"):
        state[GROUPS[name.split(".")[0]]] |= CONTROLS[name]
    for side in ("GUEST", "HOST"):
        state |= {f"{side}_CR0": PE | NE | WP | PG, f"{side}_CR4": PAE | VMXE,
                  f"{side}_CR3": 0x1000, f"{side}_IA32_PAT": PAT, f"{side}_IA32_EFER": EFER}
    state |= {f"HOST_{name}_SELECTOR": 0x10 for name in (*SEGMENTS, "TR")}
    for name in SEGMENTS:
        state |= {f"GUEST_{name}_ACCESS_RIGHTS": CODE if name == "CS" else DATA,
                  f"GUEST_{name}_LIMIT": 0xFFFFFFFF, f"GUEST_{name}_SELECTOR": 0x10}
    state |= {"GUEST_TR_ACCESS_RIGHTS": TSS, "GUEST_TR_LIMIT": 0x67, "GUEST_TR_SELECTOR": 0x20,
              "GUEST_LDTR_ACCESS_RIGHTS": UNUSABLE, "GUEST_RFLAGS": 2, "GUEST_RIP": 0x10000,
              "GUEST_DR7": 0x400, "VMCS_LINK_POINTER": NONE}
    return state


def changed(state: dict[str, int], changes: dict) -> dict[str, int]:
    """Apply changes: FIELD: value; "+GROUP.CONTROL" and "-…": 1; "+GROUP": number of a bit."""
    new = dict(state)
    for name, value in changes.items():
        if name[0] not in "+-":
            new[name] = value
            continue
        field = GROUPS[name[1:].split(".")[0]]
        mask = CONTROLS[name[1:]] if "." in name else 1 << value
        new[field] = new[field] | mask if name[0] == "+" else new[field] & ~mask
    return new
