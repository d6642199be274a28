# SPDX-License-Identifier: GPL-2.0
"""The rules of VMRUN, compiled on the host and asked from Python; and what they predict."""

from __future__ import annotations

import ctypes
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from entry.checker import FIELD, MASK64, TOP, Finding, finding

FOLDERS = ("common/include", "common/arch", "project07")
SOURCES = ("project07/svm_check*_logic.c", "project07/vmcb_table_logic.c",
           "tests/entry/svm_check_shim.c")
OUTPUTS = {"EXITCODE", "EXITINFO1", "EXITINFO2", "EXITINTINFO", "FETCHED_BYTES"}
PARTS = (("selector", 0, 2), ("attributes", 2, 2), ("limit", 4, 4), ("base", 8, 8))
_LINE = re.compile(r"^VMCB_(FIELD|SEGMENT|TABLE)\((0x[0-9a-f]+), (?:(\d+), )?(\w+),", re.M)
INVALID = 0xFFFFFFFF
# What can be seen before the guest's first instruction: a nested page fault, an exception on the
# way to a fetch or out of a delivery, events of the host, a virtual interrupt, a shutdown.
BEFORE_THE_FIRST = {0x400, *range(0x40, 0x60), 0x60, 0x61, 0x62, 0x63, 0x64, 0x7F}


def read_fields() -> dict[str, tuple[int, int]]:
    """(offset, bytes) of all VMCB fields by identifier, as common/arch has them."""
    text = (TOP / "common/arch/vmcb_fields.def").read_text(encoding="utf-8")
    found = {}
    for kind, offset, size, name in _LINE.findall(text):
        if kind == "FIELD":
            found[name] = (int(offset, 16), int(size))
            continue
        for part, at, bytes_ in PARTS[2 if kind == "TABLE" else 0:]:
            found[f"{name}.{part}"] = (int(offset, 16) + at, bytes_)
    return found


FIELDS = read_fields()
IDENTS = {offset: name for name, (offset, _) in FIELDS.items()}


def width(name: str) -> int:
    """Bits of a field."""
    return FIELDS[name][1] * 8


@dataclass(frozen=True)
class Rule:
    """A line of the table of rules."""

    id: str
    kind: str
    section: str
    text: str
    certain: bool
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Prediction:
    """What the rules say of a case."""

    outcomes: frozenset[str]  # any of these agrees; empty: the rules cannot decide
    findings: tuple[Finding, ...]

    @property
    def rules(self) -> set[str]:
        """Which rules are violated."""
        return {found.id for found in self.findings if found.answer == "violated"}

    own_rules = rules  # the driver violates none of its own accord, as it does with VMX


class Checker:
    """The compiled rules."""

    def __init__(self, folder: Path, sanitize: bool = False) -> None:
        self._library = ctypes.CDLL(str(build(folder, sanitize)))
        self._out = ctypes.create_string_buffer(1 << 16)

    def _lines(self, ask) -> list[str]:
        count = ask(self._out, len(self._out))
        lines = self._out.value.decode().splitlines()
        assert len(lines) == count, "the buffer is too small"
        return lines

    def rules(self) -> list[Rule]:
        """Every rule in the order of the table."""
        split = [line.split("\t") for line in self._lines(self._library.shim_rules)]
        return [Rule(*words[:4], words[4] == "1", tuple(words[5].split())) for words in split]

    def fields(self) -> dict[str, tuple[int, int, bool]]:
        """(offset, bytes, only the processor writes it) of each field of the C table."""
        split = [line.split() for line in self._lines(self._library.shim_fields)]
        return {name: (int(at), int(size), output == "1") for name, at, size, output in split}

    def check(self, facts: bytes, state: dict[str, int]) -> list[Finding]:
        """What the rules say of a state, fields by identifier."""
        fields = b"".join(FIELD.pack(FIELDS[name][0], 0, value & MASK64)
                          for name, value in state.items())
        self._library.shim_check(facts, fields, len(state), self._out, len(self._out))
        return [finding(line) for line in self._out.value.decode().splitlines()]

    def predict(self, facts: bytes, base: dict[str, int], case: dict[str, int]) -> Prediction:
        """What a processor does with these changes of a state."""
        state = {**base, **case}
        if not base["GUEST_ASID"] and "GUEST_ASID" not in case:
            state["GUEST_ASID"] = 1  # project07/svm_try_entry.c does the same
        found = tuple(self.check(facts, state))
        answers = {one.answer for one in found}
        if "violated" in answers:
            return Prediction(frozenset({"invalid"}), found)
        return Prediction(frozenset() if answers else frozenset({"entered"}), found)


def outcome_of(reason: int) -> str:
    """Say what the processor did: invalid, entered; or what should not have happened."""
    if reason == INVALID:
        return "invalid"
    return "entered" if reason in BEFORE_THE_FIRST else f"an instruction, exit code {reason:#x}"


def build(folder: Path, sanitize: bool = False) -> Path:
    """Compile the rules into a shared library."""
    sources = [str(path) for pattern in SOURCES for path in sorted(TOP.glob(pattern))]
    library = folder / "svm-rules.so"
    flags = ["-fsanitize=undefined", "-fno-sanitize-recover=all"] if sanitize else []
    subprocess.run(
        ["gcc", "-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC",
         "-DVTX_STAGE=7", *flags, *(f"-I{TOP / name}" for name in FOLDERS), *sources,
         "-o", str(library)], check=True)
    return library
