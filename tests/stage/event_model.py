# SPDX-License-Identifier: GPL-2.0
"""Which event goes first: the manual's rules again, in Python, and the structures that carry them.

event_plan() and event_raise() are called where they run, in the kernel, by vtxprobe. Where a field
lies is said by common/include and project06/event_logic.h; tests/unit compares.
"""
from __future__ import annotations

from dataclasses import dataclass, field, replace

NOTHING, INTERRUPT, NMI, EXCEPTION, SOFT_INTERRUPT, SOFT_EXCEPTION, INT1 = range(7)
ENTER, INJECT, ASK, WAIT, SHUTDOWN = range(5)
STEPS = ("enters the guest", "injects an event", "asks for the vector of INTR", "waits in HLT",
         "shuts down")
TYPES = ("nothing", "interrupt", "NMI", "exception", "INT n", "INT3 or INTO", "INT1")
INJECTION, QUEUE, STATE, PLAN = 24, 112, 5, 40  # bytes
AT = {"again": 32, "exception": 56, "acknowledged": 80, "line": 104, "asked": 105, "nmis": 106,
      "halted": 107, "shutdown": 108}
WHAT, INTERRUPT_WINDOW, NMI_WINDOW = 8, 32, 33  # in the plan
ERROR_CODES = (8, 10, 11, 12, 13, 14, 17, 21)
# SDM vol. 3, table "Interrupt and Exception Classes".
CONTRIBUTORY, PAGE_FAULTS, DOUBLE = (0, 10, 11, 12, 13, 21), (14, 20), 8


@dataclass(frozen=True)
class Injection:
    """One event; none by default."""

    type: int = NOTHING
    vector: int = 0
    error_code: int | None = None
    address: int | None = None

    def pack(self) -> bytes:
        """As struct vtx_injection."""
        head = bytes((self.type, self.vector, 0, self.error_code is not None,
                      self.address is not None, 0, 0, 0))
        return head + (self.error_code or 0).to_bytes(8, "little") + (
            self.address or 0).to_bytes(8, "little")

    @classmethod
    def unpack(cls, data: bytes) -> Injection:
        """The other way round."""
        return cls(data[0], data[1], int.from_bytes(data[8:12], "little") if data[3] else None,
                   int.from_bytes(data[16:24], "little") if data[4] else None)

    def __str__(self) -> str:
        code = "" if self.error_code is None else f", error code {self.error_code:#x}"
        return f"{TYPES[self.type] if self.type < 7 else self.type} {self.vector}{code}" \
            if self.type else "nothing"


@dataclass(frozen=True)
class Queue:
    """What waits."""

    interrupts: frozenset = frozenset()
    again: Injection = field(default_factory=Injection)
    exception: Injection = field(default_factory=Injection)
    acknowledged: Injection = field(default_factory=Injection)
    line: bool = False
    asked: bool = False
    nmis: int = 0
    halted: bool = False
    shutdown: bool = False

    def pack(self) -> bytes:
        """As struct event_queue."""
        bits = sum(1 << vector for vector in self.interrupts)
        flags = bytes((self.line, self.asked, self.nmis, self.halted, self.shutdown))
        return (bits.to_bytes(32, "little") + self.again.pack() + self.exception.pack()
                + self.acknowledged.pack() + flags).ljust(QUEUE, b"\0")

    @classmethod
    def unpack(cls, data: bytes) -> Queue:
        """The other way round."""
        bits = int.from_bytes(data[:32], "little")
        events = [Injection.unpack(data[AT[name]:AT[name] + INJECTION])
                  for name in ("again", "exception", "acknowledged")]
        line, asked, nmis, halted, shutdown = data[104:109]
        return cls(frozenset(n for n in range(256) if bits >> n & 1), *events, bool(line),
                   bool(asked), nmis, bool(halted), bool(shutdown))


@dataclass(frozen=True)
class State:
    """What decides whether an event can be delivered."""

    interrupt_flag: bool = True
    sti: bool = False
    mov_ss: bool = False
    nmi_blocked: bool = False
    task_priority: int = 0

    def pack(self) -> bytes:
        """As struct vtx_event_state."""
        return bytes((self.interrupt_flag, self.sti, self.mov_ss, self.nmi_blocked,
                      self.task_priority)).ljust(8, b"\0")


@dataclass(frozen=True)
class Plan:
    """What the next entry does."""

    step: int
    what: Injection = field(default_factory=Injection)
    interrupt_window: bool = False
    nmi_window: bool = False

    @classmethod
    def unpack(cls, data: bytes) -> Plan:
        """From struct event_plan."""
        step = int.from_bytes(data[:4], "little")
        what = Injection.unpack(data[WHAT:WHAT + INJECTION])
        return cls(step, what if step == INJECT else Injection(), bool(data[INTERRUPT_WINDOW]),
                   bool(data[NMI_WINDOW]))

    def __str__(self) -> str:
        step = STEPS[self.step] if self.step < len(STEPS) else f"step {self.step}"
        what = f": {self.what}" if self.step == INJECT else ""
        windows = [name for name, on in (("interrupt window", self.interrupt_window),
                                         ("NMI window", self.nmi_window)) if on]
        return ", ".join([step + what, *windows])


# ---- the rules ----------------------------------------------------------------------------------


def _above(vectors, state):
    """The highest vector, if its priority class is above that of CR8."""
    highest = max(vectors, default=-1)
    return highest if highest >> 4 > state.task_priority else None


def _first(queue, state):
    """(step, event) that the next entry begins with."""
    for waiting in (queue.again, queue.exception):
        if waiting.type:
            return INJECT, waiting
    shadow = state.mov_ss or state.sti
    if queue.nmis and not shadow and not state.nmi_blocked:
        return INJECT, Injection(NMI, 2)
    if state.interrupt_flag and not shadow:
        if queue.acknowledged.type:
            return INJECT, queue.acknowledged
        if queue.line:
            return ASK, Injection()
        if (vector := _above(queue.interrupts, state)) is not None:
            return INJECT, Injection(INTERRUPT, vector)
    return WAIT if queue.halted else ENTER, Injection()


def _without(queue, event):
    """What is left when this event has been delivered."""
    for name in ("again", "exception"):
        if getattr(queue, name).type:
            return replace(queue, **{name: Injection()})
    if event.type == NMI:
        return replace(queue, nmis=queue.nmis - 1)
    if queue.acknowledged.type:
        return replace(queue, acknowledged=Injection())
    return replace(queue, interrupts=queue.interrupts - {event.vector})


def plan(queue: Queue, state: State) -> Plan:
    """What the next entry has to do."""
    if queue.shutdown:
        return Plan(SHUTDOWN)
    step, event = _first(queue, state)
    if step in (ASK, WAIT):
        return Plan(step)
    left = _without(queue, event) if step == INJECT else queue
    irq = bool(left.nmis and state.sti) or bool(left.acknowledged.type) or left.line \
        or _above(left.interrupts, state) is not None
    return Plan(step, event, irq, bool(left.nmis and not state.sti))


def _class(event):
    if event.type != EXCEPTION:
        return "benign"
    if event.vector in CONTRIBUTORY:
        return "contributory"
    return "page fault" if event.vector in PAGE_FAULTS else \
        "double" if event.vector == DOUBLE else "benign"


def raised(queue: Queue, exception: Injection) -> Queue | None:
    """What waits when this exception has come as well; None: it is refused."""
    if queue.exception.type:
        return None
    first, second = _class(queue.again), _class(exception)
    after = replace(queue, again=Injection())
    if queue.again.type == NMI:
        after = replace(after, nmis=min(after.nmis + 1, 2))
    elif queue.again.type == INTERRUPT:
        after = replace(after, interrupts=after.interrupts | {queue.again.vector})
    if first == "double" and second != "benign":
        return replace(after, shutdown=True)
    double = second == "contributory" if first == "contributory" else \
        first == "page fault" and second != "benign"
    return replace(after, exception=Injection(EXCEPTION, DOUBLE, 0) if double else exception)


# ---- drawn at random ----------------------------------------------------------------------------


def random_event(rng, types=(INTERRUPT, NMI, EXCEPTION, SOFT_INTERRUPT, SOFT_EXCEPTION)):
    """An event whose delivery can have been cut short."""
    kind = rng.choice(types)
    if kind == NMI:
        return Injection(NMI, 2)
    if kind == SOFT_EXCEPTION:
        return Injection(kind, rng.choice((3, 4)))
    if kind != EXCEPTION:
        return Injection(kind, rng.randrange(16, 256))
    vector = rng.choice((0, 6, 7, 8, 10, 11, 12, 13, 14, 17, 21))
    code = rng.randrange(0, 64) if vector in ERROR_CODES and vector != DOUBLE else \
        0 if vector == DOUBLE else None
    return Injection(kind, vector, code, rng.getrandbits(47) if vector == 14 else None)


def random_queue(rng) -> Queue:
    """Some of what can wait, seldom all at once."""
    def some(value, chance, other):
        return value if rng.random() < chance else other

    vectors = frozenset(rng.randrange(16, 256) for _ in range(rng.choice((0, 0, 1, 3))))
    return Queue(vectors, some(random_event(rng), .15, Injection()),
                 some(random_event(rng, (EXCEPTION,)), .2, Injection()),
                 some(Injection(INTERRUPT, rng.randrange(16, 256)), .2, Injection()),
                 rng.random() < .3, False, rng.choice((0, 0, 1, 2)), rng.random() < .2,
                 rng.random() < .05)


def random_state(rng) -> State:
    """A moment in a guest's life."""
    enabled = rng.random() < .75
    sti = enabled and rng.random() < .2
    return State(enabled, sti, not sti and rng.random() < .15, rng.random() < .3,
                 rng.choice((0, 0, 1, 4, 7, 15)))
