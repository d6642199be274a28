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


# Registers, flags and memory are the same before both; what is there afterwards goes to SAVED.
AROUND = """
	jmp begin
prepare_ram:
	movq $RAM, base
	jmp prepare
prepare_device:
	movabs $DEVICE, %rax
	mov %rax, base
prepare:
	mov base, %rdi
	call fill
	mov $OTHER, %edi
	call fill
	mov $OTHER + WINDOW, %edi
	call fill
	push $2
	popf
	LOAD_ALL
	mov base, %rdi
	mov $3, %ecx
	ret
fill:	mov $window, %esi
	mov $WINDOW / 8, %ecx
1:	mov (%rsi), %rax
	mov %rax, (%rdi)
	add $8, %rsi
	add $8, %rdi
	dec %ecx
	jnz 1b
	ret
save:	SAVE_ALL
	pushf
	pop %rax
	mov %rax, current + 8 * 16
	cld
	mov base, %rsi
	mov $current + 8 * 17, %edi
	mov $WINDOW / 8, %ecx
1:	mov (%rsi), %rax
	mov %rax, (%rdi)
	add $8, %rsi
	add $8, %rdi
	dec %ecx
	jnz 1b
	mov $current, %esi
	mov out, %rdi
	mov $17 + WINDOW / 8, %ecx
	rep movsq
	mov %rdi, out
	ret
	.balign 8
base:	.quad 0
out:	.quad SAVED
values:	.quad VALUES
window:	.quad WORDS
current: .skip 8 * (17 + WINDOW / 8)
begin:	mov $0x6f0000, %esp
"""


def image(rng, forms, device, prologue):
    """A 64-bit guest that executes each form twice, and prints what was there after each."""
    numbers = [rng.getrandbits(64) for _ in range(len(REGISTERS) + WINDOW // 8)]
    names = [(n, name) for n, name in enumerate(REGISTERS) if name != "rsp"]
    around = AROUND.replace("LOAD_ALL", "; ".join(f"mov values + {8 * n}, %{r}" for n, r in names))
    around = around.replace("SAVE_ALL", "; ".join(f"mov %{r}, current + {8 * n}"
                                                  for n, r in enumerate(REGISTERS)))
    lines = [prologue, around]
    for form in forms:
        lines += [f"call {prepare}; {form.text}; call save"
                  for prepare in ("prepare_ram", "prepare_device")]
    for n in range(len(forms)):
        lines.append(f"WRITE {SAVED + 16 * n * WORDS}, {16 * WORDS}")
    return guests.code("\n".join([*lines, "EXIT 0"]), RAM=RAM, OTHER=OTHER, WINDOW=WINDOW,
                       SAVED=SAVED, DEVICE=device, VALUES=",".join(map(hex, numbers[:16])),
                       WORDS=",".join(map(hex, numbers[16:])))


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
