# SPDX-License-Identifier: GPL-2.0
"""project06: guests whose exits are answered without end, and vCPUs that lose their process or
their CPU while they wait: in HLT, for their timer, for a window."""
import pytest

from harness import guests
from harness.grade import check, check_run, expect_kmsg, require
from stage.exit_tools import (INTERRUPT, LATE, LOG_WORDS, NMI, README, check_ended, interrupt,
                              line_to, logged, run_logging)
from stage.guest_tools import Line, check_exit, guest, only, vmtool
from stage.test_project04_survive import CPU1, check_nothing_lost
from stage.vm_tools import kill, run_and_kill, vms
from stage.vmxon_tools import check_off

pytestmark = pytest.mark.lab(vendor="vmx", cpus=2, instance="survive")

HLT = f"{README}#hlt"
EXITS = f"{README}#exits"
KILLS = 10
# Exits that the driver may answer again and again, without the host's turn in between.
ANSWERED = {"CPUID": "xor %eax, %eax; cpuid", "RDMSR": "mov $0x10, %ecx; rdmsr",
            "CPUID and RDMSR": "xor %eax, %eax; cpuid; mov $0x3a, %ecx; rdmsr"}


def for_ever(text, flags="cli"):
    """A guest that does nothing else."""
    return guests.code(f"{flags}; 1: {text}; jmp 1b")


# ---- exits without end --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ANSWERED)
def test_deadline_and_signal(vms, name):
    """A guest with IF clear that asks and asks: its time ends, and a signal ends its turn."""
    lines = vmtool(vms, "cpu", 1, *guest(for_ever(ANSWERED[name])), "run", 0, 100, "alarm", 50,
                   "run", 0, 0)
    late, signal = (line for line in lines if line.what == "exit")
    check_exit(late, "timeout", f"{name} for ever, and 100 ms", read=EXITS)
    require(late.ms < LATE, expected=f"below {LATE} ms", seen=f"{late.ms} ms", read=EXITS,
            what=f"time until a guest with {name} for ever was stopped after 100 ms")
    check_exit(signal, "signal", f"{name} for ever, and a signal", read=EXITS)


@pytest.mark.parametrize("name", ANSWERED)
def test_events_reach_it(vms, rng, name):
    """An interrupt and an NMI reach a guest that asks until they come."""
    vector = rng.randrange(32, 256)
    text = f"sti; 1: {ANSWERED[name]}; cmpq $2, LOG_COUNT; jb 1b; cli"
    events, _, lines = run_logging(vms, text, "later", 50, 0, INTERRUPT, vector, 0, "later", 100,
                                   0, NMI, 0, 0, "guest", 0, LATE, first=("cpu", 1))
    check_ended(lines, f"{name} until two events have come", EXITS)
    check([event.vector for event in events], [vector, 2], f"events of a guest with {name} for"
          " ever", read=EXITS)


def test_visitor_and_kill(vms):
    """Another process looks at a vCPU whose guest asks for ever, and kill -9 ends it."""
    lines = vmtool(vms, "cpu", 1, *guest(for_ever(ANSWERED["CPUID and RDMSR"])), "info", "spin", 0)
    pid = only(lines, "spin").pid
    try:
        looked = vmtool(vms, "sleep", 100, "use", only(lines, "info").id, "clock", "fields", 0,
                        "clock")
        took = [line.ms for line in looked if line.what == "clock"][-1]
        require(took < LATE, expected=f"below {LATE} ms", seen=f"{took} ms", read=EXITS,
                what="time until a visitor was let in to a vCPU whose guest asks for ever")
    finally:
        kill(vms, pid)
    check_off(vms, "after a guest that asked for ever", read=EXITS)


# ---- what a vCPU waits for ----------------------------------------------------------------------

# CR8 holds back what the timer sends, so that a guest without an IDT can be woken all the time.
HELD_BACK = "mov $15, %eax; mov %rax, %cr8"
WAITS = {
    "HLT": ("sti; 1: hlt; jmp 1b", ()),
    "HLT, and a timer that wakes it": (f"{HELD_BACK}; sti; 1: hlt; jmp 1b",
                                       ("timer", 0, 0x30, 1, 1000)),
    "HLT, and a timer that is far": ("sti; 1: hlt; jmp 1b", ("timer", 0, 0x30, 60000, 0)),
    "an interrupt window": ("cli; 1: jmp 1b", interrupt(0x55)),
    "an interrupt window, and CPUID for ever": ("cli; 1: xor %eax, %eax; cpuid; jmp 1b",
                                                interrupt(0x55)),
    "the INTR line": ("cli; 1: jmp 1b", line_to(1)),
}


@pytest.mark.parametrize("name", WAITS)
def test_kills(vms, name):
    """kill -9 of a process whose vCPU waits: nothing stays, and the module can go."""
    text, words = WAITS[name]
    if text == "cli; 1: jmp 1b":
        vms.needs("IF clear")
    words = ["cpu", "$((n % 2))", "create", "256K", 1, "code", guests.code(text).hex(),
             "init", 0, 0, *words, "spin", 0]

    def work():
        run_and_kill(vms, words, KILLS, "$((n * 3000))", f"guests and their ends: {name}")
    check_nothing_lost(vms, work, KILLS * 12)
    vms.unload()
    vms.load()


GOES_ON = {  # the guest, words before its turn, and the events that it has got at its end
    "HLT, and an interrupt": ("sti; hlt; cli", ("later", 900, 0, INTERRUPT, 0x61, 0), [0x61]),
    "HLT, and its timer": ("sti; hlt; cli", ("timer", 0, 0x62, 900, 0), [0x62]),
    "a window": (f"1: {ANSWERED['CPUID']}; cmpq $0, LOG_COUNT; je 1b; sti; nop; cli",
                 (*interrupt(0x63), "later", 900, 0, NMI, 0, 0), [2, 0x63]),
}


@pytest.mark.parametrize("name", GOES_ON)
@expect_kmsg(r"no longer affine to cpu1")
def test_cpu_goes_while_it_waits(vms, name):
    """CPU 1, on which the vCPU was, goes offline and comes back: what it waits for comes."""
    text, words, wanted = GOES_ON[name]
    image = guests.logging(text, "EXIT 0").hex()
    argv = " ".join(map(str, ("vmtool", "cpu", 1, "create", "2M", 1, "code", image, "init", 0, 0,
                              *words, "guest", 0, 4 * LATE, *LOG_WORDS)))
    result = check_run(vms.sh(f"""{argv} > /tmp/out & sleep 0.3
echo 0 > {CPU1} && usleep 200000 && echo 1 > {CPU1} || exit 1
wait $! || exit 2
cat /tmp/out""", timeout=60), what=f"CPU 1 goes offline and comes back while a vCPU waits: {name}")
    lines = [Line(text) for text in result.out.splitlines() if text]
    events, _ = logged(lines)
    check_ended(lines, f"its CPU goes and comes back: {name}", HLT)
    check([event.vector for event in events], wanted, f"events that the guest has got, {name}",
          read=HLT)
    check_off(vms, "after a guest whose CPU has gone and come", read=HLT)
