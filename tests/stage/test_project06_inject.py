# SPDX-License-Identifier: GPL-2.0
"""project06: events reach the guest, when they should and once; and every instruction that exits.

The guests have an IDT, and note each event that they get: vector, error code, RIP, CR2.
"""
import pytest

from harness import guests
from harness.grade import check, exercise, expect_kmsg, one_of, require
from stage.exit_cases import FEATURES, GROUPS, TASK_SWITCH
from stage.exit_tools import (DF, GP, INTERRUPT, LATE, NMI, NO_INTERRUPT, PF, README, UD, Case,
                              check_cases, check_ended, exception, interrupt, line_to, name_of,
                              nmi, refused, run_logging, run_steps)
from stage.guest_tools import Line, check_exit, exit_in_words, guest, only, vmtool
from stage.vm_tools import vms

pytestmark = pytest.mark.lab(vendor="vmx", cpus=2, instance="inject", kernels=1)

INJECTION = f"{README}#injection"
WINDOWS = f"{README}#windows"
AGAIN = f"{README}#re-injection"
HOST = f"{README}#nmi-and-machine-check"
VECTORS_TO_DRAW = range(32, 256)
LOOK = ["read", f"{guests.RESULT:#x}", 8, "read", f"{guests.COUNTER:#x}", 8]


def vectors(events):
    """The vectors of some events."""
    return [event.vector for event in events]


# ---- interrupts ---------------------------------------------------------------------------------


@exercise("6.6", expected="an interrupt reaches a guest that takes interrupts", read=INJECTION)
def test_interrupt(vms, rng):
    """It waits when the guest begins to run, or comes while it runs."""
    first, second = rng.sample(VECTORS_TO_DRAW, 2)
    events, depth, lines = run_logging(
        vms, "sti; AWAIT 2", *interrupt(first), "later", 30, 0, INTERRUPT, second, 0, "guest", 0,
        LATE)
    check_ended(lines, "one interrupt waits, another one comes later", INJECTION)
    check(vectors(events), [first, second], "interrupts that the guest has got", read=INJECTION)
    check(depth, 1, "handlers inside each other", read=INJECTION)


@exercise("6.6", expected="interrupts wait for the window, and the highest goes first",
          read=WINDOWS)
def test_interrupt_window(vms, rng):
    """Four wait while IF is 0; the first comes behind the instruction that follows STI."""
    some = rng.sample(VECTORS_TO_DRAW, 4)
    words = [word for vector in (*some, some[0]) for word in interrupt(vector)]
    text = "cpuid; mov $200, %ecx; 1: loop 1b; movq $behind, 0x7100; sti; nop; behind: nop; cli"
    events, depth, lines = run_logging(vms, text, *words, "guest", 0, LATE, "read", "0x7100", 8)
    check_ended(lines, "four interrupts wait while IF is 0", WINDOWS)
    check(vectors(events), sorted(some, reverse=True), "interrupts that the guest has got, five"
          " of which one twice", read=WINDOWS)
    behind = int.from_bytes(only(lines, "read", address=0x7100).data, "little")
    check(events[0].rip, behind, "RIP of the first interrupt: STI holds it back for one"
          " instruction", read=WINDOWS)
    check(depth, 1, "handlers inside each other: the gates clear IF", read=WINDOWS)


@exercise("6.6", expected="the task priority holds back what is not above it", read=INJECTION)
def test_task_priority(vms, rng):
    """CR8 is 8: classes 9 and above come at once, the others when CR8 is lowered."""
    low, high = rng.sample(range(0x30, 0x90), 2), rng.sample(range(0x90, 0x100), 2)
    words = [word for vector in low + high for word in interrupt(vector)]
    text = "mov $8, %eax; mov %rax, %cr8; sti; nop; nop; mov LOG_COUNT, %rax; mov %rax, 0x7100;" \
           " xor %eax, %eax; mov %rax, %cr8; nop; AWAIT 4"
    events, _, lines = run_logging(vms, text, *words, "guest", 0, LATE, "read", "0x7100", 8)
    check_ended(lines, "interrupts below and above the task priority", INJECTION)
    check(only(lines, "read", address=0x7100).data[0], 2, "interrupts before CR8 was lowered",
          read=INJECTION)
    check(vectors(events), sorted(high, reverse=True) + sorted(low, reverse=True),
          "interrupts that the guest has got", read=INJECTION)


@exercise("6.6", expected="the INTR line: user space is asked when the guest takes the interrupt",
          read=INJECTION)
def test_line(vms, rng):
    """Not while IF is 0; the answer is the vector, or that there is no interrupt any more."""
    vector = rng.choice(VECTORS_TO_DRAW)
    text = "cpuid; movq $1, 0x7100; sti; nop; AWAIT 1; cli; movq $2, 0x7100; sti; nop"
    events, _, lines = run_logging(
        vms, text, *line_to(1), "run", 0, LATE, "read", "0x7100", 8, "data", 0, vector,
        *line_to(0), "guest", 0, LATE)
    asked = next(line for line in lines if line.what == "exit")
    check_exit(asked, "inta", "a guest with INTR up that sets IF", read=INJECTION)
    check(only(lines, "read", address=0x7100).data[0], 1, "the guest came as far as STI",
          read=INJECTION)
    check_ended(lines, "INTR, and its vector from user space", INJECTION)
    check(vectors(events), [vector], "interrupts that the guest has got", read=INJECTION)
    events, _, lines = run_logging(vms, "sti; nop; nop", *line_to(1), "run", 0, LATE, "data", 0,
                                   NO_INTERRUPT, *line_to(0), "guest", 0, LATE)
    check_ended(lines, "INTR that has gone away again", INJECTION)
    check(events, [], "interrupts after user space has said that there is none", read=INJECTION)


@exercise("6.6", expected="a line that falls before the guest looks is no interrupt",
          read=INJECTION)
def test_line_that_falls(vms):
    """INTR up and down while IF is 0."""
    events, _, lines = run_logging(vms, "sti; nop; nop", *line_to(1), *line_to(0), "guest", 0, LATE)
    check_ended(lines, "INTR up and down", INJECTION)
    check(events, [], "interrupts that the guest has got", read=INJECTION)


# ---- NMIs ---------------------------------------------------------------------------------------


@exercise("6.6", expected="an NMI comes whatever IF says, and the next one behind IRET",
          read=WINDOWS)
def test_nmi(vms):
    """Two wait: the second is held back by the first until its handler ends; a third is lost."""
    events, depth, lines = run_logging(vms, "mov $9, %eax; vmcall; nop; nop; AWAIT 2", "run", 0,
                                       LATE, *nmi(), *nmi(), *nmi(), "guest", 0, LATE)
    check_ended(lines, "three NMIs at once", WINDOWS)
    check(vectors(events), [2, 2], "NMIs that the guest has got: one, and one that was kept",
          read=WINDOWS)
    check(depth, 1, "handlers of NMIs inside each other", read=WINDOWS)
    check(events[1].rip, events[0].rip, "RIP that the handler of the second NMI returns to, against"
          " the first one's: it comes as soon as the IRET has ended the blocking", read=WINDOWS)
    events, _, lines = run_logging(vms, "cli; AWAIT 1", "later", 30, 0, NMI, 0, 0, "guest", 0, LATE)
    check_ended(lines, "an NMI for a guest that runs with IF clear", WINDOWS)
    check(vectors(events), [2], "NMIs that a running guest has got", read=WINDOWS)


@exercise("6.6", expected="NMI before interrupt", read=INJECTION)
def test_nmi_and_interrupt(vms, rng):
    """Both wait: the NMI's handler runs first, and is not interrupted, for the gate clears IF."""
    vector = rng.choice(VECTORS_TO_DRAW)
    events, depth, lines = run_logging(vms, "sti; mov $9, %eax; vmcall; AWAIT 2", "run", 0, LATE,
                                       *interrupt(vector), *nmi(), "guest", 0, LATE)
    check_ended(lines, "an NMI and an interrupt", INJECTION)
    check(vectors(events), [2, vector], "events that the guest has got", read=INJECTION)
    check(depth, 1, "handlers inside each other", read=INJECTION)


# ---- exceptions ---------------------------------------------------------------------------------


@exercise("6.6", expected="exceptions with and without error code; #PF with CR2", read=INJECTION)
def test_exceptions(vms, rng):
    """What user space sends between two turns the guest gets instead of its next instruction."""
    address, codes = rng.getrandbits(46) & ~7, rng.sample(range(0, 32), 2)
    text = "movq $behind, 0x7100; vmcall; behind: nop; mov $9, %eax; vmcall; vmcall"
    events, _, lines = run_logging(
        vms, text, "run", 0, LATE, *exception(PF, codes[0], address), "run", 0, LATE,
        *exception(GP, codes[1]), "run", 0, LATE, *exception(UD), "guest", 0, LATE, "read",
        "0x7100", 8)
    check_ended(lines, "three exceptions from user space", INJECTION)
    behind = int.from_bytes(only(lines, "read", address=0x7100).data, "little")
    check([(name_of(e.vector), e.code) for e in events],
          [("#PF", codes[0]), ("#GP", codes[1]), ("#UD", 0)], "exceptions that the guest has got,"
          " and their error codes", read=INJECTION)
    check(events[0].cr2, address, "CR2 in the handler of the #PF", read=INJECTION)
    check(events[0].rip, behind, "RIP that the handler of the #PF returns to", read=INJECTION)


@exercise("6.6", expected="RDMSR that user space answers with a fault is a #GP", read=INJECTION)
def test_msr_fault_from_user(vms):
    """VTX_RUN_FAULT: the guest's handler finds RIP at the instruction."""
    text = "mov $9, %eax; vmcall; movq $at, 0x7100; mov $0x12345, %ecx; at: rdmsr"
    events, _, lines = run_logging(vms, text, "run", 0, LATE, "msrs", 0, 0, 1, "run", 0, LATE,
                                   "flags", 0, 4, "run", 0, 100, "read", "0x7100", 8)
    require(events, expected="#GP", what="the guest after RDMSR that user space has answered with"
            " VTX_RUN_FAULT", seen=f"nothing, up to its exit: {exit_in_words(only(lines, 'exit'))}",
            read=INJECTION)
    at = int.from_bytes(only(lines, "read", address=0x7100).data, "little")
    check((name_of(events[0].vector), events[0].code, events[0].rip), ("#GP", 0, at),
          "exception, error code and RIP that the guest has got", read=INJECTION)


def test_event_refusals(vms):
    """Each cause has its errno; the guest runs all the same."""
    image = guests.code("vmcall; hlt")
    bad = (["event", 0, 4, 0, 0, 0, 0], ["event", 0, INTERRUPT, 15, 0, 0, 0],
           ["event", 0, INTERRUPT, 256, 0, 0, 0], ["event", 0, 1, 0, 2, 0, 0],
           ["event", 0, NMI, 0, 0, 1, 0], ["event", 7, NMI, 0, 0, 0, 0],
           exception(2), exception(9), exception(33), exception(UD, 5),
           ["timer", 0, 15, 10, 0], ["timer", 0, 256, 10, 0], ["timer", 0, 32, 10, 19],
           ["timer", 3, 32, 10, 100])
    lines = vmtool(vms, "create", "1M", 1, "code", image.hex(), "try", *nmi(), "init", 0, 0,
                   *(word for words in bad for word in ("try", *words)), "try", *exception(UD),
                   "try", *exception(GP, 0), "events", 0)
    seen = refused(lines)
    check(seen[0], "ENODATA", "VTXDRV_EVENT for a vCPU that was never initialised")
    for words, errno in zip(bad, seen[1:]):
        check(errno, "ERANGE" if words[1] in (3, 7) else "EINVAL", f"answer to `{words}`")
    check(seen[-2:], ["", "EBUSY"], "an exception, and a second one while the first waits")
    check(only(lines, "events").exception & 0xff, UD, "exception that waits")


# ---- an event whose delivery is cut short -------------------------------------------------------

FRESH = 0x400000  # memory that nobody has touched: each piece of 2 MiB has no frame yet
APART = 0x200000


@exercise("6.6", expected="what an exit has cut short is delivered again, once", read=AGAIN)
@pytest.mark.parametrize("what", ["an interrupt", "an NMI", "INT n", "#UD", "INT3"])
def test_again(vms, rng, what):
    """The stack is where no frame is yet, so that the delivery ends in an EPT violation."""
    if what == "INT n":
        vms.needs("EXITINTINFO")
    vector = rng.choice(VECTORS_TO_DRAW)
    texts = {"an interrupt": ("sti; nop; nop", interrupt(vector), vector),
             "an NMI": ("cpuid; nop", nmi(), 2), "INT n": (f"int ${vector}", [], vector),
             "#UD": ("ud2", [], UD), "INT3": ("int3", [], 3)}
    text, words, wanted = texts[what]
    body = f"mov %rsp, %r12; mov ${FRESH + APART - 64:#x}, %esp; mov $7, %eax; vmcall; {text};" \
           " mov %r12, %rsp"
    events, _, lines = run_logging(
        vms, body, "run", 0, LATE, *words, "run", 0, 300, "stats", 0, memory="16M")
    require(events, expected="the event", what=f"{what} with a stack that has no frame yet: what"
            " the guest has got", read=AGAIN,
            seen=f"nothing, up to its exit: {exit_in_words(only(lines, 'exit'))}")
    check(events[0].vector, wanted, f"{what} with a stack that has no frame yet: what the guest"
          " has got first", read=AGAIN)
    if what != "#UD":  # its handler returns to the same instruction, again and again
        check(vectors(events), [wanted], f"{what} with a stack that has no frame yet: all that the"
              " guest has got", read=AGAIN)
    violations = sum(line.count for line in lines if line.what == "exits"
                     and line.reason in vms.vendor.reasons["violation"])
    require(violations, expected="an EPT violation", seen="none", what="the stack of that guest",
            read=AGAIN)


@exercise("6.6", expected="a fault in the delivery of a fault is a double fault", read=AGAIN)
def test_double_fault(vms):
    """A #GP by WRMSR, whose gate is not present: #NP in its delivery makes a #DF."""
    text = f"movw $0, IDT + 16 * {GP} + 4; mov $0x12345, %ecx; wrmsr"
    record, _ = check_cases(vms, [Case(text, DF, 0, what="a #GP whose gate is not present")],
                            read=AGAIN)
    require(record, expected="a record", seen="none", what="a double fault")


@exercise("6.6", expected="a fault in the delivery of a double fault ends the guest", read=AGAIN)
def test_triple_fault(vms):
    """Neither #GP's nor #DF's gate is present: user space is told of a triple fault."""
    text = f"movw $0, IDT + 16 * {GP} + 4; movw $0, IDT + 16 * {DF} + 4; mov $0x12345, %ecx; wrmsr"
    _, _, lines = run_logging(vms, text, "run", 0, LATE)
    check_exit(only(lines, "exit"), "triple-fault", "a #DF whose gate is not present", read=AGAIN)


# ---- the host's own -----------------------------------------------------------------------------


@exercise("6.6", expected="the host's NMI reaches the host, and the guest goes on", read=HOST)
@expect_kmsg(r"NMI backtrace", r"sysrq: Show backtrace", r"Sending NMI", r".*")
def test_the_hosts_nmi(vms, rng, nonce):
    """SysRq-L sends each CPU an NMI while CPU 1 is in a guest: CPU 1 says where it was."""
    image, function = guests.spin(rng)
    words = " ".join(map(str, ["cpu", 1, *guest(image, nonce), "begin", 0, 900, "sleep", 300, *LOOK,
                               "sleep", 400, *LOOK, "finish", 0, "stats", 0]))
    result = vms.sh(f"vmtool {words} > /tmp/nmi.out & sleep 0.4; echo l > /proc/sysrq-trigger;"
                    " wait; cat /tmp/nmi.out; dmesg | grep -A4 'NMI backtrace for cpu 1'",
                    timeout=30)
    lines = [Line(text) for text in result.out.splitlines()]
    require("NMI backtrace for cpu 1" in result.out, expected="NMI backtrace for cpu 1",
            seen="none in the kernel's log", what="an NMI of the host's while a guest runs",
            read=HOST)
    before, after = (int.from_bytes(line.data[:8], "little") for line in lines
                     if line.what == "read" and line.address == guests.COUNTER)
    require(after > before, expected="it counts on", seen="it stands", read=HOST,
            what="the guest after an NMI of the host's")
    check(int.from_bytes(next(line for line in lines if line.what == "read").data, "little"),
          function(nonce), "what the guest has computed", read=HOST)


# ---- every instruction that exits ---------------------------------------------------------------


@exercise("6.6", expected="every instruction that exits has its architectural result",
          read=f"{README}#exits")
@pytest.mark.parametrize("name", list(GROUPS))
def test_every_exiting_instruction(vms, rng, name):
    """One guest for each group: registers, and the exception that the manual names."""
    vms.needs(name)
    check_cases(vms, GROUPS[name](rng), read=f"{README}#exits")


@exercise("6.6", expected="what CPUID shows works, and what it hides is not there",
          read=f"{README}#cpuid")
def test_features_and_instructions(vms):
    """Each feature that an instruction shows: #UD or #GP where CPUID does not have it."""
    texts, features = [], [feature for feature in FEATURES if not vms.fault(feature[0])]
    for _, leaf, register, bit, text in features:
        texts += [f"mov ${leaf:#x}, %eax; xor %ecx, %ecx; cpuid; mov %e{register[1:]}, %eax;"
                  f" shr ${bit}, %eax; and $1, %eax", text]
    found, _ = run_steps(vms, texts)
    for (name, *_), shown, record in zip(features, found[::2], found[1::2]):
        works = record.vector == guests.NO_VECTOR
        check("works" if works else name_of(record.vector),
              "works" if shown.rax else one_of("#UD", "#GP"),
              f"{name}, which CPUID {'shows' if shown.rax else 'does not show'}",
              read=f"{README}#cpuid")


@exercise("6.6", expected="a task switch by hardware is told, with what caused it",
          read=f"{README}#exits")
def test_task_switch(vms):
    """32-bit code jumps to a TSS: user space gets an exit that says so, and the host lives."""
    vms.needs("task switch")
    image = guests.code(TASK_SWITCH)
    lines = vmtool(vms, *guest(image), "run", 0, LATE)
    check_exit(only(lines, "exit"), "task-switch", "JMP to a TSS", read=f"{README}#exits",
               handled=0)
