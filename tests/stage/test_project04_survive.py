# SPDX-License-Identifier: GPL-2.0
"""project04: what may not stay behind, whoever goes while a guest runs; what must be refused."""
import json
import re

import pytest

from harness import guests
from harness.errors import Stopped
from harness.grade import check, check_run, exercise, expect_kmsg, pick, replaced, require
from harness.guests import COUNTER, LOAD
from stage.guest_tools import Spinning, check_exit, guest, only, vmtool
from stage.vm_tools import kill, missing, pages, run_and_kill, vms
from stage.vmxon_tools import CPUS, check_off

pytestmark = pytest.mark.lab(vendor="vmx", cpus=2, instance="survive")

README = "project04/README.md"
LOOP = f"{README}#the-run-loop"
CYCLES = 1000
KILLS = 20
ROUNDS = 4  # of a work that seems to lose memory: the kernel's own pages come and go
CPU1 = "/sys/devices/system/cpu/cpu1/online"
HALT = guests.code("cpuid; hlt")


def lost_in(lab, work):
    """Free pages, and pages of slabs, that there were before some work and not after."""
    before = pages(lab)
    work()
    check(pick(lab.vtxctl_json("vms", "--json"), "vms"), [], "VMs that are left", read=LOOP)
    check_off(lab, "after the last VM", read=LOOP)
    free, slab = pages(lab)
    return before[0] - free, slab - before[1]


def check_nothing_lost(lab, work, times):
    """What the kernel fills now and then is no leak: that loses as much each time."""
    for _ in range(ROUNDS):
        lost = lost_in(lab, work)
        if max(lost) < times // 2:
            break
    require(max(lost) < times // 2, expected=f"fewer than {times // 2} pages, {times} times",
            seen=f"{lost[0]} pages, {lost[1]} of slabs", what="memory lost", read=LOOP)


@pytest.mark.reference
@pytest.mark.lab(kernels=1)
def test_many_cycles(vms):
    """A thousand times a VM is created, its guest runs, it is closed: no page, slab, VMCS stays."""
    check_run(vms.vtxctl("enable"))  # VMXON a thousand times is the tests' of project02
    words = ["create", "256K", 1, "code", HALT.hex(), "init", 0, 0, "run", 0, 100, "close"]

    def work():
        vmtool(vms, "repeat", CYCLES, *words, timeout=240)
    try:
        lost = max(lost_with_a_user(vms, work), 0)
        lost = lost if lost < CYCLES // 2 else lost_with_a_user(vms, work)
    finally:
        check_run(vms.vtxctl("disable"))
    require(lost < CYCLES // 2, expected=f"fewer than {CYCLES // 2} pages", seen=f"{lost} pages",
            what=f"memory lost in {CYCLES} cycles", read=LOOP)
    check_off(vms, f"after {CYCLES} cycles", read=LOOP)


def lost_with_a_user(lab, work):
    before = pages(lab)
    work()
    check(pick(lab.vtxctl_json("vms", "--json"), "vms"), [], "VMs that are left", read=LOOP)
    return missing(lab, before, CYCLES // 2)


@exercise("4.5", expected="kill -9 in the middle of a run leaves nothing", read=LOOP)
def test_many_kills(vms):
    """Guests that never end, each killed with the process that runs it."""
    words = ["create", "256K", 2, "code", guests.code("sti; 1: jmp 1b").hex(), "init", 0, 0,
             "init", 1, 0, "spin", "$((n % 2))"]
    check_nothing_lost(vms, lambda: run_and_kill(vms, words, KILLS), KILLS * 4)


@exercise("4.5", expected="a guest survives that its CPU goes", read=LOOP)
@expect_kmsg(r"no longer affine to cpu1")
def test_cpu_goes_while_the_guest_runs(vms, rng, nonce):
    """CPU 1 goes offline and comes back while a guest in an endless loop is on it."""
    running = Spinning(vms, rng, nonce)
    try:
        before = running.number(COUNTER)
        # In one command: on the CPU that the serial line interrupts, a guest delays what we say.
        result = vms.sh(f"echo 0 > {CPU1} && usleep 50000 && grep -c ^processor /proc/cpuinfo &&"
                        f" echo 1 > {CPU1} && usleep 50000; taskset -p 2 {running.pid} >/dev/null")
        check_run(result, what="CPU 1 goes offline with a guest on it, and comes back")
        check(result.out.split(), ["1"], "CPUs while CPU 1 was away")
        require(running.number(COUNTER) > before, expected="it counts on", seen="it stands",
                what="a guest whose CPU has gone and come", read=LOOP)
    finally:
        kill(vms, running.pid)
    check_off(vms, "after the last VM", read=LOOP)


def refused(lines):
    """verb -> errno of what was refused, in order."""
    return [(line["verb"], line["errno"]) for line in lines if line.what == "error"]


@replaced("project05", "user space may set CR3, because a guest's tables are its own")
def test_refusals(vms):
    """Each of these has an errno of its own, and the vCPU runs all the same."""
    lines = vmtool(vms, "create", "1M", 2, "code", HALT.hex(), "try", "run", 0, 100, "try", "run",
                   1, 100, "try", "initat", 2, LOAD, 0, 0, "try", "initat", 0, "16M", 0, 0, "try",
                   "initat", 0, LOAD, "16M", 0, "try", "init", 99, 0, "init", 0, 0,
                   "try", "setsreg", 0, "cr3", "0x1000", "try", "setsreg", 0, "cs.pad", 1,
                   "try", "setsreg", 0, "gdtr.pad", 1, "try", "setreg", 2, "rax", 1,
                   "try", "regs", 9, "run", 0, 1000)
    check(refused(lines), [("run", "ENODATA"), ("run", "ENODATA"), ("initat", "ERANGE"),
                           ("initat", "EINVAL"), ("initat", "EINVAL"), ("init", "ERANGE"),
                           ("setsreg", "EPERM"), ("setsreg", "EINVAL"), ("setsreg", "EINVAL"),
                           ("setreg", "ERANGE"), ("regs", "ERANGE")], "what is refused, and how")
    check_exit(only(lines, "exit"), "hlt", "the guest after all that")


def test_one_runner(vms, rng, nonce):
    """Another thread that wants to run the same vCPU is told so."""
    running = Spinning(vms, rng, nonce)
    try:
        result = vms.sh(f"vtxctl vms --json; kill -0 {running.pid}")
        vcpus = json.loads(result.out)["vms"]
        check(len(vcpus), 1, "VMs while one guest runs")
    finally:
        kill(vms, running.pid)
    lines = vmtool(vms, "cpu", 1, *guest(guests.code("sti; 1: jmp 1b")), "spin", 0, "sleep", 50,
                   "try", "run", 0, 100)
    kill(vms, only(lines, "spin").pid)
    check(refused(lines), [("run", "EBUSY")], "a second runner of a vCPU")


@expect_kmsg(r"kvm: .*(VMX|SVM|virtualization)", r"kvm: enabling virtualization on CPU\d+ failed",
             r"debugfs: Directory 'kvm' .* already present")
@pytest.mark.instructor
def test_kvm(vms):
    """KVM is refused while a VM is there; its guest runs before and after, and ours after it."""
    kvm = vms.vendor.kvm
    vms.sh(f"modprobe {kvm}", timeout=60)
    before = vms.sh(f"kvmclient 20 22; rmmod {kvm}", timeout=60).out.strip()
    held = vmtool(vms, *guest(HALT), "run", 0, 1000, "hold")
    during = vms.sh(f"modprobe {kvm}; kvmclient 20 22", timeout=60)
    kill(vms, only(held, "hold").pid)
    after = vms.sh(f"modprobe {kvm}; kvmclient 30 3; rmmod {kvm}; rmmod kvm", timeout=60)
    check((before, after.out.strip()), ("42", "33"), "KVM's guest before and after a VM of ours")
    require(during.status != 0, expected="KVM is refused", seen=during.out, what="KVM meanwhile")
    lines = vmtool(vms, *guest(HALT), "run", 0, 1000)
    check_exit(only(lines, "exit"), "hlt", "our guest after KVM")


@exercise("4.5", expected="a machine goes down although a guest runs", read=LOOP)
@pytest.mark.instructor
def test_reboot(vms, rng, nonce):
    """Reboot with a guest in an endless loop: every CPU has left VMX operation in the end."""
    vms.probe("witness", nonce)
    Spinning(vms, rng, nonce)
    machine = vms.machine
    with vms.ends(Stopped):
        machine.sh("reboot -f")
    console = (machine.artefacts / "console.log").read_text(errors="replace")
    for cpu in CPUS:
        seen = re.search(rf"reboot {nonce:#x}: CPU {cpu} in VMX operation: (\d)", console)
        check(seen and seen[1], "0", f"CPU {cpu} in VMX operation at the end of a reboot, as "
              "vtxprobe wrote to the console", read=LOOP)
