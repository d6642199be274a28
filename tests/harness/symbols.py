# SPDX-License-Identifier: GPL-2.0
"""Function names of a stock kernel for gdb: an ELF file with nothing but a symbol table.

Distributions ship the kernel's debug information in packages of half a gigabyte. Its function
names the running kernel knows itself (/proc/kallsyms), and with `nokaslr` they lie where the
image says, so they are read once and kept.
"""

from __future__ import annotations

import struct
from pathlib import Path

from harness import cache
from harness.machine import Machine

EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
SHDR = struct.Struct("<IIQQQQIIQQ")
SYM = struct.Struct("<IBBHQQ")
NAMES = b"\0.text\0.symtab\0.strtab\0.shstrtab\0"
ET_EXEC, EM_X86_64 = 2, 62
SHT_SYMTAB, SHT_STRTAB, SHT_NOBITS = 2, 3, 8
ALLOC_EXEC = 6
GLOBAL_FUNC = 1 << 4 | 2
CAP = 16 << 20
# Functions of the kernel image alone; those of modules carry the module's name.
LIST = "grep -v '\\]$' /proc/kallsyms | grep -i ' [tw] ' | cut -d ' ' -f 1,3"


def kernel_symbols(machine: Machine) -> Path:
    """Return the symbol file of the machine's kernel, which has to run with nokaslr."""

    def build(path: Path) -> None:
        text = machine.sh(LIST, timeout=120, cap=CAP).out
        path.write_bytes(elf(parse(text)))

    return cache.entry(f"symbols/{machine.agent['release']}.elf", build)


def parse(text: str) -> list[tuple[int, str]]:
    pairs = (line.split() for line in text.splitlines())
    found = [(int(pair[0], 16), pair[1]) for pair in pairs if len(pair) == 2]
    return sorted(pair for pair in found if pair[0])


def elf(symbols: list[tuple[int, str]]) -> bytes:
    """Return an ELF file with these functions only; each ends where the next begins."""
    start, end = symbols[0][0], symbols[-1][0] + 16
    table, strings = bytearray(SYM.size), bytearray(1)
    for (address, name), (after, _) in zip(symbols, [*symbols[1:], (end, "")]):
        table += SYM.pack(len(strings), GLOBAL_FUNC, 0, 1, address, after - address)
        strings += name.encode() + b"\0"
    return layout(start, end, bytes(table), bytes(strings))


def layout(start: int, end: int, table: bytes, strings: bytes) -> bytes:
    first = EHDR.size
    at = [first, first + len(table), first + len(table) + len(strings)]
    headers = at[2] + len(NAMES)
    names = {word: NAMES.index(b"\0" + word + b"\0") + 1 for word in NAMES.split(b"\0") if word}
    sections = [
        (0,) * 10,
        (names[b".text"], SHT_NOBITS, ALLOC_EXEC, start, first, end - start, 0, 0, 16, 0),
        (names[b".symtab"], SHT_SYMTAB, 0, 0, at[0], len(table), 3, 1, 8, SYM.size),
        (names[b".strtab"], SHT_STRTAB, 0, 0, at[1], len(strings), 0, 0, 1, 0),
        (names[b".shstrtab"], SHT_STRTAB, 0, 0, at[2], len(NAMES), 0, 0, 1, 0),
    ]
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    count = len(sections)
    head = EHDR.pack(
        ident, ET_EXEC, EM_X86_64, 1, start, 0, headers, 0, EHDR.size, 0, 0, SHDR.size, count, 4
    )
    return head + table + strings + NAMES + b"".join(SHDR.pack(*s) for s in sections)
