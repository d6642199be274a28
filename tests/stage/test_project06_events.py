# SPDX-License-Identifier: GPL-2.0
"""project06: which event goes first (6.5), by the manual's rules, over states drawn for the run.

The functions are called in the kernel, by vtxprobe: what is decided here cannot be seen in a guest
before exercise 6.6 is done.
"""
import pytest

from harness.grade import check, exercise, require
from stage import event_model as model
from stage.event_model import (EXCEPTION, INTERRUPT, NMI, Injection, Plan, Queue, State)
from stage.guest_tools import function_address, vmtool
from stage.vm_tools import vms

pytestmark = pytest.mark.lab(vendor="vmx", cpus=2, instance="events", kernels=1)

README = "project06/README.md"
EVENTS = f"{README}#events"
COUNT = 250
LINES = "/tmp/events.probe"
NOT_DONE = -38  # ENOSYS
BUSY = -16  # EBUSY


def page_words(number, data):
    """vtxprobe's lines that put bytes into one of its pages."""
    words = [f"page {number} 0"]
    for index in range(0, (len(data) + 7) // 8):
        value = int.from_bytes(data[8 * index:8 * index + 8], "little")
        if value:
            words.append(f"set {number} {index} {value:#x}")
    return words


def calls(lab, build, name, cases):
    """The function, called with each pair of memory; (result, memory of pages 0 to 2) of each."""
    address = function_address(lab, build, name)
    steps = [step for first, second in cases for step in (
        *page_words(0, first), *page_words(1, second), "page 2 0", f"callpages 0 {address:#x} 14")]
    lab.put(LINES, "".join(f"{step}\n" for step in steps).encode())
    lines = vmtool(lab, "probes", LINES, cap=1 << 20, timeout=60)
    found = [line for line in lines if "result" in line]
    check(len(found), len(cases), f"answers of {name}()")
    return [(line.result, [_memory(line, page) for page in range(3)]) for line in found]


def _memory(line, page):
    return b"".join(line[f"{page}.{n}"].to_bytes(8, "little") for n in range(14))


def check_plans(lab, build, cases):
    """event_plan() decides as the manual does, and changes nothing that waits."""
    __tracebackhide__ = True
    answers = calls(lab, build, "event_plan", [(q.pack(), s.pack()) for q, s in cases])
    for (queue, state), (result, memory) in zip(cases, answers, strict=True):
        what = f"what the next entry does with {told(queue)}, {told(state)}"
        require(result != NOT_DONE, expected="an answer", seen="ENOSYS: the exercise is not done",
                what="event_plan()", read=EVENTS)
        check(str(Plan.unpack(memory[2])), str(model.plan(queue, state)), what, read=EVENTS)
        check(Queue.unpack(memory[0]), queue, "what waits after event_plan(), which only decides",
              read=EVENTS)


def told(thing):
    """A queue or a state in a few words: what is not as usual."""
    usual = type(thing)()
    parts = []
    for name, value in vars(thing).items():
        if value != getattr(usual, name):
            shown = sorted(value) if isinstance(value, frozenset) else value
            parts.append(f"{name}={shown}")
    return " ".join(parts) or f"nothing unusual in the {type(thing).__name__.lower()}"


# ---- one rule at a time -------------------------------------------------------------------------

PF_EVENT = Injection(EXCEPTION, 14, 2, 0x1234000)
RULES = (  # what waits, in which state
    (Queue(), State()),
    (Queue(frozenset({0x40})), State()),
    (Queue(frozenset({0x40, 0x51, 0x4f})), State()),
    (Queue(frozenset({0x40})), State(interrupt_flag=False)),
    (Queue(frozenset({0x40})), State(sti=True)),
    (Queue(frozenset({0x40})), State(mov_ss=True)),
    (Queue(frozenset({0x40})), State(task_priority=4)),
    (Queue(frozenset({0x4f})), State(task_priority=4)),
    (Queue(frozenset({0x50})), State(task_priority=4)),
    (Queue(nmis=1), State()), (Queue(nmis=2), State()),
    (Queue(nmis=1), State(interrupt_flag=False)),
    (Queue(nmis=1), State(nmi_blocked=True)),
    (Queue(nmis=1), State(mov_ss=True)), (Queue(nmis=1), State(sti=True)),
    (Queue(exception=PF_EVENT), State(interrupt_flag=False)),
    (Queue(exception=PF_EVENT), State(mov_ss=True)),
    (Queue(frozenset({0xfe}), exception=PF_EVENT, nmis=1), State()),
    (Queue(frozenset({0xfe}), nmis=1), State()),
    (Queue(again=Injection(INTERRUPT, 0x31)), State(interrupt_flag=False, mov_ss=True)),
    (Queue(again=PF_EVENT, nmis=1), State()),
    (Queue(line=True), State()), (Queue(line=True), State(interrupt_flag=False)),
    (Queue(frozenset({0xfe}), line=True), State()),
    (Queue(frozenset({0xfe}), acknowledged=Injection(INTERRUPT, 0x20), line=True), State()),
    (Queue(acknowledged=Injection(INTERRUPT, 0x20)), State(task_priority=15)),
    (Queue(halted=True), State()), (Queue(halted=True, nmis=1), State()),
    (Queue(frozenset({0x40}), halted=True), State(interrupt_flag=False)),
    (Queue(frozenset({0x40}), halted=True), State(task_priority=4)),
    (Queue(frozenset({0x40}), halted=True), State()),
    (Queue(shutdown=True, nmis=1, exception=PF_EVENT), State()),
)


@exercise("6.5", expected="the order of SDM vol. 3, \"Priority Among Concurrent Events\"",
          read=EVENTS)
def test_which_goes_first(vms, stage_build):
    """One event of each kind, in each state that matters to it, and each pair that competes."""
    check_plans(vms, stage_build, RULES)


@exercise("6.5", expected="the same for whatever waits at once", read=EVENTS)
@pytest.mark.instructor
def test_any_queue(vms, stage_build, rng):
    """Queues and states drawn for the run, against the rules in Python."""
    check_plans(vms, stage_build, [(model.random_queue(rng), model.random_state(rng))
                                   for _ in range(COUNT)])


@exercise("6.5", expected="an exception in the delivery of another: #DF, or shutdown", read=EVENTS)
def test_double_faults(vms, stage_build, rng):
    """Each pair of exceptions; and what was being delivered otherwise waits again, or not."""
    cases = [(Queue(again=first, nmis=rng.randrange(3)), second)
             for first in _events(rng) for second in _events(rng) if second.type == EXCEPTION]
    cases += [(Queue(exception=PF_EVENT), second) for second in _events(rng)
              if second.type == EXCEPTION]
    answers = calls(vms, stage_build, "event_raise",
                    [(queue.pack(), second.pack()) for queue, second in cases])
    for (queue, second), (result, memory) in zip(cases, answers, strict=True):
        require(result != NOT_DONE, expected="an answer", seen="ENOSYS: the exercise is not done",
                what="event_raise()", read=EVENTS)
        what = f"{second} while there is {told(queue)}"
        wanted = model.raised(queue, second)
        check(result, BUSY if wanted is None else 0, f"answer of event_raise(): {what}",
              read=EVENTS)
        check(told(Queue.unpack(memory[0])), told(wanted or queue), f"what waits then: {what}",
              read=EVENTS)


def _events(rng):
    """Nothing, an interrupt, an NMI, INT n, and one exception of each class and more."""
    exceptions = [Injection(EXCEPTION, vector, 0 if vector in model.ERROR_CODES else None)
                  for vector in (0, 1, 6, 7, 8, 10, 11, 12, 13, 14, 17, 19)]
    return [Injection(), Injection(INTERRUPT, rng.randrange(16, 256)), Injection(NMI, 2),
            Injection(model.SOFT_INTERRUPT, rng.randrange(32, 256)), *exceptions]
