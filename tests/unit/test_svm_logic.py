# SPDX-License-Identifier: GPL-2.0
"""Small pure C of project07: the MSR permission map, segments in two formats, and the verdict on a
processor (svm_msrpm_logic.c, svm_segment_logic.c, svm_verdict_logic.c: exercise 7.1)."""
import ctypes
import itertools
import random

import pytest

from unit import svm_build

SEED = 20261123
NO_BIT = 0xFFFFFFFF
# APM vol. 2, "MSR Intercepts": the first MSR, and the byte of the map where its range begins.
RANGES = ((0, 0), (0xC0000000, 0x800), (0xC0010000, 0x1000))
MSRS = 0x2000
P, UNUSABLE = 1 << 7, 1 << 16
EBUSY, EACCES, ENODEV, ENOSYS = -16, -13, -19, -38
TLB_ALL = 1
# enum vtx_verdict and enum vtx_enable_cause
UNKNOWN, USABLE, NOT_SUPPORTED, DISABLED, HELD, HIDDEN = range(6)
CAUSE_NOT_USABLE, CAUSE_HELD, CAUSE_VM_CR = 1, 2, 12
FACT_VM_CR, FACT_OURS = 1 << 1, 1 << 3
SVMDIS, SVME = 1 << 4, 1 << 12
VmcbSegment = svm_build.struct("VmcbSegment", selector=ctypes.c_uint16, attributes=ctypes.c_uint16,
                               limit=ctypes.c_uint32, base=ctypes.c_uint64)
Segment = svm_build.struct("Segment", base=ctypes.c_uint64, limit=ctypes.c_uint32,
                           access=ctypes.c_uint32, selector=ctypes.c_uint16,
                           pad=ctypes.c_uint16 * 3)
Enable = svm_build.struct("Enable", users=ctypes.c_uint32, cpu=ctypes.c_int32,
                          cause=ctypes.c_uint32, pad=ctypes.c_uint32, value=ctypes.c_uint64,
                          expected=ctypes.c_uint64)


@pytest.fixture(name="logic", scope="module")
def fixture_logic(tmp_path_factory):
    library = svm_build.library(tmp_path_factory.mktemp("logic"), "svm_msrpm_logic.c",
                                "svm_segment_logic.c", "svm_verdict_logic.c")
    library.svm_msr_bit.restype = ctypes.c_uint32
    library.svm_segment_dpl.restype = ctypes.c_uint8
    return library


# ---- the MSR permission map ----------------------------------------------------------------------


def bit_of(logic, msr, write):
    """svm_msr_bit()"""
    return logic.svm_msr_bit(ctypes.c_uint32(msr), ctypes.c_bool(write))


def test_every_msr_of_the_map(logic):
    """Two bits for each of 3 * 8192 MSRs, the lower one for RDMSR; no two share one."""
    seen = set()
    for first, begins in RANGES:
        for msr, write in itertools.product(range(first, first + MSRS), (0, 1)):
            byte, bit = begins + (msr - first) // 4, msr % 4 * 2 + write
            found = bit_of(logic, msr, write)
            assert found == byte * 8 + bit, f"MSR {msr:#x}, write {write}: {found:#x}"
            seen.add(found)
    assert len(seen) == 3 * MSRS * 2 and max(seen) < 0x1800 * 8


def test_other_msrs(logic):
    """What the map does not know exits always."""
    rng = random.Random(SEED)
    edges = [first + at for first, _ in RANGES for at in (-1, MSRS)]
    others = edges + [0x2000, 0x4B564D00, 0x80000000, 0xC0002000, 0xC0012000, 0xFFFFFFFF]
    others += [rng.getrandbits(32) for _ in range(5000)]
    for msr in (msr & NO_BIT for msr in others):
        if not any(first <= msr < first + MSRS for first, _ in RANGES):
            assert {bit_of(logic, msr, write) for write in (0, 1)} == {NO_BIT}, f"{msr:#x}"


def test_known_msrs(logic):
    """A few by hand: EFER, FS.base, VM_CR, the TSC."""
    assert [bit_of(logic, msr, False) // 8 for msr in (0xC0000080, 0xC0000100, 0xC0010114, 0x10)] \
        == [0x820, 0x840, 0x1045, 0x004]


# ---- segments ------------------------------------------------------------------------------------


def from_descriptor(raw):
    """(attributes of a VMCB, access rights of a VMCS) of a descriptor's 64 bits: bits 47:40 and
    55:52, without a gap and with one of four bits."""
    low, high = raw >> 40 & 0xFF, raw >> 52 & 0xF
    return low | high << 8, low | high << 12


def read(logic, segment):
    """svm_segment_read(), into what was not empty."""
    found = Segment(*[0xA5] * 4)
    found.pad[:] = [0xA5] * 3
    logic.svm_segment_read(ctypes.byref(segment), ctypes.byref(found))
    assert not any(found.pad), "the ABI wants zeros"
    return found.base, found.limit, found.access, found.selector


def written(logic, segment):
    """svm_segment_write(), into what was not empty."""
    found = VmcbSegment(*[0xA5] * 4)
    logic.svm_segment_write(ctypes.byref(found), ctypes.byref(segment))
    return found.selector, found.attributes, found.limit, found.base


def test_segments(logic):
    """Random descriptors in both formats, there and back; not present is unusable."""
    rng = random.Random(SEED)
    for _ in range(20000):
        attributes, access = from_descriptor(rng.getrandbits(64))
        selector, limit, base = rng.getrandbits(16), rng.getrandbits(32), rng.getrandbits(64)
        here = VmcbSegment(selector, attributes, limit, base)
        unusable = 0 if attributes & P else UNUSABLE
        assert read(logic, here) == (base, limit, access | unusable, selector), hex(attributes)
        there = Segment(base, limit, access | unusable, selector)
        assert written(logic, there) == (selector, attributes, limit, base), hex(access)
        assert logic.svm_segment_dpl(ctypes.byref(here)) == attributes >> 5 & 3


def test_unusable(logic):
    """An unusable segment of the ABI is not present in the VMCB, whatever its P says."""
    for access in (0x10093, 0x1C0F3, 0x10000, 0x10080):
        attributes = written(logic, Segment(0, 0, access, 8))[1]
        assert not attributes & P and attributes == from_descriptor(
            (access & 0xFF) << 40 | (access >> 12 & 0xF) << 52)[0] & ~P
        assert read(logic, VmcbSegment(8, attributes, 0, 0))[2] & UNUSABLE


def test_bits_of_no_meaning(logic):
    """What one format has no place for does not come out as something else."""
    assert written(logic, Segment(0, 0, 0x93 | 0xF00, 0))[1] == 0x93
    assert written(logic, Segment(0, 0, 0x93 | 0xFFFE0000, 0))[1] == 0x93
    assert read(logic, VmcbSegment(0, 0xF093, 0, 0))[2] == 0x93


def test_64_bit_code(logic):
    """The two descriptors that every guest has."""
    assert read(logic, VmcbSegment(8, 0xA9B, 0xFFFFFFFF, 0))[2] == 0xA09B
    assert read(logic, VmcbSegment(16, 0xC93, 0xFFFFFFFF, 0))[2] == 0xC093


# ---- the verdict ---------------------------------------------------------------------------------


def offsets(folder):
    """Offsets of members, and sizes."""
    members = {"vtx_cpu_facts": ("valid", "efer", "vm_cr"),
               "detect_cpuid_info": ("svm", "hypervisor")}
    names = [f"__builtin_offsetof(struct {kind}, {name})" for kind, listed in members.items()
             for name in listed] + [f"sizeof(struct {kind})" for kind in members]
    found = svm_build.numbers(folder, ["svm_verdict_logic.h"], names)
    keys = [name for listed in members.values() for name in listed] + list(members)
    return dict(zip(keys, found.values(), strict=True))


@pytest.fixture(name="where", scope="module")
def fixture_where(tmp_path_factory):
    return offsets(tmp_path_factory.mktemp("where"))


def facts_of(where, rng, valid, efer, vm_cr):
    """struct vtx_cpu_facts; whatever else there is in it."""
    raw = bytearray(rng.randbytes(where["vtx_cpu_facts"]))
    for name, value, size in (("valid", valid, 4), ("efer", efer, 8), ("vm_cr", vm_cr, 8)):
        raw[where[name]:where[name] + size] = value.to_bytes(size, "little")
    return bytes(raw)


def info_of(where, svm, hypervisor):
    """struct detect_cpuid_info."""
    raw = bytearray(where["detect_cpuid_info"])
    raw[where["svm"]], raw[where["hypervisor"]] = svm, hypervisor
    return bytes(raw)


def due(svm, hypervisor, known, disabled, enabled, ours):
    """APM vol. 2, "Enabling SVM", and the ABI's words for it."""
    if not svm:
        return HIDDEN if hypervisor else NOT_SUPPORTED
    if not known:
        return UNKNOWN
    if disabled:
        return DISABLED
    return HELD if enabled and not ours else USABLE


def test_every_verdict(logic, where):
    """All combinations of what counts, amid bits that do not."""
    rng, seen = random.Random(SEED), set()
    for case in itertools.product((False, True), repeat=6):
        svm, hypervisor, known, disabled, enabled, ours = case
        for _ in range(20):
            valid = rng.getrandbits(32) & ~(FACT_VM_CR | FACT_OURS)
            valid |= FACT_VM_CR * known | FACT_OURS * ours
            vm_cr = rng.getrandbits(64) & ~SVMDIS | SVMDIS * disabled
            efer = rng.getrandbits(64) & ~SVME | SVME * enabled
            found = logic.svm_verdict(facts_of(where, rng, valid, efer, vm_cr),
                                      info_of(where, svm, hypervisor))
            assert found == due(*case), case
            seen.add(found)
    assert seen == {UNKNOWN, USABLE, NOT_SUPPORTED, DISABLED, HELD, HIDDEN}


def test_refusals(logic, where):
    """What VTXDRV_ENABLE says of each: errno, cause, what was seen, what would do."""
    rng = random.Random(SEED)
    efer, vm_cr = 0xD01 | SVME, 0x18
    raw = facts_of(where, rng, FACT_VM_CR, efer, vm_cr)
    expected = {
        USABLE: (0, 7, 7, 7), HELD: (EBUSY, CAUSE_HELD, efer, 0xD01),
        DISABLED: (EACCES, CAUSE_VM_CR, vm_cr, 0x08),
        UNKNOWN: (ENODEV, CAUSE_NOT_USABLE, UNKNOWN, USABLE),
        NOT_SUPPORTED: (ENODEV, CAUSE_NOT_USABLE, NOT_SUPPORTED, USABLE),
        HIDDEN: (ENODEV, CAUSE_NOT_USABLE, HIDDEN, USABLE),
    }
    for verdict, answer in expected.items():
        why = Enable(users=3, cpu=5, cause=7, value=7, expected=7)
        result = logic.svm_explain_verdict(raw, verdict, ctypes.byref(why))
        assert (result, why.cause, why.value, why.expected) == answer, verdict
        assert (why.users, why.cpu, why.pad) == (3, 5, 0)


def test_layout(tmp_path):
    """The structures and numbers above are those of the headers."""
    kinds = {"vmcb_segment": VmcbSegment, "vtx_segment": Segment, "vtx_enable": Enable}
    expected = {f"__builtin_offsetof(struct {kind}, {name})": getattr(ours, name).offset
                for kind, ours in kinds.items() for name, _ in ours._fields_}
    expected |= {f"sizeof(struct {kind})": ctypes.sizeof(ours) for kind, ours in kinds.items()}
    expected |= {
        "SVM_MSR_NO_BIT": NO_BIT, "SVM_MSRPM_BYTES": 0x2000, "SVM_IOPM_BYTES": 0x3000,
        "VTX_FACT_VM_CR": FACT_VM_CR, "VTX_FACT_OURS": FACT_OURS, "VTX_VERDICT_HELD": HELD,
        "VTX_VERDICT_HIDDEN": HIDDEN, "VTX_VERDICT_USABLE": USABLE,
        "VTX_VERDICT_DISABLED_BY_FIRMWARE": DISABLED, "VTX_CAUSE_HELD": CAUSE_HELD,
        "VTX_CAUSE_VM_CR": CAUSE_VM_CR, "VTX_CAUSE_NOT_USABLE": CAUSE_NOT_USABLE}
    found = svm_build.numbers(tmp_path, ["svm_msrpm_logic.h", "svm_segment_logic.h",
                                         "svm_verdict_logic.h"], list(expected))
    assert found == expected


# ---- exercises that are not done -----------------------------------------------------------------


def test_nothing_done(tmp_path):
    """Without the solutions it compiles without a warning, and a guest can run all the same: no
    verdict, no length; every access is a read, and all vCPUs have one ASID that is flushed."""
    logic = svm_build.library(tmp_path, "svm_verdict_logic.c", "svm_insn_logic.c",
                              "svm_npt_logic.c", "svm_asid_logic.c",
                              todo=("7.1", "7.5", "7.6", "7.7"))
    room, nop = ctypes.create_string_buffer(512), b"\x90"
    assert logic.svm_verdict(room, b"\1" * 64) == UNKNOWN
    assert logic.svm_insn_read(nop, len(nop), 2, 0x77, room) == ENOSYS
    assert not any(room.raw)
    assert logic.svm_asid_choose(room, 0, room, ctypes.c_bool(False)) == TLB_ALL
    assert room.raw[0] == 1
