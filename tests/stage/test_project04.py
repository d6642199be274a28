# SPDX-License-Identifier: GPL-2.0
"""project04: guest launch, from the guest's page tables to one VM entry.

Page tables are read from physical memory by the emulator and compared with the frames that the
kernel names in /proc/self/pagemap. The VMCS is read with VMREAD by vtxprobe. What a guest has
computed was drawn for the run.
"""
import pytest

from harness import guests
from harness.grade import check, exercise, one_of, only_on, replaced, require
from harness.guests import WORD
from stage import guest_tools
from stage.guest_tools import (CPUS, HOST, MIB, PAGE, SIZE, check_tables, find_roots, frame_of,
                               function_address, host_line, only, remembered, vmcs_fields,
                               vmtool)
from stage.vm_tools import kill, vms
from stage.vmxon_tools import FAIL_NTH

pytestmark = pytest.mark.lab(vendor="vmx", cpus=2)

README = "project04/README.md"
TABLES = f"{README}#page-tables-that-name-host-frames"
HOST_STATE = f"{README}#host-state"
GUEST_STATE = f"{README}#guest-state"
SWITCH = f"{README}#the-world-switch"


NO_HOST_STATE = only_on("vmx", "a VMCB has no host state: VMRUN itself saves it in a page, and the"
                        " rest is software's")
NO_LAUNCH = only_on("vmx", "SVM has no launched state and no VMfail, of which vmx_world_switch() is"
                    " asked")
GUEST_PHYSICAL = replaced("project05", "the tables of a guest have guest-physical addresses, and"
                          " what is behind them is in the nested tables, which are tested there")


# ---- 4.1: page tables --------------------------------------------------------------------------


def tables_of(lab, size):
    """What a VM of this size gets: lowest address with a table, leaves, frames. The VM is held."""
    lines = vmtool(lab, "create", size, 1, "frames", "try", "init", 0, 0, "hold")
    pid = only(lines, "hold").pid
    frame = frame_of(lines)
    read = remembered(lab.machine.outside.phys)
    try:
        roots = find_roots(lab, read, frame)
        require(roots, expected="page tables that lead to guest memory", seen="none", read=TABLES,
                what="the machine's memory, all of it, after VTXDRV_CREATE_VM")
        for root in roots:
            lowest, leaves = check_tables(read, root, frame, size)
        require(frame(lowest) is None, expected="SIGBUS", seen="memory", read=TABLES,
                what="what the owner finds in his mapping where the tables are")
        return lowest, leaves, frame
    finally:
        kill(lab, pid)


@exercise("4.1", expected="tables through which a guest reaches all of its memory, and no other",
          read=TABLES)
@GUEST_PHYSICAL
def test_tables(vms, rng):
    """Walked by the emulator: each entry names the guest's own frame; tables are read-only."""
    for size in (rng.randrange(16, 500) * PAGE, 4 * MIB + rng.randrange(1, 500) * PAGE):
        lowest, leaves, frame = tables_of(vms, size)
        guest_tools.check_huge(leaves, guest_tools.huge_regions(frame, lowest))


# At each step that can fail while five blocks of 2 MiB are got: does that leave four of them?
FALLS_BACK = f"""
for nth in 1 2 3 4 5 6 7 8 9 10 11; do
	echo $nth > {FAIL_NTH}
	vmtool create 10M 1 info close | grep -q huge=4 && echo $nth
done
echo 0 > {FAIL_NTH}
"""


@exercise("4.1", expected="the same where the host has no piece of 2 MiB to give", read=TABLES)
@GUEST_PHYSICAL
def test_tables_of_single_pages(vms, rng):
    """A block in the middle of guest memory consists of single pages, in any order."""
    steps = vms.sh(FALLS_BACK).out.split()[1:-1]  # the first and the last have page tables anyway
    if steps:  # which steps these are is the tests' of project03
        vms.sh(f"echo {rng.choice(steps)} > {FAIL_NTH}")
    try:
        lowest, leaves, frame = tables_of(vms, 10 * MIB)
    finally:
        vms.sh(f"echo 0 > {FAIL_NTH}")
    guest_tools.check_huge(leaves, guest_tools.huge_regions(frame, lowest))


# ---- 4.2: host state ---------------------------------------------------------------------------

WRONG = 0x5000  # what a field has before the function in question writes it


def host_fields(lab, build, cpu, function="", spoilt=()):
    """The VMCS of a vCPU that was initialised on the other CPU and then moved here, and what this
    CPU has itself. A function of the stage is called here, after these fields were spoilt."""
    steps = []
    if function:
        spoil = function_address(lab, build, "vmcs_write_raw")
        steps = [f"call {cpu} {spoil:#x} {HOST[name]:#x} {WRONG:#x}" for name in spoilt]
        steps.append(f"call {cpu} {function_address(lab, build, function):#x} 0 0")
    lines = vmtool(lab, "cpu", 1 - cpu, "create", SIZE, 1, "try", "init", 0, 0, "cpu", cpu, "state",
                   0, *(word for step in steps for word in ("probe", step)), "probe", f"vmcs {cpu}",
                   "probe", f"host {cpu}", "close")
    return vmcs_fields(lines), host_line(lines)


def check_field(fields, name, expected, what):
    check(fields.get(HOST[name]), expected, f"host-state field {name.upper()} {what}",
          read=HOST_STATE)


@exercise("4.2", expected="what never changes: CR0, selectors, EFER, PAT, SYSENTER_CS",
          read=HOST_STATE)
@pytest.mark.parametrize("cpu", CPUS)
@NO_HOST_STATE
def test_host_state(vms, stage_build, cpu):
    """VTXDRV_INIT_VCPU fills in the fields that are the same as long as the kernel runs."""
    fields, host = host_fields(vms, stage_build, cpu)
    what = "after VTXDRV_INIT_VCPU"
    require(fields, expected="a current VMCS", seen="none", what=f"CPU {cpu} {what}",
            read=HOST_STATE)
    check_field(fields, "cr0", vms.number("cr0", cpu), what)
    for name, index in (("efer", 0xc0000080), ("pat", 0x277), ("sysenter_cs", 0x174)):
        check_field(fields, name, vms.number("rdmsr", cpu, index), what)
    for name in ("cs", "ss", "tr"):
        check_field(fields, name, host[name], what)
    check_field(fields, "rip", function_address(vms, stage_build, "vmx_exited"), what)


@exercise("4.2", expected="bases and tables of the CPU that is about to enter", read=HOST_STATE)
@pytest.mark.parametrize("cpu", CPUS)
@NO_HOST_STATE
def test_host_state_of_each_cpu(vms, stage_build, cpu):
    """TR, GDTR, IDTR and GS base and SYSENTER_ESP are this CPU's own, after a move as well."""
    names = ("tr_base", "gs_base", "gdtr", "idtr")
    fields, host = host_fields(vms, stage_build, cpu, "vmx_host_state_cpu", names)
    what = f"after vmx_host_state_cpu() on CPU {cpu}, to which the vCPU has moved"
    for name in names:
        check_field(fields, name, host[name], what)
    for name, index in (("sysenter_esp", 0x175), ("sysenter_eip", 0x176)):
        check_field(fields, name, vms.number("rdmsr", cpu, index), what)


@exercise("4.2", expected="FS base of the task, and selectors that VM entry accepts",
          read=HOST_STATE)
@NO_HOST_STATE
def test_host_state_of_each_task(vms, stage_build, rng):
    """Whatever another task has left there, the next one's FS base is its own."""
    cpu = rng.choice(CPUS)
    fields, host = host_fields(vms, stage_build, cpu, "vmx_host_state_task", ["fs_base"])
    check_field(fields, "fs_base", host["fs_base"], "after vmx_host_state_task() in another task")
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
    """The VMCS of a vCPU after VTXDRV_INIT_VCPU, and where a root of the guest's tables is."""
    lines = vmtool(lab, "cpu", 1, "create", SIZE, 1, "frames", "init", 0, 0, "probe", "vmcs 1",
                   "hold")
    try:
        frame = frame_of(lines)
        read = remembered(lab.machine.outside.phys)
        return vmcs_fields(lines), find_roots(lab, read, frame)
    finally:
        kill(lab, only(lines, "hold").pid)


def check_value(fields, encoding, name, expected):
    check(fields.get(encoding), expected, f"guest-state field: {name}", read=GUEST_STATE)


@exercise("4.3", expected="a processor in the middle of its life: 64-bit mode, paging on",
          read=GUEST_STATE)
@replaced("project06", "bits of CR0 and CR4 are the guest's own, and what exits is less")
def test_guest_state(vms):
    """Every field of the guest-state area, as VMREAD has it: registers, segments, the rest."""
    fields, roots = guest_fields(vms)
    check_value(fields, CR3, "CR3, the root of the guest's tables", one_of(*roots))
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
    check_bits(fields, 0x6006, "CR4 read shadow: VMXE is hidden", PAE | OSFXSR | OSXMMEXCPT,
               OSXSAVE)
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
EXIT, FAIL_INVALID, FAIL_VALID, FAULT = range(4)  # enum vmx_outcome
VMCALL = 18


def switches(lab, build, cpu, image, *calls, vm=True):
    """What vmx_world_switch() does, called by vtxprobe for each (RIP, launched, seed)."""
    address = function_address(lab, build, "vmx_world_switch")
    words = ["cpu", cpu]
    if vm:
        words += ["create", SIZE, 1, "code", image.hex(), "init", 0, 0]
        for name in ("vmx_host_state_cpu", "vmx_host_state_task"):
            words += ["probe", f"call {cpu} {function_address(lab, build, name):#x} 0 0"]
    for rip, launched, seed in calls:
        words += ["probe", f"switch {cpu} {address:#x} {rip:#x} {launched} {seed:#x}"]
    lines = vmtool(lab, *words, "close")
    return [line for line in lines if "outcome" in line]


def given_and_found(line):
    """Register by register: what the test has given, and what was there in the end."""
    pairs = (line[f"r{n}"].split("/") for n in range(len(guests.REGISTERS)))
    both = [(int(given, 0), int(found, 0)) for given, found in pairs]
    return ({name: value[i] for name, value in zip(guests.REGISTERS, both)} for i in (0, 1))


def check_outcome(line, wanted, what):
    names = ("a VM exit", "VMfailInvalid", "VMfailValid", "an exception", "exercise 4.4 not done")
    seen = names[line.outcome] if line.outcome in range(5) else line.outcome
    check(seen, names[wanted], f"how the world switch ended: {what}", read=SWITCH)


def shuffled(rng):
    """A guest that gives each register a value made of another's, and the same in Python."""
    order = list(REGISTERS)
    rng.shuffle(order)
    steps = [(a, b, rng.getrandbits(31)) for a, b in zip(order, order[1:])]

    def function(values):
        after = dict(values)
        for source, target, value in steps:
            after[target] = after[source] + after[target] + value & WORD
        return after

    text = "; ".join(f"lea {value}(%{a}, %{b}), %{b}" for a, b, value in steps)
    return guests.code(f"{text}; vmcall"), function


@exercise("4.4", expected="the guest's registers are there in the guest, and kept at the exit",
          read=SWITCH)
@replaced("project05", "what the guest touches first has no frame, and the exit is for that")
def test_registers(vms, stage_build, rng):
    """Fifteen random registers go into the guest, and come back as it has left them."""
    image, function = shuffled(rng)
    line, = switches(vms, stage_build, 1, image, (guests.LOAD, 0, rng.getrandbits(48)))
    check_outcome(line, EXIT, "a guest that makes each register of another one, and VMCALL")
    check(line.reason, VMCALL, "exit reason: VMCALL", read=SWITCH)
    given, found = given_and_found(line)
    for name, wanted in function(given).items():
        if name != "rsp":
            check(found[name], wanted, f"{name.upper()} after the exit; {given[name]:#x} went in",
                  read=SWITCH)


@exercise("4.4", expected="the caller's registers are the caller's", read=SWITCH)
@NO_LAUNCH
def test_callers_registers(vms, stage_build, rng):
    """RBX, RBP and R12 to R15 survive a switch, whatever the guest has had in them."""
    image, _ = shuffled(rng)
    line, = switches(vms, stage_build, 0, image, (guests.LOAD, 0, rng.getrandbits(48)))
    check_outcome(line, EXIT, "a guest that changes every register")
    check(line.caller, 1, "RBX, RBP, R12 to R15 of the caller are as before (1) or not (0)",
          read=SWITCH)


@exercise("4.4", expected="VMLAUNCH the first time, VMRESUME from then on", read=SWITCH)
@NO_LAUNCH
def test_launch_and_resume(vms, stage_build, rng):
    """Launched is what the caller says; the wrong instruction fails, and the right one works."""
    image = guests.code("vmcall")
    lines = switches(vms, stage_build, 1, image, *(
        (guests.LOAD, launched, rng.getrandbits(48)) for launched in (1, 0, 1, 1, 0, 1)))
    wanted = ((FAIL_VALID, 5, "VMRESUME of a VMCS that is clear"), (EXIT, 0, "VMLAUNCH"),
              (EXIT, 0, "VMRESUME"), (EXIT, 0, "VMRESUME again"),
              (FAIL_VALID, 4, "VMLAUNCH of a VMCS that is launched"), (EXIT, 0, "VMRESUME then"))
    for line, (outcome, error, what) in zip(lines, wanted):
        check_outcome(line, outcome, what)
        if error:
            check(line.error, error, f"VM-instruction error: {what}", read=SWITCH)
        check(line.caller, 1, f"the caller's registers are as before (1) or not (0): {what}",
              read=SWITCH)


@exercise("4.4", expected="without a VMCS, and outside VMX operation: an outcome, no oops",
          read=SWITCH)
@NO_LAUNCH
def test_no_vmcs(vms, stage_build):
    """VMfailInvalid where no VMCS is current; an exception outside VMX operation."""
    calls = [(guests.LOAD, launched, 7) for launched in (0, 1)]
    for line in switches(vms, stage_build, 0, b"", *calls, vm=False):
        check_outcome(line, FAULT, "outside VMX operation")
    vms.sh("vtxctl enable")
    lines = switches(vms, stage_build, 0, b"", *calls, vm=False)
    vms.sh("vtxctl disable")
    for line in lines:
        check_outcome(line, FAIL_INVALID, "no VMCS is current")
        given, found = given_and_found(line)
        check(found, given, "the guest's registers after an entry that failed", read=SWITCH)
