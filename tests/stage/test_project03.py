# SPDX-License-Identifier: GPL-2.0
"""project03: what a VM may look like, its memory, and the controls of its VMCSs.

The callers are the grader's own (vmtool). Guest memory is looked at through the kernel's pagemap
and by the emulator; controls are compared with those that a model in Python computes.
"""
import json

import pytest

from harness import facts
from harness.grade import (check, check_run, exercise, one_of, pick, replaced, require, run_log)
from stage.vm_tools import (BLOCK, PAGE, frame_bytes, held, hexed, limit, missing, pages, row, rows,
                            vms, vmtool)
from stage.vmxon_tools import FAIL_NTH
from unit import reference_vmcs as reference

pytestmark = pytest.mark.lab(vendor="vmx", cpus=2)
LOGIC = pytest.mark.lab(vendor="svm")

README = "project03/README.md"
CONFIG = f"{README}#what-may-a-vm-look-like"
MEMORY = f"{README}#guest-memory"
CONTROLS = f"{README}#controls"
ACCEPTED = ("0", "ENOSYS", "ENOMEM", "EIO")  # not refused; what comes after is another exercise's

LAZY = replaced("project05", "guest memory gets its frames when it is touched, and may be larger"
                " than the machine's; project05 has these tests for that")

# ---- 3.1 -----------------------------------------------------------------------------------------


def configurations(rng, memory, vcpus):
    """(errno or None, name, bytes, vCPUs): every rule broken in turn, and limits just kept."""
    name, evil = b"vm-%08x" % rng.getrandbits(32), bytes([rng.choice((1, 9, 27, 31))])
    high = bytes([rng.randrange(128, 256)])
    at, pages_of = rng.randrange(1, len(name)), rng.randrange(1, memory // PAGE) * PAGE
    return [
        (None, name, pages_of, rng.randrange(1, vcpus)),
        (None, b"x" * 31, memory, vcpus),
        (None, b" ~", PAGE, 1),
        (None, name + b"\0\x1b" + bytes(range(1, 10)), PAGE, 1),  # behind the end nothing counts
        ("ENODATA", b"", pages_of, 1),
        ("ENAMETOOLONG", b"y" * 32, pages_of, 1),
        ("EILSEQ", name[:at] + evil + name[at:], pages_of, 1),
        ("EILSEQ", name[:at] + high + name[at:], pages_of, 1),
        ("EILSEQ", name[:at] + b"\x7f" + name[at:], pages_of, 1),
        ("EDOM", name, 0, 1),
        ("EINVAL", name, pages_of + rng.choice((1, 512, 4095)), 1),
        ("EFBIG", name, memory + PAGE, 1),
        ("EFBIG", name, 1 << 35, 1),
        ("EOVERFLOW", name, (1 << 64) - PAGE, 1),
        ("EOVERFLOW", name, 1 << 63, 1),
        ("EOVERFLOW", name, (1 << 64) - 1, 1),
        ("ERANGE", name, pages_of, 0),
        ("ERANGE", name, pages_of, rng.choice((-1, -(2 ** 31)))),
        ("E2BIG", name, pages_of, vcpus + 1),
        ("ENODATA", b"", 0, 0),  # name, memory, vCPUs: the first thing that is wrong
        ("EDOM", name, 0, 0),
        ("E2BIG", name, pages_of, 2 ** 31 - 1),  # the last one: who believes it ends the machine
    ]


def check_answers(lab, table, limits):
    """Ask for VMs, all in one call, and compare each answer."""
    words = [word for _, name, size, count in table
             for word in ("config", hexed(name), size, count)]
    seen = [found["errno"] for found in rows(vmtool(lab, *words), "config")]
    check(len(seen), len(table), "answers of the driver")
    for (wanted, name, size, count), answer in zip(table, seen):
        check(answer, wanted or one_of(*ACCEPTED),
              f"name {name!r}, {size:#x} bytes, {count} vCPUs; {limits}", read=CONFIG)


@exercise("3.1", expected="each mistake is refused with an errno of its own", read=CONFIG)
def test_configurations(vms, rng):
    """Names, sizes and numbers of vCPUs, good and evil ones, under limits drawn for this run."""
    memory, vcpus = rng.randrange(2, 9), rng.randrange(17, 64)
    limit(vms, memory, vcpus)
    *table, last = configurations(rng, memory << 20, vcpus)
    limits = f"at most {memory} MiB, {vcpus} vCPUs"
    check_answers(vms, table, limits)
    check_answers(vms, [last], limits)


@exercise("3.1", expected="a line in the log with the value and the limit", read=CONFIG)
def test_refusals_are_explained(vms):
    """Whoever is refused finds in the kernel's log what he asked for, and what he may have."""
    limit(vms, 3, 20)
    big = vmtool(vms, "config", hexed(b"big"), 5 << 20, 1)
    many = vmtool(vms, "config", hexed(b"many"), PAGE, 21)
    for result, numbers in ((big, (5 << 20, 3 << 20)), (many, (21, 20))):
        log = run_log(result)
        for number in numbers:
            spellings = {str(number), f"{number:#x}", f"{number >> 20} MiB", f"{number >> 10} KiB"}
            require(any(text in log for text in spellings), read=CONFIG, log=log,
                    expected=f"a line that names {number}", seen="none",
                    what="the kernel's log after a refusal")


@exercise("3.1", expected="half of the machine's memory, unless the parameter says more",
          read=CONFIG)
@LAZY
def test_default_limit(vms):
    """Without max_guest_mem a VM may have half of what the machine has, and not much more."""
    kibibytes = int(vms.get("/proc/meminfo").split()[1])
    size = (kibibytes // 2 << 10) // PAGE * PAGE + (32 << 20)
    answer = row(vmtool(vms, "config", hexed(b"large"), size, 1), "config")
    check(answer["errno"], "EFBIG", f"a VM of {size} bytes on a machine of {kibibytes} KiB",
          read=CONFIG)


@exercise("3.1", expected="EFAULT, and the kernel goes on", read=CONFIG)
def test_pointers(driver):
    """Pointers that lead nowhere, into the kernel, and half into a page that is not there."""
    result = vmtool(driver, "pointers", "config", hexed(b""), PAGE, 1)
    for name in ("null", "kernel", "half"):
        check(row(result, name)["errno"], "EFAULT", f"VTXDRV_CREATE_VM with the pointer `{name}`",
              read=CONFIG)
    check(row(result, "config")["errno"], "ENODATA", "a readable pointer to an empty name",
          read=CONFIG)


@exercise("3.1", expected="EOPNOTSUPP, and no VM", read=CONFIG)
def test_32_bit_caller(driver):
    """The structure of a 32-bit program has another size; its system calls are refused."""
    result = vmtool(driver, "compat", "config", hexed(b""), PAGE, 1)
    for name in ("compat48", "compat40"):
        check(row(result, name)["errno"], "EOPNOTSUPP", "VTXDRV_CREATE_VM by the system call of a"
              f" 32-bit program, structure of {name[-2:]} bytes", read=CONFIG)
    check(row(result, "config")["errno"], "ENODATA", "a 64-bit caller with an empty name",
          read=CONFIG)


# ---- 3.2 -----------------------------------------------------------------------------------------


@exercise("3.2", expected="zeroed memory, each page a page of its own", read=MEMORY)
@LAZY
def test_memory(vms, rng):
    """Zeros where others left words behind; what the owner writes is where the emulator sees it."""
    size, seed = 12 * BLOCK + 5 * PAGE, rng.getrandbits(64)
    before = pages(vms)
    with held(vms, size, 1, "zeroed", "stamp", seed, "stamped", seed, "frames",
              first=("dirty", 100 << 20, rng.getrandbits(64))) as vm:
        check(row(vm.result, "zeroed")["words"], "0", "words of a new VM's memory that are not zero"
              " (other programs had used it before)", read=MEMORY)
        check(row(vm.result, "stamped")["wrong"], "0", "pages that lost what was written to them: "
              "each guest-physical page has to be a page of its own", read=MEMORY)
        check(sum(count for _, _, count in vm.frames), size // PAGE, "pages of guest memory")
        for _ in range(4):
            at = rng.randrange(size // PAGE) * PAGE
            word = int.from_bytes(frame_bytes(vms, frame_of(vm, at), 8, f"guest memory {at:#x}",
                                              MEMORY), "little")
            check(word, (seed + at) * 0x9e3779b97f4a7c15 % (1 << 64),
                  f"first word of the page at {at:#x}, in the machine's memory", read=MEMORY)
        used, enough = before[0] - pages(vms)[0], size // PAGE * 8 // 10
        require(used >= enough, expected=f"at least {enough} pages less that are free",
                seen=f"{used}", what="free pages before and while there is the VM", read=MEMORY)
    check_given_back(vms, before, "after kill -9 of the owner")


def frame_of(vm, address):
    """The host-physical address behind a guest-physical one."""
    for start, frame, count in vm.frames:
        if start <= address < start + count * PAGE:
            return frame + address - start
    raise AssertionError(f"no frame for {address:#x} in {vm.frames}")


def check_given_back(lab, before, when):
    """The machine has its pages back, but for what the kernel keeps for later."""
    lost = missing(lab, before, 256)
    require(lost < 256, expected="fewer than 256 pages (1 MiB) missing", seen=f"{lost} pages",
            what=f"pages that were free before a VM was created and are not {when}", read=MEMORY)


@exercise("3.2", expected="2-MiB pieces, aligned, where the machine has them", read=MEMORY)
@LAZY
def test_blocks(vms):
    """Memory comes in blocks of 2 MiB; where one cannot be had, pages do."""
    size = 4 * BLOCK + 3 * PAGE
    with held(vms, size, 1, "frames") as vm:
        starts = {at for at in range(0, 4 * BLOCK, BLOCK) if contiguous(vm, at)}
        check(sorted(starts), list(range(0, 4 * BLOCK, BLOCK)), "blocks of 2 MiB that are one"
              " aligned piece of the machine's memory, which has plenty of them", read=MEMORY)
        told = row(vm.result, "info")
        check((told["huge"], told["small"]), ("4", "3"), "blocks of 2 MiB and pages of 4 KiB, as"
              " VTXDRV_VM_INFO counts them", read=MEMORY)


def contiguous(vm, at):
    """Is the block at this address 512 pages in a row, aligned?"""
    return all(frame_of(vm, at + i * PAGE) == frame_of(vm, at) + i * PAGE for i in range(512)) \
        and frame_of(vm, at) % BLOCK == 0


@exercise("3.2", expected="no memory: pages instead of a block, or a clean refusal", read=MEMORY)
@LAZY
def test_memory_that_is_not_to_be_had(vms):
    """Each allocation fails once: either the VM is there all the same, or nothing is left of it."""
    vms.unload()
    vms.load()
    script = (f"for n in 1 2 3 4 5 6 7; do echo $n > {FAIL_NTH};"
              f" vmtool try create {2 * BLOCK + PAGE} 1 try info try stamp 7 try stamped 7;"
              f" done; echo 0 > {FAIL_NTH}")
    result = check_run(vms.sh(script, timeout=60))
    failed = {found["errno"] for found in rows(result, "error") if found["verb"] == "create"}
    require(failed <= {"ENOMEM", "EIO"} and "ENOMEM" in failed, expected="ENOMEM",
            seen=", ".join(sorted(failed)) or "it always works", read=MEMORY,
            what="creating a VM while an allocation fails")
    small = [int(found["small"]) for found in rows(result, "info")]
    require(any(count > 512 for count in small), expected="512 pages of 4 KiB in its place",
            seen=f"pages of 4 KiB: {small}", what="a VM whose block of 2 MiB could not be had",
            read=MEMORY)
    check(sorted({found["wrong"] for found in rows(result, "stamped")}), ["0"], "pages of such a VM"
          " that lost what was written to them", read=MEMORY)
    vms.unload()  # what a failure has leaked is told here
    vms.load()


CGROUP = """
mkdir -p /cg && mount -t cgroup2 none /cg 2>/dev/null
echo +memory > /cg/cgroup.subtree_control && mkdir -p /cg/small /cg/large
echo 16M > /cg/small/memory.max; echo 64M > /cg/large/memory.max
sh -c 'echo $$ > /cg/small/cgroup.procs; exec vmtool try create 24M 1'
sh -c 'echo $$ > /cg/large/cgroup.procs; exec vmtool create 24M 1 hold' > /tmp/held
cat /tmp/held; echo current bytes=$(cat /cg/large/memory.current)
kill -9 $(sed -n 's/hold pid=//p' /tmp/held)
while ! rmdir /cg/large 2>/dev/null; do sleep 0.05; done; rmdir /cg/small; umount /cg
"""


@exercise("3.2", expected="the caller's memory cgroup pays", read=MEMORY)
@LAZY
def test_memory_is_charged(vms):
    """A VM beyond the limit of its creator's cgroup is ENOMEM; one within is counted there."""
    result = vms.sh(CGROUP, timeout=60)
    refused = rows(result, "error")
    check([found["errno"] for found in refused], ["ENOMEM"], "creating a VM of 24 MiB in a cgroup"
          " that may have 16 MiB", read=MEMORY, log=run_log(result))
    charged = int(row(result, "current")["bytes"] or 0)
    require(charged >= 24 << 20, expected="at least 24 MiB", seen=f"{charged} bytes",
            what="memory of the cgroup whose process has created a VM of 24 MiB", read=MEMORY)


@exercise("3.2", expected="the owner's file maps it, and no other", read=MEMORY)
def test_who_may_map(vms):
    """Another open file, a private mapping, one too long: refused. The last page is fine."""
    result = vmtool(vms, "create", 3 * PAGE, 1, "maps", "again")
    for name in ("map-other-file", "map-private", "map-too-long", "map-beyond"):
        require(row(result, name)["errno"] != "0", expected="refused", seen="mapped", what=name,
                read=MEMORY)
    check(row(result, "map-last-page")["errno"], "0", "mapping the last page", read=MEMORY)
    check(row(result, "again")["errno"], "EEXIST", "a second VM on the same file", read=CONFIG)


@exercise("3.2", expected="freed by the last close, and mappings count", read=MEMORY)
def test_mapping_outlives_close(vms, rng):
    """Memory stays while it is mapped, also when the file is closed; then it goes, once."""
    seed = rng.getrandbits(64)
    result = vmtool(vms, "create", 2 * BLOCK, 1, "stamp", seed, "mapped", "dirty", 64 << 20, 5,
                    "stamped", seed)
    check(row(result, "stamped")["wrong"], "0", "pages that changed after the file was closed,"
          " while they were still mapped", read=MEMORY)
    vms.unload()  # says what was not given back
    vms.load()


CYCLES = 1000


@exercise("3.2", expected=f"{CYCLES} VMs leave the machine as it was", read=MEMORY)
@pytest.mark.instructor
@pytest.mark.lab(kernels=1)
def test_many_vms(vms):
    """A thousand VMs come and go, and page and slab counts are what they were."""
    vmtool(vms, "repeat", 10, "create", "300K", 2, "close")  # what the kernel fills once is no leak
    before = pages(vms)
    vmtool(vms, "repeat", CYCLES, "create", "300K", 2, "close", timeout=300)
    lost = missing(vms, before, CYCLES // 4)
    require(lost < CYCLES // 4, expected=f"fewer than {CYCLES // 4} pages lost",
            seen=f"{lost} pages", what=f"free pages, and pages of slabs, before and after {CYCLES}"
            " VMs", read=MEMORY)
    vms.unload()
    vms.load()


# ---- 3.6 -----------------------------------------------------------------------------------------

GROUP_MSRS = {"pin": (0x481, 0x48d), "primary": (0x482, 0x48e), "secondary": (0x48b, None),
              "exit": (0x483, 0x48f), "entry": (0x484, 0x490)}
EVERY = (1 << 32) - 1


def near_enough(rng, number):
    """A random processor that has most of what is required, so that each bit decides something."""
    cpu = facts.random_vmx_cpu(rng, number)
    values = cpu["vmx_msr"]
    values[0] = f"{int(values[0], 0) & ~(1 << 55) | (number % 2) << 55:#x}"
    for plain, true in GROUP_MSRS.values():
        for index in filter(None, (plain, true)):
            may = EVERY & ~(rng.getrandbits(32) & rng.getrandbits(32) & rng.getrandbits(32)) \
                if number % 4 == 3 else EVERY
            must = rng.getrandbits(32) & rng.getrandbits(32) & may & 0x7fffffff
            values[index - 0x480] = f"{may << 32 | (0 if index == 0x48b else must):#x}"
    if number % 3 == 0:  # no secondary controls: neither the MSR nor the bit
        values[0x48b - 0x480] = None
        for index in GROUP_MSRS["primary"]:
            word = int(values[index - 0x480], 0) & ~(1 << 63)
            values[index - 0x480] = f"{word:#x}"
    if number % 5 == 0 and values[0x48b - 0x480]:  # WBINVD exiting is optional
        values[0x48b - 0x480] = f"{int(values[0x48b - 0x480], 0) & ~(1 << 38):#x}"
    for index in range(0x491, 0x494):
        values[index - 0x480] = None
    return cpu


@exercise("3.6", expected="required, optional and what the processor insists on", read=CONTROLS)
@LOGIC
@replaced("project05", "nested paging and an unrestricted guest are required as well")
def test_controls_of_random_processors(lab, rng):
    """For random capability MSRs: every group's value, whether it is active, or what is missing."""
    cpus = [near_enough(rng, number) for number in range(32)]
    lab.put("/tmp/facts.json", json.dumps({"raw": {"cpus": cpus}}).encode())
    answer = lab.vtxctl_json("controls", "--from", "/tmp/facts.json", "--json", status=None)
    check(len(pick(answer, "cpus")), len(cpus), "number of CPUs in the answer of controls --from")
    for seen, cpu in zip(pick(answer, "cpus"), cpus):
        expected = reference.controls(cpu)
        about = "the TRUE capability MSRs" if int(cpu["vmx_msr"][0], 0) >> 55 & 1 \
            else "capability MSRs without TRUE ones"
        words = f"processor {cpu['cpu']}, {about}: {capabilities(cpu)}"
        check(pick(seen, "missing"), expected["missing"], f"required controls that are missing on"
              f" {words}", read=CONTROLS)
        check(pick(seen, "controls"), expected["controls"], f"controls on {words}", read=CONTROLS)


def capabilities(cpu):
    """The MSRs that decide, for a message: must be 1 and may be 1 of each group."""
    true = int(cpu["vmx_msr"][0], 0) >> 55 & 1
    told = []
    for group, (plain, better) in GROUP_MSRS.items():
        value = cpu["vmx_msr"][(better if true and better else plain) - 0x480]
        told.append(f"{group} " + ("none" if value is None else
                                   f"{int(value, 0) & EVERY:#x}/{int(value, 0) >> 32:#x}"))
    return ", ".join(told)
