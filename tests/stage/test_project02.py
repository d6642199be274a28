# SPDX-License-Identifier: GPL-2.0
"""project02: VMXON on every CPU.

The evidence is not the module's: vtxprobe executes VMPTRST on the CPU in question (outside VMX
operation it raises #UD), reads CR4 and MSRs there, and reads the VMXON region from physical memory.
The emulator is asked for the same, from outside the machine, and both have to agree.
"""
import json

import pytest

from harness import facts
from harness.grade import (check, check_run, exercise, expect_kmsg, how_it_ended, one_of, only_on,
                           pick, require, run_log)
from stage.vmxon_tools import (CPUS, CR0_NE, CR4_VMXE, FAIL_NTH, README, check_entered_with,
                               check_off, check_on, hexvalue, off, on_cpu, region_bytes, status_of,
                               users_of)

pytestmark = pytest.mark.lab(vendor="vmx", cpus=2)
# What needs no VMX runs where an emulated second is cheapest.
LOGIC = pytest.mark.lab(vendor="svm")
COPIES = {"cr4": "CR4", "cr4copy": "the kernel's copy of CR4", "efer": "EFER"}
NO_LOCK = only_on("vmx", "SVM has no IA32_FEATURE_CONTROL that software writes: VM_CR tells, and"
                  " the lock is firmware's")
NO_FIXED_BITS = only_on("vmx", "SVM asks nothing of the host's CR0 and CR4")


@exercise("2.1", expected="a region of IA32_VMX_BASIC's size, aligned, with the revision",
          read=f"{README}#the-vmxon-region")
def test_region(driver):
    """Each CPU has a region of its own: aligned, and only the revision identifier in it.

    With SVM it is the host save area, of which AMD's manual says the size, and that there is
    nothing in it before the first VMRUN.
    """
    seen = set()
    for cpu in CPUS:
        basic = hexvalue(driver, "rdmsr", cpu, 0x480) if driver.vendor.entered else 4096 << 32
        size, revision = basic >> 32 & 0x1fff, basic & 0x7fffffff
        pa, memory = region_bytes(driver, cpu, size)
        check(pa % 4096, 0, f"region {pa:#x} of CPU {cpu}, modulo 4096: it must be page-aligned")
        word = int.from_bytes(memory[:4], "little")
        check(word >> 31, 0, f"bit 31 of the region's first word {word:#x} (CPU {cpu})")
        check(word, revision, f"revision identifier in the region of CPU {cpu}")
        check(memory[4:], bytes(size - 4), f"the rest of the region of CPU {cpu}: zeroed memory")
        seen.add(pa)
    check(len(seen), len(CPUS), "regions that differ: no two CPUs may share one")


@exercise("2.1", expected="no memory: a clean error, and nothing left behind",
          read=f"{README}#the-vmxon-region")
@expect_kmsg(r"unit vmxon does not start")
def test_region_without_memory(driver):
    """Loading the module fails cleanly at each allocation that fails."""
    driver.unload()
    for nth in range(1, len(CPUS) + 1):
        result = driver.run(["insmod", "/lab/vtxdrv.ko", f"fail_nth={nth}"])
        require(result.status > 0 and "memory" in result.err, log=run_log(result),
                expected="it fails: Cannot allocate memory", what=f"insmod with allocation {nth}"
                " failing", seen=result.err.strip() or f"exit status {how_it_ended(result)}")
    driver.load()
    require(pick(status_of(driver, 0), "region_pa") not in ("0x0", "0", 0),
            expected="a region", seen="none", what="region of CPU 0 after a load that worked")


def planned(lab, cpus):
    """What `vtxctl plan` says of raw facts; goes through the student's logic, without hardware."""
    lab.put("/tmp/facts.json", json.dumps({"raw": {"cpus": cpus}}).encode())
    answer = lab.vtxctl_json("plan", "--from", "/tmp/facts.json", "--json", status=None)
    check(len(pick(answer, "cpus")), len(cpus), "number of CPUs in the answer of plan --from")
    return pick(answer, "cpus")


@exercise("2.2", expected="ready, write or locked-out, and the value to write",
          read=f"{README}#the-lock-of-the-firmware")
@LOGIC
@NO_LOCK
def test_feature_control_plan(lab, rng):
    """Whatever firmware left in IA32_FEATURE_CONTROL, the plan for it is right."""
    cpus = [facts.random_vmx_cpu(rng, number) for number in range(32)]
    for number, cpu in enumerate(cpus):  # all combinations of the three bits, the rest random
        cpu["feature_control"] = f"{number % 8 | (rng.getrandbits(18) << 3 & ~0x8000):#x}"
    for seen, cpu in zip(planned(lab, cpus), cpus):
        found = int(cpu["feature_control"], 0)
        plan = "write" if not found & 1 else "ready" if found & 4 else "locked-out"
        value = found | 5 if plan == "write" else found
        what = f"plan for IA32_FEATURE_CONTROL {found:#x}"
        read = f"{README}#the-lock-of-the-firmware"
        check(pick(seen, "feature_control", "plan"), plan, what, read=read)
        check(int(pick(seen, "feature_control", "value"), 0), value, f"value after: {what}",
              read=read)


@exercise("2.2", expected="an error that names the lock; nothing touched",
          read=f"{README}#the-lock-of-the-firmware")
@pytest.mark.lab(firmware="cpu1-locked-out")
@NO_LOCK
def test_locked_out(driver):
    """A CPU that firmware has locked out is named with the remedy, and no CPU stays enabled."""
    check(driver.probe("rdmsr", 1, 0x3a), "0x1", "MSR 0x3a of CPU 1, as firmware left it")
    result = driver.run(on_cpu(1, "enable"))
    check(result.status, 1, "exit status of enable with CPU 1 locked out by firmware")
    require("IA32_FEATURE_CONTROL is 0x1" in result.err and "CPU 1" in result.err,
            expected="a message that names CPU 1 and IA32_FEATURE_CONTROL",
            seen=result.err, what="message of enable", read=f"{README}#the-lock-of-the-firmware")
    check_off(driver, "after a refused enable")


@exercise("2.3", expected="the value nearest to the register's that VMX operation allows",
          read=f"{README}#cr0-and-cr4")
@LOGIC
@NO_FIXED_BITS
def test_cr_plan(lab, rng):
    """Random registers against random fixed bits: complies or not, and what would comply."""
    cpus = [facts.random_vmx_cpu(rng, number) for number in range(24)]
    for number, cpu in enumerate(cpus):
        for at, name in ((6, "cr0"), (8, "cr4")):
            fixed0 = rng.getrandbits(32)
            fixed1 = fixed0 | rng.getrandbits(32) | 1 << 13
            value = rng.getrandbits(32)
            if number % 2:
                value = (value | fixed0) & fixed1
            cpu["vmx_msr"][at:at + 2] = f"{fixed0:#x}", f"{fixed1:#x}"
            cpu[name] = f"{value:#x}"
    for seen, cpu in zip(planned(lab, cpus), cpus):
        for at, name, always in ((6, "cr0", 0), (8, "cr4", CR4_VMXE)):
            value = int(cpu[name], 0) | always
            fixed0, fixed1 = (int(text, 0) for text in cpu["vmx_msr"][at:at + 2])
            needed = (value | fixed0) & fixed1
            what = f"{name} {value:#x} with FIXED0 {fixed0:#x}, FIXED1 {fixed1:#x}"
            read = f"{README}#cr0-and-cr4"
            check(int(pick(seen, name, "needed"), 0), needed, f"value needed for {what}", read=read)
            check(pick(seen, name, "ok"), needed == value, f"verdict on {what}", read=read)


@exercise("2.3", expected="CR0 that VMX operation does not allow: an error that names it",
          read=f"{README}#cr0-and-cr4")
@NO_FIXED_BITS
def test_cr0_fixed_bits(off):
    """With CR0.NE clear on a CPU, enable says so instead of running into #GP."""
    victim = CPUS[0]  # the first that is enabled: no other exercise decides before
    cr0 = hexvalue(off, "cr0", victim)
    off.probe("setcr0", victim, f"{cr0 & ~CR0_NE:#x}")
    try:
        result = off.run(on_cpu(victim, "enable"))
    finally:
        off.probe("setcr0", victim, f"{cr0:#x}")
    check(result.status, 1, f"exit status of enable with CR0.NE clear on CPU {victim}")
    require("CR0" in result.err and "NE" in result.err, expected="a message that names CR0.NE",
            seen=result.err, what="message of enable", read=f"{README}#cr0-and-cr4")
    check_off(off, "after a refused enable")


@exercise("2.3", expected="no complaint about control registers that are right",
          read=f"{README}#cr0-and-cr4")
@NO_FIXED_BITS
def test_cr_checks_let_good_values_pass(off):
    """With CR0 and CR4 as Linux has them, enable does not complain about them."""
    answer = off.json_of(off.run(on_cpu(0, "enable", "--json")), status=None)
    cause = pick(answer, "cause")
    require(cause not in ("cr0-fixed", "cr4-fixed"), expected="no complaint about CR0 or CR4",
            seen=cause, what="cause that enable gives")


@exercise("2.4", expected="the CPU in VMX operation after enable, and out of it after disable",
          read=f"{README}#vmxon")
@pytest.mark.parametrize("cpu", CPUS)
def test_one_cpu_on_and_off(off, cpu):
    """VMPTRST works on the CPU after enable; after disable it is #UD and CR4.VMXE is clear.

    SVM has nothing to enter: EFER.SVME and VM_HSAVE_PA are all there is.
    """
    vendor = off.vendor
    check_run(off.run(on_cpu(cpu, "enable")))
    check_on(off, "after enable", [cpu])
    check_entered_with(off, cpu, int(pick(status_of(off, cpu), "region_pa"), 0))
    for copy in vendor.copied:
        require(hexvalue(off, copy, cpu) & vendor.bit, expected=f"{vendor.bit_name} set",
                seen="clear", what=f"{COPIES[copy]} of CPU {cpu} after enable",
                read=f"{README}#vmxon")
    check_run(off.run(on_cpu(cpu, "disable")))
    check_off(off, "after disable", [cpu])
    for copy in vendor.copied:
        check(hexvalue(off, copy, cpu) & vendor.bit, 0,
              f"{vendor.bit_name} in {COPIES[copy]} of CPU {cpu} after disable")


@exercise("2.4", expected="VMfailInvalid is an error of its own, and CR4.VMXE is clear after it",
          read=f"{README}#vmxon")
@only_on("vmx", "SVM has no VMXON, and a host save area has no form that could be wrong")
def test_vmxon_fails(off, rng):
    """VMXON with a spoilt region: an error, no oops, and no bit left behind."""
    victim = rng.choice(CPUS)
    pa, word = region_bytes(off, victim, 4)
    off.probe("poke", f"{pa:#x}", f"{word[0] ^ 0xff:#x}")
    try:
        result = off.run(on_cpu(victim, "enable"))
    finally:
        off.probe("poke", f"{pa:#x}", f"{word[0]:#x}")
    check(result.status, 1, f"exit status of enable with a wrong revision on CPU {victim}, where"
          " VMXON ends with VMfailInvalid (CF=1)")
    require("VMfailInvalid" in result.err, expected="a message that names VMfailInvalid",
            seen=result.err, what="message of enable", read=f"{README}#vmxon")
    check_off(off, "after a failed VMXON")
    check_run(off.run(on_cpu(victim, "enable")), what="enable with the region mended")
    check_run(off.run(on_cpu(victim, "disable")))


@exercise("2.5", expected="the first user enables all CPUs, the last disables them",
          read=f"{README}#all-cpus-or-none")
def test_users_are_counted(off):
    """Two users: the CPUs stay in VMX operation until both have gone."""
    for users in (1, 2):
        check_run(off.vtxctl("enable"))
        check(users_of(off), users, "users in status")
        check_on(off, f"with {users} users", read=f"{README}#all-cpus-or-none")
    check_run(off.vtxctl("disable"))
    check_on(off, "with one user left", read=f"{README}#all-cpus-or-none")
    check_run(off.vtxctl("disable"))
    check_off(off, "without users", read=f"{README}#all-cpus-or-none")
    result = off.vtxctl("disable")
    check(result.status, 1, "exit status of a disable too many")


@exercise("2.5", expected="EBUSY, named as such, and nothing touched",
          read=f"{README}#all-cpus-or-none")
@pytest.mark.parametrize("holder", CPUS)
def test_held_by_another(off, holder):
    """Another hypervisor on one CPU: busy, and the other CPU is not touched."""
    check(off.probe("vmxon", holder), "ok", f"vtxprobe plays another hypervisor on CPU {holder}")
    try:
        result = off.vtxctl("enable")
        others = [cpu for cpu in CPUS if cpu != holder]
        check_off(off, f"while CPU {holder} is held by another", others)
        check_on(off, "as the other hypervisor left it", [holder])
    finally:
        off.probe("vmxoff", holder)
    check(result.status, 1, "exit status of enable while another hypervisor is there")
    require("another hypervisor" in result.err, expected="a message that says: another hypervisor",
            seen=result.err, what="message of enable", read=f"{README}#all-cpus-or-none")
    check(users_of(off), 0, "users after an enable that was refused")


@exercise("2.5", expected="every CPU is asked before the first one is touched",
          read=f"{README}#all-cpus-or-none")
def test_asks_before_it_touches(off):
    """With another hypervisor on CPU 1, VMXON is not even tried on CPU 0."""
    check(off.probe("vmxon", 1), "ok", "vtxprobe plays another hypervisor on CPU 1")
    try:
        for nth in range(1, 4):  # one of the first steps would be that VMXON
            off.sh(f"echo {nth} > {FAIL_NTH}")
            answer = off.vtxctl_json("enable", "--json", status=1)
            check(pick(answer, "cause"), one_of("held", "no-memory"),
                  'what stops enable while CPU 1 is held ("injected": VMXON was tried on CPU 0'
                  " before every CPU was asked)")
    finally:
        off.sh(f"echo 0 > {FAIL_NTH}")
        off.probe("vmxoff", 1)


@exercise("2.5", expected="CPUs that are offline are left out", read=f"{README}#all-cpus-or-none")
def test_offline_cpu_is_left_out(off):
    """With CPU 1 offline, enable and disable work on the CPUs that are there."""
    check_run(off.sh("echo 0 > /sys/devices/system/cpu/cpu1/online"))
    check_run(off.vtxctl("enable"), what="enable with CPU 1 offline")
    check_on(off, "with CPU 1 offline", [0], read=f"{README}#all-cpus-or-none")
    check_run(off.vtxctl("disable"), what="disable with CPU 1 offline")
    check_off(off, "with CPU 1 offline", [0], read=f"{README}#all-cpus-or-none")
    check_run(off.sh("echo 1 > /sys/devices/system/cpu/cpu1/online"))


@exercise("2.5", expected="a failure on one CPU takes back what was done to the others",
          read=f"{README}#all-cpus-or-none")
def test_failure_rolls_back(off):
    """Each step of enable fails once: every CPU is as before, and nobody is counted."""
    failures = 0
    for nth in range(1, 12):
        check_run(off.sh(f"echo {nth} > {FAIL_NTH}"))
        result = off.vtxctl("enable")
        if result.status == 0:
            break
        failures += 1
        check_off(off, f"after failure of step {nth}", read=f"{README}#all-cpus-or-none")
        check(users_of(off), 0, f"users after failure of step {nth}")
    off.sh(f"echo 0 > {FAIL_NTH}")
    require(failures >= len(CPUS), expected=f"at least {len(CPUS)} steps that can fail",
            seen=str(failures), what="steps of enable")
    check(result.status, 0, "exit status of enable when no step fails")
    check_on(off, "after a success", read=f"{README}#all-cpus-or-none")
    check_run(off.vtxctl("disable"))
    off.unload()  # what a failure has leaked is told here
    off.load()
