# SPDX-License-Identifier: GPL-2.0
"""The policies of project06 on the host: CPUID, MSRs, control registers, each against a model."""

import ctypes
import errno
import random
import re

import pytest

from harness import mutants
from unit.cr_model import complain_crs
from unit.policies_build import (CD, DEFAULT, ET, FAULT, LME, LOGIC, MP, NE, NW, NXE, OSXSAVE, PAE,
                                 PCIDE, PE, PG, PSE, REPOSITORY, SCE, SMEP, STAGE, TS, USER, VMXE,
                                 WAY_FAULT, WAY_PASS, WAY_USER, WAY_VENDOR, Asker, Cpuid, Host,
                                 Limits, Rule, build)

@pytest.fixture(scope="module", name="logic")
def built(tmp_path_factory):
    return build(tmp_path_factory.mktemp("policies"))


# ---- CPUID ---------------------------------------------------------------------------------------

SIZES = {2: (256, 576, 0), 5: (64, 1088, 0), 6: (512, 1152, 2), 7: (1024, 1664, 2)}
XCR0 = 0xe7


def made_up(max_basic=0x16, max_extended=0x80000008, fill=0xffffffff, asked=None):
    """A host whose every bit is set; what it is asked for goes into a list."""
    def host(leaf, subleaf, answer):
        if asked is not None:
            asked.append((leaf, subleaf))
        out = answer.contents
        out.eax = out.ebx = out.ecx = out.edx = fill
        if leaf in (0, 0x80000000):
            out.eax = max_extended if leaf else max_basic
        if leaf == 0xd and subleaf in SIZES:
            out.eax, out.ebx, out.ecx = SIZES[subleaf]
    return Host(host)


def answer(logic, leaf, subleaf=0, **who):
    asker = Asker(**{"apic_id": 0, "vcpus": 1, "osxsave": False, "xcr0": 1, **who})
    out = Cpuid(1, 2, 3, 4)
    logic.policy_answer(ctypes.byref(asker), leaf, subleaf, ctypes.byref(out))
    return out.eax, out.ebx, out.ecx, out.edx


def complain_cpuid(logic):
    """Everything that the policy promises; an AssertionError says what is wrong."""
    asked = []
    host = made_up(asked=asked)
    assert logic.policy_make(host, ctypes.c_uint64(XCR0)) == 0, "cpuid_policy_make() fails"
    assert all(leaf <= 0xd or 0x80000000 <= leaf <= 0x80000008 for leaf, _ in asked), asked
    assert answer(logic, 0)[0] == 0xd, "highest basic leaf"
    assert answer(logic, 0x80000000)[0] == 0x80000008, "highest extended leaf"
    one = answer(logic, 1, apic_id=5, vcpus=8, osxsave=True)
    assert one[2] >> 31 and not one[2] & (1 << 3 | 1 << 5 | 1 << 6 | 1 << 17 | 1 << 21), \
        "leaf 1, ECX: the hypervisor bit shows; MONITOR, VMX, SMX, PCID and x2APIC do not"
    assert one[1] >> 24 == 5 and one[1] >> 16 & 0xff == 8, "leaf 1, EBX: APIC id and processors"
    assert one[2] >> 27 & 1 and not answer(logic, 1)[2] >> 27 & 1, "OSXSAVE is the asker's"
    assert one[3] >> 28 & 1 and not answer(logic, 1)[3] >> 28 & 1, "HTT where there are several"
    assert not one[3] & (1 << 7 | 1 << 9 | 1 << 12 | 1 << 14), "MCE, APIC, MTRR, MCA"
    text = b"".join(word.to_bytes(4, "little") for word in answer(logic, 0x40000000)[1:])
    assert text == b"VTXDRVVTXDRV", "signature"
    for leaf in (0x40000001, 0x400000ff, 3, 6, 0xa):
        assert answer(logic, leaf) == (0, 0, 0, 0), f"leaf {leaf:#x} is all zeros"
    seven = answer(logic, 7)
    assert seven[0] == 0 and not seven[1] & (1 << 2 | 1 << 10) and not seven[2] & (1 << 3 | 1 << 5)
    assert answer(logic, 7, 1) == (0, 0, 0, 0), "leaf 7 has one subleaf"
    assert not answer(logic, 0x80000001)[2] & 1 << 2, "SVM"
    for leaf in (0xe, 0x16, 0x20000000, 0x7fffffff, 0x80000009, 0xffffffff):
        assert answer(logic, leaf) == answer(logic, 0xd), f"leaf {leaf:#x}: as the highest basic"


def test_cpuid(logic):
    complain_cpuid(logic)


def test_cpuid_on_a_small_processor(logic):
    """Leaves that it does not have are not asked for, and are zeros."""
    asked = []
    host = made_up(max_basic=2, max_extended=0, asked=asked)
    assert logic.policy_make(host, ctypes.c_uint64(0)) == 0
    assert {leaf for leaf, _ in asked} <= {0, 1, 2, 0x80000000}
    assert answer(logic, 0)[0] == 2
    assert not answer(logic, 1)[2] & (1 << 26 | 1 << 28), "no XCR0, no XSAVE and no AVX"


def test_topology(logic):
    host = made_up()
    logic.policy_make(host, ctypes.c_uint64(XCR0))
    assert answer(logic, 0xb, 0, apic_id=3, vcpus=6) == (0, 1, 0x100, 3)
    assert answer(logic, 0xb, 1, apic_id=3, vcpus=6) == (3, 6, 0x201, 3)
    assert answer(logic, 0xb, 2, apic_id=3, vcpus=6) == (0, 0, 2, 3)
    for vcpus, cores in ((1, 1), (2, 2), (6, 8), (64, 64), (200, 64)):
        eax = answer(logic, 4, 0, vcpus=vcpus)[0]
        assert eax >> 26 == cores - 1 and not eax >> 14 & 0xfff, \
            f"leaf 4: cores in the package of {vcpus} vCPUs, each with caches of its own"
    host = made_up(fill=0)
    logic.policy_make(host, ctypes.c_uint64(XCR0))
    assert answer(logic, 4, 0, vcpus=6) == (0, 0, 0, 0), "leaf 4: no cache"


def size_of(xcr0, compacted):
    """Bytes of an XSAVE area, the slow way."""
    end = 576
    for number, (size, offset, flags) in sorted(SIZES.items()):
        if xcr0 >> number & 1:
            start = offset
            if compacted:
                start = -(-end // 64) * 64 if flags & 2 else end
            end = max(end, start + size)
    return end


@pytest.mark.parametrize("xcr0", [1, 3, 7, 0xe7, 0x27, 0xa5])
def test_xsave_sizes(logic, xcr0):
    host = made_up()
    logic.policy_make(host, ctypes.c_uint64(~0 & 0xffffffff))
    eax, ebx, ecx, edx = answer(logic, 0xd, 0, xcr0=xcr0)
    assert (eax, edx) == (XCR0, 0), "MPX, PKRU and AMX are not for guests"
    assert (ebx, ecx) == (size_of(xcr0, False), size_of(XCR0, False))
    features, size, _, _ = answer(logic, 0xd, 1, xcr0=xcr0)
    assert features == 7, "XSAVES and XFD are not for guests"
    assert size == size_of(xcr0, True)
    assert answer(logic, 0xd, 3) == answer(logic, 0xd, 9) == (0, 0, 0, 0)
    assert answer(logic, 0xd, 62) == answer(logic, 0xd, 0xffffffff) == (0, 0, 0, 0)
    assert answer(logic, 0xd, 6)[:3] == SIZES[6]


@pytest.mark.parametrize(("value", "valid"), [
    (1, 1), (3, 1), (7, 1), (0xe7, 1), (0, 0), (2, 0), (5, 0), (0x27, 0), (0xe3, 0), (0xf, 0),
    (0x203, 0), (1 << 63 | 3, 0), (0x60003, 0)])
def test_xcr0(logic, value, valid):
    host = made_up()
    logic.policy_make(host, ctypes.c_uint64(XCR0))
    assert logic.policy_xcr0(value) == valid


@pytest.mark.parametrize("host_xcr0", [1, 3, 7, 0xe7, 0x207, 0x2e7, 0x602e7, 1 << 62 | 0xff])
def test_xcr0_at_start(logic, host_xcr0):
    """A flat guest has what CPUID offers: no PKRU, tiles or bounds, whose registers nobody keeps;
    where there is no policy nothing else either."""
    offered = host_xcr0 & XCR0
    host = made_up()
    logic.policy_make(host, ctypes.c_uint64(host_xcr0))
    assert answer(logic, 0xd)[0] == offered
    start = logic.policy_xcr0_at_start
    assert start(ctypes.c_uint64(host_xcr0), 1) == offered, "as booted"
    assert start(ctypes.c_uint64(host_xcr0), 0) == 1, "as after a reset"
    host = made_up(fill=0)
    logic.policy_make(host, ctypes.c_uint64(host_xcr0))
    for booted in (0, 1):
        assert start(ctypes.c_uint64(host_xcr0), booted) == offered, "without a policy"
        assert start(ctypes.c_uint64(0), booted) == 0, "without XSAVE"


def test_bits_that_follow_cpuid(logic):
    host = made_up()
    logic.policy_make(host, ctypes.c_uint64(XCR0))
    assert logic.policy_bits(1) == SCE | LME | NXE
    hidden = VMXE | PCIDE | sum(1 << n for n in (6, 12, 14, 22, 23))
    assert not logic.policy_bits(0) & hidden
    assert logic.policy_bits(0) & OSXSAVE
    host = made_up(fill=0)
    logic.policy_make(host, ctypes.c_uint64(XCR0))
    assert logic.policy_bits(0) == logic.policy_bits(1) == 0


# ---- MSRs ----------------------------------------------------------------------------------------


def test_the_table_is_in_order(logic):
    """msr_rule_find() halves it."""
    numbers = []
    while (number := logic.rule_msr(len(numbers))) != 0xffffffff:
        numbers.append(number)
    assert numbers == sorted(set(numbers))
    for number in numbers:
        assert logic.msr_rule_find(number).contents.msr == number
    for number in (2, 0x11, 0x480, 0xc0000080 - 1, 0xffffffff):
        assert not logic.msr_rule_find(number)


def complain_msrs(logic, seed=1):
    """Random ranges against a list that is read backwards."""
    rng = random.Random(seed)
    logic.ranges_clear()
    plain = {}
    known = (0x10, 0x174, 0x3a, 0xc0000080, 0xc0000082)
    numbers = [*known, 0x2ff0, 0x12345, 0xc0001234, 0xffffffff]
    for msr in numbers:
        for write in (0, 1):
            plain[msr, write] = logic.ranges_way(msr, write)
    assert plain[0x174, 0] == WAY_PASS and plain[0xc0000080, 0] == WAY_PASS
    assert plain[0xc0000080, 1] == WAY_VENDOR, "a write of EFER may change the mode"
    assert all(plain[msr, 0] == WAY_FAULT for msr in numbers[5:]), "unknown: #GP"
    model, unknown = [], DEFAULT
    for _ in range(60):
        action = rng.choice((DEFAULT, USER, FAULT))
        first, count = rng.choice(numbers), rng.choice((0, 1, 3))
        if first + max(count, 1) - 1 > 0xffffffff:
            count = 1
        assert logic.ranges_set(first, count, action) == 0
        if count:
            model.append((first, first + count - 1, action))
        else:
            unknown = action
        for msr, write in plain:
            found = next((a for low, high, a in reversed(model) if low <= msr <= high), DEFAULT)
            if found == DEFAULT and msr not in known:
                found = unknown
            wanted = {DEFAULT: plain[msr, write], USER: WAY_USER, FAULT: WAY_FAULT}[found]
            assert logic.ranges_way(msr, write) == wanted, f"MSR {msr:#x} after {model}, {unknown}"


@pytest.mark.parametrize("seed", range(8))
def test_ranges(logic, seed):
    complain_msrs(logic, seed)


def test_refused_ranges(logic):
    logic.ranges_clear()
    assert logic.ranges_set(1, 1, 3) == -errno.EINVAL
    assert logic.ranges_set(1, 65, USER) == -errno.E2BIG
    assert logic.ranges_set(0xffffffff, 2, USER) == -errno.EINVAL
    for n in range(64):
        assert logic.ranges_set(100 * n, 64, USER) == 0
    assert logic.ranges_set(9999, 1, USER) == -errno.ENOSPC
    assert logic.ranges_set(0, 64, FAULT) == 0, "a range that is there can be changed"
    assert logic.ranges_way(5, 0) == WAY_FAULT


def complain_kept(logic):
    rng = random.Random(3)
    for _ in range(300):
        rule = Rule(writable=rng.getrandbits(8), ignored=rng.getrandbits(8))
        old, wanted = rng.getrandbits(8), rng.getrandbits(8)
        value = ctypes.c_uint64(old)
        err = logic.msr_kept_write(ctypes.byref(rule), ctypes.byref(value), ctypes.c_uint64(wanted))
        forbidden = (old ^ wanted) & ~(rule.writable | rule.ignored)
        may = rule.writable & ~rule.ignored
        assert err == (-errno.EPERM if forbidden else 0), "bits that may not change"
        assert value.value == (old if forbidden else (old & ~may) | (wanted & may))


def test_kept(logic):
    complain_kept(logic)


def bit_of(msr, write):
    """SDM vol. 3, "MSR-Bitmap Address": four parts of 1 KiB."""
    if msr <= 0x1fff:
        return (2048 if write else 0) * 8 + msr
    if 0xc0000000 <= msr <= 0xc0001fff:
        return (3072 if write else 1024) * 8 + msr - 0xc0000000
    return 0xffffffff


def complain_bits(logic):
    for msr in (0, 1, 0x1fff, 0x2000, 0x174, 0xbfffffff, 0xc0000000, 0xc0000080, 0xc0001fff,
                0xc0002000, 0xffffffff):
        for write in (0, 1):
            assert logic.vmx_msr_bit(msr, write) == bit_of(msr, write), \
                f"bit of MSR {msr:#x} in the bitmap, {'write' if write else 'read'}"


def test_bits(logic):
    complain_bits(logic)


# ---- control registers ---------------------------------------------------------------------------

@pytest.mark.parametrize("seed", range(6))
def test_control_registers(logic, seed):
    complain_crs(logic, seed)


def test_clts_and_lmsw(logic):
    assert logic.cr0_after_clts(PE | TS | PG) == PE | PG
    assert logic.cr0_after_lmsw(PE | TS | PG, 0xfff2) == PE | MP | PG
    assert logic.cr0_after_lmsw(ET, 0xfff1) == ET | PE


def test_pdptes(logic):
    logic.pdpte_is_valid.restype = ctypes.c_bool
    for entry, valid in ((0, 1), (0x1000, 1), (0xfffffffffffffffe, 1), (0x5001, 1), (0x5e19, 1),
                         (0x5003, 0), (0x5005, 0), (0x5101, 0), (0x5081, 0), (1 << 36 | 1, 0)):
        assert logic.pdpte_is_valid(ctypes.c_uint64(entry), 36) == bool(valid), f"{entry:#x}"


def test_what_a_guest_owns(logic):
    """Nothing that changes the mode, or what the host has to see."""
    assert not logic.cr0_owned_by_guest() & (PE | PG | NE | CD | NW | ET)
    owned = logic.cr4_owned_by_guest(ctypes.byref(Limits(cr4_allowed=~0 & (1 << 64) - 1)))
    assert not owned & (PSE | PAE | VMXE | PCIDE | OSXSAVE | SMEP | 1 << 6)
    assert logic.cr4_owned_by_guest(ctypes.byref(Limits(cr4_allowed=0))) == 0


# ---- the mutants of these exercises --------------------------------------------------------------

CHECKS = {"6.1": (complain_cpuid,), "6.2": (complain_msrs, complain_kept, complain_bits),
          "6.3": (complain_crs,)}


def complaint(library, exercise):
    for check in CHECKS[exercise]:
        try:
            check(library)
        except AssertionError as error:
            return str(error) or "assert"
    return None


def test_mutants_are_caught(tmp_path):
    """Each mutant of these files breaks the model as well."""
    problems = []
    for mutant in mutants.load(REPOSITORY, f"project{STAGE:02}"):
        exercise = next((number for number in CHECKS if number in mutant.breaks), None)
        if not mutant.pure_logic or not exercise:
            continue
        folder = mutants.write(mutant, REPOSITORY, tmp_path / mutant.name)
        changed = [path for path in folder.glob("*.c") if path.name in LOGIC]
        where = tmp_path / re.sub(r"\W", "_", mutant.name)
        where.mkdir(exist_ok=True)
        if changed and not complaint(build(where, changed), exercise):
            problems.append(mutant.name)
    assert not problems, "\n".join(problems)
