# SPDX-License-Identifier: GPL-2.0
"""The tables of project03: fields of the VMCS, VM-instruction errors, and the build-time proofs."""
import ctypes
import json
import re
import subprocess
from pathlib import Path

import pytest

from unit import host_build
from unit import reference_vmcs as reference

ARCH = host_build.TOP / "common/arch"
HEADERS = sorted(Path("/usr/src").glob("linux-headers-*-common/arch/x86/include/asm/vmx.h"))


@pytest.fixture(name="vtxctl", scope="module")
def fixture_vtxctl(tmp_path_factory):
    """vtxctl of project03 with the reference solutions."""
    return host_build.build(tmp_path_factory.mktemp("vtxctl"), stage=3)


def listed(tool, *words):
    """vtxctl vmcs --fields --json, and its exit status."""
    done = subprocess.run([tool, "vmcs", "--fields", "--json", *words], capture_output=True,
                          text=True, check=False)
    return json.loads(done.stdout), done.returncode


def test_every_field(vtxctl):
    """Identifier, encoding, width, type, read-only and section of all fields."""
    answer, status = listed(vtxctl)
    assert status == 0 and answer["count"] == len(answer["fields"]) >= 170
    seen = {field["ident"]: (int(field["encoding"], 16), field["width"], field["type"],
                             field["section"]) for field in answer["fields"]}
    assert seen == reference.fields()
    for field in answer["fields"]:
        assert field["read_only"] == (field["type"] == "read-only")
        assert re.fullmatch(r"[\w./ ,;()-]+", field["name"])
    order = [int(field["encoding"], 16) for field in answer["fields"]]
    by_section = [field["section"] for field in answer["fields"]]
    assert by_section == sorted(by_section)
    assert all(a < b for a, b, s, t in zip(order, order[1:], by_section, by_section[1:])
               if s == t)


@pytest.mark.parametrize("words, expected", [
    (("--filter", "guest_cr0"), {"GUEST_CR0"}),
    (("--filter", "Guest CR0"), {"GUEST_CR0"}),
    (("--filter", "0x681E"), {"GUEST_RIP"}),
    (("--filter", "b.3.4"), {"HOST_IA32_SYSENTER_CS"}),
    (("--filter", "read-only"), None),
    (("--filter", "16"), None),
])
def test_filter(vtxctl, words, expected):
    """The filter looks at everything that a line shows, in upper and lower case."""
    answer, status = listed(vtxctl, *words)
    seen = {field["ident"] for field in answer["fields"]}
    table = reference.fields()
    if words[1] == "read-only":
        expected = {ident for ident, entry in table.items() if entry[2] == "read-only"}
    elif words[1] == "16":
        expected = {ident for ident, entry in table.items()
                    if entry[1] == "16" or "16" in hex(entry[0])}
    assert status == 0 and seen == expected


def test_filter_without_a_match(vtxctl):
    """Nothing found is an answer of its own, and said in words."""
    done = subprocess.run([vtxctl, "vmcs", "--fields", "--filter", "nonsense"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "nonsense" in done.stderr and not done.stdout
    done = subprocess.run([vtxctl, "vmcs"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "--fields" in done.stderr


def test_table_for_people(vtxctl):
    """A line for each field, none longer than 100 characters."""
    done = subprocess.run([vtxctl, "vmcs", "--fields"], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 1 + len(reference.fields())
    assert max(map(len, lines)) <= 100


@pytest.mark.skipif(not HEADERS, reason="needs Linux's kernel headers in /usr/src")
def test_against_the_kernel():
    """Every encoding and every error number that Linux itself uses is in our tables."""
    text = HEADERS[-1].read_text(encoding="utf-8")
    fields = text[text.index("enum vmcs_field {"):]
    encodings = {int(word, 16) for word in re.findall(r"= (0x0000[0-9a-f]{4})", fields)}
    ours = {encoding for encoding, *_ in reference.fields().values()}
    assert len(encodings) > 100
    assert {encoding & ~1 for encoding in encodings} <= ours
    errors = {int(n) for n in re.findall(r"VMXERR_\w+ = (\d+)", text)}
    table = (ARCH / "vmx_instruction_errors.def").read_text(encoding="utf-8")
    assert {int(n) for n in re.findall(r"^VMX_INSN_ERROR\((\d+),", table, re.M)} == errors


@pytest.fixture(name="names", scope="module")
def fixture_names(tmp_path_factory):
    """vmcs_table_logic.c as a library."""
    library = tmp_path_factory.mktemp("names") / "names.so"
    host_build.run(["gcc", *host_build.compile_flags((), 3), "-shared", "-fPIC",
                    host_build.TOP / "project03/vmcs_table_logic.c", "-o", library])
    loaded = ctypes.CDLL(str(library))
    loaded.vmcs_field_ident.restype = ctypes.c_char_p
    loaded.vmx_instruction_error_name.restype = ctypes.c_char_p
    return loaded


def test_names_of_fields(names):
    """Every encoding from 0 to 7FFFH has its identifier, or is unknown."""
    table = {encoding: ident for ident, (encoding, *_) in reference.fields().items()}
    for encoding in range(0x8000):
        assert names.vmcs_field_ident(encoding).decode() == table.get(encoding, "unknown field")


def test_names_of_errors(names):
    """The numbers that the manual reserves have no meaning, and all others one of their own."""
    reserved = {0, 14, 21, 27, *range(29, 40)}
    told = {n: names.vmx_instruction_error_name(n).decode() for n in range(40)}
    assert {n for n, text in told.items() if text.startswith("reserved")} == reserved
    assert len(set(told.values())) == 40 - len(reserved) + 1
    for number, word in ((2, "VMCLEAR"), (5, "VMRESUME"), (7, "control field"), (8, "host-state"),
                         (11, "revision identifier"), (12, "unsupported"), (13, "read-only")):
        assert word in told[number]


# ---- what must not compile ------------------------------------------------------------------


def compiles(folder, edit):
    """Compile a user of vmcs_fields.h with an edited table; the compiler's messages."""
    table = (ARCH / "vmcs_fields.def").read_text(encoding="utf-8")
    (folder / "vmcs_fields.def").write_text(edit(table), encoding="utf-8")
    (folder / "vmcs_fields.h").write_text((ARCH / "vmcs_fields.h").read_text(encoding="utf-8"),
                                          encoding="utf-8")
    (folder / "user.c").write_text('#include "vmcs_fields.h"\n', encoding="utf-8")
    done = subprocess.run(["gcc", "-std=gnu11", f"-I{folder}",
                           f"-I{host_build.TOP / 'common/include'}", "-fsyntax-only",
                           folder / "user.c"], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr


def replace(old, new):
    """An edit that is sure to change something."""
    def edit(table):
        assert table.count(old) == 1
        return table.replace(old, new)
    return edit


def test_the_table_compiles(tmp_path):
    """The unedited table passes its own proofs, so the failures below mean something."""
    assert compiles(tmp_path, lambda table: table) == ""


@pytest.mark.parametrize("old, new, says", [
    ('"guest CR0", NATURAL, GUEST', '"guest CR0", 64, GUEST', "GUEST_CR0"),
    ('"guest CR0", NATURAL, GUEST', '"guest CR0", NATURAL, HOST', "GUEST_CR0"),
    ("VMCS_FIELD(0x6800, GUEST_CR0", "VMCS_FIELD(0x6801, GUEST_CR0", "GUEST_CR0"),
    ("VMCS_FIELD(0x6800, GUEST_CR0", "VMCS_FIELD(0x7800, GUEST_CR0", "GUEST_CR0"),
    ("VMCS_FIELD(0x6800, GUEST_CR0", "VMCS_FIELD(0x6802, GUEST_CR0", "duplicate case"),
    ("VMCS_FIELD(0x6800, GUEST_CR0", "VMCS_FIELD(0x6900, GUEST_CR3", "GUEST_CR3"),
])
def test_a_wrong_line_does_not_compile(tmp_path, old, new, says):
    """Wrong width, wrong type, a high half, a reserved bit, an encoding or a name twice."""
    assert says in compiles(tmp_path, replace(old, new))


def test_a_short_table_does_not_compile(tmp_path):
    """Fewer than 170 fields: the table was cut."""
    assert "appendix B" in compiles(tmp_path, lambda table: table[:table.index("/* B.3.3")])
