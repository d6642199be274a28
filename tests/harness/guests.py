# SPDX-License-Identifier: GPL-2.0
"""The grader's own guests: assembled on the host, different in each run;
in a starter as well, but nobody knows what a run draws.

    image = guests.code("mov %rsi, %rdi; EXIT 7")      a few lines
    image = guests.named("keep", VALUES=…)             tests/harness/guests/keep.S
    text, function = guests.secret(rng)                a function that nobody knows before the run

An image is flat; it is loaded at LOAD and begins there (guests/guest.h has what it finds).
"""

from __future__ import annotations

import random
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from harness.errors import LabError

HERE = Path(__file__).resolve().parent / "guests"
LOAD = 0x10000
WORD = (1 << 64) - 1
STEPS = 24
# Exit codes of keep.S: what a guest did not find as it had left it.
REGISTERS = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
             *(f"r{n}" for n in range(8, 16)))
LOST = {**{n + 1: name.upper() for n, name in enumerate(REGISTERS)}, 32: "CR2", 33: "DR0 to DR3",
        34: "the x87 registers", 35: "the SSE registers", 36: "the AVX registers", 37: "RFLAGS",
        38: "IA32_KERNEL_GS_BASE"}
KEEP = {"gpr": 1, "cr2": 2, "dr": 4, "fpu": 8, "flags": 16, "gs": 32, "avx": 64}
# Where spin.S writes, 16 bytes apart for each vCPU.
RESULT, COUNTER, APART = 0x8000, 0x8100, 16
# Where catch.h writes how its steps have ended, and the word for a step that nothing has stopped.
RECORDS, RECORD, NO_VECTOR = 0x8000, 64, 256
# Where log.h logs, and how much room a test reads.
LOG_COUNT, LOG, LOG_BYTES = 0x7000, 0x8000, 32 * 64


class GuestError(LabError):
    """A guest of the grader's own does not assemble."""


def _run(argv: list[str], text: str | None = None) -> None:
    try:
        done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise GuestError(f"{argv[0]} is not installed; `make doctor` tells") from error
    if done.returncode:
        raise GuestError(f"{' '.join(argv)}:\n{done.stderr.strip()}")


@lru_cache(maxsize=256)
def _image(text: str, defines: tuple[str, ...], base: int = LOAD) -> bytes:
    with tempfile.TemporaryDirectory(prefix="vtx-guest-") as folder:
        made, image = Path(folder, "guest.o"), Path(folder, "guest.bin")
        _run(["gcc", "-c", "-x", "assembler-with-cpp", f"-I{HERE}", *defines, "-o", str(made), "-"],
             text)
        _run(["ld", "--oformat", "binary", "-N", "-e", "0", f"-Ttext={base:#x}", "-o", str(image),
              str(made)])
        return image.read_bytes()


def _defines(values: dict[str, object]) -> tuple[str, ...]:
    return tuple(f"-D{name}={value}" for name, value in sorted(values.items()))


def code(text: str, base: int = LOAD, **defines: object) -> bytes:
    """A guest of a few lines of assembly (AT&T), with the macros of guest.h."""
    return _image(f'#include "guest.h"\n{text}\n', _defines(defines), base)


@dataclass(frozen=True)
class Record:
    """How a step of a guest has ended."""

    vector: int  # NO_VECTOR: nothing has stopped it
    code: int  # the exception's error code
    at: int  # bytes from the step's beginning to where it was stopped
    rflags: int
    rax: int
    rbx: int
    rcx: int
    rdx: int


def steps(texts: list[str], end: str = "EXIT 0", data: str = "", **defines: object) -> bytes:
    """A guest that survives its exceptions, and notes how each step has ended (catch.h)."""
    body = "\n".join(f"\tSTEP {n}\n\t{text}\n\tDONE {n}" for n, text in enumerate(texts))
    whole = f'#include "catch.h"\nstart:\n\tPREPARE\n{body}\n\t{end}\nCATCH_END\n{data}\n'
    return _image(whole, _defines(defines))


def logging(text: str, end: str = "EXIT 0") -> bytes:
    """A guest of a few lines that logs the events it gets, and goes on where it was (log.h)."""
    return _image(f'#include "log.h"\nstart:\n\tPREPARE\n{text}\n\t{end}\nLOG_END\n', ())


@dataclass(frozen=True)
class Logged:
    """An event that a guest has got."""

    vector: int
    code: int
    rip: int
    cr2: int


def log(head: bytes, data: bytes) -> tuple[list[Logged], int]:
    """What such a guest has logged, from its memory at LOG_COUNT and at LOG on; the second is how
    many handlers were inside each other at most."""
    count, _, deepest = (int.from_bytes(head[at:at + 8], "little") for at in (0, 8, 16))
    words = [int.from_bytes(data[at:at + 8], "little") for at in range(0, len(data), 8)]
    return [Logged(*words[at:at + 4]) for at in range(0, min(4 * count, len(words)), 4)], deepest


def records(data: bytes) -> list[Record]:
    """What such a guest has noted, from its memory at RECORDS on."""
    words = [int.from_bytes(data[at:at + 8], "little") for at in range(0, len(data), 8)]
    return [Record(*words[at:at + 8]) for at in range(0, len(words), 8)]


def named(name: str, **defines: object) -> bytes:
    """A guest of tests/harness/guests."""
    return _image((HERE / f"{name}.S").read_text(encoding="utf-8"), _defines(defines))


# ---- what nobody can know before the run -------------------------------------------------------


def _rotated(value: int, count: int) -> int:
    return (value << count | value >> 64 - count) & WORD


def _step(rng: random.Random) -> tuple[str, Callable[[int], int]]:
    """One instruction or two on RAX, and what it does."""
    small, count = rng.getrandbits(31), rng.randrange(1, 64)
    odd = small | 1
    return rng.choice((
        (f"add ${small}, %rax", lambda v: v + small & WORD),
        (f"xor ${small}, %rax", lambda v: v ^ small),
        (f"imul ${odd}, %rax, %rax", lambda v: v * odd & WORD),
        (f"rol ${count}, %rax", lambda v: _rotated(v, count)),
        ("not %rax", lambda v: v ^ WORD),
        ("bswap %rax", lambda v: int.from_bytes(v.to_bytes(8, "little"), "big")),
        (f"mov %rax, %rdx; shr ${count}, %rdx; xor %rdx, %rax", lambda v: v ^ v >> count),
    ))


def secret(rng: random.Random) -> tuple[str, Callable[[int], int]]:
    """A function of 64 bits: assembly that applies it to RAX (RDX is lost), and itself."""
    steps = [_step(rng) for _ in range(STEPS)]

    def function(value: int) -> int:
        for _, step in steps:
            value = step(value)
        return value

    return "; ".join(text for text, _ in steps), function


def spin(rng: random.Random) -> tuple[bytes, Callable[[int], int]]:
    """The guest that never ends, with a secret of its own."""
    text, function = secret(rng)
    return named("spin", SECRET=text), function


def answer(rng: random.Random) -> tuple[bytes, Callable[[int], int]]:
    """The guest that prints what its secret function makes of its argument, in hexadecimal."""
    text, function = secret(rng)
    return named("answer", SECRET=text), function


def keep(rng: random.Random, quiet: bool = False) -> tuple[bytes, list[int]]:
    """The guest that compares its registers, and the numbers that it keeps in them.

    Bit 63 is clear: x87 loads them as integers; and DR0 to DR3 take the lower half. A `quiet` one
    does not leave by itself, and says in memory what it has lost.
    """
    values = [rng.getrandbits(63) for _ in range(16)]
    words = {"QUIET": 1} if quiet else {}
    return named("keep", VALUES=",".join(f"{value:#x}" for value in values), **words), values
