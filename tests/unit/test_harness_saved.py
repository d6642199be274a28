# SPDX-License-Identifier: GPL-2.0
"""Machines that begin with a saved state: which do, what they share, and that they are as good."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace

import pytest

from harness import bochs, bochs_saved, cache, lab
from harness.errors import LabError, Panic, Stopped, TripleFault
from harness.machine import Machine
from harness.spec import Kernel, MachineSpec

MARK = "lab/mark"


@pytest.fixture(name="spec")
def made_up_spec(tmp_path, monkeypatch):
    """A specification whose files exist, and a cache of the test's own."""
    monkeypatch.setenv("VTX_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("VTX_SNAPSHOT", raising=False)
    monkeypatch.setattr(bochs, "require_packages", lambda: None)
    for name in ("bios", "vga", "vmlinuz", "initrd", "parcel", "bochs-bin"):
        (tmp_path / name).write_text(name, encoding="ascii")
    monkeypatch.setattr(bochs, "BIOS", tmp_path / "bios")
    monkeypatch.setattr(bochs, "VGA_BIOS", tmp_path / "vga")
    monkeypatch.setattr(bochs, "PROGRAM", str(tmp_path / "bochs-bin"))
    kernel = Kernel("6.1", "6.1", tmp_path / "vmlinuz", tmp_path, tmp_path)
    return MachineSpec(accel="bochs", kernel=kernel, initrd=tmp_path / "initrd",
                       parcel=tmp_path / "parcel")


def test_only_machines_with_a_parcel_and_without_a_debugger_are_restored(spec, monkeypatch):
    assert bochs_saved.wanted(spec)
    assert not bochs_saved.wanted(replace(spec, parcel=None))  # the initramfs may hold a stage
    assert not bochs_saved.wanted(replace(spec, debug=True))
    assert not bochs_saved.wanted(replace(spec, vendor="svm", accel="tcg"))
    monkeypatch.setenv("VTX_SNAPSHOT", "off")
    assert not bochs_saved.wanted(spec)


def test_a_state_is_named_by_all_that_went_into_it_and_never_by_the_parcel(spec, tmp_path):
    before = bochs_saved.name(spec)
    (tmp_path / "parcel").write_text("somebody else's module", encoding="ascii")
    assert bochs_saved.name(spec) == before
    others = [replace(spec, cpus=1), replace(spec, mem_mib=512), replace(spec, firmware="open"),
              replace(spec, cpu_model="corei7_skylake_x"), replace(spec, cmdline_extra="quiet"),
              replace(spec, vendor="svm")]
    names = {bochs_saved.name(other) for other in others} | {before}
    (tmp_path / "initrd").write_text("another agent", encoding="ascii")
    assert len(names | {bochs_saved.name(spec)}) == len(others) + 2


def test_what_cannot_be_saved_is_booted_and_after_three_times_for_good(spec):
    tries = []

    def start(*_):
        tries.append(1)
        raise LabError("no")

    assert [bochs_saved.state(spec, start) for _ in range(5)] == [None] * 5
    assert len(tries) == bochs_saved.MOST_FAILURES


def test_a_state_that_does_not_restore_is_forgotten(spec):
    found = cache.entry(bochs_saved.name(spec), lambda path: path.mkdir())
    assert bochs_saved.state(spec, None) == found
    bochs_saved.forget(found)
    assert not found.exists() and bochs_saved.failures(bochs_saved.name(spec)) == 1


# ---- real machines ------------------------------------------------------------------------------

live = [
    pytest.mark.skipif(not shutil.which("bochs-bin"), reason="Bochs is not installed"),
    pytest.mark.xdist_group("harness-saved"),
]


def restored(artefacts, mark: str) -> Machine:
    spec = lab.stage_spec(None, "vmx", "bochs", extra_files=[(MARK, mark)])
    machine = Machine.boot(spec, artefacts)
    assert isinstance(machine.emulator, bochs_saved.RestoredBochs), "it was booted"
    return machine


def contents(folder) -> dict:
    return {path.name: (path.stat().st_mtime_ns, path.stat().st_mode, cache.digest(
        path.read_bytes())) for path in folder.iterdir()}


@pytest.fixture(name="victim")
def machine_to_break(tmp_path):
    machine = restored(tmp_path, "victim")
    yield machine
    machine.kill()


class TestLive:
    """Each test restores what the first one has saved, or a run before it."""

    pytestmark = live

    def test_two_machines_share_nothing_that_either_could_write(self, tmp_path):
        one = restored(tmp_path / "one", "one")
        state = one.emulator._saved
        before = contents(state)
        two = restored(tmp_path / "two", "two")
        with one, two:
            one.sh("echo left-over >/tmp/left; head -c 20000000 /dev/zero >/tmp/much; sync")
            assert (one.get(f"/{MARK}"), two.get(f"/{MARK}")) == (b"one", b"two")
            assert two.sh("cat /tmp/left").status == 1
            assert not one.emulator._image.samefile(two.emulator._image)
        third = restored(tmp_path / "three", "three")
        with third:
            assert third.sh("cat /tmp/left /run/parcel.cpio").out == ""
            assert third.get(f"/{MARK}") == b"three"
        assert contents(state) == before
        assert {mode & 0o777 for _, mode, _ in before.values()} == {0o444}

    def test_the_clock_is_right_and_random_numbers_differ(self, tmp_path):
        drawn = []
        for place in ("one", "two"):
            with restored(tmp_path / place, place) as machine:
                now = int(machine.run(["date", "+%s"]).out)
                assert abs(now - time.time()) < 60
                drawn.append(machine.sh("head -c 16 /dev/urandom | xxd -p").out)
        assert drawn[0] != drawn[1] and len(drawn[0]) == 33

    def test_it_begins_clean_and_ends_in_order(self, victim):
        assert [record for record in victim.records if record.level <= 4] == []
        assert victim.taint == victim.taint & (1 << 12 | 1 << 13)  # the probe: not Linux's own
        assert victim.run(["nproc"]).out == "2\n"
        assert victim.power_off()

    def test_panic(self, victim):
        with pytest.raises(Panic, match="sysrq triggered crash"):
            victim.sh("echo c > /proc/sysrq-trigger")

    def test_triple_fault(self, victim):
        with pytest.raises(TripleFault):
            victim.probe("triplefault")

    def test_a_reboot_nobody_asked_for(self, victim):
        with pytest.raises(Stopped, match="restarted"):
            victim.sh("reboot -f; sleep 10")

    def test_a_damaged_state_is_replaced_by_a_boot(self, tmp_path, monkeypatch):
        """Not the shared one: a copy in a cache of its own."""
        spec = lab.stage_spec(None, "vmx", "bochs", extra_files=[(MARK, "booted")])
        state = bochs_saved.state(spec, Machine.start)
        with monkeypatch.context() as patched:
            patched.setenv("VTX_CACHE", str(tmp_path / "cache"))
            copy = cache.entry(bochs_saved.name(spec), lambda path: shutil.copytree(state, path))
            (copy / "cpu0").unlink()
            with Machine.boot(spec, tmp_path / "machine") as machine:
                assert type(machine.emulator) is bochs.BochsEmulator
                assert machine.get(f"/{MARK}") == b"booted"
            assert not copy.exists()
