# SPDX-License-Identifier: GPL-2.0
"""project06: ports. vmtool answers with words that a seed gives, all 64 bits of them."""
import itertools

import pytest

from harness import guests
from harness.grade import check, exercise
from harness.guests import RESULT, WORD
from stage.exit_tools import (EVERY_EXIT, IO_IN, IO_REP, IO_STRING, LATE, README)
from stage.guest_tools import check_exit, guest, only, vmtool
from stage.vm_tools import vms

pytestmark = pytest.mark.lab(vendor="vmx", cpus=2, instance="ports", kernels=1)

PORTS = f"{README}#ports"
BUFFER = 0x20000


def word(seed, n):
    """The n-th word that vmtool lets IN read."""
    return (seed + n + 1) * 0x9e3779b97f4a7c15 & WORD


def serve(lab, text, seed, *after):
    """Run a guest whose ports vmtool serves, up to its HLT; accesses, and all lines."""
    __tracebackhide__ = True
    lines = vmtool(lab, *guest(guests.code(f"{text}; vmcall")), "serve", 0, LATE, seed, *after)
    check_exit(only(lines, "exit"), "hypercall", "VMCALL behind the ports", read=PORTS)
    return [line for line in lines if line.what == "io"], lines


def flags_in_words(values):
    """VTX_IO_* of accesses that follow each other, alike ones counted."""
    def told(value):
        names = ((IO_IN, "in"), (IO_STRING, "string"), (IO_REP, "rep"))
        return f"{value:#x}: {' '.join(name for bit, name in names if value & bit)}"

    return [f"{len(list(same))} of {told(value)}" for value, same in itertools.groupby(values)]


def check_io(line, what, **wanted):
    """An access has these values."""
    __tracebackhide__ = True
    for name, value in wanted.items():
        check(line[name], value, f"`{name}` of {what}", read=PORTS, log=line.text)


SIZES = ((1, "%al", 1), (2, "%ax", 2), (4, "%eax", 1))  # bytes, register, length with a DX port


@exercise("6.4", expected="OUT: port, size and as many bytes of data as the size says", read=PORTS)
def test_out(vms, rng):
    """By DX and by a byte in the instruction, 1, 2 and 4 bytes."""
    cases, text = [], []
    for size, register, length in SIZES:
        port, value = rng.randrange(0x100, 0x10000), rng.getrandbits(64)
        text.append(f"movabs ${value:#x}, %rax; mov ${port}, %edx; out {register}, %dx")
        cases.append((port, size, length, value))
        port, value = rng.randrange(0x100), rng.getrandbits(64)
        text.append(f"movabs ${value:#x}, %rax; out {register}, ${port}")
        cases.append((port, size, length + 1, value))
    seen, _ = serve(vms, "; ".join(text), 0)
    check(len(seen), len(cases), "accesses to ports", read=PORTS)
    for line, (port, size, length, value) in zip(seen, cases):
        check_io(line, f"OUT of {size} bytes to port {port:#x}", port=port, size=size, flags=0,
                 length=length, value=value & (1 << 8 * size) - 1)


@exercise("6.4", expected="IN writes as much of RAX as the size says", read=PORTS)
def test_in(vms, rng):
    """AL and AX leave the rest of RAX alone, EAX clears the upper half; the user's rest is lost."""
    seed, text, cases = rng.getrandbits(40), [], []
    for n, (size, register, _) in enumerate(SIZES * 2):
        port, before = rng.randrange(0x100 if n > 2 else 0x10000), rng.getrandbits(64)
        source = "%dx" if n < 3 else f"${port}"
        text.append(f"movabs ${before:#x}, %rax; mov ${port}, %edx; in {source}, {register};"
                    f" mov %rax, {RESULT + 8 * n:#x}")
        mask = (1 << 8 * size) - 1
        kept = 0 if size == 4 else before & ~mask & WORD
        cases.append((port, size, kept | word(seed, n) & mask))
    seen, lines = serve(vms, "; ".join(text), seed, "read", f"{RESULT:#x}", 48)
    check(len(seen), len(cases), "accesses to ports", read=PORTS)
    data = only(lines, "read").data
    for n, (line, (port, size, rax)) in enumerate(zip(seen, cases)):
        check_io(line, f"IN of {size} bytes from port {port:#x}", port=port, size=size, flags=IO_IN)
        check(int.from_bytes(data[8 * n:8 * n + 8], "little"), rax,
              f"RAX after IN of {size} bytes", read=PORTS)


@exercise("6.4", expected="INS and OUTS: element by element, in the direction of DF", read=PORTS)
@pytest.mark.parametrize("size", [1, 2, 4])
def test_strings(vms, rng, size):
    """With and without REP, up and down; RDI, RSI and RCX are what the manual says."""
    seed, count, port = rng.getrandbits(40), rng.randrange(3, 9), rng.randrange(0x10000)
    letter = {1: "b", 2: "w", 4: "l"}[size]
    start = BUFFER + 256
    text = f"mov ${port}, %edx; mov ${start}, %edi; mov ${count}, %ecx; cld; rep ins{letter};" \
           f" mov %rdi, {RESULT}; mov %rcx, {RESULT + 8};" \
           f" mov ${start + (count - 1) * size}, %esi; mov ${count}, %ecx; std; rep outs{letter};" \
           f" mov %rsi, {RESULT + 16}; mov %rcx, {RESULT + 24}; cld; mov ${BUFFER}, %edi;" \
           f" ins{letter}; mov ${BUFFER}, %esi; outs{letter}; mov %rsi, {RESULT + 32}"
    seen, lines = serve(vms, text, seed, "read", f"{RESULT:#x}", 40, "read", f"{start:#x}",
                        count * size)
    mask = (1 << 8 * size) - 1
    words = [word(seed, n) & mask for n in range(count + 1)]
    flags = [IO_IN | IO_STRING | IO_REP] * count + [IO_STRING | IO_REP] * count \
        + [IO_IN | IO_STRING, IO_STRING]
    values = words[:count] + words[count - 1::-1][:count] + [words[count], words[count]]
    check(flags_in_words(line.flags for line in seen), flags_in_words(flags), "flags of the"
          f" exits, {count} elements of {size} bytes in and out with REP, and one each without",
          read=PORTS)
    check([line.value for line in seen], values, "elements that were moved", read=PORTS)
    for line in seen:
        check_io(line, "INS or OUTS", port=port, size=size)
    registers, memory = (only(lines, "read", address=address).data for address in (RESULT, start))
    check([int.from_bytes(registers[at:at + 8], "little") for at in range(0, 40, 8)],
          [start + count * size, 0, start - size, 0, BUFFER + size],
          "RDI and RCX after REP INS, RSI and RCX after REP OUTS with DF, RSI after OUTS",
          read=PORTS)
    check(memory, b"".join(value.to_bytes(size, "little") for value in words[:count]),
          "guest memory after REP INS", read=PORTS)


@exercise("6.4", expected="a port is one of 65536, and each of them is user space's", read=PORTS)
def test_every_port(vms, rng):
    """Ports from both bitmaps and from their edges."""
    ports = [0, 0x7fff, 0x8000, 0xffff, 0x80, *rng.sample(range(0x10000), 6)]
    text = "; ".join(f"mov ${port}, %edx; out %al, %dx" for port in ports)
    seen, _ = serve(vms, text, 0)
    check([line.port for line in seen], ports, "ports that user space was told of", read=PORTS)


@exercise("6.4", expected="OUT is done when user space sees it, INS and OUTS are not", read=PORTS)
def test_where_rip_is(vms):
    """Behind IN and OUT; at INS and OUTS, with all registers in struct vtx_run."""
    for text, skipped in (("out %al, $0x80", 1), ("in $0x80, %al", 1), ("outsb", 0), ("insb", 0),
                          ("rep outsb", 0)):
        image = guests.code(f"mov ${BUFFER}, %esi; mov %esi, %edi; mov $2, %ecx; {text}; vmcall")
        lines = vmtool(vms, *guest(image), "run", 0, LATE, "regs", 0)
        exit = only(lines, "exit")
        check_exit(exit, "io", f"`{text}`", read=PORTS)
        check(only(lines, "regs").rip - exit.rip, exit.length if skipped else 0,
              f"bytes that RIP has moved on when user space sees `{text}`", read=PORTS)


@exercise("6.4", expected="an answer is taken once, and by the vCPU that asked", read=PORTS)
def test_whose_answer(vms, rng):
    """Two vCPUs have both asked; the answers do not get mixed up, and no later exit takes one."""
    text = "shl $4, %edi; in $0x80, %eax; mov %rax, 0x8000(%rdi); xor %eax, %eax; cpuid;" \
           " mov $7, %eax; vmcall; mov %rax, 0x8008(%rdi); vmcall"
    first, second = rng.getrandbits(32), rng.getrandbits(32)
    lines = vmtool(vms, *guest(guests.code(text), vcpus=2), "run", 0, LATE, "run", 1, LATE, "data",
                   0, first, "data", 1, second, "run", 1, LATE, "run", 0, LATE, "data", 0,
                   f"{WORD:#x}", "result", 0, 5, "result", 1, 6, "run", 0, LATE, "run", 1, LATE,
                   "read", f"{RESULT:#x}", 32)
    data = only(lines, "read").data
    check([int.from_bytes(data[at:at + 8], "little") for at in range(0, 32, 8)],
          [first, 5, second, 6], "what vCPU 0 and vCPU 1 have read from the port, and got as result"
          " of a hypercall", read=PORTS)


@exercise("6.4", expected="who wants to see every exit sees ports as well", read=PORTS)
def test_ports_with_every_exit(vms, rng):
    """With VTX_RUN_EVERY_EXIT nothing is answered twice."""
    value = rng.getrandbits(32)
    image = guests.code(f"in $0x80, %eax; mov %rax, {RESULT}; vmcall")
    lines = vmtool(vms, *guest(image), "until", 0, "io", 50, "data", 0, value, "flags", 0,
                   EVERY_EXIT, "until", 0, "hypercall", 50, "read", f"{RESULT:#x}", 8)
    check_exit(only(lines, "exit"), "hypercall", "VMCALL behind IN", read=PORTS)
    check(int.from_bytes(only(lines, "read").data, "little"), value, "RAX after IN", read=PORTS)
