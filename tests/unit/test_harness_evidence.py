# SPDX-License-Identifier: GPL-2.0
"""What no submission can change, and what none can break: the emulator's view, answers, limits."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import grade_fakes
import pytest
from harness import answers, bochs, confine, grade_boot, submit
from harness.errors import EmulatorDied, LabError, Panic
from harness.evidence import CpuState, Nested, NoEvidence, NoMemory, Outside
from harness.exercises import REPOSITORY
from harness.grade import Unmet
from harness.grade_fate import Fate
from harness.grade_key import ANY_MODEL, LabKey
from harness.grade_lab import Lab
from harness.grade_life import MAX_SPENT
from harness.grade_outcome import problem_of
from harness.machine import ProbeError
from harness.results import Outcome

# As Bochs 2.7 and QEMU 7.2 have said it.
BOCHS = """\
show param name: <cpu1.CR0>
CR0 = 0x80050033
show param name: <cpu1.CR4>
CR4 = 0x001726e0
show param name: <cpu1.MSR.EFER>
EFER = 0x00000d01
show param name: <cpu1.VMX.in_vmx>
in_vmx = {inside}
show param name: <cpu1.VMX.vmxonptr>
vmxonptr = {pointer}
show param name: <cpu1.VMX.in_vmx_guest>
in_vmx_guest = {guest}
show param name: <cpu1.VMX.vmcsptr>
vmcsptr = {vmcs}
show param name: <cpu1.CR3>
CR3 = 0x2a10001
show param name: <cpu1.RIP>
RIP = 0xffffffff81a592eb
"""
BOCHS_MEMORY = """\
[bochs]:
0x0000000000100000 <bogus+       0>:\t0x2b\t0x00\t0x00\t0x00\t0x00\t0x00\t0x00\t0x00
0x0000000000100008 <bogus+       8>:\t0xff\t0x01
"""
QEMU = """
CPU#0
RAX=0000000000000000 RBX=0000000000000000 RCX=0000000000000000 RDX=0000000000000000
RIP=ffffffff81a592eb RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1
CR0=80050033 CR2=00000000004c2a28 CR3=0000000002a10000 CR4=00750ef0
EFER=0000000000000d01
CPU#1
RIP=ffffffff81b00010 RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1
CR0=80050011 CR2=00000000004c2a28 CR3=0000000002a10000 CR4=00750ee0
EFER=0000000000000d00
"""
QEMU_MEMORY = "0000000000100000: 0x2b 0x00 0x00 0x00 0x00 0x00 0x00 0x00\n" \
    "0000000000100008: 0xff 0x01\n"
MEMORY = bytes([0x2b, 0, 0, 0, 0, 0, 0, 0, 0xff, 1])


def outside(name, text):
    return Outside(SimpleNamespace(name=name, ask=lambda *words: text, monitor=lambda word: text))


NOWHERE = "0xffffffffffffffff"


@pytest.mark.parametrize(("words", "expected"), [
    (("true", "0xf891000", "false", NOWHERE), (True, 0xf891000, False, None)),
    (("true", "0xf891000", "true", "0x4c3000"), (True, 0xf891000, True, 0x4c3000)),
    (("false", NOWHERE, "false", NOWHERE), (False, None, False, None)),
])
def test_bochs_shows_vmx_operation(words, expected):
    given = dict(zip(("inside", "pointer", "guest", "vmcs"), words))
    state = outside("bochs", BOCHS.format(**given)).cpu(1)
    assert state == CpuState(0x80050033, 0x1726e0, 0xd01, *expected, cr3=0x2a10001,
                             rip=0xffffffff81a592eb)


BOCHS_NESTED = """\
show param name: <cpu1.VMX.VMCS_CACHE.VMEXEC_CTRLS.vmexec_ctrls2>
vmexec_ctrls2 = {primary}
show param name: <cpu1.VMX.VMCS_CACHE.VMEXEC_CTRLS.vmexec_ctrls3>
vmexec_ctrls3 = {secondary}
show param name: <cpu1.VMX.VMCS_CACHE.VMEXEC_CTRLS.eptptr>
eptptr = 0x5e3f05e
show param name: <cpu1.VMX.VMCS_CACHE.VMEXEC_CTRLS.vpid>
vpid = 0x0003
"""


@pytest.mark.parametrize(("primary", "secondary", "expected"), [
    ("0xb599edf2", "0x000000a2", Nested(0x5e3f05e, 3)),
    ("0xb599edf2", "0x00000002", Nested(0x5e3f05e, 0)),
    ("0xb599edf2", "0x00000000", Nested(0, 0)),
    ("0x3599edf2", "0x000000a2", Nested(0, 0)),  # no secondary controls: they do not count
])
def test_bochs_shows_nested_paging(primary, secondary, expected):
    text = BOCHS_NESTED.format(primary=primary, secondary=secondary)
    assert outside("bochs", text).nested(1) == expected


SVM_NAMES = {"CR0": "0x80050033", "CR4": "0x406f0", "MSR.EFER": "0x1d01",
             "SVM.in_svm_guest": "true", "CR3": "0x5000", "RIP": "0x10000",
             "SVM.VMCB_CTRLS.ncr3": "0x7654000"}


def test_bochs_shows_svm():
    """With SVM a CPU is in use while EFER.SVME is 1, and N_CR3 is the VMCB's."""
    text = "\n".join(f"show param name: <cpu1.{name}>\n{name.rpartition('.')[2]} = {value}"
                     for name, value in SVM_NAMES.items())
    emulator = SimpleNamespace(name="bochs", ask=lambda *words: text,
                               spec=SimpleNamespace(vendor="svm"))
    state = Outside(emulator).cpu(1)
    assert (state.in_vmx, state.in_guest, state.efer, state.rip) == (True, True, 0x1d01, 0x10000)
    assert state.vmxon_pointer is None and state.vmcs_pointer is None
    assert Outside(emulator).nested(1).ept_pointer == 0x7654000


def test_qemu_shows_no_nested_paging():
    assert outside("qemu", QEMU).nested(1) is None


def test_qemu_shows_registers_only():
    assert outside("qemu", QEMU).cpu(1) == CpuState(
        0x80050011, 0x750ee0, 0xd00, cr3=0x2a10000, rip=0xffffffff81b00010)


@pytest.mark.parametrize(("name", "text"), [("bochs", BOCHS_MEMORY), ("qemu", QEMU_MEMORY)])
def test_memory(name, text):
    assert outside(name, text).phys(0x100000, len(MEMORY)) == MEMORY


@pytest.mark.parametrize(("name", "text"), [
    ("bochs", "can't find param <cpu1.CR0>"), ("qemu", "CPU#0\nCR0=80050033\n"), ("qemu", ""),
])
def test_an_answer_that_is_none(name, text):
    with pytest.raises(NoEvidence):
        outside(name, text).cpu(1)
    with pytest.raises(NoMemory, match="10 bytes"):
        outside(name, text).phys(0, 10)


def test_a_busy_host_is_not_a_bad_address():
    """A debugger that does not answer in time says nothing about the memory that was asked for."""
    def silent(*words):
        raise LabError("Bochs's debugger did not answer")

    with pytest.raises(NoEvidence) as caught:
        Outside(SimpleNamespace(name="bochs", ask=silent)).phys(0, 10)
    assert not isinstance(caught.value, NoMemory)


def test_a_dead_machine_is_not_missing_evidence():
    def silent(*words):
        raise LabError("no answer")

    def ping():
        raise Panic("it is dead")

    with pytest.raises(Panic):
        Outside(SimpleNamespace(name="bochs", ask=silent), ping).cpu(0)


def test_one_submission_is_graded_by_several_at_once(tmp_path):
    """Two stages of it, or the same one twice: each run has a copy of its own."""
    (tmp_path / "in").mkdir()
    runs = [SimpleNamespace(build=tmp_path, submit=tmp_path / "in", root=REPOSITORY, stage=stage,
                            run_id=f"run-{number}")
            for number, stage in enumerate(("project01", "project02", "project02"))]
    for settings in runs:
        grade_boot.take_submission(settings)
    folders = {grade_boot.submitted(settings, settings.stage).folder for settings in runs}
    assert len(folders) == len(runs) and all(folder.is_dir() for folder in folders)


# ---- answers -------------------------------------------------------------------------------------

RAW = {"cpu": 0, "vendor": "GenuineIntel", "hv_signature": None, "max_leaf": "0xd",
       "max_ext_leaf": "0x80000008", "leaf1": ["0x1"] * 4, "ext1": ["0x0"] * 4,
       "ext_svm": ["0x0"] * 4, "ext_addr": ["0x0"] * 4, "cr0": "0x80050033", "cr4": "0x0",
       "efer": "0x0", "feature_control": None, "vm_cr": None, "vmx_msr": [None] * 20}


def detect(**changes):
    raw = {key: value for key, value in (RAW | changes).items() if value != "absent"}
    return {"verdict": "usable", "cpus": [{"cpu": 0, "basic": None}], "raw": {"cpus": [raw]}}


def test_an_honest_answer_fits():
    assert answers.wrong_with("detect", detect()) is None
    assert answers.wrong_with("unknown", {"anything": []}) is None


@pytest.mark.parametrize(("changes", "where"), [
    ({"cr0": "zero"}, "cr0"), ({"cr0": 5}, "cr0"), ({"cr0": None}, "cr0"), ({"cpu": True}, "cpu"),
    ({"cr0": "0x" + "f" * 17}, "cr0"), ({"leaf1": "abcd"}, "leaf1"), ({"leaf1": ["0x1"]}, "leaf1"),
    ({"leaf1": ["0x1", "0x1", "0x1", {}]}, "leaf1.3"), ({"vmx_msr": 3}, "vmx_msr"),
    ({"cr4": "absent"}, "cr4"),
])
def test_another_type_is_named(changes, where):
    assert answers.wrong_with("detect", detect(**changes))[0] == f"raw.cpus.0.{where}"


@pytest.mark.parametrize("whole", [None, 5, "text", [], {"cpus": 5}, {"raw": {"cpus": [[]]}}])
def test_another_shape_is_named(whole):
    assert answers.wrong_with("detect", whole)


# ---- outcomes and limits -------------------------------------------------------------------------


def outcome(error):
    try:
        raise error
    except type(error):
        return problem_of(pytest.ExceptionInfo.from_current(), True).outcome


def test_whose_fault_it_is():
    assert outcome(ProbeError("vtxprobe is gone")) is Outcome.FAILED
    assert outcome(EmulatorDied("exit status 1 / >>PANIC<<")) is Outcome.FAILED
    assert outcome(EmulatorDied("killed by signal 9")) is Outcome.COULD_NOT_RUN
    assert outcome(NoEvidence("no answer")) is Outcome.COULD_NOT_RUN


def test_what_commands_take_in_all_is_bounded():
    lab = Lab(LabKey("project01"), lambda key: grade_fakes.FakeMachine(""), fate=Fate())
    lab.begin("1.1")
    lab.spent = MAX_SPENT + 1
    with pytest.raises(Unmet, match="s in all"):
        lab.begin("1.2")


def test_another_processor_is_drawn_for_each_run():
    def model(seed, cpu_model=ANY_MODEL):
        return grade_boot.drawn_model(SimpleNamespace(seed=seed),
                                      LabKey("project01", cpu_model=cpu_model))

    assert {model(seed) for seed in range(200)} == set(bochs.OTHER_VMX_MODELS)
    assert model("a") == model("a")
    assert (model("a", ""), model("a", "max")) == (None, "max")


def test_a_hard_link_to_the_solution_is_refused(tmp_path):
    reference, copy, link = (tmp_path / name for name in ("reference.c", "copy.c", "link.c"))
    reference.write_text("int x;\n", encoding="ascii")
    copy.write_text("int x;\n", encoding="ascii")
    (tmp_path / "backup.c").hardlink_to(copy)  # a second name of the student's own is fine
    link.hardlink_to(reference)
    assert submit.take_file(copy, reference) == b"int x;\n"
    assert submit.take_file(reference, None) == b"int x;\n"
    with pytest.raises(submit.Refused, match="under another name"):
        submit.take_file(link, reference)


@pytest.mark.skipif(confine.version() < 1, reason="this kernel has no Landlock")
def test_a_confined_compiler_reads_what_it_needs_and_no_more(tmp_path):
    folder, elsewhere = tmp_path / "stage", tmp_path / "secret.h"
    folder.mkdir()
    (tmp_path / "own.h").write_text("int own;\n", encoding="ascii")
    (folder / "own.h").symlink_to(tmp_path / "own.h")
    elsewhere.write_text("int secret;\n", encoding="ascii")
    (folder / "good.c").write_text('#include "own.h"\n', encoding="ascii")
    (folder / "bad.c").write_text('#include "../secret.h"\n', encoding="ascii")

    def compile_it(name, out):
        return subprocess.run(
            [sys.executable, "-I", confine.__file__, folder, Path("/usr/src"), "gcc", "-c", name,
             "-o", out], cwd=folder, env=dict(os.environ, TMPDIR=str(folder)), check=False,
            capture_output=True, text=True)

    assert compile_it("good.c", "good.o").returncode == 0
    assert "Permission denied" in compile_it("bad.c", "bad.o").stderr
    assert compile_it("good.c", tmp_path / "good.o").returncode != 0
