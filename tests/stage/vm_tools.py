# SPDX-License-Identifier: GPL-2.0
"""What the tests of project03 have in common: VMs made by the grader's own tool, and where to look.

vmtool is the caller (tests/harness/vmtool), vtxprobe looks from inside the machine, the emulator
from outside. What the driver says of itself is believed only where one of them says the same.
"""
import contextlib
import re
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.evidence import NoMemory
from harness.grade import Unmet, check, check_run, require
from harness.machine import ProbeError
from stage.vmxon_tools import CPUS, FAIL_NTH

PAGE = 4096
BLOCK = 2 << 20
OUTPUT_CAP = 1 << 20  # a line for each page, where memory lies about in pages
WORDS = re.compile(r"(\w+)=(\S*)")
LOOKS, LOOK_AGAIN = 10, 0.5  # at the counts of pages, and seconds from one to the next


def rows(result, name):
    """The lines of vmtool that begin with this word, each as a dictionary of its KEY=VALUE."""
    return [dict(WORDS.findall(line)) for line in result.out.splitlines()
            if line.partition(" ")[0] == name]


def row(result, name):
    """The only such line."""
    found = rows(result, name)
    require(len(found) == 1, expected=f"one answer of vmtool to `{name}`", seen=result.out[-300:],
            what=" ".join(result.argv))
    return found[0]


def vmtool(lab, *words, timeout=30, what=None):
    """Run vmtool; the test fails where one of its verbs does."""
    return check_run(lab.run(["vmtool", *words], timeout=timeout, cap=OUTPUT_CAP), what=what)


def hexed(name):
    """A name of a VM as vmtool takes it: all 32 bytes of the array."""
    return name.ljust(32, b"\0")[:32].hex()


@dataclass(frozen=True)
class Held:
    """A VM that a process of its own keeps alive."""

    pid: int
    id: int
    vcpus: list  # what the driver says of each, as strings
    frames: list  # (guest-physical address, host-physical address, pages)
    result: object  # of vmtool


@contextlib.contextmanager
def held(lab, size, vcpus, *words, first=(), what=None):
    """Create a VM, do what the words say, and keep it until the end of the block."""
    where = [word for number in range(vcpus) for word in ("where", number)]
    result = vmtool(lab, *first, "create", size, vcpus, *words, "info", *where, "hold",
                    what=what)
    pid = int(row(result, "hold")["pid"])
    try:
        yield Held(pid, int(row(result, "info")["id"]), rows(result, "where"),
                   [tuple(int(r[key], 0) for key in ("address", "frame", "count"))
                    for r in rows(result, "frames")], result)
    finally:
        if lab.machine is not None and lab.machine.alive:
            kill(lab, pid)


def kill(lab, pid):
    """kill -9, and wait for the end: the process that holds a VM has no other one."""
    lab.sh(f"kill -9 {pid}; while kill -0 {pid} 2>/dev/null; do sleep 0.02; done", timeout=20)


def run_and_kill(lab, words, times, pause=20000, what="guests and their ends", read=None):
    """vmtool with these words, the last of which is `spin`, killed some microseconds later.

    In words and pause $n counts from 1.
    """
    words = " ".join(map(str, words))
    check_run(lab.sh(f"""
for n in $(seq {times}); do
	pid=$(vmtool {words} | sed -n 's/spin pid=//p')
	usleep {pause}
	kill -9 $pid || exit 1
	while kill -0 $pid 2>/dev/null; do usleep 1000; done
done
""", timeout=120), what=f"{times} {what}", read=read)


def frame_bytes(lab, pa, length, what, read):
    """Physical memory, in which vtxprobe and the emulator have to agree."""
    try:
        told = bytes.fromhex(lab.probe("phys", f"{pa:#x}", length).replace(" ", ""))
        real = lab.machine.outside.phys(pa, length)
    except (ProbeError, NoMemory, ValueError) as error:
        require(False, expected="a physical address, with memory behind it", what=what, read=read,
                seen=f"{pa:#x}: {error}")
        raise
    check(told.hex(), real.hex(), f"{what}: what programs in the machine were told, against the"
          " machine as the emulator has it", read=read)
    return real


def current_vmcs(lab, cpu):
    """(address, fields) of the VMCS that is current on a CPU, read by vtxprobe; None: none is.

    The emulator has to name the same address.
    """
    answer = lab.probe("vmcs", cpu).split()
    told = None if answer == ["none"] else int(answer[0], 16)
    real = lab.machine.outside.cpu(cpu)
    if real.in_vmx is not None:  # QEMU does not show it
        check(told, real.vmcs_pointer, f"current VMCS of CPU {cpu}: what programs in the machine"
              " were told, against the machine as the emulator has it")
    pairs = (word.partition(":") for word in answer[1:])
    return told, {int(encoding, 16): int(value, 16) for encoding, _, value in pairs}


def check_holder(lab, pa, wanted, when, read):
    """The VMCS at this address is current on the wanted CPU, and on no other one."""
    seen = [cpu for cpu in CPUS if current_vmcs(lab, cpu)[0] == pa]
    expected = [] if wanted is None else [wanted]
    check(seen, expected, f"CPUs on which the VMCS is current, {when}", read=read)


def check_place(lab, pa, wanted, when, read):
    """The same, where there is something that can be current: a VMCB is plain memory."""
    if lab.vendor.entered:
        check_holder(lab, pa, wanted, when, read)


def check_head(lab, pa, wanted, what, read):
    """The first eight bytes of a VMCS region."""
    head = frame_bytes(lab, pa, 8, what, read)
    word = int.from_bytes(head[:4], "little")
    check(word >> 31, 0, f"{what}: bit 31 of the first word {word:#x}, the shadow-VMCS indicator",
          read=read)
    check(word, wanted, f"{what}: revision identifier", read=read)
    check(head[4:], bytes(4), f"{what}: VMX-abort indicator", read=read)


VMCB = Path(__file__).resolve().parents[2] / "common" / "arch" / "vmcb_fields.def"
VMCB_LINE = re.compile(r"^VMCB_(FIELD|SEGMENT|TABLE)\((0x[0-9a-f]+), *(\d*)", re.M)
# Of a segment: selector, attributes, limit, base, as offset and bytes.
VMCB_PARTS = {"SEGMENT": ((0, 2), (2, 2), (4, 4), (8, 8)), "TABLE": ((4, 4), (8, 8))}


def vmcb_fields():
    """Offset -> bytes of every field of a VMCB. AMD APM vol. 2, appendix B."""
    return {int(at, 0) + offset: width for kind, at, size in VMCB_LINE.findall(VMCB.read_text())
            for offset, width in VMCB_PARTS.get(kind, ((0, int(size or 0)),))}


def check_vmcb(lab, pa, table, read):
    """VTXDRV_GET_STATE has each field of a VMCB, as it is in the machine's memory."""
    memory = frame_bytes(lab, pa, PAGE, f"VMCB at {pa:#x}", read)
    fields = vmcb_fields()
    check(sorted(table), sorted(fields), "offsets of the fields in the dump", read=read)
    for offset, width in fields.items():
        wanted = int.from_bytes(memory[offset:offset + width], "little")
        check(table[offset], (wanted, 0), f"VMCB offset {offset:#x} in VTXDRV_GET_STATE: value,"
              " and error", read=read)


PARAMETERS = FAIL_NTH.rpartition("/")[0]
LIMIT = f"echo %d > {PARAMETERS}/max_guest_mem; echo %d > {PARAMETERS}/max_vcpus"
NO_LIMIT = LIMIT % (0, 64)


def limit(lab, mebibytes, vcpus):
    """Set the module's limits for a VM, until the end of the test."""
    check_run(lab.sh(LIMIT % (mebibytes, vcpus)), what="setting max_guest_mem and max_vcpus")


def pages(lab):
    """Free pages and pages of slabs, after the kernel has given back what it can."""
    lab.sh("sync; echo 3 > /proc/sys/vm/drop_caches")
    return [int(word) for word in lab.probe("pages").split()]


def missing(lab, before, enough):
    """Pages that were free before, or are new in slabs: the larger number.

    The kernel gives back some of what a process had when it gets to it: as long as `enough` or more
    are missing, we look again for some seconds.
    """
    for _ in range(LOOKS):
        free, slab = pages(lab)
        lost = max(before[0] - free, slab - before[1])
        if lost < enough:
            break
        time.sleep(LOOK_AGAIN)
    return lost


@pytest.fixture
def vms(driver):
    """The driver without VMs; what a test that fails half-way leaves is taken away."""
    yield driver
    if driver.machine is None or not driver.machine.alive:
        return
    try:
        clean(driver)
    except Unmet:
        driver.discard()


def clean(lab):
    """No process holds a VM, every CPU is online, no step is to fail, VMX operation is off."""
    lab.sh(f"""
killall -9 vmtool vtxctl
echo 0 > {FAIL_NTH}
{NO_LIMIT}
for cpu in /sys/devices/system/cpu/cpu[1-9]*; do echo 1 > $cpu/online; done
for try in 1 2 3; do vtxctl disable || break; done
""", timeout=60)
