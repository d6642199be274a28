# SPDX-License-Identifier: GPL-2.0
"""project06: x87, SSE and AVX registers of a guest that are switched when it uses them.

No exercise is about it, and no test of an exercise counts how often a first use exits.
"""
import pytest

from harness import guests
from harness.grade import check, require
from stage.exit_tools import LATE, NM, README, UD, Case, check_cases
from stage.guest_tools import check_exit, guest, only, vmtool
from stage.vm_tools import vms

pytestmark = [pytest.mark.lab(vendor="vmx", cpus=2), pytest.mark.reference]

FPU = f"{README}#fpu-sse-and-avx-eager-or-lazy"
TURNS = 20
FIRST_USES = 5  # as OFTEN in project06/fpu.c
PORT = 0x10
# Registers that say which turn it is, and a comparison behind the exit to user space.
USES = f"""mov ${TURNS}, %r8d
1: movd %r8d, %xmm3; mov %r8, 0x8000; fildll 0x8000
out %al, ${PORT}
movd %xmm3, %eax; cmp %r8d, %eax; jne 2f
fistpll 0x8008; cmp %r8, 0x8008; jne 2f
dec %r8d; jnz 1b; hlt
2: ud2"""
TOUCHES_NOT = f"mov ${TURNS}, %r8d; 1: out %al, ${PORT}; dec %r8d; jnz 1b; hlt"


def turns(lab, text, *before):
    """Run a guest through all its turns; its last exit, and how often an exception came out."""
    lines = vmtool(lab, *before, *guest(guests.code(text)), *["run", 0, LATE] * (TURNS + 1),
                   "stats", 0, *(["busy", 0, 0] if before else []))
    exits = [line for line in lines if line.what == "exit"]
    for line in exits[:-1]:
        check_exit(line, "io", "a guest that keeps its FPU registers over OUT", read=FPU)
    return exits[-1], lines


def exceptions(lab, lines):
    """How many exits had an exception for their reason."""
    return sum(line.count for line in lines
               if line.what == "exits" and line.reason in lab.vendor.reasons["exception"])


def test_kept_over_user_space(vms):
    """Used in every turn, beside processes that use them: kept; later calls find them there."""
    last, lines = turns(vms, USES, "cpu", 0, "busy", 2, 300)
    check_exit(last, "hlt", "a guest that compares XMM3 and ST0 in each turn", read=FPU)
    busy = only(lines, "busy")
    check((busy.processes, busy.damaged), (2, 0), "processes beside the guest, and those whose x87,"
          " SSE or AVX registers were changed", read=FPU)
    require(1 <= exceptions(vms, lines) <= FIRST_USES,
            expected=f"from 1 to {FIRST_USES}, and then the registers are there before",
            seen=exceptions(vms, lines), what=f"first uses that exited in {TURNS} turns", read=FPU)


def test_kept_exit_by_exit(vms):
    """With VTX_RUN_EVERY_EXIT the answer to a first use is left to the next call."""
    lines = vmtool(vms, "cpu", 0, "busy", 1, 300, *guest(guests.code(USES)), "every", 0, 1,
                   *["run", 0, LATE] * 2 * TURNS, "every", 0, 0, *["run", 0, LATE] * (TURNS + 1),
                   "busy", 0, 0)
    exits = [line for line in lines if line.what == "exit"]
    require(any(line.kind == "exception" and line.vector == NM and line.handled for line in exits),
            expected="exits by #NM that the driver has answered", what="exits, one by one",
            seen=sorted({line.kind for line in exits}), read=FPU)
    ends = next(line for line in exits if line.kind != "io" and not line.handled)
    check_exit(ends, "hlt", "a guest that compares XMM3 and ST0 in each turn", read=FPU)
    check(only(lines, "busy").damaged, 0, "processes beside the guest whose x87, SSE or AVX"
          " registers were changed", read=FPU)


def test_not_used(vms):
    """A guest that has no use for them has no exit for them either."""
    last, lines = turns(vms, TOUCHES_NOT)
    check_exit(last, "hlt", "a guest without FPU", read=FPU)
    check(exceptions(vms, lines), 0, "exits by exception of a guest that does not use the FPU",
          read=FPU)


def test_bits_of_the_guest(vms):
    """CR0.TS, MP and EM are read as the guest wrote them, and its own #NM is its own."""
    read = "mov %cr0, %rax; and $0xe, %eax"
    check_cases(vms, [
        Case(read, registers={"rax": 2}, what="CR0.MP, EM, TS before the first use"),
        Case("smsw %rax; and $0xe, %eax", registers={"rax": 2}, what="SMSW before the first use"),
        Case("mov %cr0, %rax; and $~2, %rax; mov %rax, %cr0; fwait; " + read,
             registers={"rax": 0}, what="WAIT without CR0.MP"),
        Case("mov %cr0, %rax; or $8, %rax; mov %rax, %cr0; fwait; " + read,
             registers={"rax": 8}, what="WAIT with CR0.TS and without MP"),
        Case("fld1", vector=NM, what="FLD1 with the guest's CR0.TS"),
        Case("movd %eax, %xmm0", vector=NM, what="MOVD with the guest's CR0.TS"),
        Case("mov %cr0, %rax; or $2, %rax; mov %rax, %cr0; fwait", vector=NM,
             what="WAIT with CR0.TS and MP"),
        Case("clts; " + read, registers={"rax": 2}, what="CLTS"),
        Case("mov $77, %eax; movd %eax, %xmm0; xor %eax, %eax; movd %xmm0, %eax",
             registers={"rax": 77}, what="MOVD after CLTS"),
        Case("mov %cr0, %rax; or $4, %rax; mov %rax, %cr0; fld1", vector=NM, what="x87 with EM"),
        Case("movd %eax, %xmm0", vector=UD, what="SSE with CR0.EM"),
        Case("mov %cr0, %rax; and $~4, %rax; mov %rax, %cr0; movd %xmm0, %eax",
             registers={"rax": 77}, what="XMM0 after all that"),
    ], read=FPU)


def test_bits_over_user_space(vms):
    """The same where each step begins a new call, so that its first use exits."""
    text = f"""out %al, ${PORT}
    mov %cr0, %rax; or $8, %rax; mov %rax, %cr0
    out %al, ${PORT}
    mov %cr0, %rbx; clts
    out %al, ${PORT}
    mov %cr0, %rcx; mov $5, %edx; movd %edx, %xmm1
    out %al, ${PORT}
    xor %edx, %edx; movd %xmm1, %edx; hlt"""
    lines = vmtool(vms, *guest(guests.code(text)), *["run", 0, LATE, "sregs", 0] * 5, "regs", 0)
    regs = only(lines, "regs")
    check([line.cr0 >> 3 & 1 for line in lines if line.what == "sregs"], [0, 1, 0, 0, 0],
          "CR0.TS as VTXDRV_GET_SREGS tells it, turn by turn", read=FPU)
    check((regs.rbx >> 3 & 1, regs.rcx >> 3 & 1, regs.rdx), (1, 0, 5),
          "CR0.TS that was set, CR0.TS after CLTS, and a number in XMM1", read=FPU)
