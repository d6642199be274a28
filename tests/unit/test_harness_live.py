# SPDX-License-Identifier: GPL-2.0
"""The lab machine itself, under QEMU: what it answers, and in how many ways it can die."""

from __future__ import annotations

import os
import shutil
import threading

import pytest
from harness import lab, watch
from harness.errors import BootFailed, EmulatorDied, Hang, Panic, Stopped, TripleFault
from harness.kmsg import check_kmsg, check_taint
from harness.machine import Machine, ProbeError
from harness.spec import MachineSpec

pytestmark = [
    pytest.mark.skipif(not shutil.which("qemu-system-x86_64"), reason="QEMU is not installed"),
    pytest.mark.xdist_group("harness-live"),
]


def new_machine(artefacts) -> Machine:
    return lab.boot_stage(None, "svm", accel="tcg", artefacts=artefacts)


@pytest.fixture(name="machine", scope="module")
def shared_machine(tmp_path_factory):
    with new_machine(tmp_path_factory.mktemp("shared")) as machine:
        yield machine


@pytest.fixture(name="victim")
def machine_to_break(tmp_path):
    machine = new_machine(tmp_path)
    yield machine
    machine.kill()


def test_status_and_both_outputs(machine):
    result = machine.sh("echo out; echo err >&2; exit 3")
    assert (result.status, result.stdout, result.stderr) == (3, b"out\n", b"err\n")
    assert machine.run(["/nowhere"]).status == 127


def test_arguments_environment_directory_and_input_arrive_unchanged(machine):
    odd = "a b\t'\"$HOME\n*"
    assert machine.run(["printf", "%s", odd]).out == odd
    assert machine.sh("echo $X; pwd", env={"X": "y"}, cwd="/tmp").out == "y\n/tmp\n"
    data = os.urandom(30000)
    for piece in (data[:100], data):
        assert machine.run(["cat"], stdin=piece).stdout == piece


def test_an_unprivileged_user(machine):
    result = machine.sh("id -u; cat /dev/vtxprobe", user="nobody")
    assert result.out == "65534\n" and result.status == 1
    assert "Permission denied" in result.err


@pytest.mark.parametrize("size", [0, 1, 8192, 50001])
def test_files_go_in_and_out(machine, size):
    data = os.urandom(size)
    machine.put("/tmp/deep/er/file", data, mode=0o750)
    assert machine.get("/tmp/deep/er/file") == data
    assert machine.sh("stat -c %a /tmp/deep/er/file").out == "750\n"


def test_files_of_proc_and_missing_files(machine):
    assert machine.get("/proc/cpuinfo").count(b"processor\t:") == 2
    with pytest.raises(FileNotFoundError, match="in the lab machine"):
        machine.get("/nowhere")


def test_a_timeout_kills_and_the_agent_goes_on(machine):
    result = machine.sh("echo before; sleep 100", timeout=1)
    assert result.timed_out and result.status == -9 and result.out == "before\n"
    assert machine.sh("echo after").out == "after\n"


def test_a_flood_of_output_is_cut_and_says_so(machine):
    result = machine.run(["yes"], timeout=2, cap=1000)
    assert result.truncated and len(result.stdout) == 1000


def test_background_children_do_not_hold_the_answer(machine):
    noisy = "sleep 1000 & (while :; do echo x; done) & echo started"
    assert machine.sh(noisy, timeout=20).status == 0
    assert machine.sh("kill -9 -1; true").status == 0  # everything that it may: not PID 1
    assert machine.sh("ps | grep -c 'sleep 100[0]'").out == "0\n"


def test_kernel_messages_come_with_the_command_that_caused_them(machine):
    result = machine.sh("echo '<4>vtx: from user space' > /dev/kmsg")
    assert [(r.level, r.text) for r in result.kmsg] == [(4, "vtx: from user space")]
    assert check_kmsg(result.kmsg) == ["level 4: vtx: from user space"]
    assert machine.sh("true").kmsg == []


def test_the_probe_answers_and_refuses(machine):
    assert int(machine.probe("cr4", 1), 0) & 1 << 5  # PAE: on in every 64-bit kernel
    assert machine.probe("cpuid", 0, 0, 0).split()[1:] == ["0x68747541", "0x444d4163", "0x69746e65"]
    assert machine.probe("vmxop", 0) == "0"
    for words in (["cr4", 99], ["cr4"], ["nonsense"], ["phys", "0xffffffffff000", 8]):
        with pytest.raises(ProbeError):
            machine.probe(*words)


def test_a_clean_machine_has_nothing_to_complain(tmp_path):
    machine = new_machine(tmp_path)
    assert check_kmsg(machine.records) + check_taint(machine.taint) == []
    assert machine.power_off()
    assert machine.ready_seconds < 30  # the figure to reach is 4 s, on a host that is not busy


def test_a_warning_and_an_oops_are_survived_and_seen(victim):
    victim.probe("warn")
    assert any(p.startswith("warn: ") for p in check_kmsg(victim.records))
    assert victim.sh("echo oops > /dev/vtxprobe").status == -9
    assert any(p.startswith("oops: ") for p in check_kmsg(victim.records))
    assert len(check_taint(victim.taint)) == 2


def test_panic(victim):
    with pytest.raises(Panic, match="sysrq triggered crash") as raised:
        victim.sh("echo c > /proc/sysrq-trigger")
    assert "Call Trace" in raised.value.tail
    with pytest.raises(Panic):
        victim.ping()  # it stays dead, and says the same


def test_hang(victim, monkeypatch):
    monkeypatch.setattr(victim._watch, "budget", 3.0)
    with pytest.raises(Hang):
        victim.probe("hang")


def test_triple_fault(victim):
    with pytest.raises(TripleFault):
        victim.probe("triplefault")


def test_a_reboot_nobody_asked_for(victim):
    with pytest.raises(Stopped, match="restarted"):
        victim.sh("reboot -f; sleep 10")


def test_the_emulator_is_killed(victim):
    threading.Timer(0.5, lambda: os.kill(victim.emulator.pid, 9)).start()
    with pytest.raises(EmulatorDied, match="signal 9"):
        victim.sh("sleep 60", timeout=60)


def test_a_broken_initrd(tmp_path):
    initrd = tmp_path / "broken"
    initrd.write_bytes(b"this is no archive" * 100)
    spec = MachineSpec(vendor="none", accel="tcg", kernel=lab.kernels.resolve(), initrd=initrd)
    with pytest.raises(BootFailed, match="Unable to mount root fs") as raised:
        Machine.boot(spec, tmp_path)
    assert isinstance(raised.value.cause, Panic)


def test_the_budget_of_a_boot_is_larger_than_that_of_a_command():
    assert all(watch.BOOT_BUDGET[a] > watch.CPU_BUDGET[a] for a in watch.CPU_BUDGET)
