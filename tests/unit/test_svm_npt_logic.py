# SPDX-License-Identifier: GPL-2.0
"""AMD's nested entries and VMEXIT_NPF (svm_npt_logic.c, exercise 7.6): bit by bit against the APM,
and project05's tables in this format, as AMD's walker would read them."""
import ctypes
import itertools
import random

import pytest

from harness import ept, kit
from stage import memory_logic, npt_model
from stage.memory_logic import Driver, Format
from unit import host_build, svm_build

SEED = 20261123
# APM vol. 2, "Long-Mode Page Translation": bits of an entry.
P, RW, US, PWT, PCD, A, D, PS = (1 << bit for bit in range(8))
XD = 1 << 63
ADDRESS = (1 << 52) - (1 << 12)
EXPECTED = {"present": P, "read": P | US, "write": RW, "execute": 0, "no_execute": XD,
            "table": P | RW | US, "large": PS, "address": ADDRESS, "write_back": 0,
            "uncacheable": PCD | PWT, "type_mask": PCD | PWT, "accessed": A, "dirty": D,
            "largest": 3, "width": 48}
# APM vol. 2, "Nested versus Guest Page Faults, Fault Ordering": EXITINFO1.
PRESENT, WRITE, USER, RESERVED, FETCH = (1 << bit for bit in range(5))
FINAL, GUEST_TABLES = 1 << 32, 1 << 33
NOT_PRESENT, MISCONFIGURED = 15, 19  # enum vtx_exit_kind
ACCESS_READ, ACCESS_WRITE, ACCESS_EXECUTE, ACCESS_LINEAR, ACCESS_WALK, ACCESS_EVENT = (
    1 << bit for bit in range(6))
NAMES = ("kind", "gpa", "memory_access")


@pytest.fixture(name="logic", scope="module")
def fixture_logic(tmp_path_factory):
    return svm_build.library(tmp_path_factory.mktemp("npt"), "svm_npt_logic.c")


def offsets(folder):
    """Offsets and sizes of what a C structure has: "struct member" -> (offset, bytes)."""
    members = [("vtx_exit", name) for name in NAMES]
    members += [("npt_format", name) for name in EXPECTED if name not in (
        "write_back", "uncacheable")]
    members += [("npt_format", "type[0]"), ("npt_format", "type[1]")]
    names = [text for kind, name in members for text in (
        f"__builtin_offsetof(struct {kind}, {name})", f"sizeof(((struct {kind} *)0)->{name})")]
    found = list(svm_build.numbers(folder, ["svm_npt_logic.h"], [
        *names, "sizeof(struct vtx_exit)", "sizeof(struct npt_format)"]).values())
    told = {f"{kind} {name}": tuple(found[2 * n:2 * n + 2])
            for n, (kind, name) in enumerate(members)}
    return told | {"vtx_exit": found[-2], "npt_format": found[-1]}


@pytest.fixture(name="where", scope="module")
def fixture_where(tmp_path_factory):
    return offsets(tmp_path_factory.mktemp("where"))


def member(where, data, name):
    """The number in a member of a structure."""
    offset, size = where[name]
    return int.from_bytes(data[offset:offset + size], "little")


def format_of(logic, where, page_1g):
    """svm_npt_format(), as a Format; whatever was in the structure before."""
    room = ctypes.create_string_buffer(b"\xa5" * where["npt_format"], where["npt_format"])
    logic.svm_npt_format(ctypes.c_bool(page_1g), room)
    other = {"write_back": "type[0]", "uncacheable": "type[1]"}
    return Format(**{name: member(where, room.raw, f"npt_format {other.get(name, name)}")
                     for name in EXPECTED})


def test_format(logic, where):
    """Every part of the format, with 1-GByte pages and without."""
    for page_1g in (True, False):
        expected = EXPECTED | {"largest": 3 if page_1g else 2}
        found = format_of(logic, where, page_1g).__dict__
        assert found == expected, {name: (hex(found[name]), hex(value))
                                   for name, value in expected.items() if found[name] != value}


# ---- the exit ------------------------------------------------------------------------------------


def decoded(logic, where, info1, info2, in_delivery):
    """svm_npt_decode(): its three members; the others stay 0."""
    room = ctypes.create_string_buffer(where["vtx_exit"])
    logic.svm_npt_decode(ctypes.c_uint64(info1), ctypes.c_uint64(info2),
                         ctypes.c_bool(in_delivery), room)
    found = {name: member(where, room.raw, f"vtx_exit {name}") for name in NAMES}
    rest = bytearray(room.raw)
    for name in NAMES:
        offset, size = where[f"vtx_exit {name}"]
        rest[offset:offset + size] = bytes(size)
    assert not any(rest), "another member was written"
    return found


def meant(info1, in_delivery):
    """memory_access by the words of the manual."""
    access = ACCESS_WRITE if info1 & WRITE else ACCESS_EXECUTE if info1 & FETCH else ACCESS_READ
    return access | (ACCESS_WALK if info1 & GUEST_TABLES else 0) | (
        ACCESS_EVENT if in_delivery else 0)


def test_every_error_code(logic, where):
    """All combinations of the bits, and addresses of any width."""
    rng = random.Random(SEED)
    choices = itertools.product((0, PRESENT), (0, WRITE), (USER, 0), (0, FETCH),
                                (0, FINAL, GUEST_TABLES, FINAL | GUEST_TABLES), (False, True))
    for *bits, in_delivery in choices:
        info1, gpa = sum(bits), rng.getrandbits(rng.randrange(1, 64))
        assert decoded(logic, where, info1, gpa, in_delivery) == {
            "kind": NOT_PRESENT, "gpa": gpa, "memory_access": meant(info1, in_delivery)}, \
            f"EXITINFO1 {info1:#x}"
        found = decoded(logic, where, info1 | RESERVED, gpa, in_delivery)
        assert (found["kind"], found["gpa"]) == (MISCONFIGURED, gpa), f"EXITINFO1 {info1:#x}"


def test_no_linear_address(logic, where):
    """Nobody is told of a linear address: SVM does not say it. Other bits change nothing."""
    rng = random.Random(SEED)
    known = PRESENT | WRITE | USER | RESERVED | FETCH | FINAL | GUEST_TABLES
    for _ in range(2000):
        info1 = rng.getrandbits(64) & ~RESERVED
        found = decoded(logic, where, info1, 0x1000, False)
        assert not found["memory_access"] & ACCESS_LINEAR
        assert found == decoded(logic, where, info1 & known, 0x1000, False), hex(info1)


@pytest.mark.parametrize(("info1", "in_delivery", "access"), [
    (FINAL | USER, False, ACCESS_READ), (FINAL | USER | WRITE, False, ACCESS_WRITE),
    (FINAL | USER | FETCH, False, ACCESS_EXECUTE),
    (GUEST_TABLES | USER, False, ACCESS_READ | ACCESS_WALK),
    (GUEST_TABLES | USER | WRITE | PRESENT, False, ACCESS_WRITE | ACCESS_WALK),
    (FINAL | USER | WRITE, True, ACCESS_WRITE | ACCESS_EVENT),
])
def test_by_hand(logic, where, info1, in_delivery, access):
    """Those that every guest makes."""
    assert decoded(logic, where, info1, 0x1234567, in_delivery)["memory_access"] == access


# ---- the tables ----------------------------------------------------------------------------------


@pytest.fixture(name="driver", scope="module")
def fixture_driver(tmp_path_factory):
    """project05's tables on the host."""
    tool = tmp_path_factory.mktemp("tables") / "memtool"
    host_build.run(["gcc", *host_build.compile_flags(stage=5), *host_build.SANITIZE, "-O1", "-w",
                    "-o", tool, *sorted(kit.MEMTOOL.glob("*.c")),
                    *(host_build.TOP / f"project05/{name}.c" for name in kit.MEMORY_LOGIC)])
    return Driver.on_host(tool)


@pytest.mark.parametrize("page_1g", [True, False])
@pytest.mark.parametrize("check", [
    memory_logic.check_sequence, memory_logic.check_page_sizes, memory_logic.check_splits,
    memory_logic.check_no_memory, memory_logic.check_walks], ids=lambda one: one.__name__)
def test_tables(logic, where, driver, monkeypatch, check, page_1g):
    """What 5.1 asks of formats that nobody has, with AMD's."""
    monkeypatch.setattr(memory_logic, "made_up", lambda rng: format_of(logic, where, page_1g))
    for seed in range(3):
        check(driver, random.Random(seed))


def nested_walk(root, tables, gpa):
    """(hpa, rights, memory type) as AMD's nested walk finds them, or None for a fault: rights are
    what all levels allow, every access is a user's, and reserved bits are 0."""
    table, rights = root, ept.RIGHTS
    for level in (4, 3, 2, 1):
        entry = tables[table].get(gpa >> 12 + 9 * (level - 1) & 511, 0)
        if not entry & P:
            return None
        assert entry & US, f"{entry:#x}, level {level}: a user's access is not allowed"
        assert not entry & ~(P | RW | US | PWT | PCD | A | D | PS | ADDRESS | XD), f"{entry:#x}"
        rights &= ~(0 if entry & RW else ept.WRITE) & ~(ept.EXECUTE if entry & XD else 0)
        if level == 1 or entry & PS:
            assert level in (1, 2, 3), "PS is reserved at level 4"
            offset = (1 << 12 + 9 * (level - 1)) - 1
            assert not entry & ADDRESS & offset, f"{entry:#x}: reserved bits of a large page"
            kind = {0: ept.WB, PCD | PWT: ept.UC}[entry & (PCD | PWT)]
            return (entry & ADDRESS) + (gpa & offset), rights, kind
        assert not entry & (PCD | PWT), f"{entry:#x}: the tables themselves are write-back"
        table = entry & ADDRESS
    return None


@pytest.mark.parametrize("page_1g", [True, False])
def test_as_amd_walks(logic, where, driver, page_1g):
    """Random maps: every address leads where it has to, with the rights and the type it has to."""
    form, rng = format_of(logic, where, page_1g), random.Random(SEED)
    steps, model = npt_model.steps(rng, 60, memory_logic.TOP, 46, form.largest_page), \
        npt_model.Model()
    for step in steps:
        getattr(model, step[0])(*step[1:])
    lines = driver.lines([("F", *form.words()), *memory_logic.script_of(steps)], "")
    root, _, tables = memory_logic.dumped(lines[-1])
    places = [gpa + rng.randrange(size) for gpa, size, *_ in model.ranges for _ in range(8)]
    places += [place for gpa, size, *_ in model.ranges
               for place in (gpa, gpa + size - 1, gpa - 1, gpa + size) if 0 <= place < 1 << 48]
    places += [rng.randrange(memory_logic.TOP) for _ in range(200)]
    found = {gpa: nested_walk(root, tables, gpa) for gpa in places}
    assert found == {gpa: model.at(gpa) for gpa in places}
    assert {kind for _, _, kind in filter(None, found.values())} == {ept.WB, ept.UC}
    assert {rights for _, rights, _ in filter(None, found.values())} == set(npt_model.RIGHTS)
