# SPDX-License-Identifier: GPL-2.0
"""vtxctl regs and dump on the host, with a driver made of paper (fake_driver.c): which VM is meant,
and what is said where there is none.
"""
import errno
import json
import os
import subprocess

import pytest

from unit import host_build

VMS = "alpha beta beta 2"  # ids 2 to 5; the last one's name looks like an id

pytestmark = pytest.mark.xdist_group("fake-driver")


@pytest.fixture(name="vtxctl", scope="module")
def fixture_vtxctl(tmp_path_factory):
    """vtxctl of stage 4 on the fake driver, with the sanitizers."""
    return host_build.on_fake_driver(tmp_path_factory, 4)


@pytest.fixture(name="look")
def fixture_look(vtxctl):
    """look(command, ...) -> the finished process."""
    def look(*words, vms=VMS, **variables):
        return subprocess.run([vtxctl, *words], capture_output=True, text=True, check=False,
                              env=os.environ | {"FAKE_VMS": vms}
                              | {key: str(value) for key, value in variables.items()})
    return look


@pytest.mark.parametrize("wanted, found", [("alpha", 2), ("2", 2), ("4", 4), ("0x3", 3)])
def test_found(look, wanted, found):
    """By its name, or by its id, which goes first."""
    done = look("regs", wanted, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["id"], answer["vcpu"], answer["regs"]["rip"]) == (found, 0, "0x12345")


@pytest.mark.parametrize("wanted, words", [
    ("gamma", "vtxctl vms"), ("alph", "vtxctl vms"), ("alphabet", "vtxctl vms"),
    ("9", "vtxctl vms"), ("0", "vtxctl vms"),
    ("4294967298", "vtxctl vms"), ("", "vtxctl vms"), ("beta", "2 VMs"),
])
def test_not_found(look, wanted, words):
    """1, and the way to those that are there."""
    for command in ("regs", "dump"):
        done = look(command, wanted)
        assert done.returncode == 1 and words in done.stderr and not done.stdout


def test_there_is_none(look):
    """Then it helps to know how to get one."""
    done = look("regs", "alpha", vms="")
    assert done.returncode == 1 and "vtxctl run" in done.stderr


@pytest.mark.parametrize("words, status, answer", [
    (["alpha", "--vcpu", "1"], 0, ""), (["alpha", "--vcpu", "2"], 1, "from 0 to 1"),
    (["alpha", "--vcpu", "4294967296"], 1, "from 0 to 1"), (["alpha", "--vcpu", "-1"], 2, "--vcpu"),
    ([], 2, "which VM"), (["alpha", "beta"], 2, "unexpected"),
])
def test_vcpus(look, words, status, answer):
    """Numbers of vCPUs are checked before anybody is asked."""
    for command in ("regs", "dump"):
        done = look(command, *words)
        assert done.returncode == status and answer in done.stderr, done.stderr


@pytest.mark.parametrize("number, words", [
    (errno.ENOENT, "has ended meanwhile"), (errno.ENOSYS, "exercise"),
    (errno.ESHUTDOWN, "VMX operation"), (errno.EIO, "Input/output"),
])
def test_driver_refuses(look, number, words):
    """The VM may end between two questions."""
    done = look("regs", "alpha", FAKE_REGS=number)
    assert done.returncode == 1 and words in done.stderr and not done.stdout


def test_dump(look):
    """Fields by name, in their group; what the processor does not have is apart."""
    text = look("dump", "alpha").stdout
    group, _, absent = text.partition("Fields that this processor does not have: 1")
    assert "GUEST_CR0" in group.partition("register state")[2].partition("Host-state")[0]
    assert "0x0000000080000021" in group and "PE, NE, PG" in group
    assert "GUEST_ACTIVITY_STATE" in absent and "GUEST_ACTIVITY_STATE" not in group
    answer = json.loads(look("dump", "alpha", "--json").stdout)
    assert answer["fields"] == {"GUEST_CR0": "0x80000021"}
    assert answer["absent"] == ["GUEST_ACTIVITY_STATE"]
    assert (answer["vendor"], answer["vm"], answer["vcpu"]) == ("vmx", "alpha", 0)
    assert answer["facts"]["cpu"] == 0
