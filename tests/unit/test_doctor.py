# SPDX-License-Identifier: GPL-2.0
"""make doctor, first part, and the report: every verdict, with its reason and its fix."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from harness import doctor, doctor_lab
from harness.doctor_item import OK, PROBLEM, WARN, Item
from harness.host import MIB, Host
from made_up_host import (GOOD_BOCHS, RELEASE, TERM_PLUGIN, expect, good_host, program, remove,
                          write)


@pytest.fixture(name="host")
def nothing_wrong(tmp_path):
    """A computer on which nothing is wrong."""
    return good_host(tmp_path)


GOOD = [check for check in doctor_lab.CHECKS if check is not doctor_lab.missing_packages]


@pytest.mark.parametrize("check", GOOD, ids=lambda check: check.__name__)
def test_nothing_wrong(host, check):
    """A good computer gets an ok everywhere."""
    expect(check(host), OK)


# The computer


def test_other_processor(host):
    """Without long mode there is nothing to build for."""
    write(host, "proc/cpuinfo", "Features : fp asimd\n")
    expect(doctor_lab.computer(host), PROBLEM, "not an x86-64 processor")


@pytest.mark.parametrize("text, seen", [("ID=fedora\nVERSION_ID=41\n", "fedora 41"),
                                        ('ID=debian\nVERSION_ID="11"\n', "debian 11"),
                                        ("", "unknown")])
def test_other_distribution(host, text, seen):
    """What is not tested is said to be so."""
    write(host, "etc/os-release", text)
    expect(doctor_lab.computer(host), WARN, seen, "container")


@pytest.mark.parametrize("name", ["my clone", "a:b", "tab\there"])
def test_folder_that_kbuild_cannot_use(host, name):
    """A space or a colon anywhere in the path breaks kbuild."""
    expect(doctor_lab.clone(replace(host, clone=Path("/home") / name / "vtxdrv")), PROBLEM, name)
    expect(doctor_lab.clone(replace(host, build=Path("/mnt") / name)), PROBLEM, name)


def test_missing_packages_are_named(host):
    """The made-up computer has a gcc, and no lz4."""
    program(host, "gcc")
    item = doctor_lab.missing_packages(host)
    expect(item, PROBLEM, "lz4", "make install-deps")
    names = item.detail.removeprefix("missing: ").split(", ")
    assert "libjson-c-dev" in names and "gcc" not in names and "bochs-term" not in names


# Python


def test_no_python_with_pytest(host):
    """The finder prints nothing when no Python has the modules."""
    host = replace(host, outputs={})
    expect(doctor_lab.python(host), PROBLEM, "without pytest", "make install-deps")
    remove(host, "usr/bin/python3")
    expect(doctor_lab.python(host), PROBLEM, "no python3")


def test_another_python_first_on_the_path(host):
    """A python3 of pyenv is named, and does no harm."""
    write(host, "home/me/.pyenv/shims/python3").chmod(0o755)
    host = replace(host, environ={"PATH": "/home/me/.pyenv/shims:/usr/bin"})
    item = doctor_lab.python(host)
    expect(item, OK, "is not used")
    assert ".pyenv/shims/python3" in item.detail


# The kernel of the lab machine


def test_no_metapackage(host):
    """Without the headers' metapackage there is no default kernel."""
    for status in ("", "Package: linux-headers-amd64\nStatus: deinstall ok config-files\n"
                   "Depends: linux-headers-6.1.0-1-amd64\n"):
        write(host, "var/lib/dpkg/status", status)
        expect(doctor_lab.chosen_kernel(host), PROBLEM, "metapackage", "make install-deps")


def test_image_comes_later(host):
    """An image that is not here is downloaded: no problem where there is apt-get."""
    remove(host, f"boot/vmlinuz-{RELEASE}")
    expect(doctor_lab.chosen_kernel(host), OK, "image will be downloaded")
    remove(host, "usr/bin/apt-get")
    expect(doctor_lab.chosen_kernel(host), PROBLEM, "no image here, and no apt-get")
    (host.cache / "kernels" / RELEASE / "image").mkdir(parents=True)
    expect(doctor_lab.chosen_kernel(host), OK, "headers and image are here")


def test_chosen_series(host):
    """KVER=6.12 is the newest 6.12 in the cache, and never 6.1 or a 6.120."""
    host = replace(host, kver="6.12")
    expect(doctor_lab.chosen_kernel(host), WARN, "6.12: headers and image will be downloaded")
    for release in ("6.12.9+deb12-amd64", "6.12.95+deb12-amd64", "6.120.1-amd64"):
        (host.cache / "kernels" / release / "image").mkdir(parents=True)
    expect(doctor_lab.chosen_kernel(host), OK, "6.12.95+deb12-amd64: headers will be downloaded")
    (host.cache / "kernels/6.12.95+deb12-amd64/headers").mkdir()
    expect(doctor_lab.chosen_kernel(host), OK, "6.12.95+deb12-amd64: headers and image are here")


def test_chosen_release(host):
    """KVER= may be a whole release; an impossible one is named."""
    expect(doctor_lab.chosen_kernel(replace(host, kver=RELEASE)), OK, RELEASE)
    expect(doctor_lab.chosen_kernel(replace(host, kver="new")), PROBLEM, "KVER=new is no kernel")


# Emulators


def test_qemu(host):
    """QEMU missing, and QEMU that does not start, are told apart."""
    expect(doctor_lab.qemu(replace(host, outputs={})), PROBLEM, "does not start")
    remove(host, "usr/bin/qemu-system-x86_64")
    expect(doctor_lab.qemu(host), PROBLEM, "no qemu-system-x86_64", "make install-deps")


def test_bochs_version_is_shown(host):
    """The version is Bochs' own word."""
    expect(doctor_lab.bochs(host), OK, "2.7")
    expect(doctor_lab.bochs(replace(host, outputs={})), OK, "unknown version")


@pytest.mark.parametrize("ability", doctor_lab.BOCHS_ABILITIES)
def test_bochs_built_without(host, ability):
    """A Bochs of one's own may lack what the package has."""
    program(host, "bochs-bin", GOOD_BOCHS.replace(doctor_lab.BOCHS_ABILITIES[ability], b""))
    expect(doctor_lab.bochs(host), PROBLEM, f"built without {ability}")


def test_bochs_missing_or_without_display(host):
    """No Bochs at all, and a Bochs that only has windows."""
    remove(host, TERM_PLUGIN)
    expect(doctor_lab.bochs(host), PROBLEM, "bochs-term", "make install-deps")
    remove(host, "usr/bin/bochs-bin")
    expect(doctor_lab.bochs(host), PROBLEM, "no bochs", "make install-deps")


# KVM


@pytest.fixture(name="kvm_host")
def host_with_kvm(host):
    """A computer with /dev/kvm and kvm_intel."""
    write(host, "dev/kvm")
    write(host, "sys/module/kvm_intel/parameters/nested", "Y\n")
    return host


def test_kvm_nests(kvm_host):
    """Nesting on: tried, not trusted."""
    expect(doctor_lab.accelerator(kvm_host), OK, "test boot")


def test_kvm_without_nesting(kvm_host):
    """Nesting off: how to turn it on."""
    write(kvm_host, "sys/module/kvm_intel/parameters/nested", "N\n")
    expect(doctor_lab.accelerator(kvm_host), WARN, "does not nest", "nested=1")


def test_kvm_amd_with_old_parameter(kvm_host):
    """Before 5.x the parameter was a number."""
    write(kvm_host, "proc/cpuinfo", "flags : lm svm\n")
    write(kvm_host, "sys/module/kvm_amd/parameters/nested", "1\n")
    expect(doctor_lab.accelerator(kvm_host), OK, "kvm_amd nests")


def test_kvm_of_another_user(kvm_host):
    """/dev/kvm belongs to the group kvm."""
    expect(doctor_lab.accelerator(replace(kvm_host, device_allowed=False)), WARN, "may not use",
           "adduser")


def test_kvm_without_the_extension(kvm_host):
    """Some clouds show /dev/kvm in a guest whose processor has neither VMX nor SVM."""
    write(kvm_host, "proc/cpuinfo", "flags : lm hypervisor\n")
    expect(doctor_lab.accelerator(kvm_host), WARN, "no VMX and no SVM", "hypervisor below")


def test_forced_accelerator(kvm_host):
    """VTX_ACCEL= that cannot work is a problem; one that can is not."""
    def forced(name, host=kvm_host):
        return doctor_lab.accelerator(replace(host, environ={"VTX_ACCEL": name}))

    expect(forced("kvm"), OK)
    expect(forced("bochs"), OK)
    expect(forced("vmware"), PROBLEM, "expected kvm, tcg or bochs")
    write(kvm_host, "sys/module/kvm_intel/parameters/nested", "N\n")
    expect(forced("kvm"), PROBLEM, "does not nest", "nested=1")
    remove(kvm_host, "dev/kvm")
    expect(forced("kvm"), PROBLEM, "no /dev/kvm", "unset VTX_ACCEL")
    expect(forced("tcg"), OK)


# Memory, disk, terminal


def test_memory(host):
    """Too little for one machine, for as many as there are CPUs, and unknown."""
    write(host, "proc/meminfo", "MemAvailable: 400000 kB\n")
    expect(doctor_lab.memory(host), PROBLEM, "390 MiB")
    write(host, "proc/meminfo", "MemAvailable: 900000 kB\n")
    expect(doctor_lab.memory(host), WARN, "2 lab machines", "JOBS=2")
    write(host, "proc/meminfo", "")
    expect(doctor_lab.memory(host), WARN, "cannot tell")


@pytest.mark.parametrize("limit, used", [("memory.max", "memory.current"),
                                         ("memory/memory.limit_in_bytes",
                                          "memory/memory.usage_in_bytes")])
def test_memory_of_a_container(host, limit, used):
    """A container's limit counts, not the computer's memory."""
    write(host, f"sys/fs/cgroup/{limit}", str(1024 * MIB))
    write(host, f"sys/fs/cgroup/{used}", str(624 * MIB))
    expect(doctor_lab.memory(host), PROBLEM, "400 MiB")
    write(host, f"sys/fs/cgroup/{limit}", "max")
    expect(doctor_lab.memory(host), OK)


def test_disk(host):
    """The larger need is the cache's."""
    expect(doctor_lab.disk(replace(host, free=100 * MIB)), PROBLEM, "build folder", "O=")
    expect(doctor_lab.disk(replace(host, free=500 * MIB)), PROBLEM, "cache folder", "VTX_CACHE=")


def test_free_space_of_a_folder_to_be_made(tmp_path):
    """The nearest folder that exists tells."""
    where, free = Host(root=tmp_path).free_bytes(tmp_path / "not" / "there")
    assert where == tmp_path and free > 0


def test_terminal(host):
    """No person is fine, no pseudo-terminal is not."""
    expect(doctor_lab.terminal(replace(host, typing=False)), OK, "none here")
    expect(doctor_lab.terminal(replace(host, environ={})), OK, "TERM is not set")
    remove(host, "dev/ptmx")
    expect(doctor_lab.terminal(host), PROBLEM, "no pseudo-terminals", "devpts")


# The report


def report(*items: Item) -> dict[str, list[Item]]:
    """Return a report of one section."""
    return {"Section": list(items)}


FINE = Item("disk", OK, "plenty")
SLOW = Item("KVM", WARN, "no nesting", "modprobe")
BROKEN = Item("Bochs", PROBLEM, "no bochs " * 20, "make install-deps")


def test_text_report():
    """Verdict, name, detail and fix of each item, in lines that fit."""
    text = doctor.as_text(report(FINE, SLOW, BROKEN))
    assert "ok       disk" in text and "fix:  modprobe" in text
    assert "cannot run yet: see Bochs." in text.splitlines()[-1]
    assert max(map(len, text.splitlines())) <= doctor.WIDTH
    assert "can run (1 warning)" in doctor.as_text(report(FINE, SLOW))
    assert "can run (0 warnings)" in doctor.as_text(report(FINE))


def test_json_report():
    """The same for programs."""
    data = json.loads(doctor.as_json(report(FINE, BROKEN)))
    assert data["usable"] is False
    assert data["items"][0] == {"name": "disk", "verdict": "ok", "detail": "plenty", "fix": ""}
    assert json.loads(doctor.as_json(report(SLOW)))["usable"] is True


@pytest.mark.parametrize("item, status", [(FINE, 0), (SLOW, 0), (BROKEN, 1)])
def test_exit_status(monkeypatch, capsys, item, status):
    """0 exactly when the lab machine can run."""
    monkeypatch.setattr(doctor, "examine", lambda host: report(item))
    assert doctor.main([]) == status
    assert doctor.main(["--json"]) == status
    assert item.detail.split()[0] in capsys.readouterr().out
