# SPDX-License-Identifier: GPL-2.0
"""vtxctl of project07 on facts of a processor with SVM: detect, plan, controls, vmcb."""
import json
import re
import subprocess

import pytest

from unit import host_build, random_facts, reference_tables

SVM, HYPERVISOR, SVME = 1 << 2, 1 << 31, 1 << 12
SVMDIS, LOCK = 1 << 4, 1 << 3
NP, NRIPS, PAUSE_FILTER = 1 << 0, 1 << 3, 1 << 10
# Numbers typed from appendix C: what a guest on the host's CPU must not do by itself.
HLT, IOIO, MSR, VMRUN, VMMCALL, INTR, PAUSE = 0x78, 0x7B, 0x7C, 0x80, 0x81, 0x60, 0x77


# With test_vtxctl_svm_driver.py, so that vtxctl is built once.
pytestmark = pytest.mark.xdist_group("fake-driver-svm")


@pytest.fixture(name="vtxctl", scope="module")
def fixture_vtxctl(tmp_path_factory):
    """vtxctl of project07, with the sanitizers."""
    return host_build.on_fake_driver(tmp_path_factory, 7)


def facts(**changes):
    """A CPU with SVM that nobody uses; changes are keys of a recording."""
    raw = random_facts.uniform(0, 0)
    return {**raw, "vendor": "AuthenticAMD", "ext1": ["0x0", "0x0", hex(SVM), "0x0"],
            "ext_svm": ["0x1", "0x10", "0x0", hex(NP)], "vm_cr": "0x0", "efer": "0xd01", **changes}


def ask(tool, command, *cpus, options=("--json",)):
    """The answer of a command to facts, and its exit status."""
    done = subprocess.run([tool, command, "--from", "-", *options], check=False, text=True,
                          input=json.dumps({"raw": {"cpus": list(cpus)}}), capture_output=True)
    assert done.stderr == ""
    return (json.loads(done.stdout) if "--json" in options else done.stdout), done.returncode


# ---- detect -------------------------------------------------------------------------------------


@pytest.mark.parametrize("change, verdict, explanation, remedy", [
    ({}, "usable", "SVMDIS is clear) and nobody", ""),
    ({"vm_cr": hex(LOCK)}, "usable", "for good", ""),
    ({"efer": hex(SVME), "ours": True}, "usable", "this driver has switched it on", ""),
    ({"efer": hex(SVME)}, "held", "EFER.SVME is set", "kvm_amd"),
    ({"vm_cr": hex(SVMDIS | LOCK)}, "disabled-by-firmware", "VM_CR.LOCK keeps it so",
     "only at a reset"),
    ({"vm_cr": hex(SVMDIS)}, "disabled-by-firmware", "though not locked", "SVM mode"),
    ({"vm_cr": hex(SVMDIS), "leaf1": ["0x0", "0x0", hex(HYPERVISOR), "0x0"]},
     "disabled-by-firmware", "hypervisor below", "nested virtualization"),
    ({"vm_cr": None}, "unknown", "VM_CR", "dmesg"),
    ({"ext1": ["0x0"] * 4}, "not-supported", "no SVM", "VENDOR=svm"),
    ({"ext1": ["0x0"] * 4, "leaf1": ["0x0", "0x0", hex(HYPERVISOR), "0x0"],
      "hv_signature": "KVMKVMKVM"}, "hidden", "does not show SVM", "kvm_amd nested=1"),
])
def test_verdicts(vtxctl, change, verdict, explanation, remedy):
    """Each answer, why, and what to do; none of them is about VMX."""
    answer, status = ask(vtxctl, "detect", facts(**change))
    assert (answer["verdict"], status) == (verdict, int(verdict != "usable"))
    assert explanation in answer["explanation"]
    assert remedy in answer["remedy"] and bool(answer["remedy"]) == bool(remedy)
    for text in (answer["explanation"], answer["remedy"]):
        assert "project07 will" not in text and "emulates VMX" not in text
        assert "IA32_FEATURE_CONTROL" not in text and "CR4" not in text


@pytest.mark.parametrize("vm_cr, words", [
    (0, "SVM allowed "), (SVMDIS, "SVM off "), (SVMDIS | LOCK, "SVM off, locked "),
])
def test_firmware_column(vtxctl, vm_cr, words):
    """The table says what firmware allows, and whether that can change."""
    text, _ = ask(vtxctl, "detect", facts(vm_cr=hex(vm_cr)), options=())
    assert words in text


@pytest.mark.parametrize("bit, name", reference_tables.SVM_FEATURES.items())
def test_every_feature(vtxctl, bit, name):
    """Each bit of CPUID 8000_000AH EDX under the manual's name, in both forms."""
    cpu = facts(ext_svm=["0x1", "0x40", "0x0", hex(1 << bit)])
    answer, _ = ask(vtxctl, "detect", cpu)
    found = answer["cpus"][0]["svm"]
    assert (found["revision"], found["asids"]) == (1, 64)
    assert [key for key, value in found["features"].items() if value] == [name]
    text, _ = ask(vtxctl, "detect", cpu, options=("--verbose",))
    assert re.search(rf"^  features +{name}: ", text, re.M)
    lines = re.findall(r"^  [ \d]\d  (\S+) +(yes|no) ", text, re.M)
    assert len(lines) == len(reference_tables.SVM_FEATURES)
    assert [key for key, value in lines if value == "yes"] == [name]


def test_cpus_differ(vtxctl):
    """One CPU that another hypervisor has, one whose firmware has switched SVM off."""
    answer, status = ask(vtxctl, "detect", facts(), facts(cpu=1, efer=hex(SVME)),
                         facts(cpu=2, vm_cr=hex(SVMDIS)))
    assert answer["differing"] == [{"cpu": 1, "fields": ["held"]}, {"cpu": 2, "fields": ["vm-cr"]}]
    assert (answer["verdict"], status) == ("held", 1)


# ---- plan and controls --------------------------------------------------------------------------


def test_plan(vtxctl):
    """What enable would write, and nothing of VMX."""
    answer, status = ask(vtxctl, "plan", facts(efer="0xd01"))
    assert status == 0
    assert answer["cpus"] == [{"cpu": 0, "svm": True, "ok": True, "held": False, "vm_cr": "0x0",
                               "efer": {"found": "0xd01", "value": "0x1d01"}}]
    text, _ = ask(vtxctl, "plan", facts(efer="0xd01"), options=())
    assert "VM_HSAVE_PA" in text and "0xd01, write, 0x1d01 afterwards" in text
    assert "FEATURE_CONTROL" not in text and "cr4" not in text


@pytest.mark.parametrize("change, held", [
    ({"efer": hex(SVME)}, True), ({"vm_cr": hex(SVMDIS)}, False), ({"vm_cr": None}, False),
    ({"ext1": ["0x0"] * 4}, False),
])
def test_plan_refuses(vtxctl, change, held):
    """One CPU is enough, and it says which and why."""
    answer, status = ask(vtxctl, "plan", facts(), facts(cpu=1, **change))
    assert status == 1 and [cpu["ok"] for cpu in answer["cpus"]] == [True, False]
    assert answer["cpus"][1]["held"] == held
    text, _ = ask(vtxctl, "plan", facts(), facts(cpu=1, **change), options=())
    assert "CPU 1: enable would refuse" in text and "afterwards" not in text.split("CPU 1")[1]


def test_controls(vtxctl):
    """Words, codes and names are of one table, and a reason is at each."""
    answer, status = ask(vtxctl, "controls", facts())
    cpu = answer["cpus"][0]
    assert status == 0 and cpu["ok"] and cpu["features"]["NP"] and not cpu["features"]["NRIPS"]
    words = [int(word, 16) for word in cpu["words"]]
    codes = {int(entry["code"], 16): entry["name"] for entry in cpu["intercepts"]}
    assert {32 * word + bit for word in range(6) for bit in range(32)
            if words[word] >> bit & 1} == set(codes)
    assert {HLT, IOIO, MSR, VMRUN, VMMCALL, INTR} <= set(codes) and PAUSE not in codes
    assert (codes[HLT], codes[VMRUN]) == ("VMEXIT_HLT", "VMEXIT_VMRUN")
    assert all(entry["why"] for entry in cpu["intercepts"])
    text, _ = ask(vtxctl, "controls", facts(), options=())
    assert "bit 078  VMEXIT_HLT " in text and " ".join(f"{word:08x}" for word in words) in text


def test_controls_by_features(vtxctl):
    """PAUSE exits where there is a filter for it; and without nested paging nothing goes."""
    filtered = facts(ext_svm=["0x1", "0x10", "0x0", hex(NP | NRIPS | PAUSE_FILTER)])
    answer, status = ask(vtxctl, "controls", filtered)
    assert status == 0 and hex(PAUSE) in [e["code"] for e in answer["cpus"][0]["intercepts"]]
    answer, status = ask(vtxctl, "controls", facts(ext_svm=["0x1", "0x10", "0x0", hex(NRIPS)]))
    assert status == 1 and not answer["cpus"][0]["ok"]
    text, _ = ask(vtxctl, "controls", facts(ext_svm=["0x1", "0x10", "0x0", "0x0"]), options=())
    assert "lacks nested paging" in text


def test_intel_stays_intel(vtxctl):
    """On facts of a processor with VMX, the same commands speak of VMX."""
    raw = random_facts.uniform(0, 0)
    raw["leaf1"][2] = hex(1 << 5)
    raw["feature_control"] = "0x5"
    answer, _ = ask(vtxctl, "detect", raw)
    assert answer["verdict"] == "usable" and answer["explanation"].startswith("VMX is there")
    answer, _ = ask(vtxctl, "plan", raw)
    assert {"vmx", "feature_control", "cr0", "cr4"} <= answer["cpus"][0].keys()
    answer, _ = ask(vtxctl, "controls", raw)
    assert "missing" in answer["cpus"][0]


# ---- vmcb ---------------------------------------------------------------------------------------


def vmcb(tool, *words):
    """vtxctl vmcb."""
    return subprocess.run([tool, "vmcb", *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("ident, offset, size, area", [
    ("INTERCEPT_CR_READ", 0, 2, "control"), ("GUEST_ASID", 0x58, 4, "control"),
    ("TLB_CONTROL", 0x5C, 1, "control"), ("N_CR3", 0xB0, 8, "control"),
    ("CS.attributes", 0x412, 2, "save"), ("CS.base", 0x418, 8, "save"),
    ("GDTR.limit", 0x464, 4, "save"), ("CPL", 0x4CB, 1, "save"), ("EFER", 0x4D0, 8, "save"),
    ("RAX", 0x5F8, 8, "save"), ("G_PAT", 0x668, 8, "save"),
])
def test_vmcb_fields(vtxctl, ident, offset, size, area):
    """Offsets and sizes as appendix B has them; the filter finds a field by either name."""
    for wanted in (ident, f"0x{offset:03x}"):
        done = vmcb(vtxctl, "--fields", "--json", "--filter", wanted)
        answer = json.loads(done.stdout)
        assert done.returncode == 0 and answer["count"] == len(answer["fields"])
        found = [field for field in answer["fields"] if field["ident"] == ident]
        assert [(f["offset"], f["bytes"], f["area"]) for f in found] == [(hex(offset), size, area)]
        assert found[0]["name"]


def test_vmcb_texts(vtxctl):
    """A line for each; none: 1; nothing asked for: 2, and where a vCPU's VMCB is shown."""
    assert "0x070       8  control EXITCODE " in vmcb(vtxctl, "--fields").stdout
    none = vmcb(vtxctl, "--fields", "--filter", "GUEST_CR0")
    assert none.returncode == 1 and "GUEST_CR0" in none.stderr
    empty = vmcb(vtxctl)
    assert empty.returncode == 2 and "vtxctl dump" in empty.stderr
    assert vmcb(vtxctl, "--fields", "more").returncode == 2
