# SPDX-License-Identifier: GPL-2.0
"""For each rule of a VM entry: changes that violate it, and a neighbour that does not.

Values are written from the manual, not from the rules. A case is (violates, holds, facts); changes
are those of made_up.changed(), facts those of made_up.raw_facts().
"""

from __future__ import annotations

from entry.case_parts import (BLOCKING, DELIVER, EPT, ERROR_CODE, EVENT, EXCEPTION, LENGTH, NMI,
                              OTHER, SOFTWARE, VALID, case, pair, state_msrs)
from entry.made_up import (CONTROLS, NE, NONE, NOT_CANONICAL, PAE, PE, PG, SEGMENTS, VMXE, WIDE, WP,
                           known)
from entry.rule_cases_guest import guest_registers, guest_rest, segments


def aligned(field: str, offset: int, also: dict) -> list:
    """An address of a structure: aligned, and within the width."""
    return [pair(field, 0x1000 + offset // 2, 0x1000 + offset, also),
            pair(field, WIDE, WIDE - offset, also),
            ({**also, field: 1 << 32}, {**also, field: (1 << 32) - offset},
             {"msr_480": 1 << 55 | 1 << 48})]


def controls() -> dict[str, list]:
    """Reserved bits of each group."""
    cases = {}
    for group, reserved, msr in (("PIN", 1, 0x48D), ("PRIMARY", 0, 0x48E), ("EXIT", 0, 0x48F),
                                 ("ENTRY", 0, 0x490)):
        must = known(group) << 32 | 1 << 24
        cases[f"ctl.{group.lower()}.reserved"] = [
            case({f"+{group}": reserved}, {}),
            case({}, {f"+{group}": 24}, {f"msr_{msr:x}": must | 1 << 56})]
    for group, first in (("SECONDARY", 29), ("TERTIARY", 63), ("EXIT2", 63)):
        cases[f"ctl.{group.lower()}.reserved"] = [case({f"+{group}": first}, {})]
    cases["ctl.secondary.reserved"].append(
        case({"+SECONDARY": 29}, {"+SECONDARY": 29, "-PRIMARY.ACTIVATE_SECONDARY_CONTROLS": 1}))
    return cases


def execution() -> dict[str, list]:
    """VM-execution controls but for EPT and APIC."""
    shadow = {"+SECONDARY.VMCS_SHADOWING": 1}
    pasid = {"+SECONDARY.PASID_TRANSLATION": 1}
    io = {"+PRIMARY.USE_IO_BITMAPS": 1}
    pt = {"+SECONDARY.PT_USES_GUEST_PHYSICAL": 1, **EPT}
    return {
        "ctl.cr3-targets": [pair("CR3_TARGET_COUNT", 5, 4),
                            case({"CR3_TARGET_COUNT": 9}, {"CR3_TARGET_COUNT": 8},
                                 {"msr_485": 8 << 16})],
        "ctl.io-bitmap-a.address": aligned("IO_BITMAP_A_ADDRESS", 0x1000, io),
        "ctl.io-bitmap-b.address": aligned("IO_BITMAP_B_ADDRESS", 0x1000, io),
        "ctl.msr-bitmaps.address": aligned("MSR_BITMAPS_ADDRESS", 0x1000,
                                           {"+PRIMARY.USE_MSR_BITMAPS": 1}),
        "ctl.virtual-nmis": [case({}, {"+PIN.NMI_EXITING": 1}, **{"+PIN.VIRTUAL_NMIS": 1})],
        "ctl.nmi-window": [case({}, {"+PIN.VIRTUAL_NMIS": 1},
                                **{"+PIN.NMI_EXITING": 1, "+PRIMARY.NMI_WINDOW_EXITING": 1})],
        "ctl.vpid": [pair("VIRTUAL_PROCESSOR_IDENTIFIER", 0, 1, {"+SECONDARY.ENABLE_VPID": 1}),
                     case({"+SECONDARY.ENABLE_VPID": 1}, {})],
        "ctl.vm-functions": [pair("VM_FUNCTION_CONTROLS", 2, 1,
                                  {"+SECONDARY.ENABLE_VM_FUNCTIONS": 1, **EPT})],
        "ctl.vmread-bitmap.address": aligned("VMREAD_BITMAP_ADDRESS", 0x1000, shadow),
        "ctl.vmwrite-bitmap.address": aligned("VMWRITE_BITMAP_ADDRESS", 0x1000, shadow),
        "ctl.ve-information.address": aligned(
            "VIRTUALIZATION_EXCEPTION_INFORMATION_ADDRESS", 0x1000,
            {"+SECONDARY.EPT_VIOLATION_VE": 1}),
        "ctl.low-pasid.address": aligned("LOW_PASID_DIRECTORY_ADDRESS", 0x1000, pasid),
        "ctl.high-pasid.address": aligned("HIGH_PASID_DIRECTORY_ADDRESS", 0x1000, pasid),
        "ctl.pt.exit": [case({}, {"+EXIT.CLEAR_IA32_RTIT_CTL": 1}, **pt,
                             **{"+ENTRY.LOAD_IA32_RTIT_CTL": 1})],
        "ctl.pt.entry": [case({}, {"+ENTRY.LOAD_IA32_RTIT_CTL": 1}, **pt,
                              **{"+EXIT.CLEAR_IA32_RTIT_CTL": 1})],
    }


def apic() -> dict[str, list]:
    """Controls that virtualize the APIC."""
    shadow = {"+PRIMARY.USE_TPR_SHADOW": 1}
    delivery = {**shadow, "+SECONDARY.VIRTUAL_INTERRUPT_DELIVERY": 1,
                "+PIN.EXTERNAL_INTERRUPT_EXITING": 1}
    posted = {**delivery, "+PIN.PROCESS_POSTED_INTERRUPTS": 1,
              "+EXIT.ACKNOWLEDGE_INTERRUPT_ON_EXIT": 1}
    x2apic = {**shadow, "+SECONDARY.VIRTUALIZE_X2APIC_MODE": 1}
    return {
        "ctl.virtual-apic.address": aligned("VIRTUAL_APIC_ADDRESS", 0x1000, shadow),
        "ctl.tpr-threshold": [pair("TPR_THRESHOLD", 0x10, 0, shadow),
                              case({"TPR_THRESHOLD": 0x10, **shadow},
                                   {"TPR_THRESHOLD": 0x10, **delivery})],
        "ctl.tpr-threshold.vtpr": [],
        "ctl.tpr-shadow": [case({f"+SECONDARY.{name}": 1}, {f"+SECONDARY.{name}": 1, **shadow},
                                **{"+PIN.EXTERNAL_INTERRUPT_EXITING": 1})
                           for name in ("VIRTUALIZE_X2APIC_MODE", "APIC_REGISTER_VIRTUALIZATION",
                                        "VIRTUAL_INTERRUPT_DELIVERY")],
        "ctl.apic-access.address": aligned("APIC_ACCESS_ADDRESS", 0x1000,
                                           {"+SECONDARY.VIRTUALIZE_APIC_ACCESSES": 1}),
        "ctl.x2apic": [case({"+SECONDARY.VIRTUALIZE_APIC_ACCESSES": 1}, {}, **x2apic)],
        "ctl.interrupt-delivery": [case({"-PIN.EXTERNAL_INTERRUPT_EXITING": 1}, {}, **delivery)],
        "ctl.posted.delivery": [case({"-SECONDARY.VIRTUAL_INTERRUPT_DELIVERY": 1}, {}, **posted)],
        "ctl.posted.acknowledge": [
            case({"-EXIT.ACKNOWLEDGE_INTERRUPT_ON_EXIT": 1}, {}, **posted)],
        "ctl.posted.vector": [pair("POSTED_INTERRUPT_NOTIFICATION_VECTOR", 0x100, 0xFF, posted)],
        "ctl.posted.descriptor": aligned("POSTED_INTERRUPT_DESCRIPTOR_ADDRESS", 64, posted),
        "ctl.pid-table": aligned("PID_POINTER_TABLE_ADDRESS", 8,
                                 {"+TERTIARY.IPI_VIRTUALIZATION": 1}),
    }


def ept() -> dict[str, list]:
    """EPT and what needs it."""
    functions = {"+SECONDARY.ENABLE_VM_FUNCTIONS": 1, "VM_FUNCTION_CONTROLS": 1}
    pt = {"+EXIT.CLEAR_IA32_RTIT_CTL": 1, "+ENTRY.LOAD_IA32_RTIT_CTL": 1}
    hlat = {"+TERTIARY.ENABLE_HLAT": 1, **EPT}
    eptp = {"+SECONDARY.ENABLE_EPT": 1}
    caps = 1 | 1 << 6 | 1 << 14
    cases = {
        "ctl.eptp.memory-type": [pair("EPT_POINTER", 0x1F, 0x1E, eptp),
                                 pair("EPT_POINTER", 0x19, 0x18, eptp),
                                 case({"EPT_POINTER": 0x18}, {"EPT_POINTER": 0x1E},
                                      {"msr_48c": caps}, **eptp)],
        "ctl.eptp.walk": [pair("EPT_POINTER", 0x16, 0x1E, eptp),
                          pair("EPT_POINTER", 0x2E, 0x26, eptp),
                          case({"EPT_POINTER": 0x26}, {"EPT_POINTER": 0x1E}, {"msr_48c": caps},
                               **eptp)],
        "ctl.eptp.reserved": [pair("EPT_POINTER", 0x11E, 0xDE, eptp),
                              pair("EPT_POINTER", WIDE | 0x1E, WIDE - 0x1000 | 0x1E, eptp),
                              case({"EPT_POINTER": 0x5E}, {"EPT_POINTER": 0x1E},
                                   {"msr_48c": caps}, **eptp),
                              case({"EPT_POINTER": 0x9E}, {"EPT_POINTER": 0x1E},
                                   {"msr_48c": caps | 1 << 21}, **eptp)],
        "ctl.pml.address": aligned("PML_ADDRESS", 0x1000, {"+SECONDARY.ENABLE_PML": 1, **EPT}),
        "ctl.sub-page.address": aligned("SUB_PAGE_PERMISSION_TABLE_POINTER", 0x1000,
                                        {"+SECONDARY.SUB_PAGE_WRITE_PERMISSIONS": 1, **EPT}),
        "ctl.hlat.pointer": [pair("HLAT_POINTER", 0x1020, 0x1018, hlat),
                             pair("HLAT_POINTER", WIDE, WIDE - 0x1000, hlat)],
        "ctl.eptp-switching.ept": [case({}, EPT, **functions)],
        "ctl.eptp-list.address": aligned("EPTP_LIST_ADDRESS", 0x1000, {**functions, **EPT}),
    }
    for rule, control, also in (
            ("unrestricted-guest", "SECONDARY.UNRESTRICTED_GUEST", {}),
            ("mode-based-execute", "SECONDARY.MODE_BASED_EXECUTE_CONTROL", {}),
            ("pml", "SECONDARY.ENABLE_PML", {}), ("pt", "SECONDARY.PT_USES_GUEST_PHYSICAL", pt),
            ("sub-page", "SECONDARY.SUB_PAGE_WRITE_PERMISSIONS", {}),
            ("hlat", "TERTIARY.ENABLE_HLAT", {}),
            ("paging-write", "TERTIARY.EPT_PAGING_WRITE_CONTROL", {}),
            ("paging-verification", "TERTIARY.GUEST_PAGING_VERIFICATION", {})):
        cases[f"ctl.{rule}.ept"] = [case({f"+{control}": 1}, {f"+{control}": 1, **EPT}, **also)]
    return cases


def exit_entry() -> dict[str, list]:
    """Controls of exits and entries."""
    cases = {
        "ctl.save-timer": [case({}, {"+PIN.ACTIVATE_PREEMPTION_TIMER": 1},
                                **{"+EXIT.SAVE_PREEMPTION_TIMER": 1})],
        "ctl.entry-to-smm": [case({"+ENTRY.ENTRY_TO_SMM": 1}, {})],
        "ctl.dual-monitor": [case({"+ENTRY.DEACTIVATE_DUAL_MONITOR": 1}, {})],
        "msr-load.entries": [],
    }
    for rule, name in (("exit-msr-store", "VM_EXIT_MSR_STORE"),
                       ("exit-msr-load", "VM_EXIT_MSR_LOAD"),
                       ("entry-msr-load", "VM_ENTRY_MSR_LOAD")):
        area, count = f"{name}_ADDRESS", f"{name}_COUNT"
        cases[f"ctl.{rule}.address"] = [
            pair(area, 0x1008, 0x1010, {count: 1}), pair(area, WIDE, WIDE - 16, {count: 1}),
            case({area: WIDE - 16, count: 2}, {area: WIDE - 32, count: 2}),
            case({area: 8, count: 1}, {area: 8, count: 0})]
    return cases


def injection() -> dict[str, list]:
    """Events."""
    any_code = {"msr_480": 1 << 55 | 1 << 56}
    fred = {"msr_480": 1 << 55 | 1 << 56 | 1 << 58}
    gp = VALID | EXCEPTION | DELIVER | 13
    no_mtf = {"msr_48e": (known("PRIMARY") & ~CONTROLS["PRIMARY.MONITOR_TRAP_FLAG"]) << 32}
    return {
        "ctl.inject.type": [pair(EVENT, VALID | 1 << 8, 1 << 8),
                            case({EVENT: VALID | OTHER}, {EVENT: VALID | NMI | 2}, no_mtf)],
        "ctl.inject.vector": [pair(EVENT, VALID | NMI | 3, VALID | NMI | 2),
                              pair(EVENT, VALID | EXCEPTION | 32, VALID | EXCEPTION | 31),
                              pair(EVENT, VALID | OTHER | 1, VALID | OTHER),
                              case({EVENT: VALID | OTHER | 3}, {EVENT: VALID | OTHER | 2}, fred)],
        "ctl.inject.error-code": [
            pair(EVENT, VALID | EXCEPTION | 13, gp),
            pair(EVENT, VALID | EXCEPTION | DELIVER | 6, VALID | EXCEPTION | 6),
            pair(EVENT, VALID | EXCEPTION | DELIVER | 16, VALID | EXCEPTION | DELIVER | 17),
            pair(EVENT, VALID | NMI | DELIVER | 2, VALID | NMI | 2),
            case({EVENT: VALID | SOFTWARE | DELIVER | 6}, {EVENT: VALID | EXCEPTION | DELIVER | 6},
                 any_code, **{LENGTH: 1}),
            case({EVENT: gp, "GUEST_CR0": NE}, {EVENT: gp, "GUEST_CR0": NE | PE})],
        "ctl.inject.reserved": [pair(EVENT, VALID | NMI | 2 | 1 << 12, NMI | 2 | 1 << 12),
                                pair(EVENT, VALID | NMI | 2 | 1 << 30, VALID | NMI | 2),
                                case({EVENT: VALID | NMI | 2 | 1 << 14},
                                     {EVENT: VALID | NMI | 2 | 1 << 13}, fred)],
        "ctl.inject.error-code-value": [pair(ERROR_CODE, 0x10000, 0xFFFF, {EVENT: gp}),
                                        case({EVENT: gp}, {EVENT: VALID | NMI | 2},
                                             **{ERROR_CODE: 1 << 31})],
        "ctl.inject.length": [
            pair(LENGTH, 16, 15, {EVENT: VALID | SOFTWARE}),
            pair(LENGTH, 16, 15, {EVENT: VALID | 6 << 8}),
            case({LENGTH: 0}, {LENGTH: 1}, {"msr_485": 0x1C0}, **{EVENT: VALID | 5 << 8}),
            case({EVENT: VALID | SOFTWARE}, {EVENT: VALID | NMI | 2}, **{LENGTH: 99})],
    }


def host() -> dict[str, list]:
    """Host state."""
    small = {"-EXIT.HOST_ADDRESS_SPACE_SIZE": 1}
    cases = {
        **state_msrs("HOST", "EXIT", "host"),
        "host.cr0.fixed": [pair("HOST_CR0", PE | NE | WP, PE | NE | PG),
                           pair("HOST_CR0", 1 << 32 | PE | NE | PG, 3 << 29 | PE | NE | PG)],
        "host.efer.mode": [pair("HOST_IA32_EFER", 0x901, 0xD01),
                           pair("HOST_IA32_EFER", 0xC01, 0x501),
                           case({}, {"HOST_IA32_EFER": 0x801}, **small)],
        "host.ssp.canonical": [pair("HOST_SSP", NOT_CANONICAL, 8, {"+EXIT.LOAD_CET_STATE": 1})],
        "host.cs.null": [pair("HOST_CS_SELECTOR", 0, 8)],
        "host.tr.null": [pair("HOST_TR_SELECTOR", 0, 8)],
        "host.ss.null": [case({"HOST_SS_SELECTOR": 0, **small}, {"HOST_SS_SELECTOR": 0})],
        "host.size.control": [case(small, {}), case({}, small, {"efer": 0})],
        "host.size.guest": [case(small, {}),
                            case({}, {"-ENTRY.IA32E_MODE_GUEST": 1}, {"efer": 0}, **small)],
        "host.size.pcide": [case(small, {}, **{"HOST_CR4": PAE | VMXE | 1 << 17})],
        "host.size.rip-32": [case(small, {}, HOST_RIP=1 << 32)],
        "host.size.pae": [pair("HOST_CR4", VMXE, VMXE | PAE)],
        "host.size.rip": [pair("HOST_RIP", NOT_CANONICAL, NOT_CANONICAL - 1)],
    }
    for name in (*SEGMENTS, "TR"):
        cases[f"host.{name.lower()}.selector"] = [
            pair(f"HOST_{name}_SELECTOR", 0x18 | bit, 0x18) for bit in (1, 2, 4)]
    for name in ("FS", "GS", "GDTR", "IDTR", "TR"):
        cases[f"host.{name.lower()}-base.canonical"] = [
            pair(f"HOST_{name}_BASE", NOT_CANONICAL, NOT_CANONICAL - 1),
            case({f"HOST_{name}_BASE": 1 << 56}, {f"HOST_{name}_BASE": (1 << 56) - 1},
                 {"linear": 57})]
    return cases


CASES: dict[str, list] = {
    **controls(), **execution(), **apic(), **ept(), **exit_entry(), **injection(), **host(),
    **guest_registers(), **segments(), **guest_rest(),
}

# Rules that can only be "undecided": (what makes them so, what makes them hold).
UNDECIDED: dict[str, tuple] = {
    "ctl.tpr-threshold.vtpr": ({"TPR_THRESHOLD": 1, "+PRIMARY.USE_TPR_SHADOW": 1},
                               {"TPR_THRESHOLD": 0, "+PRIMARY.USE_TPR_SHADOW": 1}),
    "guest.interruptibility.nmi-sti": ({EVENT: VALID | NMI | 2, BLOCKING: 1},
                                       {EVENT: VALID | NMI | 2, BLOCKING: 0}),
    "guest.link.target": ({"VMCS_LINK_POINTER": 0x1000}, {"VMCS_LINK_POINTER": NONE}),
    "guest.pdptes.memory": ({"-ENTRY.IA32E_MODE_GUEST": 1},
                            {"-ENTRY.IA32E_MODE_GUEST": 1, **EPT}),
    "msr-load.entries": ({"VM_ENTRY_MSR_LOAD_COUNT": 1}, {"VM_ENTRY_MSR_LOAD_COUNT": 0}),
}
