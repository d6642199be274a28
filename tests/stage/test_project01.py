# SPDX-License-Identifier: GPL-2.0
"""project01: what one processor can do, and whether all of them agree.

Two kinds of evidence, none of which the module can make up: facts that the grader drew at random go
through the student's logic inside the lab machine (vtxctl detect --from), and what the module read
is compared with what the grader's own module vtxprobe reads on the same CPU.
"""
import json

import pytest

from harness import facts
from harness.grade import check, check_run, exercise, only_on, pick, require
from unit import reference_decode as model
from unit.reference_tables import MSR_NAMES

pytestmark = pytest.mark.lab(vendor="vmx", cpus=2)

README = "project01/README.md"
# Firmware that locks VMX out on CPU 1 only, and another processor in each run: a value that was
# recorded on the usual one is wrong there.
ANOTHER_MACHINE = pytest.mark.lab(firmware="cpu1-locked-out", cpu_model="any")
CASES = 24  # random processors in one run of vtxctl
NO_CAPABILITIES = only_on("vmx", "SVM has no capability MSRs and no allowed settings: what a VMCB"
                          " may ask for is in CPUID 8000_000AH")
NO_LOCKED_OUT = only_on("vmx", "neither emulator keeps VM_CR, where firmware would lock SVM out;"
                     " the verdict on it is tested with made-up facts")
# What needs no VMX runs where an emulated second is cheapest.
LOGIC = pytest.mark.lab(vendor="svm")
REAL_MSRS = [0x480 + i for i in range(20)]


def explain(lab, cpus):
    """Let the student's logic explain raw facts; returns the cpus of its answer."""
    lab.put("/tmp/facts.json", json.dumps({"raw": {"cpus": cpus}}).encode())
    answer = lab.vtxctl_json("detect", "--from", "/tmp/facts.json", "--json", status=None)
    seen = pick(answer, "cpus")
    check(len(seen), len(cpus), "number of CPUs in the answer to --from")
    return seen


def compare(seen_cpus, raw_cpus, part, read):
    """One part of every CPU's answer against the grader's own decoder, value by value."""
    for seen, raw in zip(seen_cpus, raw_cpus):
        for key, expected in model.decode(raw)[part].items():
            check(pick(seen, part, key), expected, f"{part}.{key} for the facts {facts.brief(raw)}",
                  read=read)


@exercise("1.1", expected="vendor, VMX, SVM and the hypervisor as CPUID shows them",
          read=f"{README}#cpuid")
@LOGIC
def test_cpuid_of_random_processors(lab, rng):
    """CPUID facts are read from the right leaf, register and bit."""
    raw = [facts.random_cpu(rng, number) for number in range(CASES)]
    compare(explain(lab, raw), raw, "cpuid", read=f"{README}#cpuid")


@exercise("1.2", expected="exactly the capability MSRs that the processor has",
          read=f"{README}#capability-msrs")
@LOGIC
@NO_CAPABILITIES
def test_which_msrs_exist(lab, rng):
    """The existence of each capability MSR follows from CPUID and from other MSRs."""
    raw = [facts.random_cpu(rng, number) for number in range(CASES)]
    raw += [facts.random_vmx_cpu(rng, CASES + number) for number in range(CASES)]
    for seen, cpu in zip(explain(lab, raw), raw):
        got = {pick(entry, "index"): pick(entry, "exists") for entry in pick(seen, "msrs")}
        for entry in model.decode(cpu)["msrs"]:
            check(pick(got, entry["index"]), entry["exists"],
                  f"does MSR {entry['index']}, {entry['name']}, exist? For the facts"
                  f" {facts.brief(cpu)}", read=f"{README}#capability-msrs")


def raw_of(lab, asked_from, cpu):
    """Raw facts of one CPU, vtxctl running on CPU `asked_from`."""
    result = lab.run(["taskset", f"{1 << asked_from:x}", "vtxctl", "detect", "--json"], timeout=60)
    for entry in pick(lab.json_of(result, status=None), "raw", "cpus"):
        if pick(entry, "cpu") == cpu:
            return entry
    require(False, expected=f"facts of CPU {cpu}", seen="none", what="raw.cpus of detect --json")
    return None


@exercise("1.3", expected="control registers and MSRs as they are on the CPU",
          read=f"{README}#capability-msrs")
def test_facts_are_read_from_the_cpu(driver):
    """Registers and MSRs in the answer are those that vtxprobe reads on CPU 0."""
    raw = raw_of(driver, 0, 0)
    real = driver.machine.outside.cpu(0)
    for name in ("cr0", "cr4"):
        check(int(pick(raw, name), 0), driver.number(name, 0), f"{name.upper()} of CPU 0")
        check(int(pick(raw, name), 0), getattr(real, name),
              f"{name.upper()} of CPU 0, as the emulator has it")
    check(int(pick(raw, "efer"), 0), driver.number("rdmsr", 0, 0xc0000080), "IA32_EFER")
    check(int(pick(raw, "feature_control") or "0", 0), driver.number("rdmsr", 0, 0x3a),
          "IA32_FEATURE_CONTROL of CPU 0")


def compare_capability_msrs(driver):
    raw = raw_of(driver, 0, 0)
    truth = dict(raw, vmx_msr=[driver.probe("rdmsr", 0, index) for index in REAL_MSRS])
    present = {int(entry["index"], 0) for entry in model.decode(facts.readable(truth))["msrs"]
               if entry["exists"]}
    for index, seen in zip(REAL_MSRS, pick(raw, "vmx_msr")):
        expected = driver.number("rdmsr", 0, index) if index in present else None
        check(int(seen, 0) if seen else None, expected, f"MSR {index:#x} on CPU 0")


@exercise("1.3", expected="each MSR that exists with its value, null for one that does not",
          read=f"{README}#capability-msrs")
@NO_CAPABILITIES
def test_every_capability_msr_is_read(driver):
    """Every capability MSR that exists was read, and no other one."""
    compare_capability_msrs(driver)


@exercise("1.3", expected="each MSR that exists with its value, null for one that does not",
          read=f"{README}#capability-msrs")
@ANOTHER_MACHINE
@pytest.mark.instructor
@NO_CAPABILITIES
def test_capability_msrs_of_another_processor(driver):
    """The same on a processor of another model, drawn for this run."""
    compare_capability_msrs(driver)


@exercise("1.3", expected="no MSR of Intel's is touched on a processor that has none",
          read=f"{README}#capability-msrs")
@pytest.mark.lab(vendor=["svm", "none"])
@only_on("svm", "a VMX processor has the capability MSRs that must not be read here")
def test_no_msr_without_vmx(driver):
    """On a processor without VMX no VMX capability MSR is read."""
    raw = raw_of(driver, 0, 0)
    check(pick(raw, "vmx_msr"), [None] * 20, "capability MSRs of a processor without VMX")
    check(int(pick(raw, "cr0"), 0), driver.number("cr0", 0), "CR0 of CPU 0")


@exercise("1.4", expected="facts of CPU 1 read on CPU 1, whoever asks",
          read=f"{README}#every-cpu-is-asked")
def test_each_cpu_answers_for_itself(driver):
    """The facts of a CPU come from that CPU: its APIC id tells."""
    for cpu in range(2):
        apic = int(driver.probe("cpuid", cpu, 1, 0).split()[1], 0) >> 24
        for asked_from in range(2):
            ebx = int(pick(raw_of(driver, asked_from, cpu), "leaf1", 1), 0)
            check(ebx >> 24, apic, f"APIC id of CPU {cpu}, asked from CPU {asked_from}")


@exercise("1.4", expected="the CPU that differs is named", read=f"{README}#every-cpu-is-asked")
def test_a_held_cpu_differs(driver):
    """A CPU on which somebody else has set CR4.VMXE (EFER.SVME) is reported as different."""
    check(pick(driver.vtxctl_json("detect", "--json", status=None), "differing"), [],
          "differing CPUs of a machine whose CPUs are alike")
    check(driver.probe("vmxon", 1), "ok", "vtxprobe plays another hypervisor on CPU 1")
    try:
        seen = pick(driver.vtxctl_json("detect", "--json", status=None), "differing")
    finally:
        driver.probe("vmxoff", 1)
    check(seen, [{"cpu": 1, "fields": ["held"]}],
          f"differing, with {driver.vendor.bit_name} set on CPU 1 only")


@exercise("1.4", expected="the CPU that differs is named", read=f"{README}#every-cpu-is-asked")
@ANOTHER_MACHINE
@NO_LOCKED_OUT
def test_a_locked_out_cpu_differs(driver):
    """Firmware that locked VMX out on CPU 1 only: that CPU is reported, with what differs."""
    seen = pick(driver.vtxctl_json("detect", "--json", status=None), "differing")
    check(seen, [{"cpu": 1, "fields": ["feature-control"]}],
          "differing, with IA32_FEATURE_CONTROL of CPU 1 locked without VMX")


@exercise("1.7", expected="one CPU locked out by firmware spoils the machine",
          read=f"{README}#the-verdict")
@ANOTHER_MACHINE
@NO_LOCKED_OUT
def test_verdict_locked_out(driver):
    """The machine's verdict is that of the CPU that cannot be used."""
    answer = driver.vtxctl_json("detect", "--json", status=1)
    check([pick(cpu, "verdict") for cpu in pick(answer, "cpus")],
          ["usable", "disabled-by-firmware"], "verdicts of CPU 0 and CPU 1")
    check(pick(answer, "verdict"), "disabled-by-firmware", "verdict on the machine")


@exercise("1.4", expected="offline CPUs are left out and harm nothing",
          read=f"{README}#every-cpu-is-asked")
def test_offline_cpu(driver):
    """With CPU 1 offline, CPU 0 still answers and CPU 1 is not made up."""
    check_run(driver.sh("echo 0 > /sys/devices/system/cpu/cpu1/online"))
    try:
        seen = driver.vtxctl_json("detect", "--json", status=None)
    finally:
        check_run(driver.sh("echo 1 > /sys/devices/system/cpu/cpu1/online"))
    asked = [pick(cpu, "cpu") for cpu in pick(seen, "cpus")]
    check(asked, [0], "CPUs asked while CPU 1 is offline")
    raw_of(driver, 0, 1)


@exercise("1.5", expected="IA32_VMX_BASIC taken apart", read=f"{README}#ia32_vmx_basic")
@LOGIC
@NO_CAPABILITIES
def test_vmx_basic(lab, rng):
    """Revision identifier, region size, memory type and flags of random IA32_VMX_BASIC values."""
    raw = [facts.random_vmx_cpu(rng, number) for number in range(CASES)]
    compare(explain(lab, raw), raw, "basic", read=f"{README}#ia32_vmx_basic")


@exercise("1.6", expected="each control bit: must be 0, must be 1, or flexible",
          read=f"{README}#control-bits")
@LOGIC
@NO_CAPABILITIES
def test_controls(lab, rng):
    """Control bits follow the allowed settings of the TRUE MSR where there is one."""
    raw = [facts.random_vmx_cpu(rng, number) for number in range(CASES)]
    for seen, cpu in zip(explain(lab, raw), raw):
        for group, expected in model.decode(cpu)["controls"].items():
            check(pick(seen, "controls", group, "msr"), expected["msr"],
                  f"capability MSR that the {group} controls are taken from, with IA32_VMX_BASIC"
                  f" {cpu['vmx_msr'][0]}", read=f"{README}#control-bits")
            value = cpu["vmx_msr"][MSR_NAMES.index(expected["msr"])]
            check_bits(pick(seen, "controls", group, "bits"), expected["bits"],
                       f"{group} controls, {expected['msr']} = {value}")


def check_bits(seen, expected, what):
    """The state of each control bit; a bit that is not listed must be 0."""
    states = {pick(bit, "bit"): pick(bit, "state") for bit in seen}
    wanted = {bit["bit"]: bit["state"] for bit in expected}
    for bit in sorted(states.keys() | wanted.keys()):
        check(states.get(bit, "must-be-0"), wanted.get(bit, "must-be-0"),
              f"bit {bit} of the {what}", read=f"{README}#control-bits")


def knows_svm(key):
    """Is this the module with both vendors' code?"""
    return bool(key.column)


@exercise("1.7", expected="the right verdict for each situation", read=f"{README}#the-verdict")
@LOGIC
def test_verdict_of_each_situation(lab, rng):
    """Every situation gets its own verdict, whatever the other bits are."""
    situations = facts.situations(rng, svm=knows_svm(lab.key))
    cpus = explain(lab, [raw for _, _, raw in situations])
    for seen, (name, expected, raw) in zip(cpus, situations):
        check(pick(seen, "verdict"), expected, f"verdict for: {name} ({facts.brief(raw)})",
              read=f"{README}#the-verdict")


@exercise("1.7", expected="the driver's own verdict on this machine", read=f"{README}#the-verdict")
@pytest.mark.lab(vendor=["vmx", "svm", "none"])
def test_verdict_of_the_machine(driver, lab_key):
    """Usable with VMX, and with SVM from project07 on; else the reason and exit status 1."""
    svm = "usable" if knows_svm(lab_key) else "not-supported"
    expected = {"vmx": "usable", "svm": svm, "none": None}[lab_key.vendor]
    usable = expected == "usable"
    answer = driver.vtxctl_json("detect", "--json", status=0 if usable else 1)
    if expected is None:  # whatever processor "none" is, and whoever is below it
        expected = model.verdict(pick(answer, "raw", "cpus", 0))
    check(pick(answer, "verdict"), expected, f"verdict in the {lab_key.vendor} machine")


@exercise("1.7", expected="held while somebody else has CR4.VMXE set",
          read=f"{README}#the-verdict")
def test_verdict_held(driver):
    """Held as long as another hypervisor is there, usable again afterwards."""
    check(driver.probe("vmxon", 0), "ok", "vtxprobe plays another hypervisor on CPU 0")
    try:
        seen = driver.vtxctl_json("detect", "--json", status=1)
    finally:
        driver.probe("vmxoff", 0)
    check(pick(seen, "verdict"), "held",
          f"verdict while {driver.vendor.bit_name} is set on CPU 0")
    check(pick(driver.vtxctl_json("detect", "--json", status=0), "verdict"), "usable",
          "verdict after the other hypervisor has left")


@pytest.mark.lab(vendor=["vmx", "svm"])
def test_hostile_arguments(driver):
    """Null pointers, wild CPU numbers, set padding: each is refused with an errno of its own."""
    result = driver.run(["abitool", "hostile"])
    check(result.out.strip(), "all refused", "arguments that must be refused")
