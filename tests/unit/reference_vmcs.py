# SPDX-License-Identifier: GPL-2.0
"""The fields of the VMCS and the controls we ask for, written down a second time.

Nothing here is derived from common/: a wrong line there must not agree with a wrong line here. The
tables are in the form that Intel SDM volume 3, appendix B has them in: the fields of one width and
type by their index, "-" where an index is reserved.
"""
from unit.reference_tables import GROUPS

SEGMENTS = "ES CS SS DS FS GS LDTR TR"
FRED = "CONFIG RSP1 RSP2 RSP3 STKLVLS SSP1 SSP2 SSP3"

WIDTHS = {"16": 0, "64": 1, "32": 2, "natural": 3}
TYPES = {"control": 0, "read-only": 1, "guest": 2, "host": 3}
SECTIONS = {
    ("16", "control"): "B.1.1", ("16", "guest"): "B.1.2", ("16", "host"): "B.1.3",
    ("64", "control"): "B.2.1", ("64", "read-only"): "B.2.2", ("64", "guest"): "B.2.3",
    ("64", "host"): "B.2.4", ("32", "control"): "B.3.1", ("32", "read-only"): "B.3.2",
    ("32", "guest"): "B.3.3", ("32", "host"): "B.3.4", ("natural", "control"): "B.4.1",
    ("natural", "read-only"): "B.4.2", ("natural", "guest"): "B.4.3", ("natural", "host"): "B.4.4",
}


def _each(pattern: str, words: str) -> str:
    return " ".join(pattern.replace("*", word) for word in words.split())


FIELDS = {
    ("16", "control"): "VIRTUAL_PROCESSOR_IDENTIFIER POSTED_INTERRUPT_NOTIFICATION_VECTOR"
                       " EPTP_INDEX HLAT_PREFIX_SIZE LAST_PID_POINTER_INDEX",
    ("16", "guest"): _each("GUEST_*_SELECTOR", SEGMENTS)
    + " GUEST_INTERRUPT_STATUS PML_INDEX GUEST_UINV",
    ("16", "host"): _each("HOST_*_SELECTOR", SEGMENTS.replace("LDTR ", "")),
    ("64", "control"): """
        IO_BITMAP_A_ADDRESS IO_BITMAP_B_ADDRESS MSR_BITMAPS_ADDRESS VM_EXIT_MSR_STORE_ADDRESS
        VM_EXIT_MSR_LOAD_ADDRESS VM_ENTRY_MSR_LOAD_ADDRESS EXECUTIVE_VMCS_POINTER PML_ADDRESS
        TSC_OFFSET VIRTUAL_APIC_ADDRESS APIC_ACCESS_ADDRESS POSTED_INTERRUPT_DESCRIPTOR_ADDRESS
        VM_FUNCTION_CONTROLS EPT_POINTER EOI_EXIT_BITMAP_0 EOI_EXIT_BITMAP_1 EOI_EXIT_BITMAP_2
        EOI_EXIT_BITMAP_3 EPTP_LIST_ADDRESS VMREAD_BITMAP_ADDRESS VMWRITE_BITMAP_ADDRESS
        VIRTUALIZATION_EXCEPTION_INFORMATION_ADDRESS XSS_EXITING_BITMAP ENCLS_EXITING_BITMAP
        SUB_PAGE_PERMISSION_TABLE_POINTER TSC_MULTIPLIER
        TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS ENCLV_EXITING_BITMAP
        LOW_PASID_DIRECTORY_ADDRESS HIGH_PASID_DIRECTORY_ADDRESS SHARED_EPT_POINTER
        PCONFIG_EXITING_BITMAP HLAT_POINTER PID_POINTER_TABLE_ADDRESS SECONDARY_VM_EXIT_CONTROLS
        - - IA32_SPEC_CTRL_MASK IA32_SPEC_CTRL_SHADOW - - INJECTED_EVENT_DATA""",
    ("64", "read-only"): "GUEST_PHYSICAL_ADDRESS MSR_DATA ORIGINAL_EVENT_DATA",
    ("64", "guest"): "VMCS_LINK_POINTER GUEST_IA32_DEBUGCTL GUEST_IA32_PAT GUEST_IA32_EFER"
                     " GUEST_IA32_PERF_GLOBAL_CTRL GUEST_PDPTE0 GUEST_PDPTE1 GUEST_PDPTE2"
                     " GUEST_PDPTE3 GUEST_IA32_BNDCFGS GUEST_IA32_RTIT_CTL GUEST_IA32_LBR_CTL"
                     " GUEST_IA32_PKRS " + _each("GUEST_IA32_FRED_*", FRED),
    ("64", "host"): "HOST_IA32_PAT HOST_IA32_EFER HOST_IA32_PERF_GLOBAL_CTRL HOST_IA32_PKRS "
    + _each("HOST_IA32_FRED_*", FRED),
    ("32", "control"): """
        PIN_BASED_VM_EXECUTION_CONTROLS PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS
        EXCEPTION_BITMAP PAGE_FAULT_ERROR_CODE_MASK PAGE_FAULT_ERROR_CODE_MATCH CR3_TARGET_COUNT
        PRIMARY_VM_EXIT_CONTROLS VM_EXIT_MSR_STORE_COUNT VM_EXIT_MSR_LOAD_COUNT VM_ENTRY_CONTROLS
        VM_ENTRY_MSR_LOAD_COUNT VM_ENTRY_INTERRUPTION_INFORMATION VM_ENTRY_EXCEPTION_ERROR_CODE
        VM_ENTRY_INSTRUCTION_LENGTH TPR_THRESHOLD SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS
        PLE_GAP PLE_WINDOW INSTRUCTION_TIMEOUT_CONTROL""",
    ("32", "read-only"): """
        VM_INSTRUCTION_ERROR EXIT_REASON VM_EXIT_INTERRUPTION_INFORMATION
        VM_EXIT_INTERRUPTION_ERROR_CODE IDT_VECTORING_INFORMATION IDT_VECTORING_ERROR_CODE
        VM_EXIT_INSTRUCTION_LENGTH VM_EXIT_INSTRUCTION_INFORMATION""",
    ("32", "guest"): _each("GUEST_*_LIMIT", SEGMENTS + " GDTR IDTR") + " "
    + _each("GUEST_*_ACCESS_RIGHTS", SEGMENTS)
    + " GUEST_INTERRUPTIBILITY_STATE GUEST_ACTIVITY_STATE GUEST_SMBASE GUEST_IA32_SYSENTER_CS"
      " - VMX_PREEMPTION_TIMER_VALUE",
    ("32", "host"): "HOST_IA32_SYSENTER_CS",
    ("natural", "control"): "CR0_GUEST_HOST_MASK CR4_GUEST_HOST_MASK CR0_READ_SHADOW"
                            " CR4_READ_SHADOW " + _each("CR3_TARGET_VALUE_*", "0 1 2 3"),
    ("natural", "read-only"): "EXIT_QUALIFICATION IO_RCX IO_RSI IO_RDI IO_RIP"
                              " GUEST_LINEAR_ADDRESS",
    ("natural", "guest"): "GUEST_CR0 GUEST_CR3 GUEST_CR4 "
    + _each("GUEST_*_BASE", SEGMENTS + " GDTR IDTR")
    + " GUEST_DR7 GUEST_RSP GUEST_RIP GUEST_RFLAGS GUEST_PENDING_DEBUG_EXCEPTIONS"
      " GUEST_IA32_SYSENTER_ESP GUEST_IA32_SYSENTER_EIP GUEST_IA32_S_CET GUEST_SSP"
      " GUEST_IA32_INTERRUPT_SSP_TABLE_ADDR",
    ("natural", "host"): "HOST_CR0 HOST_CR3 HOST_CR4 "
    + _each("HOST_*_BASE", "FS GS TR GDTR IDTR")
    + " HOST_IA32_SYSENTER_ESP HOST_IA32_SYSENTER_EIP HOST_RSP HOST_RIP HOST_IA32_S_CET HOST_SSP"
      " HOST_IA32_INTERRUPT_SSP_TABLE_ADDR",
}


def fields() -> dict:
    """Identifier -> (encoding, width, type, section)."""
    table = {}
    for (width, kind), names in FIELDS.items():
        for index, name in enumerate(names.split()):
            if name != "-":
                encoding = WIDTHS[width] << 13 | TYPES[kind] << 10 | index << 1
                table[name] = encoding, width, kind, SECTIONS[width, kind]
    return table


# What stages 3 and 4 ask for.
REQUIRED = {
    "pin": ["external-interrupt exiting", "NMI exiting"],
    "primary": ["HLT exiting", "unconditional I/O exiting", "CR3-load exiting",
                "CR3-store exiting", "CR8-load exiting", "CR8-store exiting", "MOV-DR exiting",
                "MONITOR exiting", "MWAIT exiting", "RDPMC exiting"],
    "exit": ["host address-space size", "save IA32_EFER", "load IA32_EFER", "save IA32_PAT",
             "load IA32_PAT", "save debug controls"],
    "entry": ["IA-32e mode guest", "load IA32_EFER", "load IA32_PAT", "load debug controls"],
}
OPTIONAL = {"secondary": ["WBINVD exiting"]}
# Group, the one with the control that activates it, and that control.
ACTIVATED = {"secondary": ("primary", "activate secondary controls"),
             "tertiary": ("primary", "activate tertiary controls"),
             "exit2": ("exit", "activate secondary controls")}


def _mask(names: dict, wanted: list) -> int:
    found = [bit for bit, name in names.items() if name in wanted]
    assert len(found) == len(wanted), f"{wanted}: not all of them are control bits"
    return sum(1 << bit for bit in found)


def _allowed(raw: dict) -> dict:
    """Group -> (must be 1, may be 1), from the capability MSR that counts."""
    def msr(index):
        text = raw["vmx_msr"][index - 0x480]
        return None if text is None else int(text, 16)

    basic, allowed = msr(0x480), {}
    for group, _, plain, true, wide in GROUPS:
        value = msr(true if true and basic is not None and basic >> 55 & 1 else plain)
        if value is None:
            allowed[group] = 0, 0
        else:
            allowed[group] = (0, value) if wide else (value & 0xFFFFFFFF, value >> 32)
    return allowed


def controls(raw: dict) -> dict:
    """What vtxctl controls has to say of one CPU, but for its number."""
    allowed = _allowed(raw)
    names = {group: table for group, table, *_ in GROUPS}
    values = {}
    for group in ("pin", "primary", "exit", "entry", *ACTIVATED):
        must, may = allowed[group]
        required = _mask(names[group], REQUIRED.get(group, []))
        optional = _mask(names[group], OPTIONAL.get(group, []))
        if required & ~may:
            return refused(names, group, required & ~may)
        values[group] = must | required | optional & may
        if group not in ACTIVATED:
            continue
        parent, control = ACTIVATED[group]
        switch = _mask(names[parent], [control])
        if not values[group]:
            values[group] = None
        elif allowed[parent][1] & switch:
            values[parent] |= switch
        elif required:
            return refused(names, parent, switch)
        else:
            values[group] = None
    return {"ok": True, "missing": None, "controls": {
        group: None if value is None else hex(value) for group, value in values.items()}}


def refused(names: dict, group: str, bits: int) -> dict:
    """The answer about a CPU that lacks something."""
    return {"ok": False, "controls": None, "missing": {
        "group": group, "bits": hex(bits),
        "names": [name for bit, name in names[group].items() if bits >> bit & 1]}}
