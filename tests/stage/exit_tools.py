# SPDX-License-Identifier: GPL-2.0
"""What the tests of project06 have in common: guests that survive their exceptions, guests whose
next exit is looked at, and what waits for a vCPU.

A guest of the second kind needs no IDT: it stops behind the exit in question (VTX_RUN_EVERY_EXIT),
before anything is injected, so that nothing but this exit's answer is tried.
"""
from __future__ import annotations

from dataclasses import dataclass

from harness import guests
from harness.grade import check, one_of, require
from harness.guests import NO_VECTOR, RECORD, RECORDS
from stage.guest_tools import EXCEPTIONS, check_exit, code_of, exit_in_words, only, vmtool

README = "project06/README.md"
TIME, LATE = 100, 2000  # milliseconds
MEMORY = "2M"
DE, DB, BP, OF, UD, NM, DF, NP, SS, GP, PF, AC, MC = 0, 1, 3, 4, 6, 7, 8, 11, 12, 13, 14, 17, 18
INTERRUPT, LINE, NMI, EXCEPTION = range(4)  # enum vtx_event_kind
EVERY_EXIT, SET_REGS, FAULT = 1, 2, 4  # VTX_RUN_*
IO_IN, IO_STRING, IO_REP = 1, 2, 4
MSR_DEFAULT, MSR_USER, MSR_FAULT = range(3)
NO_INTERRUPT = 0x100
EFER = 0xc0000080
WAITS = 1 << 31  # of `again` and `exception` in struct vtx_vcpu_events
NAMES = {NO_VECTOR: "no exception", **EXCEPTIONS}


def number_of(value):
    """A value into EDX:EAX."""
    return f"mov ${value & 0xffffffff:#x}, %eax; mov ${value >> 32:#x}, %edx"


def write_msr(msr, value):
    """A WRMSR."""
    return f"mov ${msr:#x}, %ecx; {number_of(value)}; wrmsr"


def read_msr(msr, place):
    """A RDMSR whose answer goes to memory."""
    return f"mov ${msr:#x}, %ecx; rdmsr; mov %eax, {place:#x}; mov %edx, {place + 4:#x}"


def name_of(vector):
    """An exception in the manual's words."""
    return NAMES.get(vector, f"vector {vector}")


# ---- guests that survive their exceptions --------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A few instructions, and how they have to end."""

    text: str
    vector: int = NO_VECTOR
    code: int = 0
    registers: dict | None = None  # of rax, rbx, rcx, rdx afterwards
    what: str = ""
    needs: str = ""  # what not every emulator does: see vendor.FAULTS


def run_steps(lab, texts, *, data="", words=(), memory=MEMORY, **defines):
    """Run a guest of these steps; how each has ended, and all lines of vmtool."""
    __tracebackhide__ = True
    image = guests.steps(texts, data=data, **defines)
    lines = vmtool(lab, "create", memory, 1, "code", image.hex(), "init", 0, 0, *words, "guest", 0,
                   LATE, "read", f"{RECORDS:#x}", RECORD * len(texts))
    ended = only(lines, "output")
    require(ended.code == 0, expected="the guest gets to its end", what="a guest with an IDT",
            seen=f"an exit: {exit_in_words(only(lines, 'exit'))}", read=f"{README}#injection")
    return guests.records(only(lines, "read").data), lines


def check_cases(lab, cases, *, read=None, **how):
    """Each case has ended as it should; registers that it names as well."""
    __tracebackhide__ = True
    cases = [case for case in cases if not lab.fault(case.needs)]
    found, lines = run_steps(lab, [case.text for case in cases], **how)
    for case, record in zip(cases, found, strict=True):
        check_record(case, record, read)
    return found, lines


def check_record(case, record, read):
    """One case against what the guest has noted."""
    __tracebackhide__ = True
    what = case.what or f"`{case.text}`"
    check(name_of(record.vector), name_of(case.vector), f"{what}: how it ended in the guest",
          read=read, log=str(record))
    if case.vector != NO_VECTOR:
        check(record.code, case.code, f"{what}: error code of the {name_of(case.vector)}",
              read=read)
    for register, value in (case.registers or {}).items():
        check(getattr(record, register), value, f"{what}: {register.upper()} behind it", read=read)


# ---- the next exit of a kind, and what its answer leaves -----------------------------------------


def until(lab, text, kind, *, before=(), after=(), memory=MEMORY):
    """Run a guest of a few lines up to the first exit of this kind; all lines of vmtool."""
    __tracebackhide__ = True
    image = guests.code(f"{text}; hlt; jmp .-1")
    return vmtool(lab, "create", memory, 1, "code", image.hex(), "init", 0, 0, *before, "until", 0,
                  kind, 1000, "events", 0, "regs", 0, *after, "close")


def check_raises(lab, text, reason, vector, *, what="", read=None, before=(), after=(),
                 memory=MEMORY):
    """The answer to the exit is an exception. This guest has no IDT, so that the first one is its
    end, and user space is told which it would have been."""
    __tracebackhide__ = True
    image = guests.code(f"{text}; hlt; jmp .-1")
    lines = vmtool(lab, "create", memory, 1, "code", image.hex(), "init", 0, 0, *before, "run", 0,
                   LATE, "regs", 0, *after, "close")
    exit = only(lines, "exit")
    what = what or f"`{text}`"
    require((exit.kind, exit.vector) == ("exception", vector), expected=name_of(vector),
            seen=f"an exit: {exit_in_words(exit)}", read=read,
            what=f"{what}: exception that the guest gets")
    check(exit.reason & 0xffff, one_of(*lab.vendor.reasons[reason]), f"{what}: exit reason that it"
          " comes from", read=read)
    check(only(lines, "regs").rip, exit.rip, f"{what}: RIP, for an instruction that faults is not"
          " skipped", read=read)
    return lines


def check_answered(lab, text, kind, *, what="", read=None, registers=None, **how):
    """The driver's answer to the exit is that the instruction is done; registers as they should."""
    __tracebackhide__ = True
    lines = until(lab, text, kind, **how)
    exit, regs = only(lines, "exit"), only(lines, "regs")
    what = what or f"`{text}`"
    check_exit(exit, kind, what, read=read, handled=1)
    check(only(lines, "events").exception, 0, f"exception that waits for the guest: {what}",
          read=read)
    check(regs.rip, exit.rip + exit.length, f"RIP behind the instruction: {what}", read=read)
    for name, value in (registers or {}).items():
        check(regs[name], value, f"{name.upper()} of the guest: {what}", read=read)
    return lines


# ---- events --------------------------------------------------------------------------------------


def interrupt(vector, vcpu=0):
    """The words that bring an external interrupt."""
    return ["event", vcpu, INTERRUPT, vector, 0, 0, 0]


def line_to(value, vcpu=0):
    """The words that set the INTR line."""
    return ["event", vcpu, LINE, 0, value, 0, 0]


def nmi(vcpu=0):
    """The words that bring an NMI."""
    return ["event", vcpu, NMI, 0, 0, 0, 0]


def exception(vector, code=None, address=0, vcpu=0):
    """The words that bring an exception."""
    return ["event", vcpu, EXCEPTION, vector, int(code is not None), code or 0, f"{address:#x}"]


def refused(lines):
    """Errno of each verb that was refused, in order; "" for one that was not."""
    return [line.get("errno", "") for line in lines if line.what in ("error", "done")]


def trail(lines, address, count):
    """Bytes that the handlers of a guest have left one after the other."""
    return list(only(lines, "read", address=address).data[:count])


LOG_WORDS = ("read", f"{guests.LOG_COUNT:#x}", 24, "read", f"{guests.LOG:#x}", guests.LOG_BYTES)


def logged(lines):
    """The events that a guest of guests.logging() has got, and how deep its handlers were."""
    __tracebackhide__ = True
    head = only(lines, "read", address=guests.LOG_COUNT).data
    return guests.log(head, only(lines, "read", address=guests.LOG).data)


def run_logging(lab, text, *words, end="EXIT 0", memory=MEMORY, first=(), late=""):
    """Run a guest that logs its events, and then the words; (events, depth, lines).

    Words come between INIT_VCPU and the turns; without any the guest runs once, to its end.
    """
    __tracebackhide__ = True
    image = guests.logging(text, end)
    lines = vmtool(lab, *first, "create", memory, 1, "code", image.hex(), "init", 0, 0,
                   *(words or ("guest", 0, LATE)), *LOG_WORDS, late=late)
    return *logged(lines), lines


def check_ended(lines, what, read=None):
    """The guest has come to its end."""
    __tracebackhide__ = True
    ended = only(lines, "output")
    exit = only(lines, "exit")
    require(ended.code == 0, expected="the guest ends with 0", what=f"exit code of a guest: {what}",
            seen=f"{code_of(ended)}, its last exit: {exit_in_words(exit)}", read=read)
