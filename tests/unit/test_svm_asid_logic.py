# SPDX-License-Identifier: GPL-2.0
"""ASIDs (svm_asid_logic.c, exercise 7.7) against a TLB in Python: what is flushed is enough, and
never more than has to be."""
import ctypes
import random
from collections import Counter

import pytest

from unit import svm_build

SEED = 20261123
CPUS, VCPUS = 3, 12
NOTHING, ALL, ONE = 0, 1, 3  # TLB_CONTROL; APM vol. 2, "TLB Flush"
Asids = svm_build.struct("Asids", generation=ctypes.c_uint64, next=ctypes.c_uint32,
                         count=ctypes.c_uint32, flush_by_asid=ctypes.c_bool)
Asid = svm_build.struct("Asid", asid=ctypes.c_uint32, cpu=ctypes.c_int,
                        generation=ctypes.c_uint64)
KINDS = [(count, one) for count in (2, 3, 16, 64) for one in (False, True)]


@pytest.fixture(name="logic", scope="module")
def fixture_logic(tmp_path_factory):
    return svm_build.library(tmp_path_factory.mktemp("asid"), "svm_asid_logic.c")


class Cpu:
    """One CPU: what it has given out, and the TLB that a processor would have."""

    def __init__(self, logic, number, count, one):
        self.logic, self.number, self.count, self.one = logic, number, count, one
        self.asids = Asids()
        self.restart(count, one)

    def restart(self, count, one):
        """Enabled (again): nobody knows what is in the TLB, and no ASID of before counts."""
        self.count, self.one = count, one
        self.logic.svm_asid_restart(ctypes.byref(self.asids), count, one)
        self.given = None  # ASID -> vCPU since everything was flushed; None: that was never
        self.tlb = {asid: {("from before", 0)} for asid in range(1 << 8)}

    def choose(self, vcpu, stale):
        """(TLB_CONTROL, ASID) for the next VMRUN."""
        control = self.logic.svm_asid_choose(ctypes.byref(self.asids), self.number,
                                             ctypes.byref(vcpu.asid), stale)
        return control, vcpu.asid.asid

    def due(self, vcpu, stale):
        """What VMRUN has to flush, and whether the vCPU keeps its ASID."""
        keeps = vcpu.where is self and self.given is not None \
            and self.given.get(vcpu.has) == vcpu.name
        if keeps and not stale:
            return NOTHING, True
        if keeps and self.one:
            return ONE, True
        left = 0 if self.given is None else self.count - 1 - len(self.given)
        return (NOTHING if left else ALL), False

    def flush(self, control, asid):
        """What the processor does at VMRUN."""
        if control == ALL:
            self.tlb, self.given = {}, {}
        elif control == ONE:
            assert self.one, "TLB_CONTROL 3 is reserved without FlushByAsid"
            self.tlb.pop(asid, None)


class Vcpu:
    """One vCPU; its version is another one whenever its translations change."""

    def __init__(self, name):
        self.name, self.asid = name, Asid()
        self.version, self.where, self.has = 0, None, 0


def enter(cpu, vcpu, stale):
    """One VMRUN, with everything that has to be true of it; what was flushed."""
    vcpu.version += stale
    due, keeps = cpu.due(vcpu, stale)
    control, asid = cpu.choose(vcpu, stale)
    said = f"CPU {cpu.number}, vCPU {vcpu.name}, count {cpu.count}, stale {stale}"
    assert 0 < asid < cpu.count, f"ASID {asid}: {said}"
    assert control == due, f"TLB_CONTROL {control} instead of {due}: {said}"
    assert not keeps or asid == vcpu.has, f"ASID {vcpu.has} became {asid}: {said}"
    cpu.flush(control, asid)
    assert keeps or asid not in cpu.given, \
        f"ASID {asid} is vCPU {cpu.given[asid]}'s in this generation: {said}"
    cpu.given[asid] = vcpu.name
    used = cpu.tlb.setdefault(asid, set())
    assert used <= {(vcpu.name, vcpu.version)}, f"the TLB has {used} for ASID {asid}: {said}"
    used.add((vcpu.name, vcpu.version))
    vcpu.where, vcpu.has = cpu, asid
    return control


@pytest.mark.parametrize(("count", "one"), KINDS)
def test_sequences(logic, count, one):
    """vCPUs on any CPU, in any order, with translations that change: 20,000 entries."""
    rng, seen = random.Random(SEED + count), Counter()
    cpus = [Cpu(logic, number, count, one) for number in range(CPUS)]
    vcpus = [Vcpu(name) for name in range(VCPUS)]
    for _ in range(20000):
        cpu = rng.choice(cpus)
        if rng.random() < 0.001:
            cpu.restart(count, one)
        seen[enter(cpu, rng.choice(vcpus[:rng.choice((1, 3, VCPUS))]), rng.random() < 0.2)] += 1
    assert (seen[ONE] > 100) == one and seen[ALL] > CPUS and seen[NOTHING] > 100, seen


@pytest.mark.parametrize("one", [False, True])
def test_restart_with_fewer(logic, one):
    """A CPU that comes back with other numbers: what it gave out before is of no worth."""
    cpu, vcpu = Cpu(logic, 0, 64, one), Vcpu("a")
    others = [Vcpu(number) for number in range(40)]
    for other in others:
        enter(cpu, other, False)
    enter(cpu, vcpu, False)
    assert vcpu.has == 41
    cpu.restart(4, not one)
    assert enter(cpu, vcpu, False) == ALL and vcpu.has < 4
    assert enter(cpu, others[0], False) == NOTHING


def test_generations_do_not_meet(logic):
    """Two CPUs whose generations have the same number: an ASID of one is none of the other's."""
    cpus = [Cpu(logic, number, 16, True) for number in range(2)]
    first, second = Vcpu("first"), Vcpu("second")
    enter(cpus[0], first, False)
    enter(cpus[1], second, False)
    assert cpus[0].asids.generation == cpus[1].asids.generation
    assert first.has == second.has
    enter(cpus[1], first, False)
    assert first.has != second.has
    assert enter(cpus[0], first, False) == NOTHING  # a third ASID, though it has been here before


def test_one_vcpu(logic):
    """Who is alone flushes once, and never again."""
    for count, one in KINDS:
        cpu, vcpu = Cpu(logic, 0, count, one), Vcpu("alone")
        assert [enter(cpu, vcpu, False) for _ in range(200)] == [ALL] + [NOTHING] * 199


def test_as_many_as_there_are(logic):
    """count - 1 vCPUs share a CPU without a flush; one more, and every count - 1 entries flush."""
    for count in (2, 16, 64):
        cpu, vcpus = Cpu(logic, 0, count, True), [Vcpu(name) for name in range(count)]
        fit = [enter(cpu, vcpu, False) for _ in range(5) for vcpu in vcpus[:-1]]
        assert Counter(fit) == Counter({NOTHING: len(fit) - 1, ALL: 1})
        many = [enter(cpu, vcpu, False) for _ in range(5) for vcpu in vcpus]
        full = many[count - 1:]
        assert set(many) <= {ALL, NOTHING} and many[:count - 1] == [NOTHING] * (count - 1)
        assert [n for n, what in enumerate(full) if what] == [*range(0, len(full), count - 1)]


def test_layout(tmp_path):
    """The structures above are those of svm_asid_logic.h, and the numbers those of vmcb.h."""
    names = ["sizeof(struct svm_asids)", "sizeof(struct svm_asid)", "SVM_TLB_NOTHING",
             "SVM_TLB_ALL", "SVM_TLB_ASID"]
    names += [f"__builtin_offsetof(struct svm_asids, {name})" for name, _ in Asids._fields_]
    names += [f"__builtin_offsetof(struct svm_asid, {name})" for name, _ in Asid._fields_]
    expected = [ctypes.sizeof(Asids), ctypes.sizeof(Asid), NOTHING, ALL, ONE]
    expected += [getattr(kind, name).offset for kind in (Asids, Asid) for name, _ in kind._fields_]
    found = svm_build.numbers(tmp_path, ["svm_asid_logic.h"], names)
    assert list(found.values()) == expected, found
