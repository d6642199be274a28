# SPDX-License-Identifier: GPL-2.0
"""Exits of SVM and VMCB fields in words: project07/cmd_exit_svm.c and cmd_vmcb_decode.c.

The numbers are typed from the APM's tables, not taken from the C code's.
"""
import ctypes
import struct

import pytest

from unit import host_build

TOP = host_build.TOP
ROOM, GUARD = 2048, b"\xa5" * 64
KIND = {"none": 0, "hlt": 1, "hypercall": 2, "cpuid": 3, "cr": 4, "dr": 5, "interrupt": 6, "nmi": 7,
        "exception": 8, "triple-fault": 9, "entry-failed": 10, "unhandled": 11, "signal": 12,
        "not-present": 15, "mmio": 16, "protection": 17, "io": 20, "rdmsr": 21, "wrmsr": 22,
        "task-switch": 31, "forbidden": 32}
READ, WRITE, EXECUTE, LINEAR, WALK, EVENT = (1 << bit for bit in range(6))
FIELDS = ("kind reason qualification rip time error length vector error_code address cr access gpr "
          "handled value nr arg0 arg1 arg2 arg3 gpa linear memory_access slot port io_size "
          "io_flags msr data").split()
LAYOUT = "<IIQQQIIIIQIIIIQQQQQQQQIIIIIIQ"


@pytest.fixture(name="library", scope="module")
def fixture_library(tmp_path_factory):
    """The files and the tables that they use, with the sanitizer for undefined behaviour."""
    target = tmp_path_factory.mktemp("text") / "text.so"
    host_build.run(["gcc", *host_build.compile_flags(stage=7), "-shared", "-fPIC",
                    "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error", "-o", target,
                    *(TOP / name for name in (
                        "project04/cmd_exit_text.c", "project04/cmd_exit_vmx.c",
                        "project04/cmd_dump_bits.c", "project07/cmd_exit_svm.c",
                        "project07/cmd_vmcb_decode.c", "common/user/ctl_vendor.c"))])
    library = ctypes.CDLL(str(target))
    assert library.ctl_vendor_by_key(b"svm") and not library.ctl_vendor_by_key(b"sparc")
    library.exit_reason_name.restype = ctypes.c_char_p
    return library


def describe(library, kind, reason, **more):
    """exit_describe(), with a look at what lies behind the text."""
    values = dict.fromkeys(FIELDS, 0) | {"kind": KIND[kind], "reason": reason, "rip": 0x10000}
    assert set(more) <= set(FIELDS)
    raw = struct.pack(LAYOUT, *(values | more).values())
    assert len(raw) == 168
    text = ctypes.create_string_buffer(b"?" * 160 + GUARD)
    library.exit_describe(raw, text)
    assert text.raw[160:160 + len(GUARD)] == GUARD, "more was written than there is room for"
    return text.value.decode()


@pytest.mark.parametrize("code, name", [
    (0x000, "CR0_READ"), (0x010, "CR0_WRITE"), (0x018, "CR8_WRITE"), (0x027, "DR7_READ"),
    (0x03F, "DR15_WRITE"), (0x040, "EXCP0"), (0x04E, "EXCP14"), (0x060, "INTR"), (0x061, "NMI"),
    (0x064, "VINTR"), (0x065, "CR0_SEL_WRITE"), (0x06A, "IDTR_WRITE"), (0x072, "CPUID"),
    (0x078, "HLT"), (0x07B, "IOIO"), (0x07C, "MSR"), (0x07F, "SHUTDOWN"), (0x080, "VMRUN"),
    (0x081, "VMMCALL"), (0x08D, "XSETBV"), (0x0A2, "INVPCID"), (0x400, "NPF"),
    (0x403, "VMGEXIT"), (0xFFFFFFFF, "INVALID"),
])
def test_names(library, code, name):
    """Exit codes as appendix C has them."""
    assert library.exit_reason_name(code).decode() == f"VMEXIT_{name}"


@pytest.mark.parametrize("code", [0x0A7, 0x0FF, 0x3FF, 0x404, 0xFFFFFFFE, 0x80000021])
def test_reserved_codes(library, code):
    """What appendix C does not have has no name."""
    assert library.exit_reason_name(code) == b"reserved exit code"


def test_counters(library):
    """The last of 192 counters is that of nested page faults, every other one its own code."""
    assert library.exit_counted_as(191) == 0x400
    assert [library.exit_counted_as(code) for code in (0, 0x78, 190)] == [0, 0x78, 190]


@pytest.mark.parametrize("kind, code, more, expected", [
    ("cr", 0x10, {"cr": 0, "gpr": 3, "value": 0x80000033}, "MOV to CR0 from RBX: 0x80000033"),
    ("cr", 0x65, {"cr": 0, "access": 2, "value": 0x33}, "CLTS"),
    ("cr", 0x10, {"cr": 0, "access": 3, "value": 0x31}, "LMSW: CR0 is to become 0x31"),
    ("cr", 0x08, {"cr": 8, "access": 1, "gpr": 15}, "MOV from CR8 to R15"),
    ("dr", 0x37, {}, "MOV to DR7"), ("dr", 0x26, {}, "MOV from DR6"),
    ("exception", 0x4E, {"vector": 14, "error_code": 2, "address": 0x10},
     "#PF page fault, write to 0x10: the page is not present"),
    ("exception", 0x4D, {"vector": 13, "error_code": 0x18},
     "#GP general protection, error code 0x18"),
    ("exception", 0x41, {"vector": 1, "qualification": 0xFF}, "#DB debug exception"),
    ("hypercall", 0x46, {"nr": 2, "arg0": 0x100AB, "arg1": 35}, "write(0x100ab, 35), by VMCALL"),
    ("hypercall", 0x81, {"nr": 2, "arg0": 0x100AB, "arg1": 35}, "write(0x100ab, 35)"),
    ("mmio", 0x400, {"gpa": 0xD0000000, "memory_access": WRITE, "qualification": 6},
     "write of 0xd0000000: mmio"),
    ("not-present", 0x400, {"gpa": 0xFFB000, "memory_access": READ | WALK},
     "read of 0xffb000, page-table walk: not-present"),
    ("protection", 0x400, {"gpa": 0x1000, "memory_access": EXECUTE | EVENT},
     "fetch of 0x1000, event delivery: protection"),
    ("io", 0x7B, {"port": 0x3F8, "io_size": 1}, "OUT, port 0x3f8, 1 byte"),
    ("io", 0x7B, {"port": 0x1F0, "io_size": 4, "io_flags": 7}, "REP INS, port 0x1f0, 4 bytes"),
    ("rdmsr", 0x7C, {"msr": 0xC0000080}, "RDMSR of 0xc0000080"),
    ("wrmsr", 0x7C, {"msr": 0x1B, "data": 0xFEE00800, "qualification": 1},
     "WRMSR of 0x1b: 0xfee00800"),
    ("task-switch", 0x7D, {"qualification": 0x28}, "to selector 0x28 by CALL, an interrupt or an "
     "exception"),
    ("task-switch", 0x7D, {"qualification": 0x28, "value": 1 << 36}, "to selector 0x28 by IRET"),
    ("task-switch", 0x7D, {"qualification": 0x30, "value": 1 << 38}, "to selector 0x30 by JMP"),
    ("interrupt", 0x60, {}, "for the host"), ("nmi", 0x61, {}, "for the host"),
    ("entry-failed", 0xFFFFFFFF, {"qualification": 5}, ""), ("hlt", 0x78, {}, ""),
    ("unhandled", 0x8E, {"qualification": 0x55}, "EXITINFO1 0x55"), ("unhandled", 0x8E, {}, ""),
    ("signal", 0x60, {"qualification": 5}, ""),
])
def test_exits(library, kind, code, more, expected):
    """What the driver and EXITINFO1 say, in words."""
    assert describe(library, kind, code, **more) == expected


def decode(library, offset, value):
    """vmcb_decode() of a field."""
    text = ctypes.create_string_buffer(b"?" * ROOM + GUARD)
    library.vmcb_decode(ctypes.c_uint32(offset), ctypes.c_uint64(value), text)
    assert text.raw[ROOM:ROOM + len(GUARD)] == GUARD
    return text.value.decode()


@pytest.mark.parametrize("offset, value, expected", [
    (0x000, 0x0110, "CR4_READ, CR8_READ"), (0x002, 1, "CR0_WRITE"), (0x004, 0xFFFF, "all"),
    (0x006, 0x80, "DR7_WRITE"), (0x008, 1 << 14 | 2, "#DB (1), #PF (14)"),
    (0x008, 0, "no exception"),
    (0x00C, 1 << 0 | 1 << 24 | 1 << 31, "INTR, HLT, SHUTDOWN"), (0x010, 0b11, "VMRUN, VMMCALL"),
    (0x014, 1 << 2, "INVPCID"), (0x05C, 0, "flush nothing"), (0x05C, 1, "flush all ASIDs"),
    (0x05C, 3, "flush this ASID"), (0x05C, 2, "reserved"), (0x05C, 255, "reserved"),
    (0x060, 0, ""), (0x060, 1 << 24, "V_INTR_MASKING: IF and CR8 of the guest are its own"),
    (0x060, 1 << 8 | 0x31 << 32 | 5,
     "V_IRQ: a virtual interrupt waits, vector 49, V_TPR 5"),
    (0x068, 1, "the guest is in an interrupt shadow"),
    (0x070, 0x78, "VMEXIT_HLT"), (0x070, 2 ** 64 - 1, "VMEXIT_INVALID"),
    (0x070, 0xFFFFFFFF, "VMEXIT_INVALID"), (0x078, 0x123, ""),
    (0x088, 0, "not valid"), (0x088, 0x80000202, "NMI, vector 2"),
    (0x088, 0x80000030, "interrupt, vector 48"),
    (0x0A8, 0x80000480, "software interrupt, vector 128"),
    (0x0A8, 0x6 << 32 | 0x80000B0E, "exception, vector 14, #PF, error code 0x6"),
    (0x0A8, 0x80000700, "reserved type, vector 0"), (0x090, 1, "NP_ENABLE: nested paging"),
    (0x0C0, 1 << 4, "NP: N_CR3, G_PAT"), (0x0B8, 1, "LBR virtualization"),
    (0x412, 0xA9B, "type 11, DPL 0, code or data, L: 64-bit, G: 4-KByte units"),
    (0x422, 0xCF3, "type 3, DPL 3, code or data, D/B: 32-bit, G: 4-KByte units"),
    (0x492, 0x08B, "type 11, DPL 0, system"), (0x472, 0x002, "not present: unusable"),
    (0x410, 0x8, ""), (0x4D0, 0x1D01, "SCE, LME, LMA, NXE, SVME"),
    (0x558, 0x80010033, "PE, MP, ET, NE, WP, PG"), (0x548, 0x20, "PAE"),
    (0x570, 0x246, "PF, ZF, IF"), (0x578, 0x10000, ""), (0x999, 1, ""),
])
def test_fields(library, offset, value, expected):
    """Bits, intercepts, codes and events of VMCB fields."""
    assert decode(library, offset, value) == expected


def test_any_value(library):
    """Every offset with all ones: it ends, and stays in its room."""
    for offset in range(0x700):
        decode(library, offset, 2 ** 64 - 1)
