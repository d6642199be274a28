# SPDX-License-Identifier: GPL-2.0
"""project06: a guest in HLT sleeps, whatever ends it; and the timer of a vCPU.

CPU time is what the kernel counts for vmtool. A guest that spins would use all that passes.
"""
import pytest

from harness import guests
from harness.grade import check, exercise, one_of, require
from stage.exit_tools import (INTERRUPT, LATE, LINE, NMI, README, check_ended, interrupt, line_to,
                              run_logging)
from stage.guest_tools import CPUS, check_exit, guest, only, vmtool
from stage.vm_tools import kill, missing, pages, run_and_kill, vms

pytestmark = pytest.mark.lab(vendor="vmx", cpus=2, instance="wait")

HLT = f"{README}#hlt"
TIMER = f"{README}#timer"
WAIT = 300  # milliseconds
SPENT = WAIT // 3 * 1000  # microseconds: a guest that spins needs three times as many
KILLS = 10
LOST = 8 * KILLS  # pages: a CPU's own list of free ones may keep some 60
IDLE = 1.3  # of the time, both CPUs together: one that spins leaves 1


def check_slept(lines, what, waited=WAIT, spent=SPENT):
    """It took as long as it should, and next to no CPU time."""
    __tracebackhide__ = True
    took = [line.ms for line in lines if line.what == "clock"][-1]
    require(waited * .8 <= took < waited + LATE, expected=f"about {waited} ms", seen=f"{took} ms",
            what=f"time that passed: {what}", read=HLT)
    last = [line for line in lines if line.what == "cputime"][-1]
    used, idle = last.us, last.idle
    require(used < spent, expected=f"less than {spent / 1000:.0f} ms", read=HLT,
            seen=f"{used / 1000:.0f} ms", what=f"CPU time for {took} ms in HLT: {what}")
    require(idle > took * IDLE, expected=f"more than {took * IDLE:.0f} ms of {len(CPUS)} CPUs",
            seen=f"{idle} ms", read=HLT, what=f"time that the CPUs were idle in {took} ms: {what}")


def timed(*words):
    """The words, with what they need of time and CPU time."""
    return ["clock", "cputime", *words, "clock", "cputime"]


@exercise("6.7", expected="a guest in HLT uses no CPU time, and an interrupt wakes it", read=HLT)
@pytest.mark.parametrize("kind", ["an interrupt", "an NMI", "INTR"])
def test_sleeps_and_wakes(vms, rng, kind):
    """After some time an event comes; the guest goes on behind HLT, its handler first."""
    vector = rng.randrange(32, 256)
    events = {"an interrupt": (INTERRUPT, vector, 0, vector), "an NMI": (NMI, 0, 0, 2),
              "INTR": (LINE, 0, 1, vector)}
    number, sent, value, wanted = events[kind]
    turn = ["run", 0, 3 * LATE, "data", 0, vector, *line_to(0)] if kind == "INTR" else []
    happened, _, lines = run_logging(
        vms, "sti; hlt; mov LOG_COUNT, %rax; mov %rax, 0x7100", *timed(
            "later", WAIT, 0, number, sent, value, *turn, "guest", 0, 3 * LATE),
        "read", "0x7100", 8)
    check_ended(lines, f"a guest in HLT that {kind} wakes", HLT)
    check([event.vector for event in happened], [wanted], "events that the guest has got", read=HLT)
    check(only(lines, "read", address=0x7100).data[0], 1, "events before the instruction behind"
          " HLT", read=HLT)
    check_slept(lines, f"{kind} wakes it")


@exercise("6.7", expected="what waits already wakes at once", read=HLT)
def test_does_not_sleep(vms, rng):
    """An interrupt that STI holds back is there before the guest sleeps."""
    vector = rng.randrange(32, 256)
    events, _, lines = run_logging(vms, "cpuid; sti; hlt", "clock", *interrupt(vector), "guest", 0,
                                   LATE, "clock")
    check_ended(lines, "STI and HLT with an interrupt that waits", HLT)
    check([event.vector for event in events], [vector], "interrupts that the guest has got",
          read=HLT)
    took = [line.ms for line in lines if line.what == "clock"][-1]
    require(took < LATE // 2, expected="at once", seen=f"{took} ms", what="time until HLT was over",
            read=HLT)


@exercise("6.7", expected="a HLT that nothing can end goes to user space", read=HLT)
def test_nothing_can_wake(vms):
    """IF is 0 and no NMI waits."""
    lines = vmtool(vms, *guest(guests.code("cli; hlt; movb $7, 0x8000; hlt")), "run", 0, LATE,
                   "run", 0, LATE, "read", "0x8000", 1)
    for line in (line for line in lines if line.what == "exit"):
        check_exit(line, "hlt", "HLT with IF clear", read=HLT,
                   reason=one_of(*vms.vendor.reasons["hlt"]))
    check(only(lines, "read").data[0], 7, "what the guest did behind the first HLT", read=HLT)


@exercise("6.7", expected="an interrupt that the task priority holds back wakes nobody", read=HLT)
def test_priority_and_hlt(vms):
    """Vector 30H with CR8 = 4; then 60H, which is above it."""
    events, _, lines = run_logging(vms, "mov $4, %eax; mov %rax, %cr8; sti; hlt; cli",
                                   *interrupt(0x30), *timed("later", WAIT, 0, INTERRUPT, 0x60, 0,
                                                            "guest", 0, 3 * LATE))
    check_ended(lines, "HLT with CR8 = 4 and vector 30H waiting", HLT)
    check([event.vector for event in events], [0x60], "interrupts that the guest has got", read=HLT)
    check_slept(lines, "a vector that CR8 holds back, and then one above it")


@exercise("6.7", expected="deadline and signal end the sleep, and it goes on", read=HLT)
def test_who_ends_the_sleep(vms):
    """VTX_EXIT_TIMEOUT, VTX_EXIT_SIGNAL; the vCPU still waits in HLT, and an interrupt wakes it."""
    events, _, lines = run_logging(
        vms, "sti; hlt", *timed("run", 0, WAIT), "events", 0, "alarm", 50, "run", 0, 0, "later", 50,
        0, INTERRUPT, 0x77, 0, "guest", 0, LATE, late="a signal ends the sleep of a guest in HLT")
    first, second = [line for line in lines if line.what == "exit"][:2]
    check_exit(first, "timeout", "a guest in HLT whose time is over", read=HLT)
    check_exit(second, "signal", "a guest in HLT, and a signal for the caller", read=HLT)
    check(only(lines, "events").halted, 1, "`halted` of VTXDRV_GET_EVENTS after the timeout",
          read=HLT)
    check_ended(lines, "an interrupt after timeout and signal", HLT)
    check([event.vector for event in events], [0x77], "interrupts that the guest has got", read=HLT)
    check_slept(lines, "until its deadline")


@exercise("6.7", expected="kill -9 of a vCPU that sleeps leaves nothing", read=HLT)
def test_kill(vms):
    """Ten guests in HLT, each killed with its process; no page is lost."""
    words = ["create", "256K", 1, "code", guests.code("sti; hlt; jmp .-1").hex(), "init", 0, 0,
             "timer", 0, 0, 60000, 0, "spin", 0]
    for _ in range(3):
        before = pages(vms)
        run_and_kill(vms, words, KILLS, what="guests in HLT and their ends", read=HLT)
        lost = missing(vms, before, LOST)
        if lost < LOST:
            break
    require(lost < LOST, expected=f"fewer than {LOST} pages", seen=f"{lost} pages", read=HLT,
            what="free pages and slabs that are lost")


@exercise("6.7", expected="others can look at a vCPU that sleeps", read=HLT)
def test_visitor(vms):
    """GET_STATE of a guest in HLT, from another process: soon, and it sleeps on."""
    lines = vmtool(vms, *guest(guests.code("sti; hlt; jmp .-1")), "info", "spin", 0)
    pid = only(lines, "spin").pid
    try:
        looked = vmtool(vms, "sleep", 100, "use", only(lines, "info").id, "clock", "fields", 0,
                        "clock")
        took = [line.ms for line in looked if line.what == "clock"][-1]
        require(took < LATE // 2, expected="soon", seen=f"{took} ms", read=HLT,
                what="time until a visitor was let in to a vCPU that sleeps")
        result = vms.sh(f"a=$(cut -d' ' -f14,15 /proc/{pid}/stat); sleep 1;"
                        f" b=$(cut -d' ' -f14,15 /proc/{pid}/stat); echo $a $b")
        user0, kernel0, user1, kernel1 = map(int, result.out.split())
        require(user1 + kernel1 - user0 - kernel0 < 30, expected="fewer than 30 ticks of 100",
                seen=user1 + kernel1 - user0 - kernel0, read=HLT,
                what="CPU time of a vCPU in HLT after a visit, in a second")
    finally:
        kill(vms, pid)


# ---- the timer ----------------------------------------------------------------------------------


@exercise("6.7", expected="the timer wakes a guest, as often as its period says", read=TIMER)
def test_timer_wakes(vms, rng):
    """Ten ticks, 30 ms apart, of a guest that sleeps between them."""
    vector = rng.randrange(32, 256)
    text = "sti; 1: hlt; cmpq $10, LOG_COUNT; jb 1b; cli"
    events, _, lines = run_logging(vms, text, *timed("timer", 0, vector, 30, 30000, "guest", 0,
                                                     3 * LATE))
    check_ended(lines, "ten ticks of its timer", TIMER)
    check({event.vector for event in events}, {vector}, "interrupts that the guest has got",
          read=TIMER)
    check_slept(lines, "ten ticks of its timer")


def test_timer_interrupts_a_guest_that_runs(vms, rng):
    """No HLT: the timer takes the guest out."""
    vector = rng.randrange(32, 256)
    events, _, lines = run_logging(vms, "sti; AWAIT 5; cli", "timer", 0, vector, 10, 10000, "guest",
                                   0, LATE)
    check_ended(lines, "a timer while the guest runs", TIMER)
    check({event.vector for event in events}, {vector}, "interrupts that the guest has got",
          read=TIMER)


def test_timer_without_a_vector(vms):
    """VTX_EXIT_TIMER, from a guest that runs and from one that sleeps; off means off."""
    for text in ("1: pause; jmp 1b", "sti; 1: hlt; jmp 1b"):
        lines = vmtool(vms, *guest(guests.code(text)), "timer", 0, 0, 50, 0, "run", 0, LATE,
                       "timer", 0, 0, 50, 0, "timer", 0, 0, 0, 0, "run", 0, 200)
        first, second = (line for line in lines if line.what == "exit")
        check_exit(first, "timer", "a timer without a vector", read=TIMER)
        check_exit(second, "timeout", "a timer that was switched off again", read=TIMER)


def test_init_stops_timer_and_events(vms):
    """VTXDRV_INIT_VCPU: a new life, without what was sent to the old one."""
    events, _, lines = run_logging(vms, "sti; nop; nop; mov $50000, %ecx; 1: loop 1b", *interrupt(
        0x55), "event", 0, NMI, 0, 0, 0, 0, *line_to(1), "timer", 0, 0x66, 1, 100, "init", 0, 0,
        "guest", 0, LATE)
    check_ended(lines, "INIT_VCPU after several events", HLT)
    check(events, [], "events that the guest has got after INIT_VCPU", read=HLT)
