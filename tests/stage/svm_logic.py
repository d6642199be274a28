# SPDX-License-Identifier: GPL-2.0
"""project07's pure C, driven in a process of its own in the lab machine (tests/harness/svmtool),
and the models that it is held against.
"""
from __future__ import annotations

from dataclasses import dataclass

from harness.grade import fail

NOTHING, ALL, ONE = 0, 1, 3  # TLB_CONTROL
NO_ENTRY = -2  # -ENOENT
LONGEST = 15  # bytes of an instruction
# Instructions that exit: code, opcode, and what stands behind it: nothing, the ModRM of registers
# only, or any ModRM with this extension. AMD APM vol. 3, appendix A.
INSTRUCTIONS = (
    (0x72, "0fa2", None), (0x78, "f4", None), (0x81, "0f01d9", None), (0x46, "0f01c1", None),
    (0x7c, "0f32", None), (0x7c, "0f30", None), (0x76, "0f08", None), (0x89, "0f09", None),
    (0x6f, "0f33", None), (0x74, "cf", None), (0x80, "0f01d8", None), (0x8a, "0f01c8", None),
    (0x00, "0f20", "registers"), (0x14, "0f22", "registers"), (0x20, "0f21", "registers"),
    (0x37, "0f23", "registers"), (0x79, "0f01", 7), (0x67, "0f01", 0), (0x6a, "0f01", 3),
    (0x6d, "0f00", 3), (0x10, "0f01", 6))
PREFIXES = ("26", "2e", "36", "3e", "64", "65", "66", "67", "f2", "f3")


@dataclass(frozen=True)
class Drawn:
    """An instruction, and what reading it has to find."""

    bits: int
    code: int
    bytes: bytes
    reg: int | None = None
    rm: int | None = None

    @property
    def step(self):
        """The same for svmtool, with bytes behind it that belong to the next one."""
        return f"I {self.bits} {self.code:x} {(self.bytes + bytes(8)).hex()}"


def fields(lines):
    """The VMCB that vmtool has printed last: offset -> value."""
    return {line.encoding: line.value for line in lines if line.what == "field"}


def run(lab, steps):
    """The lines that come out: lists of numbers."""
    lab.put("/tmp/steps", "".join(f"{step}\n" for step in steps).encode())
    result = lab.sh("svmtool < /tmp/steps", cap=8 << 20)
    if result.status:
        fail("svm_insn_logic.c and svm_asid_logic.c in a process", "it comes to its end",
             f"exit status {result.status}: {result.out[-200:]}")
    return [[int(word) for word in line.split()[1:]] for line in result.out.splitlines()]


def memory_operand(rng, extension, *, short):
    """ModRM that names memory, and what belongs to it. short: 16-bit addresses."""
    mod, rm = rng.randrange(3), rng.randrange(8)
    tail = b""
    if short:
        size = {0: 2 if rm == 6 else 0, 1: 1, 2: 2}[mod]
    else:
        base = rm
        if rm == 4:
            sib = rng.randrange(256)
            tail, base = bytes((sib,)), sib & 7
        size = {0: 4 if base == 5 else 0, 1: 1, 2: 4}[mod]
    return bytes((mod << 6 | extension << 3 | rm,)) + tail + rng.randbytes(size)


def draw(rng):
    """One instruction, with prefixes."""
    bits = rng.choice((16, 32, 64))
    code, opcode, behind = rng.choice(INSTRUCTIONS)
    prefixes = rng.sample(PREFIXES, rng.randrange(4))
    rex = rng.choice((0, 0x40, 0x41, 0x44, 0x48, 0x4d)) if bits == 64 else 0
    text = bytes.fromhex("".join(prefixes)) + (bytes((rex,)) if rex else b"") + \
        bytes.fromhex(opcode)
    reg = rm = None
    if behind == "registers":
        reg, rm = code % 16 & 7, rng.randrange(8)
        text += bytes((rng.randrange(4) << 6 | reg << 3 | rm,))
        reg, rm = reg | (8 if rex & 4 else 0), rm | (8 if rex & 1 else 0)
    elif behind is not None:
        other = "67" in prefixes
        text += memory_operand(rng, behind, short=other if bits == 32 else bits == 16 and not other)
    return Drawn(bits, code, text, reg, rm)


class Asids:
    """What a CPU may have in its TLB: of each ASID, whose translations."""

    def __init__(self, count, flush_by_asid):
        self.count, self.flush_by_asid = count, flush_by_asid
        self.inside, self.given = {}, {}

    def check(self, vcpu, stale, asid, control):
        """What was wrong with this answer, or None."""
        had = self.given.get(vcpu)
        if not 0 < asid < self.count:
            return f"an ASID from 1 to {self.count - 1}"
        if control == ALL:
            self.inside, self.given = {}, {}
        elif control == ONE and self.flush_by_asid:
            self.inside.pop(asid, None)
        elif control != NOTHING:
            return "TLB_CONTROL 0, 1, or with FlushByAsid 3"
        others = [other for other, its in self.given.items() if its == asid and other != vcpu]
        if others:
            return f"an ASID that vCPU {others[0]} does not have"
        if self.inside.get(asid, vcpu) != vcpu:
            return "an ASID with nothing of another vCPU's in the TLB"
        if stale and self.inside.get(asid) == vcpu:
            return "a flush, or an ASID that has nothing in the TLB"
        if control == ALL and len(self.used) < self.count - 1:
            return "no flush of everything while there are ASIDs left"
        if control == ONE and not (stale and had == asid):
            return "no flush of an ASID that has nothing stale"
        self.used = set() if control == ALL else self.used
        self.used.add(asid)
        self.inside[asid], self.given[vcpu] = vcpu, asid
        return None

    used: set = frozenset()

    def restart(self):
        """The CPU was enabled anew: the first that comes flushes everything."""
        self.used = set(range(1, self.count))
