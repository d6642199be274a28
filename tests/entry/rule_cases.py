# SPDX-License-Identifier: GPL-2.0
"""For each rule of a VM entry: changes that violate it, and a neighbour that does not.

Values are written from the manual, not from the rules. A case is (violates, holds, facts); changes
are those of made_up.changed(), facts those of made_up.raw_facts().
"""

from __future__ import annotations

from entry.made_up import (CODE, CONTROLS, DATA, NE, NONE, NOT_CANONICAL, PAE, PE, PG,
                           SEGMENTS, TSS, UNUSABLE, VMXE, WIDE, WP, known)

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
                                     *(case({ACTIVITY: state}, {}, {"msr_485": 0x1C0 & ~(32 << state)})
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
        "guest.pending-debug.reserved": [pair(PENDING, 1 << bit, 0xF) for bit in (4, 10, 13, 15, 63)],
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
