# SPDX-License-Identifier: GPL-2.0
"""What the tests of project02 have in common: looking at CPUs from outside the module."""
import pytest

from harness.grade import check, pick, require

README = "project02/README.md"
CPUS = (0, 1)
CR0_NE = 1 << 5
CR4_VMXE = 1 << 13


def status_of(lab, cpu):
    """What the driver says of one CPU."""
    for entry in pick(lab.vtxctl_json("status", "--json"), "cpus"):
        if pick(entry, "cpu") == cpu:
            return entry
    require(False, expected=f"an entry for CPU {cpu}", seen="none", what="cpus of status --json")
    return None


def users_of(lab):
    """How many users the driver counts."""
    return pick(lab.vtxctl_json("status", "--json"), "users")


def hexvalue(lab, *words):
    return int(lab.probe(*words), 0)


def in_vmx(lab, cpu):
    return lab.probe("vmxop", cpu) == "1"


def check_off(lab, when, cpus=CPUS, read=f"{README}#vmxon"):
    """No trace of VMX operation on these CPUs."""
    for cpu in cpus:
        check(in_vmx(lab, cpu), False, f"CPU {cpu} in VMX operation {when}", read=read)
        check(hexvalue(lab, "cr4", cpu) & CR4_VMXE, 0, f"CR4.VMXE of CPU {cpu} {when}", read=read)


def check_on(lab, when, cpus=CPUS, read=f"{README}#vmxon"):
    for cpu in cpus:
        check(in_vmx(lab, cpu), True, f"CPU {cpu} in VMX operation {when}", read=read)


def on_cpu(cpu, *words):
    return ["taskset", f"{1 << cpu:x}", "vtxctl", *words]


@pytest.fixture
def off(driver):
    """The driver with every CPU outside VMX operation, before the test and after it."""
    scrub(driver)
    yield driver
    if driver.machine is not None:
        scrub(driver)


def scrub(lab):
    """Whatever the last test left: CPUs online, users gone, no CPU in VMX operation."""
    for cpu in CPUS[1:]:
        lab.sh(f"echo 1 > /sys/devices/system/cpu/cpu{cpu}/online")
    for cpu in CPUS:
        for _ in range(4):
            if lab.run(on_cpu(cpu, "disable"), timeout=60).status:
                break
    if any(in_vmx(lab, cpu) or hexvalue(lab, "cr4", cpu) & CR4_VMXE for cpu in CPUS):
        lab.unload()
        for cpu in CPUS:
            lab.probe("vmxscrub", cpu)
        lab.load()
