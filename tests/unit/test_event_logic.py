# SPDX-License-Identifier: GPL-2.0
"""Which event goes first (event_logic.c), on the host, against the rules in Python; and that no
event is lost or delivered twice, whatever comes in whatever order."""
import ctypes
import random

import pytest

from harness import mutants
from stage import event_model as model
from stage.event_model import (ASK, EXCEPTION, INJECT, INTERRUPT, NMI, Injection, Plan, Queue,
                               State)
from unit import host_build

SEED = 20261122
BUSY = -16  # EBUSY
SOURCE = "project06/event_logic.c"


class Logic:
    """The functions of a source file, on structures as bytes."""

    def __init__(self, source, library, *flags):
        host_build.run(["gcc", *host_build.compile_flags((), 6), *flags, "-shared", "-fPIC", source,
                        "-o", library])
        self.library = ctypes.CDLL(str(library))

    def plan(self, queue, state):
        """Answer of event_plan(), and the plan as bytes; the queue must stay as it is."""
        waiting, plan = ctypes.create_string_buffer(queue, model.QUEUE), \
            ctypes.create_string_buffer(model.PLAN)
        result = self.library.event_plan(waiting, state, plan)
        assert waiting.raw == queue, "event_plan() has changed what waits"
        return result, plan.raw

    def taken(self, queue, plan):
        """The queue after event_taken()."""
        waiting = ctypes.create_string_buffer(queue, model.QUEUE)
        self.library.event_taken(waiting, plan)
        return waiting.raw

    def change(self, name, queue, *arguments):
        """Answer of a function that changes the queue, and the queue."""
        waiting = ctypes.create_string_buffer(queue, model.QUEUE)
        result = getattr(self.library, name)(waiting, *arguments)
        return result, waiting.raw

    def any(self, queue):
        """event_any()"""
        self.library.event_any.restype = ctypes.c_bool
        return self.library.event_any(queue)


@pytest.fixture(name="logic", scope="module")
def fixture_logic(tmp_path_factory):
    """The reference, with what is undefined in C turned into an abort."""
    return Logic(host_build.TOP / SOURCE, tmp_path_factory.mktemp("event") / "event.so",
                 "-fsanitize=undefined", "-fno-sanitize-recover=all")


def wrong_plans(logic, count):
    """Queues and states for which the entry does something else than the manual says."""
    rng, wrong = random.Random(SEED), []
    for _ in range(count):
        queue, state = model.random_queue(rng), model.random_state(rng)
        result, plan = logic.plan(queue.pack(), state.pack())
        if result or Plan.unpack(plan) != model.plan(queue, state):
            wrong.append((queue, state, str(Plan.unpack(plan)), str(model.plan(queue, state))))
    return wrong


def wrong_raises(logic, count):
    """The same of exceptions that come while something else waits."""
    rng, wrong = random.Random(SEED), []
    for _ in range(count):
        queue, second = model.random_queue(rng), model.random_event(rng, (EXCEPTION,))
        expected = model.raised(queue, second)
        result, after = logic.change("event_raise", queue.pack(), second.pack())
        if result != (BUSY if expected is None else 0) or \
                Queue.unpack(after) != (expected or queue):
            wrong.append((queue, second, result, Queue.unpack(after)))
    return wrong


def test_random_queues(logic):
    """Whatever waits, the next entry does what the manual says."""
    assert not wrong_plans(logic, 20000)[:3]


def test_random_exceptions(logic):
    """Double faults and shutdowns, and what becomes of the event whose delivery has failed."""
    assert not wrong_raises(logic, 20000)[:3]


def deliver(logic, queue, rng):
    """What entries deliver until nothing waits, in states drawn anew for each; the queue after."""
    delivered = []
    for _ in range(400):
        if not logic.any(queue):
            break
        state = model.random_state(rng)
        result, plan = logic.plan(queue, state.pack())
        step = Plan.unpack(plan)
        assert not result
        queue = logic.taken(queue, plan)
        if step.step == INJECT:
            delivered.append((step.what.type, step.what.vector))
        elif step.step == ASK:
            queue = logic.change("event_acknowledge", queue, -1)[1]
    return delivered, queue


def expected_events(queue):
    """(type, vector) of everything that waits."""
    single = [(event.type, event.vector) for event in
              (queue.again, queue.exception, queue.acknowledged) if event.type]
    return sorted(single + [(INTERRUPT, vector) for vector in queue.interrupts]
                  + [(NMI, 2)] * queue.nmis)


def test_nothing_is_lost(logic):
    """Each event that waits is delivered once, and nothing that did not wait."""
    rng = random.Random(SEED)
    for _ in range(300):
        queue = model.random_queue(rng)
        if queue.shutdown:
            continue
        delivered, left = deliver(logic, queue.pack(), rng)
        assert sorted(delivered) == expected_events(queue), queue
        assert Queue.unpack(left) in (Queue(), Queue(halted=True)), queue


def test_window_where_something_is_left(logic):
    """What an entry leaves and a window could let in has one, or nobody would come for it."""
    rng = random.Random(SEED)
    for _ in range(5000):
        queue, state = model.random_queue(rng), model.random_state(rng)
        _, raw = logic.plan(queue.pack(), state.pack())
        plan = Plan.unpack(raw)
        left = Queue.unpack(logic.taken(queue.pack(), raw))
        if plan.step not in (model.ENTER, INJECT):
            continue
        assert not left.nmis or plan.nmi_window or plan.interrupt_window, (queue, state)
        if plan.interrupt_window and not left.nmis:
            assert left.line or left.acknowledged.type or left.interrupts, (queue, state)


def test_events_come(logic):
    """The same interrupt twice is one, two NMIs wait, and an answer to INTA ends the question."""
    queue = logic.change("event_interrupt", Queue().pack(), 0xff)[1]
    queue = logic.change("event_interrupt", queue, 0xff)[1]
    for _ in range(3):
        queue = logic.change("event_nmi", queue)[1]
    assert Queue.unpack(queue) == Queue(frozenset({0xff}), nmis=2)
    asked = Queue(line=True, asked=True).pack()
    assert Queue.unpack(logic.change("event_acknowledge", asked, 8)[1]) == \
        Queue(line=True, acknowledged=Injection(INTERRUPT, 8))
    assert Queue.unpack(logic.change("event_acknowledge", asked, -1)[1]) == Queue()


def test_exceptions(logic):
    """Which vectors are those of exceptions, and which of them push an error code."""
    names = ("event_is_exception", "event_has_error_code")
    for name in names:
        getattr(logic.library, name).restype = ctypes.c_bool
    found = [[vector for vector in range(256) if getattr(logic.library, name)(vector)]
             for name in names]
    assert found == [[0, 1, *range(3, 9), *range(10, 15), *range(16, 22)],
                     list(model.ERROR_CODES)]


def test_no_window_while_the_priority_holds_back(logic):
    """CR8 above an interrupt: an exit for each instruction of the guest would change nothing."""
    queue, state = Queue(frozenset({0x45})), State(task_priority=4)
    assert Plan.unpack(logic.plan(queue.pack(), state.pack())[1]) == Plan(model.ENTER)


def test_mutants(tmp_path):
    """The mistakes of students in this file are caught here as well."""
    for mutant in mutants.load(host_build.TOP, "project06"):
        if [edit.file for edit in mutant.edits] != ["event_logic.c"]:
            continue
        folder = mutants.write(mutant, host_build.TOP, tmp_path / mutant.name)
        logic = Logic(folder / "event_logic.c", folder / "event.so", "-w")
        assert wrong_plans(logic, 4000) or wrong_raises(logic, 4000), mutant.mistake
