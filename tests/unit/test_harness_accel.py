# SPDX-License-Identifier: GPL-2.0
"""Which emulator serves a lab machine: KVM only when it is proved, and the reason when not."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import accel
from harness.errors import AccelUnusable


def made_up(tmp_path: Path, flags: str = "fpu svm", nested: str | None = "1") -> accel.Host:
    host = accel.Host(
        kvm=tmp_path / "kvm",
        cpuinfo=tmp_path / "cpuinfo",
        modules=tmp_path / "modules",
        boot_id=tmp_path / "boot_id",
    )
    host.cpuinfo.write_text(f"processor : 0\nflags\t\t: {flags}\n")
    host.boot_id.write_text("b00t\n")
    if nested is not None:
        parameter = host.modules / "kvm_amd/parameters/nested"
        parameter.parent.mkdir(parents=True)
        parameter.write_text(nested + "\n")
    return host


@pytest.mark.parametrize(
    "flags, nested, words",
    [
        ("fpu svm", "0", "does not nest"),
        ("fpu svm", None, "kvm_amd is not loaded"),
        ("fpu vmx", "1", "does not show SVM (it has VMX)"),
        ("fpu", "1", "it shows neither VMX nor SVM"),
    ],
)
def test_why_kvm_cannot_nest(tmp_path, flags, nested, words):
    answer = accel.check_nesting(made_up(tmp_path, flags, nested), "svm")
    assert not answer.ok and words in answer.reason


def test_a_missing_and_a_wrong_kvm_device(tmp_path):
    host = made_up(tmp_path)
    assert "does not exist" in accel.check_device(host).reason
    host.kvm.write_text("")
    assert "not KVM" in accel.check_device(host).reason


def test_kvm_is_chosen_only_after_a_boot_that_worked(tmp_path, monkeypatch):
    monkeypatch.setenv("VTX_CACHE", str(tmp_path))
    monkeypatch.delenv("VTX_ACCEL", raising=False)
    monkeypatch.setattr(accel, "check_qemu", lambda: accel.Usable(True, "there"))
    monkeypatch.setattr(accel, "check_device", lambda host: accel.Usable(True, "there"))
    for status, expected in ((1, "tcg"), (0, "kvm")):
        (tmp_path / str(status)).mkdir()
        host = made_up(tmp_path / str(status))
        host.boot_id.write_text(f"boot-{status}")
        monkeypatch.setattr(accel, "boot_command", lambda v, s=status: ["sh", "-c", f"exit {s}"])
        assert accel.choose("svm", host=host) == expected
        monkeypatch.setattr(accel, "boot_command", lambda v: ["false"])  # the answer is kept
        host.results.clear()
        assert accel.choose("svm", host=host) == expected


@pytest.mark.parametrize(
    "vendor, forced, words",
    [
        ("vmx", "tcg", "no VMX"),
        ("svm", "kvm", "cannot serve"),
        ("vmx", "xen", "expected one of kvm, tcg, bochs"),
    ],
)
def test_forcing_the_impossible_names_a_remedy(tmp_path, vendor, forced, words):
    with pytest.raises(AccelUnusable, match="Fix: ") as raised:
        accel.choose(vendor, forced, host=made_up(tmp_path))
    assert words in raised.value.reason
