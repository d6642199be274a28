# SPDX-License-Identifier: GPL-2.0
"""Instructions that can be intercepted, drawn at random: typed from AMD's APM (vol. 3, appendix A,
and vol. 2, appendix C), and put together from their parts, so that their length is known."""
from __future__ import annotations

import random
from dataclasses import dataclass

NONE, MODRM, MEMORY, REGISTERS, IMM8 = range(5)
ONLY, CLTS, LMSW, SMSW = range(4)
MOST = 15
LEGACY = (0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3)
CR_READ, CR_WRITE, DR_READ, DR_WRITE = (range(first, first + 16) for first in
                                        (0x00, 0x10, 0x20, 0x30))


@dataclass(frozen=True)
class Kind:
    """One instruction: its exit codes, its opcode, what follows, ModRM.reg where that is part of
    the opcode, the name that Capstone has for it, enum svm_insn_kind; a prefix it cannot do
    without."""

    codes: tuple
    opcode: str
    operands: int
    extension: int | None
    name: str
    kind: int = ONLY
    prefix: int | None = None

    def __str__(self):
        return self.name or self.opcode


def _kinds():
    def one(code, opcode, name, operands=NONE, extension=None, **more):
        codes = tuple(code) if isinstance(code, (tuple, range)) else (code,)
        return Kind(codes, opcode, operands, extension, name, **more)
    return (
        one(CR_READ, "0f20", "mov", REGISTERS), one((*CR_WRITE, 0x65), "0f22", "mov", REGISTERS),
        one(DR_READ, "0f21", "mov", REGISTERS), one(DR_WRITE, "0f23", "mov", REGISTERS),
        one(0x00, "0f01", "smsw", MODRM, 4, kind=SMSW),
        one((0x10, 0x65), "0f01", "lmsw", MODRM, 6, kind=LMSW),
        one(0x10, "0f06", "clts", kind=CLTS), one(0x43, "cc", "int3"), one(0x44, "ce", "into"),
        one(0x46, "0f01c1", "vmcall"), one(0x88, "f1", "int1"),
        one(0x66, "0f01", "sidt", MEMORY, 1), one(0x67, "0f01", "sgdt", MEMORY, 0),
        one(0x68, "0f00", "sldt", MODRM, 0), one(0x69, "0f00", "str", MODRM, 1),
        one(0x6A, "0f01", "lidt", MEMORY, 3), one(0x6B, "0f01", "lgdt", MEMORY, 2),
        one(0x6C, "0f00", "lldt", MODRM, 2), one(0x6D, "0f00", "ltr", MODRM, 3),
        one(0x6E, "0f31", "rdtsc"), one(0x6F, "0f33", "rdpmc"), one(0x72, "0fa2", "cpuid"),
        one(0x74, "cf", "iret"), one(0x75, "cd", "int", IMM8), one(0x77, "90", "pause",
                                                                 prefix=0xF3),
        # INVD: QEMU says that it was WBINVD.
        one((0x76, 0x89), "0f08", "invd"), one(0x89, "0f09", "wbinvd"), one(0x78, "f4", "hlt"),
        one(0x79, "0f01", "invlpg", MEMORY, 7), one(0x7A, "0f01df", "invlpga"),
        one(0x7C, "0f30", "wrmsr"), one(0x7C, "0f32", "rdmsr"), one(0x80, "0f01d8", "vmrun"),
        one(0x81, "0f01d9", "vmmcall"), one(0x87, "0f01f9", "rdtscp"), one(0x8E, "0f01fd", ""),
        one(0x8A, "0f01c8", "monitor"), one(0x8A, "0f01fa", ""),  # MONITORX
        one((0x8B, 0x8C), "0f01c9", "mwait"), one((0x8B, 0x8C), "0f01fb", ""),  # MWAITX
        one(0x8D, "0f01d1", "xsetbv"), one(0xA2, "0f3882", "invpcid", MEMORY, prefix=0x66),
    )


KINDS = _kinds()
CODES = (*range(0xA7), 0x400, 0x401, 0xFFFFFFFF)


@dataclass(frozen=True)
class Drawn:
    """One instruction as bytes, and what is to be read from them."""

    what: Kind
    bits: int
    prefixes: bytes
    data: bytes
    rex: int
    reg: int | None = None
    rm: int | None = None
    mod: int | None = None

    @property
    def expected(self) -> dict:
        """Members of struct svm_insn; those of ModRM where there is one."""
        found = {"kind": self.what.kind, "length": len(self.data), "rex": self.rex}
        if self.mod is not None:
            found |= {"reg": self.reg, "rm": self.rm, "mod": self.mod}
        return found


def _prefixes(rng, bits, needed):
    """Legacy prefixes in any order, now and then with a REX among them that does not count."""
    made = [rng.choice(LEGACY) for _ in range(rng.choice((0, 0, 1, 1, 2, 3, 5)))]
    if needed:
        made.insert(rng.randrange(len(made) + 1), needed)
    if bits == 64 and made and rng.random() < 0.1:
        made.insert(rng.randrange(len(made)), rng.randrange(0x40, 0x50))
    return bytes(made)


def _tail(rng, address, mod, rm):
    """SIB and displacement for 16-, 32- or 64-bit addresses; APM vol. 3, "ModRM and SIB Bytes"."""
    if mod == 3:
        return b""
    if address == 16:
        return rng.randbytes({0: 2 if rm == 6 else 0, 1: 1, 2: 2}[mod])
    sib = rng.randbytes(1) if rm == 4 else b""
    absolute = rm == 5 or sib and sib[0] & 7 == 5
    return sib + rng.randbytes({0: 4 if absolute else 0, 1: 1, 2: 4}[mod])


def _address(bits, prefixes):
    other = 0x67 in prefixes
    return {16: (16, 32), 32: (32, 16), 64: (64, 32)}[bits][other]


def draw(rng: random.Random, what: Kind | None = None, bits: int = 0) -> Drawn:
    """An encoding of one of them."""
    what, bits = what or rng.choice(KINDS), bits or rng.choice((16, 32, 64))
    prefixes = _prefixes(rng, bits, what.prefix)
    rex = rng.randrange(0x40, 0x50) if bits == 64 and rng.random() < 0.5 else 0
    if what.opcode == "90":  # with REX.B it is an XCHG
        rex = 0
    head = prefixes + (bytes([rex]) if rex else b"") + bytes.fromhex(what.opcode)
    if what.operands == NONE:
        return Drawn(what, bits, prefixes, head, rex)
    if what.operands == IMM8:
        return Drawn(what, bits, prefixes, head + rng.randbytes(1), rex)
    mod = rng.randrange(3 if what.operands == MEMORY else 4)
    reg = rng.randrange(8) if what.extension is None else what.extension
    rm = rng.randrange(8)
    modrm = bytes([mod << 6 | reg << 3 | rm])
    if what.operands == REGISTERS:  # mod does not count
        mod, tail = 3, b""
    else:
        tail = _tail(rng, _address(bits, prefixes), mod, rm)
    return Drawn(what, bits, prefixes, head + modrm + tail, rex, reg | (rex & 4) << 1,
                 rm | (rex & 1) << 3, mod)
