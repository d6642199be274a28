# SPDX-License-Identifier: GPL-2.0
"""project04: guest launch, from the guest's page tables to one VM entry.

Page tables are read from physical memory by the emulator and compared with the frames that the kernel
names in /proc/self/pagemap. The VMCS is read with VMREAD by vtxprobe. What a guest has computed was
drawn for the run.
"""
import pytest

from harness import guests
from harness.grade import check, exercise, require
from harness.guests import WORD
from stage import guest_tools
from stage.guest_tools import (CPUS, HOST, MIB, PAGE, README, SIZE, check_tables, find_root, frame_of,
                               function_address, guest, host_line, only, remembered, vmcs_fields,
                               vmtool)
from stage.vm_tools import kill, vms
from stage.vmxon_tools import FAIL_NTH

pytestmark = pytest.mark.lab(vendor="vmx", cpus=2)

TABLES = guest_tools.TABLES
HOST_STATE = f"{README}#host-state"
GUEST_STATE = f"{README}#guest-state"
SWITCH = f"{README}#the-world-switch"


# ---- 4.1: page tables --------------------------------------------------------------------------


def tables_of(lab, size):
    """What a VM of this size gets: lowest address with a table, leaves, frames. The VM is held."""
    lines = vmtool(lab, "create", size, 1, "frames", "try", "init", 0, 0, "hold")
    pid = only(lines, "hold").pid
    frame = frame_of(lines)
    read = remembered(lab.machine.outside.phys)
    try:
        root = find_root(lab, read, frame)
        require(root, expected="page tables that lead to guest memory", seen="none", read=TABLES,
                what="the machine's memory, all of it, after VTXDRV_CREATE_VM")
        lowest, leaves = check_tables(read, root, frame, size)
        require(frame(lowest) is None, expected="SIGBUS", seen="memory", read=TABLES,
                what="what the owner finds in his mapping where the tables are")
        return lowest, leaves, frame
    finally:
        kill(lab, pid)


@exercise("4.1", expected="tables through which a guest reaches all of its memory, and no other",
          read=TABLES)
def test_tables(vms, rng):
    """Walked by the emulator: each entry names the guest's own frame; tables are read-only."""
    for size in (rng.randrange(16, 500) * PAGE, 4 * MIB + rng.randrange(1, 500) * PAGE):
        lowest, leaves, frame = tables_of(vms, size)
        guest_tools.check_huge(leaves, guest_tools.huge_regions(frame, lowest))


@exercise("4.1", expected="the same where the host has no piece of 2 MiB to give", read=TABLES)
def test_tables_of_single_pages(vms, rng):
    """One block or another of guest memory consists of single pages, in any order."""
    for nth in rng.sample(range(2, 9), 2):
        vms.sh(f"echo {nth} > {FAIL_NTH}")
        lines = vmtool(vms, "try", "create", 6 * MIB, 1)
        vms.sh(f"echo 0 > {FAIL_NTH}")
        if any(line.what == "error" for line in lines):
            continue  # another step has failed, and that is the tests' of project03
    tables_of(vms, 6 * MIB)


# ---- 4.2: host state ---------------------------------------------------------------------------


def host_fields(lab, cpu, *steps):
    """The current VMCS of a CPU after these steps there, and what the CPU itself has."""
    lines = vmtool(lab, "cpu", cpu, "create", SIZE, 1, "try", "init", 0, 0,
                   *(word for step in steps for word in ("probe", step)), "probe", f"vmcs {cpu}",
                   "probe", f"host {cpu}", "close")
    return vmcs_fields(lines), host_line(lines)


def check_field(fields, name, expected, cpu):
    seen = fields.get(HOST[name])
    check(seen, expected, f"host-state field {name.upper()} after setting it up on CPU {cpu}",
          read=HOST_STATE)


@exercise("4.2", expected="what never changes: CR0, selectors, EFER, PAT, SYSENTER_CS",
          read=HOST_STATE)
@pytest.mark.parametrize("cpu", CPUS)
def test_host_state(vms, stage_build, cpu):
    """VTXDRV_INIT_VCPU fills in the fields that are the same as long as the kernel runs."""
    fields, host = host_fields(vms, cpu)
    require(fields, expected="a current VMCS", seen="none", what=f"CPU {cpu} after INIT_VCPU",
            read=HOST_STATE)
    check_field(fields, "cr0", vms.number("cr0", cpu), cpu)
    for name, index in (("efer", 0xc0000080), ("pat", 0x277), ("sysenter_cs", 0x174)):
        check_field(fields, name, vms.number("rdmsr", cpu, index), cpu)
    for name in ("cs", "ss", "tr"):
        check_field(fields, name, host[name], cpu)
    check_field(fields, "rip", function_address(vms, stage_build, "vmx_exited"), cpu)


@exercise("4.2", expected="the bases and tables of the CPU that is about to enter",
          read=HOST_STATE)
@pytest.mark.parametrize("cpu", CPUS)
def test_host_state_of_each_cpu(vms, stage_build, cpu):
    """TR, GDTR, IDTR and GS base and SYSENTER_ESP are this CPU's own; FS base is the task's."""
    steps = [f"call {cpu} {function_address(vms, stage_build, name):#x} 0 0"
             for name in ("vmx_host_state_cpu", "vmx_host_state_task")]
    fields, host = host_fields(vms, cpu, *steps)
    for name in ("tr_base", "gs_base", "gdtr", "idtr", "fs_base"):
        check_field(fields, name, host[name], cpu)
    for name, index in (("sysenter_esp", 0x175), ("sysenter_eip", 0x176)):
        check_field(fields, name, vms.number("rdmsr", cpu, index), cpu)
    for name in ("es", "ds", "fs", "gs"):
        selector = fields.get(HOST[name], 0)
        check(selector & 7, 0, f"RPL and TI of host selector {name.upper()}, {selector:#x}",
              read=HOST_STATE)


# ---- 4.3: guest state --------------------------------------------------------------------------

# SDM vol. 3, appendix B: encoding, what it is, what it has to be.
SEGMENTS = ("ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR")
SELECTOR, LIMIT, RIGHTS, BASE = 0x0800, 0x4800, 0x4814, 0x6806
UNUSABLE = 1 << 16
CR0, CR3, CR4 = 0x6800, 0x6802, 0x6804
PE, MP, ET, NE, WP, PG = 1 << 0, 1 << 1, 1 << 4, 1 << 5, 1 << 16, 1 << 31
PAE, OSFXSR, OSXMMEXCPT, VMXE, OSXSAVE = 1 << 5, 1 << 9, 1 << 10, 1 << 13, 1 << 18
EFER_LME, EFER_LMA, EFER_NXE = 1 << 8, 1 << 10, 1 << 11
EXCEPTIONS = {0: "#DE", 1: "#DB", 3: "#BP", 6: "#UD", 7: "#NM", 12: "#SS", 13: "#GP", 14: "#PF",
              18: "#MC"}
EXACT = (  # encoding, name, value
    (0x2800, "VMCS link pointer", WORD), (0x6820, "RFLAGS", 2),
    (0x4826, "activity state", 0), (0x4824, "interruptibility state", 0),
    (0x6822, "pending debug exceptions", 0), (0x681a, "DR7", 0x400),
    (0x6816, "GDTR base", 0), (0x6818, "IDTR base", 0), (0x4810, "GDTR limit", 0),
    (0x4812, "IDTR limit", 0), (0x4016, "VM-entry interruption information", 0),
    (0x6000, "CR0 guest/host mask", WORD), (0x6002, "CR4 guest/host mask", WORD),
)


def guest_fields(lab):
    """The VMCS of a vCPU after VTXDRV_INIT_VCPU, and where the guest's tables are."""
    lines = vmtool(lab, "cpu", 1, "create", SIZE, 1, "frames", "init", 0, 0, "probe", "vmcs 1",
                   "hold")
    try:
        frame = frame_of(lines)
        read = remembered(lab.machine.outside.phys)
        return vmcs_fields(lines), find_root(lab, read, frame)
    finally:
        kill(lab, only(lines, "hold").pid)


def check_value(fields, encoding, name, expected):
    check(fields.get(encoding), expected, f"guest-state field: {name}", read=GUEST_STATE)


@exercise("4.3", expected="a processor in the middle of its life: 64-bit mode, paging on",
          read=GUEST_STATE)
def test_guest_state(vms):
    """Every field of the guest-state area, as VMREAD has it: control registers, segments, the rest."""
    fields, root = guest_fields(vms)
    check_value(fields, CR3, "CR3, the root of the guest's tables", root)
    for encoding, name, value in EXACT:
        check_value(fields, encoding, name, value)
    check_control_registers(fields)
    check_segments(fields)


def check_bits(fields, encoding, name, must, may=0):
    value = fields.get(encoding, 0)
    check(value & must, must, f"bits of the guest's {name} ({value:#x}) that must be 1",
          read=GUEST_STATE)
    check(value & ~(must | may), 0, f"bits of the guest's {name} ({value:#x}) that must be 0",
          read=GUEST_STATE)


def check_control_registers(fields):
    check_bits(fields, CR0, "CR0", PE | MP | ET | NE | WP | PG)
    check_bits(fields, CR4, "CR4", PAE | OSFXSR | OSXMMEXCPT | VMXE, OSXSAVE)
    check_bits(fields, 0x2806, "EFER", EFER_LME | EFER_LMA, EFER_NXE)
    check_bits(fields, 0x6004, "CR0 read shadow", PE | MP | ET | NE | WP | PG)
    check_bits(fields, 0x6006, "CR4 read shadow: VMXE is hidden", PAE | OSFXSR | OSXMMEXCPT, OSXSAVE)
    bitmap = fields.get(0x4004, 0)
    missing = [name for vector, name in EXCEPTIONS.items() if not bitmap >> vector & 1]
    check(missing, [], f"exceptions that do not exit (bitmap {bitmap:#x})", read=GUEST_STATE)


def check_segments(fields):
    for number, name in enumerate(SEGMENTS):
        rights = fields.get(RIGHTS + 2 * number, 0)
        what = f"access rights of {name} ({rights:#x})"
        if name == "LDTR":
            check(rights & UNUSABLE, UNUSABLE, f"{what}: unusable", read=GUEST_STATE)
            continue
        if rights & UNUSABLE and name not in ("CS", "TR"):
            continue
        check(fields.get(BASE + 2 * number), 0, f"base of {name}", read=GUEST_STATE)
        check(rights & UNUSABLE, 0, f"{what}: usable", read=GUEST_STATE)
        check(rights >> 7 & 1, 1, f"{what}: present", read=GUEST_STATE)
    code = fields.get(RIGHTS + 2, 0)
    check(code >> 13 & 1, 1, f"L of CS ({code:#x}): 64-bit code", read=GUEST_STATE)
    check(code >> 14 & 1, 0, f"D of CS ({code:#x}), which must be 0 where L is 1", read=GUEST_STATE)
    check(code & 0x1b, 0x1b, f"S and type of CS ({code:#x}): code, accessed", read=GUEST_STATE)
    check(fields.get(RIGHTS + 14, 0) & 0x1f, 11, "S and type of TR: a busy 64-bit TSS",
          read=GUEST_STATE)


# ---- 4.4: the world switch ---------------------------------------------------------------------

REGISTERS = tuple(name for name in guests.REGISTERS if name != "rsp")


@pytest.fixture(name="enters")
def can_enter(vms):
    """The driver, allowed to enter a guest once and to tell what came of it."""
    vms.sh("echo 1 > /sys/module/vtxdrv/parameters/allow_try_entry")
    return vms


def shuffled(rng):
    """A guest that gives each register a value made of another's, and what they then are."""
    order = list(REGISTERS)
    rng.shuffle(order)
    given = {name: rng.getrandbits(64) for name in REGISTERS}
    after, text = dict(given), []
    for source, target in zip(order, order[1:]):
        value = rng.getrandbits(31)
        text.append(f"lea {value}(%{source}, %{target}), %{target}")
        after[target] = after[source] + after[target] + value & WORD
    return guests.code("; ".join([*text, "vmcall"])), given, after


@exercise("4.4", expected="guest registers are there in the guest, and its own are kept at the exit",
          read=SWITCH)
def test_registers(enters, rng):
    """Fifteen random registers go into the guest, and come back as it has left them."""
    image, given, after = shuffled(rng)
    words = [word for name, value in given.items() for word in ("setreg", 0, name, f"{value:#x}")]
    lines = vmtool(enters, *guest(image), *words, "enter", 0, "regs", 0)
    check(only(lines, "entry").reason, 18, "exit reason: VMCALL", read=SWITCH)
    seen = only(lines, "regs")
    for name in REGISTERS:
        check(seen[name], after[name], f"{name.upper()} after the exit, from {given[name]:#x} at the"
              " entry by the guest's own instructions", read=SWITCH)


@exercise("4.4", expected="VMLAUNCH the first time, VMRESUME from then on", read=SWITCH)
def test_launch_and_resume(enters, rng):
    """One vCPU enters three times, and again after it has moved to another CPU."""
    values = [rng.getrandbits(31) for _ in range(4)]
    image = guests.code("; ".join(f"mov ${value}, %r12d; vmcall" for value in values))
    words = ["cpu", 0, *guest(image)]
    for turn in range(len(values)):
        words += ["cpu", 1] if turn == 3 else []
        words += ["enter", 0, "regs", 0, "vcpu", 0, "setreg", 0, "rip",
                  f"{guests.LOAD + (turn + 1) * (len(image) // 4):#x}"]
    lines = vmtool(enters, *words)
    entries = [line for line in lines if line.what == "entry"]
    found = [line for line in lines if line.what == "regs"]
    for turn, (entry, regs) in enumerate(zip(entries, found)):
        check(entry.error, 0, f"VM-instruction error of entry {turn + 1}", read=SWITCH)
        check(regs.r12, values[turn], f"what entry {turn + 1} has left in R12", read=SWITCH)
    check(only(lines, "vcpu").launched, 1, "launched, after an entry that succeeded", read=SWITCH)


@exercise("4.4", expected="an entry that fails falls through, and says how", read=SWITCH)
def test_failed_entry(enters):
    """VMfailValid by a host selector with RPL 3; then the same vCPU enters as if nothing had been."""
    lines = vmtool(enters, *guest(guests.code("mov $7, %r12d; vmcall")), "enterwith", 0,
                   f"{HOST['ds']:#x}", 3, "enter", 0, "regs", 0)
    first, second = (line for line in lines if line.what == "entry")
    check(first.error, 8, "VM-instruction error with a host selector that has RPL 3", read=SWITCH)
    check((second.error, second.reason), (0, 18), "error and exit reason of the entry after it",
          read=SWITCH)
    check(only(lines, "regs").r12, 7, "R12 after it", read=SWITCH)
