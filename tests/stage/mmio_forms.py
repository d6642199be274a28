# SPDX-License-Identifier: GPL-2.0
"""Instructions that touch memory, each executed twice by a guest: on memory, and on a device.

What the processor does with the first is what the emulator in vtxctl has to do with the second. The
guest prints registers, flags and the bytes around for both, and the test compares.
"""
from __future__ import annotations

import struct
from dataclasses import dataclass

from harness import guests

RAM, OTHER = 0x400000, 0x500000  # where the first is executed; a source or target beside it
WINDOW = 0x40  # bytes that are filled before and looked at afterwards
SAVED = 0x600000
REGISTERS = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
             *(f"r{n}" for n in range(8, 16)))
WORDS = len(REGISTERS) + 1 + WINDOW // 8  # registers, flags, memory
CF, PF, AF, ZF, SF, DF, OF = (1 << bit for bit in (0, 2, 4, 6, 7, 10, 11))
STATUS = CF | PF | AF | ZF | SF | OF
# AND, OR, XOR and TEST leave AF undefined: SDM vol. 2.
NO_AF = STATUS & ~AF


@dataclass(frozen=True)
class Form:
    """RDI is the address, RCX 3; what else a form wants it sets itself."""

    text: str
    flags: int = STATUS | DF  # those that are compared


def _sized(names, template, **how):
    return [Form(template.format(r=name), **how) for name in names]


ACCUMULATORS = ("al", "ax", "eax", "rax")
ODD = ("r9b", "r10w", "r11d", "r12", "ah", "sil", "bpl")
MOVES = [
    *_sized((*ACCUMULATORS, *ODD), "mov (%rdi), %{r}"),
    *_sized((*ACCUMULATORS, *ODD[:4], "dh"), "mov %{r}, 8(%rdi)"),
    Form("movb $0x81, 3(%rdi)"), Form("movw $0x8182, (%rdi)"), Form("movl $0x81828384, 4(%rdi)"),
    Form("movq $-0x7a7b7c7d, (%rdi)"), Form("mov (%rdi,%rcx,8), %rdx"),
    Form("mov %ebx, 5(%rdi,%rcx,2)"), Form("lea -0x1000(%rdi), %r13; mov 0x1008(%r13), %eax"),
    Form("mov (%edi), %eax"), Form("movnti %rdx, 16(%rdi)"), Form("mov 1(%rdi), %rax"),
    Form("mov %rax, 3(%rdi)"), Form("mov %ds, (%rdi)"), Form("xor %eax, %eax; mov %eax, %fs;"
                                                             " mov %fs:(%rdi), %ecx"),
]
EXTENDS = [Form(f"{name} 5(%rdi), %{register}") for name, register in (
    ("movzbw", "ax"), ("movzbl", "r14d"), ("movzbq", "rdx"), ("movzwl", "eax"), ("movzwq", "r8"),
    ("movsbw", "cx"), ("movsbl", "ebx"), ("movsbq", "rax"), ("movswl", "edx"), ("movswq", "r15"),
    ("movslq", "rax"))]
LOGIC = [Form(text.format(op=op), NO_AF | DF) for op in ("and", "or", "xor") for text in (
    "{op} %al, (%rdi)", "{op} %bx, 2(%rdi)", "{op} %ecx, 4(%rdi)", "{op} %r9, 8(%rdi)",
    "{op} 1(%rdi), %dl", "{op} (%rdi), %r10d", "{op} 8(%rdi), %rax", "{op}b $0x7f, (%rdi)",
    "{op}w $0x1234, (%rdi)", "{op}l $-5, 4(%rdi)", "{op}q $0x12345678, (%rdi)",
    "lock {op} %rbx, 16(%rdi)")]
TESTS = [Form(text, NO_AF | DF) for text in (
    "test %al, (%rdi)", "test %dx, (%rdi)", "test %r8d, (%rdi)", "test %rax, (%rdi)",
    "testb $0x80, 7(%rdi)", "testw $0x8001, (%rdi)", "testl $0x10, (%rdi)", "testq $-1, (%rdi)")]
EXCHANGES = [Form(text) for text in (
    "xchg %al, (%rdi)", "xchg %bx, 6(%rdi)", "xchg %r12d, (%rdi)", "xchg %rdx, 8(%rdi)")]
THERE, BACK = f"mov ${OTHER}, %esi;", f"mov %rdi, %rsi; mov ${OTHER + WINDOW}, %edi;"
STRINGS = [Form(text) for text in (
    *(f"{THERE} movs{s}" for s in "bwlq"), *(f"{BACK} movs{s}" for s in "bwlq"),
    f"{THERE} rep movsb", f"{THERE} rep movsq", f"{BACK} rep movsl", f"{BACK} rep movsb",
    f"{THERE} mov $0, %ecx; rep movsb", "lea 16(%rdi), %rsi; rep movsl",
    f"{THERE} add $24, %rdi; add $24, %rsi; std; rep movsw",
    f"{BACK} add $24, %rdi; add $24, %rsi; std; rep movsb",
    "stosb", "stosw", "stosl", "stosq", "rep stosl", "rep stosb", "add $20, %rdi; std; rep stosw",
    "mov %rdi, %rsi; lodsb", "mov %rdi, %rsi; lodsw", "mov %rdi, %rsi; lodsl",
    "mov %rdi, %rsi; lodsq", "mov %rdi, %rsi; rep lodsw")]
FORMS = [*MOVES, *EXTENDS, *LOGIC, *TESTS, *EXCHANGES, *STRINGS]


def _numbers(rng, count):
    return [rng.getrandbits(64) for _ in range(count)]


def _fill(base, words, register="rdi"):
    lines = [f"movabs ${base}, %{register}"]
    for n, word in enumerate(words):
        lines += [f"movabs ${word}, %rax", f"mov %rax, {8 * n}(%{register})"]
    return lines


def _once(form, base, values, window, other, saved):
    """Fill, load, execute, save."""
    lines = [*_fill(base, window), *_fill(OTHER, other), *_fill(OTHER + WINDOW, other)]
    for name, value in zip(REGISTERS, values):
        if name != "rsp":
            lines.append(f"movabs ${value}, %{name}")
    lines += [f"movabs ${base}, %rdi", "mov $3, %ecx", "cld", form.text]
    lines += [f"mov %{name}, {saved + 8 * n}" for n, name in enumerate(REGISTERS)]
    lines += [f"pushf; pop {saved + 8 * len(REGISTERS)}", "cld", f"movabs ${base}, %rdi"]
    for n in range(WINDOW // 8):
        to = saved + 8 * (len(REGISTERS) + 1 + n)
        lines += [f"mov {8 * n}(%rdi), %rax", f"mov %rax, {to}"]
    return lines


def image(rng, forms, device, prologue):
    """A 64-bit guest that executes each form twice, and prints what was there after each."""
    lines = [prologue, "mov $0x6f0000, %esp"]
    for n, form in enumerate(forms):
        values, window, other = (_numbers(rng, count)
                                 for count in (len(REGISTERS), WINDOW // 8, WINDOW // 8))
        for half, base in enumerate((RAM, device)):
            lines += _once(form, base, values, window, other, SAVED + (2 * n + half) * 8 * WORDS)
    for n in range(len(forms)):
        lines.append(f"WRITE {SAVED + 16 * n * WORDS}, {16 * WORDS}")
    return guests.code("\n".join([*lines, "EXIT 0"]))


def halves(data, forms):
    """(form, words after the one, words after the other) of what the guest has printed."""
    words = struct.unpack(f"<{len(data) // 8}Q", data[:len(data) // 8 * 8])
    for n, form in enumerate(forms):
        at = 2 * n * WORDS
        if len(words) < at + 2 * WORDS:
            return
        yield form, words[at:at + WORDS], words[at + WORDS:at + 2 * WORDS]


def difference(form, real, emulated, device):
    """What the emulator has done otherwise than the processor; "" for nothing."""
    moved = (device - RAM) % (1 << 64)
    for n, name in enumerate(REGISTERS):
        if emulated[n] not in (real[n], (real[n] + moved) % (1 << 64)):
            return f"{name.upper()} is {emulated[n]:#x}, not {real[n]:#x}"
    flags = (real[len(REGISTERS)] ^ emulated[len(REGISTERS)]) & form.flags
    if flags:
        return f"flags {flags:#x} are the other way round"
    for n, (right, wrong) in enumerate(zip(real[len(REGISTERS) + 1:],
                                           emulated[len(REGISTERS) + 1:])):
        if right != wrong:
            return f"bytes {8 * n} to {8 * n + 7} are {wrong:#018x}, not {right:#018x}"
    return ""
