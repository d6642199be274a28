# SPDX-License-Identifier: GPL-2.0
"""What the tests of project02 have in common: looking at CPUs from outside the module.

vtxprobe looks from inside the machine, where the module can reach it; the emulator looks from
outside, where nothing can. A test believes what both say.
"""
import pytest

from harness.evidence import NoMemory
from harness.grade import Unmet, check, pick, require
from harness.machine import ProbeError

README = "project02/README.md"
CPUS = (0, 1)
CR0_NE = 1 << 5
CR4_VMXE = 1 << 13
VM_HSAVE_PA = 0xc0010117
FAIL_NTH = "/sys/module/vtxdrv/parameters/fail_nth"


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


def hexvalue(lab, what, cpu, *words):
    """vtxprobe's answer about one CPU; one that is offline has no answer, and that is a failure."""
    try:
        return lab.number(what, cpu, *words)
    except ProbeError as error:
        require(False, expected=f"CPU {cpu} online, so that it can be asked", seen=str(error),
                what=f"{what} of CPU {cpu}", read=f"{README}#what-the-cpus-do-behind-our-back")
        raise


def region_bytes(lab, cpu, length):
    """Where the driver says that the region of a CPU is, and what is there."""
    pa = int(pick(status_of(lab, cpu), "region_pa"), 0)
    what, read = f"region {pa:#x} of CPU {cpu}", f"{README}#the-vmxon-region"
    require(pa != 0, expected="a physical address", seen="0", what=what, read=read)
    try:
        told = bytes.fromhex(lab.probe("phys", f"{pa:#x}", length).replace(" ", ""))
        real = lab.machine.outside.phys(pa, length)
    except (ProbeError, NoMemory, ValueError) as error:
        require(False, expected="a physical address, with memory behind it", what=what, read=read,
                seen=f"none ({error}); a virtual address?")
        raise
    check(told.hex(), real.hex(), f"{what}: what programs in the machine were told, against the"
          " machine as the emulator has it", read=read)
    return pa, real


def in_vmx(lab, cpu):
    return hexvalue(lab, "vmxop", cpu) == 1


def in_words(lab, inside, allowed):
    return f"{'in' if inside else 'outside'} VMX operation, {lab.vendor.bit_name} {int(allowed)}"


def look(lab, cpu, when, read):
    """Is the CPU in VMX operation, and is CR4.VMXE set? Fails where inside and outside differ.

    With SVM both are the same: EFER.SVME.
    """
    vendor = lab.vendor
    told = in_vmx(lab, cpu), bool(hexvalue(lab, vendor.register, cpu) & vendor.bit)
    real = lab.machine.outside.cpu(cpu)
    # QEMU does not show VMX operation: there the registers alone are compared.
    inside = real.in_vmx if vendor.entered and real.in_vmx is not None else told[0]
    check(in_words(lab, *told), in_words(lab, inside, vendor.set_in(real)), f"CPU {cpu} {when}:"
          " what programs in the machine were told, against the machine as the emulator has it",
          read=read)
    return told


def check_off(lab, when, cpus=CPUS, read=f"{README}#vmxon"):
    """No trace of VMX operation on these CPUs."""
    for cpu in cpus:
        inside, vmxe = look(lab, cpu, when, read)
        check(inside, False, f"CPU {cpu} in VMX operation {when}", read=read)
        check(int(vmxe), 0, f"{lab.vendor.bit_name} of CPU {cpu} {when}", read=read)


def check_on(lab, when, cpus=CPUS, read=f"{README}#vmxon"):
    """These CPUs are in VMX operation."""
    for cpu in cpus:
        check(look(lab, cpu, when, read)[0], True, f"CPU {cpu} in VMX operation {when}", read=read)


def check_entered_with(lab, cpu, region):
    """The CPU is in VMX operation with this region, and not with somebody else's."""
    if lab.vendor.name == "svm":
        check(hexvalue(lab, "rdmsr", cpu, VM_HSAVE_PA), region, f"VM_HSAVE_PA of CPU {cpu}",
              read="project07/README.md")
    pointer = lab.machine.outside.cpu(cpu).vmxon_pointer
    if pointer is not None:
        check(pointer, region, f"region that CPU {cpu} has entered VMX operation with",
              read=f"{README}#vmxon")


def on_cpu(cpu, *words):
    return ["taskset", f"{1 << cpu:x}", "vtxctl", *words]


@pytest.fixture
def off(driver):
    """The driver with every CPU outside VMX operation; after the test that is restored."""
    yield driver
    if driver.machine is not None and (state(driver) != "off" or is_used(driver)):
        scrub(driver)


def is_used(lab):
    """Does the driver count a user still? One too many would be the next exercise's failure."""
    try:
        return users_of(lab) != 0
    except Unmet:
        return False


def state(lab):
    """off: no trace of VMX operation; on: some CPU has one; lost: some CPU cannot be asked."""
    try:
        traces = [in_vmx(lab, cpu) or hexvalue(lab, lab.vendor.register, cpu) & lab.vendor.bit
                  or lab.machine.outside.cpu(cpu).in_vmx for cpu in CPUS]
    except Unmet:
        return "lost"
    return "on" if any(traces) else "off"


# Whatever a test left: CPUs come back and users go. A driver without exercise 2.5 disables the CPU
# that it runs on and never says that there is no user, hence the bound.
SCRUB = f"""
echo 0 > {FAIL_NTH}
for cpu in /sys/devices/system/cpu/cpu[1-9]*; do echo 1 > $cpu/online; done
for mask in 1 2 1 2 1 2; do taskset $mask vtxctl disable; done
"""


def scrub(lab):
    """Clean up behind a test that failed half-way, by force if the driver cannot.

    A CPU that went offline in VMX operation never comes back: INIT is blocked there. Then the next
    test needs another machine.
    """
    lab.sh(SCRUB, timeout=60)
    if state(lab) == "on" or is_used(lab):
        lab.unload()
        for cpu in CPUS:
            lab.probe("vmxscrub", cpu)
        lab.load()
    if state(lab) != "off":
        lab.discard()
