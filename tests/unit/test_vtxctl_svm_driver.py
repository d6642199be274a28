# SPDX-License-Identifier: GPL-2.0
"""vtxctl of project07 with a driver made of paper (fake_driver.c) on a processor with SVM: what it
says of CPUs, of a VMCB, of exits, and of a VMRUN that was refused.
"""
import errno
import json
import os
import subprocess

import pytest

from unit import host_build

HELD, VM_CR, SVM_FAULT, SVME = 2, 12, 13, 14
KIND = {"hlt": 1, "hypercall": 2, "triple-fault": 9, "entry-failed": 10, "unhandled": 11}

pytestmark = pytest.mark.xdist_group("fake-driver-svm")


@pytest.fixture(name="vtxctl", scope="module")
def fixture_vtxctl(tmp_path_factory):
    """vtxctl of project07 on the fake driver, with the sanitizers."""
    return host_build.on_fake_driver(tmp_path_factory, 7)


@pytest.fixture(name="ask")
def fixture_ask(vtxctl):
    """ask(command, ...) -> the finished process, on SVM."""
    def ask(*words, svm=True, stdin="", **variables):
        chosen = {"FAKE_SVM": "1"} if svm else {}
        return subprocess.run([vtxctl, *map(str, words)], capture_output=True, text=True,
                              check=False, input=stdin,
                              env=os.environ | {"FAKE_VMS": "alpha"} | chosen
                              | {key: str(value) for key, value in variables.items()})
    return ask


@pytest.fixture(name="run")
def fixture_run(ask, tmp_path):
    """run(script, options...) -> the finished vtxctl run; a line of script is an exit."""
    image = tmp_path / "guest.bin"
    image.write_bytes(b"\xf4" * 16)

    def run(*lines, options=(), svm=True):
        script = tmp_path / "script"
        script.write_text("".join(f"0 {line}\n" for line in lines))
        return ask("run", image, *options, svm=svm, FAKE_SCRIPT=script)
    return run


# ---- CPUs ---------------------------------------------------------------------------------------


def test_enable(ask):
    """It is SVM operation that is on, and off."""
    assert ask("enable").stdout == "SVM operation is on, on 1 CPUs; users: 1\n"
    assert ask("disable").stdout == "SVM operation is off; users: 0\n"
    assert ask("enable", svm=False).stdout == "VMX operation is on, on 1 CPUs; users: 1\n"


@pytest.mark.parametrize("err, cause, value, expected, key, words", [
    (errno.EBUSY, HELD, 0x1D01, 0xD01, "held",
     ("EFER is 0x1d01, SVME is set; 0xd01 is expected", "kvm_amd")),
    (errno.EACCES, VM_CR, 0x18, 0x8, "vm-cr",
     ("VM_CR (MSR C001_0114H) is 0x18, expected is 0x8", "set and locked", "SVM mode")),
    (errno.EACCES, VM_CR, 0x10, 0, "vm-cr", ("SVMDIS is set)",)),
    (errno.EFAULT, SVM_FAULT, 0xFB41000, 0, "svm-fault",
     ("#GP", "0xfb41000", "4-KByte aligned", "VM_HSAVE_PA MSR")),
    (errno.EIO, SVME, 0xD01, 0x1D01, "svme",
     ("0x1d01", "reads as 0xd01", "7.1", "Enabling SVM")),
])
def test_why_not_enabled(ask, err, cause, value, expected, key, words):
    """Which CPU, what was seen, what would do, what to do, where to read."""
    why = f"{err} {cause} {value} {expected}"
    done = ask("enable", FAKE_ENABLE=why)
    assert done.returncode == 1 and not done.stdout
    for word in ("CPU 1", *words):
        assert word in done.stderr, word
    assert "VMXE" not in done.stderr and "kvm_intel" not in done.stderr
    answer = json.loads(ask("enable", "--json", FAKE_ENABLE=why).stdout)
    assert (answer["enabled"], answer["cause"], answer["cpu"]) == (False, key, 1)
    assert (answer["value"], answer["expected"]) == (hex(value), hex(expected))


def test_held_on_intel(ask):
    """The same cause on a processor with VMX is about CR4."""
    done = ask("enable", svm=False, FAKE_ENABLE=f"{errno.EBUSY} {HELD} 0x2000 0")
    assert "holds VMX (CR4 is 0x2000" in done.stderr and "kvm_intel" in done.stderr


def test_status(ask):
    """EFER and VM_CR for CR4 and MSR 3AH, a save area for a VMXON region, and no revision."""
    lines = ask("status").stdout.splitlines()
    assert lines[0].split() == ["CPU", "state", "host", "save", "area", "bytes", "EFER", "VM_CR"]
    assert lines[1].split() == ["0", "SVM", "on", "0x5000", "4096", "0x1d01", "0x8"]
    cpu = json.loads(ask("status", "--json").stdout)["cpus"][0]
    assert (cpu["efer"], cpu["svme"], cpu["vm_cr"]) == ("0x1d01", True, "0x8")
    lines = ask("status", svm=False).stdout.splitlines()
    assert lines[0].split()[-3:] == ["revision", "CR4", "FEATURE_CONTROL"]
    assert lines[1].split()[-3:] == ["0x2b", "0x20f0", "0x5"]
    assert "svme" not in json.loads(ask("status", "--json", svm=False).stdout)["cpus"][0]


# ---- the VMCB -----------------------------------------------------------------------------------


def test_dump(ask):
    """By names of the VMCB, in the APM's areas."""
    done = ask("dump", "alpha")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("VMCB of VM 2 (alpha), vCPU 0\n")
    for line in ("Control area: what VMRUN reads\n",
                 "  GUEST_ASID              0x00000000\n",
                 "  EXITCODE                0x00000000ffffffff  VMEXIT_INVALID\n",
                 "  CS.attributes           0x0a9b\n"
                 "      type 11, DPL 0, code or data, L: 64-bit, G: 4-KByte units\n",
                 "  EFER                    0x0000000000000d00  LME, LMA, NXE\n"):
        assert line in done.stdout, line
    answer = json.loads(ask("dump", "alpha", "--json").stdout)
    assert answer["vendor"] == "svm" and answer["absent"] == []
    assert answer["fields"] == {"GUEST_ASID": "0x0", "EXITCODE": "0xffffffff",
                                "CS.attributes": "0xa9b", "EFER": "0xd00"}


def test_check(ask):
    """The rules of VMRUN, with field, value, and what would do."""
    done = ask("check", "alpha")
    assert done.returncode == 1, done.stderr
    for part in ("control.asid (control area: VMEXIT_INVALID)\n   GUEST_ASID is 0x0\n",
                 "EFER is 0xd00, wrong in the bits 0x1000; 0x1d00 would do",
                 'APM vol. 2, "VMRUN Instruction"', "rules of a VMRUN are violated"):
        assert part in done.stdout, part
    answer = json.loads(ask("check", "alpha", "--json").stdout)
    assert {"control.asid", "guest.efer.svme"} <= {rule["rule"] for rule in answer["violated"]}


def test_explain_what_dump_wrote(ask):
    """A dump is judged alike where there is no driver, by a tool that was asked nothing before."""
    text = ask("dump", "alpha", "--json").stdout
    done = ask("explain", "-", stdin=text, svm=False)
    assert done.returncode == 1 and "control.asid (" in done.stdout
    assert "VMRUN which was refused, 0xffffffff: VMEXIT_INVALID" in done.stdout
    fine = json.loads(text)
    fine["fields"] = {"GUEST_ASID": "0x1", "EXITCODE": "0x78"}
    done = ask("explain", "-", stdin=json.dumps(fine), svm=False)
    assert done.returncode == 0 and "No rule of a VMRUN is violated" in done.stdout
    assert "refused" not in done.stdout


@pytest.mark.parametrize("change, words", [
    ({"vendor": "alpha"}, ('expected "vmx" or "svm"', "alpha")),
    ({"vendor": 7}, ('expected "vmx" or "svm"', "7")),
    ({"fields": {"GUEST_CR0": "0x0"}}, ("GUEST_CR0", "vtxctl vmcb --fields")),
    ({"fields": {"CPL": "0x100"}}, ("CPL", "at most 8 bits")),
    ({"fields": {"CS.attributes": 3}}, ("CS.attributes", "at most 16 bits")),
    ({"fields": {}}, ("vtxctl dump --json",)),
    ({"vendor": "vmx"}, ("GUEST_ASID", "vtxctl vmcs --fields")),
])
def test_wrong_dumps(ask, change, words):
    """2, and what was expected where."""
    dump = {"vendor": "svm", "fields": {"GUEST_ASID": "0x1"}} | change
    done = ask("explain", "-", stdin=json.dumps(dump))
    assert done.returncode == 2 and not done.stdout
    for word in words:
        assert word in done.stderr, word


# ---- tables -------------------------------------------------------------------------------------


def test_walk(ask):
    """The entries by the names of their bits; the command has two names."""
    done = ask("npt", "walk", "alpha", "0x200000")
    lines = done.stdout.splitlines()
    assert done.returncode == 1 and lines[0].endswith("N_CR3 0x1000")
    assert [line.split("  ")[-1] for line in lines[1:5]] == [
        "P RW US A, table at 0x2000", "P RW US, table at 0x3000",
        "P RW US PWT PCD A D PS NX, leaf of 2 MiB at 0x200000",
        "not present (P is 0): any access is a nested page fault"]
    assert ask("ept", "walk", "alpha", "0x200000").stdout == done.stdout
    extended = ask("ept", "walk", "alpha", "0x200000", svm=False).stdout
    assert "EPTP 0x1000" in extended and "rwx, table at 0x2000" in extended


# ---- exits --------------------------------------------------------------------------------------


def test_refused(run):
    """VMEXIT_INVALID: the rules say what the processor does not."""
    done = run(f"exit {KIND['entry-failed']} 0xffffffff 0 0")
    assert done.returncode == 126
    for part in ("VMRUN failed, the guest did not run. exit code 0xffffffff: VMEXIT_INVALID",
                 "control.asid (", "guest.efer.svme (", "project07/README.md"):
        assert part in done.stderr, part
    answer = json.loads(run(f"exit {KIND['entry-failed']} 0xffffffff 0 0",
                            options=["--json"]).stdout)
    assert answer["exit"]["name"] == "VMEXIT_INVALID" and answer["exit"]["text"] == ""
    assert answer["entry"]["reason"] == 0xFFFFFFFF
    assert answer["entry"]["error"] == "exit code 0xffffffff: VMEXIT_INVALID"
    assert "control.asid" in [rule["rule"] for rule in answer["entry"]["violated"]]


@pytest.mark.parametrize("kind, code, name", [
    ("unhandled", 0x7D, "VMEXIT_TASK_SWITCH"), ("triple-fault", 0x7F, "VMEXIT_SHUTDOWN"),
    ("triple-fault", 0, "triple fault"), ("unhandled", 0xFFF, "reserved exit code"),
])
def test_crashes_by_name(run, kind, code, name):
    """Exit codes have the manual's names; a triple fault may have no exit at all."""
    done = run(f"exit {KIND[kind]} {code} 0 0")
    assert done.returncode == 126 and f"at RIP 0x10000: {name}" in done.stderr
    if kind == "unhandled":
        assert "the VMCB at that moment" in done.stderr


def test_trace(run):
    """A line an exit, and VMX's names where there is VMX."""
    lines = ("exit 3 0x72 0 1", f"exit {KIND['hlt']} 0x78 0 0")
    done = run(*lines, options=["--trace"])
    assert "VMEXIT_CPUID\n" in done.stderr and "VMEXIT_HLT -> vtxctl\n" in done.stderr
    done = run("exit 3 10 0 1", "hlt", options=["--trace"], svm=False)
    assert " CPUID\n" in done.stderr and " HLT -> vtxctl\n" in done.stderr
