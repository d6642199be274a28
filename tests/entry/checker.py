# SPDX-License-Identifier: GPL-2.0
"""The rules of a VM entry, compiled on the host and asked from Python."""

from __future__ import annotations

import ctypes
import re
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
FOLDERS = ("common/include", "common/arch", "common/user", "project01", "project03")
SOURCES = ("project03/vmx_check*_logic.c", "project03/vmcs_table_logic.c",
           "project01/vmx_caps_logic.c", "project01/detect_logic.c",
           "tests/entry/check_shim.c")
FACTS = struct.Struct("<II12s12sII16I5QII20Q")  # struct vtx_cpu_facts
FIELD = struct.Struct("<IIQ")  # struct vtx_field
ANSWERS = {1: "violated", 2: "undecided"}
MASK64 = (1 << 64) - 1
WIDTHS = {0: 16, 1: 64, 2: 32, 3: 64}  # of a field, by bits 14:13 of its encoding
TYPES = {0: "control", 1: "read-only", 2: "guest", 3: "host"}  # bits 11:10
_LINE = re.compile(r"VMCS_FIELD\((0x[0-9a-f]+),\s*(\w+),")


def read_fields() -> dict[str, int]:
    """Encodings of all VMCS fields by identifier, as common/arch has them."""
    text = (TOP / "common/arch/vmcs_fields.def").read_text(encoding="utf-8")
    return {name: int(encoding, 16) for encoding, name in _LINE.findall(text)}


def read_controls() -> dict[str, int]:
    """Masks of the control bits: "SECONDARY.ENABLE_EPT"."""
    text = (TOP / "common/arch/vmx_ctls.def").read_text(encoding="utf-8")
    found = re.findall(r"^VMX_CTL\((\w+), (\d+), (\w+),", text, re.M)
    return {f"{group}.{name}": 1 << int(bit) for group, bit, name in found}


FIELDS = read_fields()
IDENTS = {encoding: name for name, encoding in FIELDS.items()}


def width(name: str) -> int:
    """Bits of a field."""
    return WIDTHS[FIELDS[name] >> 13 & 3]


def kind_of(name: str) -> str:
    """Say what a field is for: control, read-only, guest or host."""
    return TYPES[FIELDS[name] >> 10 & 3]


@dataclass(frozen=True)
class Rule:
    """A line of the table of rules."""

    id: str
    kind: str
    section: str
    text: str
    group: int  # enum vmx_ctl_group of the next
    mask: int  # controls that the rule applies under
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """A rule that does not hold."""

    answer: str  # "violated" or "undecided"
    id: str
    kind: str
    field: str
    seen: int
    wrong: int
    right: int | None


def pack_facts(raw: dict) -> bytes:
    """struct vtx_cpu_facts of an entry of "raw" in the output of vtxctl detect --json."""
    number = lambda key: int(raw[key], 0) if raw.get(key) else 0  # noqa: E731
    leaves = [int(register, 0) for leaf in ("leaf1", "ext1", "ext_svm", "ext_addr")
              for register in raw[leaf]]
    msrs = raw["vmx_msr"]
    valid = sum(1 << i for i, value in enumerate(msrs) if value is not None)
    return FACTS.pack(
        raw["cpu"], 0, raw["vendor"].encode("latin-1"), b"", number("max_leaf"),
        number("max_ext_leaf"), *leaves, number("cr0"), number("cr4"), number("efer"),
        number("feature_control"), number("vm_cr"), valid, 0,
        *(int(value, 0) if value else 0 for value in msrs))


class Checker:
    """The compiled rules."""

    def __init__(self, folder: Path, sanitize: bool = False) -> None:
        library = build(folder, sanitize)
        self._library = ctypes.CDLL(str(library))
        self._out = ctypes.create_string_buffer(1 << 17)

    def rules(self) -> list[Rule]:
        """Every rule in the order of the table."""
        count = self._library.shim_rules(self._out, len(self._out))
        lines = self._out.value.decode().splitlines()
        assert len(lines) == count, "the buffer is too small for all rules"
        return [rule_of(*line.split("\t")) for line in lines]

    def check(self, facts: bytes, state: dict[str, int]) -> list[Finding]:
        """What the rules say of a state, fields by identifier."""
        fields = b"".join(FIELD.pack(FIELDS[name], 0, value & MASK64)
                          for name, value in state.items())
        self._library.shim_check(facts, fields, len(state), self._out, len(self._out))
        return [finding(line) for line in self._out.value.decode().splitlines()]


def rule_of(name: str, kind: str, section: str, text: str, *rest: str) -> Rule:
    """Read a line of shim_rules()."""
    group, mask, fields = rest
    return Rule(name, kind, section, text, int(group), int(mask, 16), tuple(fields.split()))


def finding(line: str) -> Finding:
    """Read a line of check_shim.c."""
    answer, rule, kind, field, seen, wrong, has_right, right = line.split()
    return Finding(ANSWERS[int(answer)], rule, kind, field, int(seen, 16), int(wrong, 16),
                   int(right, 16) if has_right == "1" else None)


def build(folder: Path, sanitize: bool = False) -> Path:
    """Compile the rules into a shared library."""
    sources = [str(path) for pattern in SOURCES for path in sorted(TOP.glob(pattern))]
    library = folder / "rules.so"
    flags = ["-fsanitize=undefined", "-fno-sanitize-recover=all"] if sanitize else []
    subprocess.run(
        ["gcc", "-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC",
         "-DVTX_STAGE=4", *flags, *(f"-I{TOP / name}" for name in FOLDERS), *sources,
         "-o", str(library)], check=True)
    return library
