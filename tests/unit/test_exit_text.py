# SPDX-License-Identifier: GPL-2.0
"""VM exits and VMCS fields in words: project04/cmd_exit_*.c and cmd_dump_*.c, on the host.

The numbers are typed from the SDM's tables, not taken from the C code's.
"""
import ctypes
import struct

import pytest

from unit import host_build

TOP = host_build.TOP
ROOM = 4096
GUARD = b"\xa5" * 64
EXCEPTION, CR_ACCESS, MOV_DR, IO, VMCALL, TASK_SWITCH = 0, 28, 29, 30, 18, 9
KIND = {"hypercall": 2, "cpuid": 3, "cr": 4, "dr": 5, "interrupt": 6, "nmi": 7, "exception": 8,
        "entry-failed": 10, "unhandled": 11, "signal": 12, "timeout": 13, "shutdown": 14}


@pytest.fixture(name="library", scope="module")
def fixture_library(tmp_path_factory):
    """These files and the tables that they use, with the sanitizer for undefined behaviour."""
    target = tmp_path_factory.mktemp("text") / "text.so"
    host_build.run(["gcc", *host_build.compile_flags(stage=4), "-shared", "-fPIC",
                    "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error", "-o", target,
                    *(TOP / name for name in (
                        "project04/cmd_exit_text.c", "project04/cmd_exit_vmx.c",
                        "project04/cmd_dump_bits.c", "project04/cmd_dump_decode.c",
                        "project03/vmcs_table_logic.c", "common/user/ctl_names.c",
                        "common/user/ctl_vendor.c"))])
    return ctypes.CDLL(str(target))


def an_exit(kind, reason, qualification=0, **more):
    """A struct vtx_exit as the driver would fill it in."""
    values = {"error": 0, "length": 0, "vector": 0, "error_code": 0, "address": 0, "value": 0,
              "nr": 0, "args": (0, 0)} | more
    return struct.pack("<IIQQQIIIIQIIIIQQQQQQ", KIND.get(kind, 99), reason, qualification, 0x10000,
                       0, values["error"], values["length"], values["vector"],
                       values["error_code"], values["address"], 0, 0, 0, 0, values["value"],
                       values["nr"], *values["args"], 0, 0)


def describe(library, *args, **more):
    """exit_describe(), with a look at what lies behind the text."""
    raw = an_exit(*args, **more)
    assert len(raw) == 120
    text = ctypes.create_string_buffer(b"?" * 160 + GUARD)
    library.exit_describe(raw, text)
    assert text.raw[160:160 + len(GUARD)] == GUARD, "more was written than there is room for"
    return text.value.decode()


@pytest.mark.parametrize("qualification, value, expected", [
    (0x00000300, 0x80000033, "MOV to CR0 from RBX: 0x80000033"),
    (0x00000003 | 0 << 4, 0x10000, "MOV to CR3 from RAX: 0x10000"),
    (0x00000013 | 15 << 8, 0, "MOV from CR3 to R15"),
    (0x00000018 | 4 << 8, 0, "MOV from CR8 to RSP"),
    (0x00000020, 0, "CLTS"),
    (0x00000030 | 0x31 << 16, 0, "LMSW 0x31"),
    (0x00000070 | 0xffff << 16, 0, "LMSW 0xffff"),
])
def test_cr(library, qualification, value, expected):
    """Exit qualification of control-register accesses."""
    assert describe(library, "cr", CR_ACCESS, qualification, value=value) == expected


@pytest.mark.parametrize("qualification, expected", [
    (0x007 | 2 << 8, "MOV to DR7 from RDX"), (0x016 | 9 << 8, "MOV from DR6 to R9"),
])
def test_dr(library, qualification, expected):
    """Exit qualification of MOV DR."""
    assert describe(library, "dr", MOV_DR, qualification) == expected


@pytest.mark.parametrize("qualification, expected", [
    (0x03f80000, "OUT, port 0x3f8, 1 byte"), (0x00800048, "IN, port 0x80, 1 byte"),
    (0x01f0003b, "REP INS, port 0x1f0, 4 bytes"), (0xffff0011, "OUTS, port 0xffff, 2 bytes"),
])
def test_io(library, qualification, expected):
    """Exit qualification of I/O instructions."""
    assert describe(library, "unhandled", IO, qualification) == expected


@pytest.mark.parametrize("qualification, expected", [
    (0x00000020, "to selector 0x20 by CALL"), (0xc0000028, "to selector 0x28 by a task gate"),
])
def test_task_switch(library, qualification, expected):
    """Exit qualification of task switches."""
    assert describe(library, "unhandled", TASK_SWITCH, qualification) == expected


@pytest.mark.parametrize("vector, code, address, expected", [
    (6, 0, 0, "#UD invalid opcode"),
    (13, 0x102, 0, "#GP general protection, error code 0x102"),
    (14, 2, 0x10, "#PF page fault, write to 0x10: the page is not present"),
    (14, 0, 2 ** 64 - 1, "#PF page fault, read of 0xffffffffffffffff: the page is not present"),
    (14, 3, 0xffb000, "#PF page fault, write to 0xffb000: the page's rights forbid it"),
    (14, 0x11, 0x20, "#PF page fault, instruction fetch from 0x20: the page's rights forbid it"),
    (14, 9, 0x20, "#PF page fault, read of 0x20: a reserved bit is 1 in a table entry"),
    (15, 0, 0, "#? reserved vector"), (200, 0, 0, "#? reserved vector"),
])
def test_exceptions(library, vector, code, address, expected):
    """Vector, error code and address."""
    assert describe(library, "exception", EXCEPTION, address if vector == 14 else 0, vector=vector,
                    error_code=code, address=address) == expected


def test_debug_exception(library):
    """#DB has its causes in the qualification."""
    assert describe(library, "exception", EXCEPTION, 1 << 14 | 9, vector=1) == \
        "#DB debug exception: breakpoint 0 breakpoint 3 single step"


@pytest.mark.parametrize("nr, args, expected", [
    (0, (7, 0), "exit(0x7)"), (1, (0x41, 0), "putchar(0x41)"),
    (2, (0x10000, 5), "write(0x10000, 5)"), (3, (0, 9), "argument(0x0)"), (4, (1, 2), "vcpus()"),
    (5, (0, 0), "unknown hypercall 0x5: answered with -1"),
    (2 ** 64 - 1, (0, 0), "unknown hypercall 0xffffffffffffffff: answered with -1"),
    (2, (2 ** 64 - 1, 2 ** 64 - 1), "write(0xffffffffffffffff, 18446744073709551615)"),
])
def test_hypercalls(library, nr, args, expected):
    """Names and arguments of hypercalls."""
    assert describe(library, "hypercall", VMCALL, nr=nr, args=args) == expected


def test_what_is_no_exit(library):
    """An interrupted guest has not exited: what the fields hold is of another time."""
    for kind in ("signal", "timeout", "shutdown"):
        assert describe(library, kind, CR_ACCESS, 0x300) == ""
    assert describe(library, "entry-failed", 0, error=7) == "VM-instruction error 7"
    assert describe(library, "nmi", EXCEPTION) == "NMI, for the host"
    assert describe(library, "unhandled", 31) == ""
    assert describe(library, "unhandled", 77, 0x12) == "qualification 0x12"


def name(library, function, number):
    """A name by its number."""
    found = getattr(library, function)
    found.restype = ctypes.c_char_p
    return found(ctypes.c_uint32(number)).decode()


def test_reasons(library):
    """Bits 31:16 do not belong to the number, and no number has no answer."""
    assert name(library, "exit_reason_name", 10) == "CPUID"
    assert name(library, "exit_reason_name", 1 << 31 | 33) == (
        "VM-entry failure: invalid guest state")
    for number in (35, 38, 42, 71, 80, 0xffff):
        assert name(library, "exit_reason_name", number) == "reserved exit reason"
    kinds = [name(library, "exit_kind_name", number) for number in range(35)]
    assert kinds[0] == "none" and len(set(kinds)) == 35 and "unknown" not in kinds
    assert name(library, "exit_kind_name", 99) == "unknown"
    assert [name(library, "gpr_name", i) for i in (0, 1, 2, 3, 4, 7, 8, 15, 16)] == [
        "RAX", "RCX", "RDX", "RBX", "RSP", "RDI", "R8", "R15", "?"]


def decode(library, encoding, value):
    """vmcs_decode() of a field."""
    text = ctypes.create_string_buffer(b"?" * 2048 + GUARD)
    library.vmcs_decode(ctypes.c_uint32(encoding), ctypes.c_uint64(value), text)
    assert text.raw[2048:2048 + len(GUARD)] == GUARD
    return text.value.decode()


@pytest.mark.parametrize("encoding, value, expected", [
    (0x4000, 0x16, ""),  # what is reserved has no name
    (0x4000, 0x1f, "external-interrupt exiting, NMI exiting"),
    (0x4012, 1 << 9 | 1 << 15, "IA-32e mode guest, load IA32_EFER"),
    (0x6800, 0x80010033, "PE, MP, ET, NE, WP, PG"),
    (0x6820, 0x246, "PF, ZF, IF"),
    (0x2806, 0xd00, "LME, LMA, NXE"),
    (0x4816, 0xa09b, "type 11, code or data, DPL 0, present, L: 64-bit, G: 4-KByte units"),
    (0x4820, 0x10000, "unusable"),
    (0x4822, 0x8b, "type 11, system, DPL 0, present"),
    (0x4004, 0xffffffff, "all exceptions"), (0x4004, 0, "no exception"),
    (0x4004, 0xfffff6ff, "all but #DF (8), #NP (11)"), (0x4004, 1 << 14 | 2, "#DB (1), #PF (14)"),
    (0x4402, 0x80000021, "VM-entry failure: invalid guest state, the VM entry failed"),
    (0x4404, 0, "not valid"),
    (0x4404, 0x80000b0e, "hardware exception, vector 14, #PF, with error code"),
    (0x4016, 0x80000020, "external interrupt, vector 32"),
    (0x4826, 3, "wait-for-SIPI"), (0x4826, 4, "reserved"),
    (0x4824, 0b1001, "blocking by STI, blocking by NMI"),
    (0x681e, 0x10000, ""), (0x9999, 1, ""),
])
def test_fields(library, encoding, value, expected):
    """Bits, reasons and events of VMCS fields."""
    assert decode(library, encoding, value) == expected


def test_any_value(library):
    """Every field with all ones: it ends, and stays in its room."""
    for encoding in range(0, 0x7000, 2):
        decode(library, encoding, 2 ** 64 - 1)
