# SPDX-License-Identifier: GPL-2.0
"""project05: frames that come when somebody touches them, and what the VMCS says of the tables.

The owner of a VM touches its memory here, and no guest needs to run: frames are those that the
kernel names in /proc/self/pagemap. EPTP and VPID are read with VMREAD by vtxprobe.
"""
import pytest

from harness import ept
from harness.grade import check, exercise, only_on, require
from stage.ept_tools import EPT_POINTER, GIB, HOLE, MIB, PAGE, README, VPID, capabilities
from stage.guest_tools import frame_of, only, vmcs_fields, vmtool
from stage.vm_tools import kill, missing, pages, vms

pytestmark = pytest.mark.lab(vendor="vmx", cpus=2, instance="frames")

POPULATE = f"{README}#a-frame-when-it-is-touched"
POINTER = f"{README}#what-a-processor-remembers"
FORGET = f"{README}#what-a-processor-remembers"
BLOCK = 2 * MIB
TABLES = 64 * PAGE  # at the end of low memory, more than a small VM has
STEP = 0x9e3779b97f4a7c15


# ---- 5.4 -----------------------------------------------------------------------------------------


@exercise("5.4", expected="zeroed memory, each page a frame of its own", read=POPULATE)
def test_memory_of_the_owner(vms, rng):
    """Zeros where others left words behind; what is written is where the emulator sees it."""
    size, seed = 6 * BLOCK + 5 * PAGE, rng.getrandbits(64)
    lines = vmtool(vms, "dirty", 100 * MIB, rng.getrandbits(60), "create", size, 1, "zeros",
                   PAGE, size - TABLES - PAGE,
                   "stamp", seed, "stamped", seed, "frames", "memory", "hold")
    try:
        check(only(lines, "zeros").words, 0, "words of a new VM's memory that are not zero (other"
              " programs had used it before)", read=POPULATE)
        check(only(lines, "stamped").wrong, 0, "pages that lost what was written to them",
              read=POPULATE)
        frame = frame_of(lines)
        frames = [frame(at) for at in range(0, size, PAGE)]
        check(frames.count(None), 0, "pages of touched memory without a frame", read=POPULATE)
        check(len(set(frames)), size // PAGE, "different frames", read=POPULATE)
        check(only(lines, "memory").populated, size, "bytes that have a frame, as"
              " VTXDRV_MEMORY_INFO tells, when all of the memory was touched", read=POPULATE)
        for _ in range(3):
            at = rng.randrange(size // PAGE) * PAGE
            real = int.from_bytes(vms.machine.outside.phys(frame(at), 8), "little")
            check(real, (seed + at) * STEP % (1 << 64), f"first word of the page at {at:#x}, in the"
                  " machine's memory", read=POPULATE)
    finally:
        kill(vms, only(lines, "hold").pid)


@exercise("5.4", expected="nothing before a touch, 2 MiB at once where that is possible",
          read=POPULATE)
def test_blocks_of_the_owner(vms, rng):
    """A touch gives an aligned block of 2 MiB; the end of the memory, which is shorter, pages.

    So does a block where the driver has put the guest's page tables: an idle VM is to be small.
    """
    size = 9 * BLOCK + 3 * PAGE
    at = rng.randrange(1, 7) * BLOCK
    lines = vmtool(vms, "create", size, 1, "memory", "touch", at + 17 * PAGE, 1, 1, "memory",
                   "touch", at, BLOCK, PAGE, "memory", "frames", "memory", "info", "hold")
    try:
        new, block, again, full = (line.populated for line in lines if line.what == "memory")
        require(new <= TABLES, expected=f"at most {TABLES:#x}", seen=f"{new:#x}",
                what="bytes with a frame in a new VM, which has its page tables", read=POPULATE)
        check(block - new, BLOCK, "bytes with a frame more after one touch, the machine having"
              " plenty", read=POPULATE)
        check(again, block, "bytes with a frame after other pages of the block were touched",
              read=POPULATE)
        check(full, size, "bytes with a frame when all of the memory was touched, of which the last"
              " three pages are no whole block", read=POPULATE)
        frame = frame_of(lines)
        wrong = [f"{b:#x}" for b in range(0, 8 * BLOCK, BLOCK) if frame(b) % BLOCK or any(
            frame(b + n * PAGE) != frame(b) + n * PAGE for n in range(512))]
        check(wrong, [], "blocks that are not one aligned piece of 2 MiB", read=POPULATE)
        info = only(lines, "info")
        # Six tables: three in the last pages, three at the end of the block before.
        check((info.huge, info.small), (8, 512 + 3), "blocks of 2 MiB and pages of 4 KiB, as"
              " VTXDRV_VM_INFO counts them when all was touched", read=POPULATE)
    finally:
        kill(vms, only(lines, "hold").pid)


@exercise("5.4", expected="every frame is given back with the VM", read=POPULATE)
def test_frames_are_given_back(vms):
    """Touched here and there, closed: the machine has its pages back."""
    size = 2 * GIB + 100 * PAGE
    words = ["create", size, 1, "touch", 0, 2 * GIB, 64 * MIB + PAGE, "touch", 2 * GIB, 100 * PAGE,
             PAGE, "close"]
    vmtool(vms, *words)
    before = pages(vms)
    vmtool(vms, "repeat", 20, *words, timeout=60)
    lost = missing(vms, before, 2048)
    # One block a VM would be 10,240.
    require(lost < 2048, expected="fewer than 2048 pages", seen=f"{lost} pages", read=POPULATE,
            what="memory lost in 20 VMs that were touched in 32 places")


# ---- 5.5 -----------------------------------------------------------------------------------------

PRIMARY, SECONDARY = 0x4002, 0x401e
USE_SECONDARY = 1 << 31
ENABLE_EPT, ENABLE_VPID, UNRESTRICTED = 1 << 1, 1 << 5, 1 << 7


def vmcs_of(lab, vcpus=1, vcpu=0, keep=()):
    """The VMCS of a vCPU that was initialised on CPU 1, and the process that holds the VM."""
    init = [word for n in range(vcpus) for word in ("init", n, 0)]
    lines = vmtool(lab, "cpu", 1, "create", "4M", vcpus, *init, "init", vcpu, 0, "probe", "vmcs 1",
                   "walk", 0, "memory", *keep, "hold")
    return vmcs_fields(lines), lines, only(lines, "hold").pid


@exercise("5.5", expected="EPTP: write-back, four levels, A/D where there is, and the root",
          read=POINTER)
@only_on("vmx", "N_CR3 has no bits but the address of the root")
def test_pointer(vms):
    """Every bit of EPTP as VMREAD has it, against what the processor says that it offers."""
    fields, lines, pid = vmcs_of(vms)
    try:
        require(fields, expected="a current VMCS", seen="none", what="CPU 1", read=POINTER)
        pointer, offers = fields.get(EPT_POINTER, 0), capabilities(vms)
        check(pointer & 7, ept.WB, f"bits 2:0 of EPTP {pointer:#x}: memory type write-back",
              read=POINTER)
        check(pointer >> ept.POINTER_LEVELS & 7, 3, f"bits 5:3 of EPTP {pointer:#x}: levels less 1",
              read=POINTER)
        check(bool(pointer & ept.POINTER_AD), bool(offers & ept.CAP_AD), f"bit 6 of EPTP"
              f" {pointer:#x}: accessed and dirty flags, which this processor"
              f" {'has' if offers & ept.CAP_AD else 'does not have'}", read=POINTER)
        check(pointer & 0xf80 | pointer >> 52, 0, f"reserved bits of EPTP {pointer:#x}",
              read=POINTER)
        walk = only(lines, "walk")
        check(pointer & ept.ADDRESS, walk.table0, f"root in EPTP {pointer:#x}, against"
              " VTXDRV_WALK's first table", read=POINTER)
        root = [n for n, entry in enumerate(ept.entries(vms.machine.outside.phys, walk.table0))
                if entry & ept.RIGHTS and n]
        check(root, [], "entries of the root for addresses that a VM of 4 MiB does not have",
              read=POINTER)
    finally:
        kill(vms, pid)


@exercise("5.5", expected="EPT, VPID and unrestricted guest are on, where they are offered",
          read=POINTER)
@only_on("vmx", "SVM has no secondary controls: nested paging is one bit, and it is on from the"
         " first VMRUN")
def test_controls(vms):
    """The secondary controls as VMREAD has them, against IA32_VMX_PROCBASED_CTLS2."""
    fields, _, pid = vmcs_of(vms)
    kill(vms, pid)
    offers = vms.number("rdmsr", 0, 0x48b) >> 32
    check(fields.get(PRIMARY, 0) & USE_SECONDARY, USE_SECONDARY, "activate secondary controls",
          read=POINTER)
    for bit, name in ((ENABLE_EPT, "enable EPT"), (ENABLE_VPID, "enable VPID"),
                      (UNRESTRICTED, "unrestricted guest")):
        check(fields.get(SECONDARY, 0) & bit, offers & bit, f"secondary control `{name}`",
              read=POINTER)


@exercise("5.5", expected="a VPID of its own for each vCPU of each VM, and never 0", read=POINTER)
@only_on("vmx", "an ASID belongs to a CPU and not to a vCPU: each VMRUN may have another")
def test_vpids(vms):
    """Two VMs of three vCPUs that are there at the same time; one that has come and gone before."""
    if not vms.number("rdmsr", 0, 0x48b) >> 32 & ENABLE_VPID:
        return
    seen, pids = [], []
    try:
        vmtool(vms, "repeat", 5, "create", "64K", 2, "close")
        for _ in range(2):
            init = [word for n in range(3) for word in ("init", n, 0, "probe", "vmcs 1")]
            lines = vmtool(vms, "cpu", 1, "create", "4M", 3, *init, "memory", "hold")
            pids.append(only(lines, "hold").pid)
            mine = [vmcs_fields([line]).get(VPID, 0) for line in lines if line.what == "probe"]
            check(only(lines, "memory").vpid, mine[0], "VPID of vCPU 0 as VTXDRV_MEMORY_INFO tells"
                  " it, against the VMCS", read=POINTER)
            seen += mine
    finally:
        for pid in pids:
            kill(vms, pid)
    check(seen.count(0), 0, f"vCPUs with VPID 0, which is the host's, of {seen}", read=POINTER)
    check(len(set(seen)), len(seen), f"different VPIDs of {seen}", read=POINTER)


# What is done to a vCPU, and whether a processor has to forget something at its next entry.
TURNS = ((1, (), True), (1, (), False), (1, ("slot",), True), (1, (), False), (0, (), True),
         (0, (), False), (1, (), True), (1, ("slot", "slot"), True), (1, (), False))


@exercise("5.5", expected="INVEPT and INVVPID when something has changed, and not otherwise",
          read=FORGET)
def test_invalidations(vms):
    """Turns of a vCPU on the same CPU, on the other one, with and without a change of a slot."""
    words, number = ["memory"], 4
    for cpu, changes, _ in TURNS:
        for _ in changes:
            words += ["slot", number, 0, f"{HOLE + number * MIB:#x}", PAGE, 0]
            number += 1
        words += ["cpu", cpu, *["run", 0, 50] * 3, "memory"]
    lines = vmtool(vms, "cpu", 1, "create", "4M", 1, "code", "f4ebfd", "init", 0, 0, *words)
    counts = [line.flushes for line in lines if line.what == "memory"]
    for n, (cpu, changes, wanted) in enumerate(TURNS):
        grown = counts[n + 1] - counts[n]
        if not changes and not vms.vendor.remembers and n and cpu != TURNS[n - 1][0]:
            continue  # a new ASID, or an invalidation: one is as good as the other
        what = f"INVEPT and INVVPID in turn {n + 1}, on CPU {cpu}, {len(changes)} slots changed" \
               " before it, three entries"
        require(bool(grown) == wanted, expected="at least one" if wanted else "none", seen=grown,
                what=what, read=FORGET)
        require(grown <= 2, expected="at most two", seen=grown, what=what, read=FORGET)
