# SPDX-License-Identifier: GPL-2.0
"""project03: the instructions on a VMCS, a VMCS for each vCPU, and which CPU has it.

vtxprobe calls the four functions of exercise 3.3 itself, on VMCSs of its own, so that each way in
which an instruction can end is met. Which VMCS is current on a CPU, and what is in its fields, is
read by vtxprobe and by the emulator, not by the driver.
"""
import contextlib
import subprocess

import pytest

from harness import facts
from harness.grade import check, check_run, exercise, only_on, pick, replaced, require
from stage.vm_tools import (PAGE, check_head, check_holder, check_place, check_vmcb, current_vmcs,
                            held, kill, missing, pages, row, rows, vms, vmtool)
from stage.vmxon_tools import CPUS, FAIL_NTH, check_off, check_on, hexvalue, status_of
from unit import reference_vmcs as reference

pytestmark = pytest.mark.lab(vendor="vmx", cpus=2, instance="vmcs")

README = "project03/README.md"
INSTRUCTIONS = f"{README}#how-a-vmx-instruction-says-no"
REGION = f"{README}#the-vmcs-region"
MOVES = f"{README}#moving-to-another-cpu"
CONTROLS = f"{README}#controls"
FIELDS = {encoding: (ident, width) for ident, (encoding, width, _, _) in reference.fields().items()}
MASKS = {"16": 0xffff, "32": 0xffffffff, "64": (1 << 64) - 1, "natural": (1 << 64) - 1}
VM_INSTRUCTION_ERROR = 0x4400
UNSUPPORTED = 12  # VM-instruction error
NO_FIELD = 0x2ffe  # width, type and index that no manual has
EXIT_REASON = 0x4402
VMX_MISC = 0x485

MEMORY = only_on("vmx", "a VMCB is plain memory: SVM has no instructions that read, write, clear or"
              " load one")
NO_CURRENT = only_on("vmx", "SVM has no current VMCB: each VMRUN names the one that it is for")

# ---- 3.3 -----------------------------------------------------------------------------------------

VALID, INVALID, FAULT = -22, -5, -14
MEANING = {0: "VMsucceed: 0", VALID: "VMfailValid (ZF=1): -EINVAL",
           INVALID: "VMfailInvalid (CF=1): -EIO", FAULT: "an exception: -EFAULT"}


class Insns:
    """The functions of exercise 3.3, called on one CPU by vtxprobe."""

    def __init__(self, lab, cpu, symbols):
        text = int(lab.get("/sys/module/vtxdrv/sections/.text").split(b"\n")[0], 0)
        self._lab, self.cpu = lab, cpu
        self._at = {name: f"{text + offset:#x}" for name, offset in symbols.items()}

    def ends(self, wanted, when, name, *arguments):
        """Call one of them, and compare how the instruction ended."""
        words = [*(f"{value:#x}" for value in arguments), "0", "0"][:2]
        seen = int(self._lab.probe("call", self.cpu, self._at[name], *words), 0)
        called = f"{name}({', '.join(f'{value:#x}' for value in arguments)})"
        check(MEANING.get(seen, str(seen)), MEANING[wanted],
              f"{called} on CPU {self.cpu}, {when}", read=INSTRUCTIONS)

    def reads(self, wanted, when, encoding):
        """The same for vmcs_read_raw(), which has a value to give."""
        answer = self._lab.probe("callout", self.cpu, self._at["vmcs_read_raw"], f"{encoding:#x}",
                                 "0xdead")
        seen, value = (int(word, 0) for word in answer.split())
        check(MEANING.get(seen, str(seen)), MEANING[wanted], f"vmcs_read_raw({encoding:#x}) on"
              f" CPU {self.cpu}, {when}", read=INSTRUCTIONS)
        if wanted:
            check(value, 0, f"value after a VMREAD that failed, {when}", read=INSTRUCTIONS)
        return value


@pytest.fixture(name="symbols")
def fixture_symbols(stage_build):
    """Where the functions of exercise 3.3 are in the module's code: name -> offset."""
    names = ("vmcs_clear", "vmcs_load", "vmcs_read_raw", "vmcs_write_raw")
    listed = subprocess.run(["nm", stage_build.module], capture_output=True, text=True, check=True)
    found = {words[2]: int(words[0], 16) for words in map(str.split, listed.stdout.splitlines())
             if len(words) == 3 and words[1] == "T" and words[2] in names}
    for name in names:
        require(name in found, expected="a function of the module", seen="no such symbol",
                what=name, read=INSTRUCTIONS)
    return found


def revision(lab, cpu):
    """The VMCS revision identifier."""
    return hexvalue(lab, "rdmsr", cpu, 0x480) & 0x7fffffff


@contextlib.contextmanager
def one_vmcs(lab, cpu, symbols):
    """VMX operation, and a page that is a VMCS for the functions of exercise 3.3."""
    check_run(lab.vtxctl("enable"))
    try:
        pa = int(lab.probe("page", 0, revision(lab, cpu)), 0)
        insns = Insns(lab, cpu, symbols)
        insns.ends(0, "a page with the revision identifier", "vmcs_clear", pa)
        yield insns, pa
        insns.ends(0, "at the end", "vmcs_clear", pa)
    finally:
        if lab.machine is not None and lab.machine.alive:
            lab.vtxctl("disable")


@exercise("3.3", expected="active and current after VMPTRLD, neither after VMCLEAR",
          read=INSTRUCTIONS)
@MEMORY
def test_clear_and_load(vms, rng, symbols):
    """VMPTRLD makes a VMCS current; VMCLEAR ends that, and of another VMCS it does not."""
    cpu = rng.choice(CPUS)
    with one_vmcs(vms, cpu, symbols) as (insns, pa):
        other = int(vms.probe("page", 1, revision(vms, cpu)), 0)
        insns.ends(0, "another page", "vmcs_clear", other)
        for wanted in (pa, other, pa):
            insns.ends(0, "a VMCS that was cleared", "vmcs_load", wanted)
            check(current_vmcs(vms, cpu)[0], wanted, f"current VMCS of CPU {cpu} after VMPTRLD",
                  read=INSTRUCTIONS)
        insns.ends(0, "a VMCS that is active and not current", "vmcs_clear", other)
        check(current_vmcs(vms, cpu)[0], pa, "current VMCS after a VMCLEAR of another one",
              read=INSTRUCTIONS)
        insns.ends(0, "the current VMCS", "vmcs_clear", pa)
        check(current_vmcs(vms, cpu)[0], None, "current VMCS after VMCLEAR of it",
              read=INSTRUCTIONS)


@exercise("3.3", expected="what VMWRITE writes is in the field, cut to its width",
          read=INSTRUCTIONS)
@MEMORY
def test_read_and_write(vms, rng, symbols):
    """Fields of each width: written by VMWRITE, read by vtxprobe's own VMREAD, and by theirs."""
    cpu, written = rng.choice(CPUS), {}
    with one_vmcs(vms, cpu, symbols) as (insns, pa):
        insns.ends(0, "a VMCS that was cleared", "vmcs_load", pa)
        for encoding in (0x0800, 0x0c02, 0x2010, 0x2802, 0x4004, 0x4800, 0x6004, 0x681e, 0x6c16):
            written[encoding] = rng.getrandbits(64)
            insns.ends(0, "a field that exists", "vmcs_write_raw", encoding, written[encoding])
        _, fields = current_vmcs(vms, cpu)
        for encoding, value in written.items():
            ident, width = FIELDS[encoding]
            what = f"{ident} after a VMWRITE of {value:#x}"
            check(fields.get(encoding), value & MASKS[width], what, read=INSTRUCTIONS)
            check(insns.reads(0, "a field that exists", encoding), value & MASKS[width],
                  f"{what}, by vmcs_read_raw()", read=INSTRUCTIONS)


@exercise("3.3", expected="CF and ZF both looked at, exceptions caught", read=INSTRUCTIONS)
@MEMORY
def test_failures(vms, rng, symbols):
    """VMfailValid, VMfailInvalid and an exception, of each instruction: none looks like success."""
    cpu = rng.choice(CPUS)
    outside = Insns(vms, cpu, symbols)
    wrong = int(vms.probe("page", 2, revision(vms, cpu) ^ 1 << rng.randrange(31)), 0)
    for name in ("vmcs_clear", "vmcs_load", "vmcs_write_raw"):
        outside.ends(FAULT, "outside VMX operation", name, wrong)
    outside.reads(FAULT, "outside VMX operation", EXIT_REASON)
    with one_vmcs(vms, cpu, symbols) as (insns, pa):
        when = "while no VMCS is current"
        insns.reads(INVALID, when, EXIT_REASON)
        insns.ends(INVALID, when, "vmcs_write_raw", 0x681e, 1)
        insns.ends(INVALID, f"an address that is not aligned, {when}", "vmcs_clear", pa + 8)
        insns.ends(INVALID, f"a wrong revision identifier, {when}", "vmcs_load", wrong)
        insns.ends(0, "a VMCS that was cleared", "vmcs_load", pa)
        when = "while a VMCS is current"
        insns.reads(VALID, f"a field that no processor has, {when}", NO_FIELD)
        insns.ends(VALID, f"a field that no processor has, {when}", "vmcs_write_raw", NO_FIELD, 1)
        if not hexvalue(vms, "rdmsr", cpu, VMX_MISC) >> 29 & 1:
            insns.ends(VALID, f"a read-only field, {when}", "vmcs_write_raw", EXIT_REASON, 1)
        insns.ends(VALID, f"an address that is not aligned, {when}", "vmcs_clear", pa + 8)
        insns.ends(VALID, f"an address that is not aligned, {when}", "vmcs_load", pa + 8)
        insns.ends(VALID, f"a wrong revision identifier, {when}", "vmcs_load", wrong)
        # The last failure's number: so the instruction was really executed.
        check(insns.reads(0, "a field that exists", VM_INSTRUCTION_ERROR), 11,
              "VM-instruction error after VMPTRLD with a wrong revision identifier",
              read=INSTRUCTIONS)
        check(current_vmcs(vms, cpu)[0], pa, "current VMCS after failures", read=INSTRUCTIONS)


# ---- 3.4 -----------------------------------------------------------------------------------------


@exercise("3.4", expected="a region for each vCPU: size, alignment, revision, bit 31 clear",
          read=REGION)
def test_regions(vms, rng):
    """The VMCS regions of a VM, in the machine's memory: one each, right from the first byte."""
    count = rng.randrange(2, 6)
    has_head = vms.vendor.entered  # the first bytes of a VMCB, which is a page, are intercepts
    basic = hexvalue(vms, "rdmsr", 0, 0x480) if has_head else PAGE << 32
    vmxon = {int(pick(status_of(vms, cpu), "region_pa"), 0) for cpu in CPUS}
    made = f"making {count} vCPUs; a region without the right revision identifier is no VMCS"
    with held(vms, PAGE, count, what=made) as vm:
        seen = []
        for vcpu in vm.vcpus:
            pa, what = int(vcpu["control"], 0), f"VMCS of vCPU {vcpu['vcpu']} at {vcpu['control']}"
            require(pa, expected="a physical address", seen="0", what=what, read=REGION)
            check(pa % 4096, 0, f"{what}, modulo 4096: it must be page-aligned", read=REGION)
            check(int(vcpu["size"]), basic >> 32 & 0x1fff, f"{what}: bytes", read=REGION)
            if has_head:
                check_head(vms, pa, basic & 0x7fffffff, what, REGION)
            seen.append(pa)
        check(len(set(seen)), count, f"different VMCSs of {count} vCPUs: {seen}", read=REGION)
        check(vmxon & set(seen), set(), "VMXON regions that are a VMCS as well", read=REGION)


@exercise("3.4", expected="no memory: a clean error, and nothing left behind", read=REGION)
def test_regions_without_memory(vms):
    """Each step of making vCPUs fails once: an error, no oops, no leak."""
    vms.unload()
    vms.load()
    script = (f"for n in $(seq 1 16); do echo $n > {FAIL_NTH}; vmtool try create 4096 3 try where 2"
              f"; done; echo 0 > {FAIL_NTH}; vmtool create 4096 3 where 2")
    result = check_run(vms.sh(script, timeout=60))
    failed = [found["errno"] for found in rows(result, "error") if found["verb"] == "create"]
    require(set(failed) <= {"ENOMEM", "EIO"} and len(failed) > 8, expected="ENOMEM or EIO for each"
            " step", seen=", ".join(failed) or "it always works", read=REGION,
            what="creating a VM of 3 vCPUs while a step fails")
    for found in rows(result, "where"):
        require(int(found["control"], 0), expected="a VMCS", seen="none", what="vCPU 2 of a VM that"
                " was created", read=REGION)
    vms.unload()  # what a failure has leaked is told here
    vms.load()


@exercise("3.4", expected="the regions are given back with the VM", read=REGION)
def test_regions_are_freed(vms):
    """Sixty VMs of eight vCPUs, one after the other, take no memory with them."""
    vmtool(vms, "repeat", 5, "create", PAGE, 8, "close")
    before = pages(vms)
    vmtool(vms, "repeat", 60, "create", PAGE, 8, "close", timeout=120)
    lost = missing(vms, before, 240)
    require(lost < 240, expected="fewer than 240 pages missing", seen=f"{lost} pages",
            what="free pages before and after 60 VMs of 8 vCPUs", read=REGION)
    vms.unload()
    vms.load()


# ---- 3.5 -----------------------------------------------------------------------------------------


def look(lab, vm, cpu, vcpu=0):
    """Look at a vCPU's fields on this CPU, as `vtxctl dump` would: (where, {encoding: (v, e)}).

    Bochs 2.7 has a fault: on all CPUs but the first, fields that do not exist read as 0.
    """
    result = check_run(lab.run(["taskset", f"{1 << cpu:x}", "vmtool", "use", vm.id,
                                "fields", vcpu, "where", vcpu]),
                       what=f"VTXDRV_GET_STATE of vCPU {vcpu} on CPU {cpu}", read=MOVES)
    line = next(line for line in result.out.splitlines() if line.startswith("fields "))
    table = {}
    for word in line.split()[2:]:
        encoding, value, error = word.split(":")
        table[int(encoding, 16)] = int(value, 16), int(error)
    return row(result, "where"), table


def values(table):
    """The values alone, of what is not changed by a look. A VMCB's fields go by their offsets."""
    return {FIELDS.get(encoding, (f"VMCB offset {encoding:#x}",))[0]: value
            for encoding, (value, _) in table.items() if encoding != VM_INSTRUCTION_ERROR}


def address(vm, vcpu=0):
    """Where the VMCS of a vCPU is."""
    return int(vm.vcpus[vcpu]["control"], 0)


@exercise("3.5", expected="on one CPU at a time, and no step without VMCLEAR there", read=MOVES)
def test_migration(vms, rng):
    """A vCPU is looked at on one CPU and the other: its VMCS follows, and keeps its fields."""
    with held(vms, PAGE, 1) as vm:
        contents = None
        for cpu in (0, 1, 1, 0, *rng.choices(CPUS, k=2)):
            where, table = look(vms, vm, cpu)
            check_place(vms, address(vm), cpu, f"after a look at it on CPU {cpu}", MOVES)
            check((where["cpu"], where["launched"]), (str(cpu), "0"), "CPU that has the VMCS, and"
                  f" launched, as VTXDRV_VCPU_INFO says after a look on CPU {cpu}", read=MOVES)
            contents = contents or values(table)
            check(values(table), contents, f"fields of the VMCS after its way to CPU {cpu}",
                  read=MOVES)


@exercise("3.5", expected="every field of the current VMCS, and error 12 where there is none",
          read=INSTRUCTIONS)
def test_fields(vms):
    """The driver's dump is what vtxprobe reads with VMREADs of its own on that CPU."""
    cpu = CPUS[0]
    with held(vms, PAGE, 1) as vm:
        _, table = look(vms, vm, cpu)
        if not vms.vendor.entered:  # the emulator can look: a VMCB is memory
            check_vmcb(vms, address(vm), table, MOVES)
            return
        pointer, fields = current_vmcs(vms, cpu)
        check(pointer, address(vm), f"current VMCS of CPU {cpu}", read=MOVES)
        check(len(table), len(FIELDS), "fields in the dump")
        for encoding, (value, error) in table.items():
            what = f"{FIELDS[encoding][0]} ({encoding:#x}) in VTXDRV_GET_STATE"
            if encoding not in fields:
                check((error, value), (UNSUPPORTED, 0), f"{what}: (VM-instruction error, value) of"
                      " a field that this processor does not have", read=INSTRUCTIONS)
            elif encoding != VM_INSTRUCTION_ERROR:  # vtxprobe's own failures are in there
                check((error, value), (0, fields[encoding]), f"{what}: (VM-instruction error,"
                      " value)", read=INSTRUCTIONS)


@exercise("3.5", expected="the one that was asked for is current", read=MOVES)
@NO_CURRENT
def test_two_on_one_cpu(vms, rng):
    """Two vCPUs share a CPU: each look makes the right one current, and leaves the other active."""
    cpu = rng.choice(CPUS)
    with held(vms, PAGE, 2) as vm:
        for vcpu in (0, 1, 0, 0, 1):
            look(vms, vm, cpu, vcpu)
            check(current_vmcs(vms, cpu)[0], address(vm, vcpu), f"current VMCS of CPU {cpu} after a"
                  f" look at vCPU {vcpu}", read=MOVES)
        look(vms, vm, 1 - cpu, 0)
        check(current_vmcs(vms, 1 - cpu)[0], address(vm, 0), f"current VMCS of CPU {1 - cpu} after"
              " vCPU 0 has moved there", read=MOVES)
        check(current_vmcs(vms, cpu)[0], address(vm, 1), f"current VMCS of CPU {cpu} after vCPU 0,"
              " which was not the current one there, has moved away", read=MOVES)


@exercise("3.5", expected="VMCLEAR before VMXOFF; the fields are kept", read=MOVES)
def test_cpu_leaves(vms):
    """CPU 1 goes offline with a VMCS active on it, and comes back: nothing of it is lost."""
    online = "/sys/devices/system/cpu/cpu1/online"
    with held(vms, PAGE, 2) as vm:
        _, before = look(vms, vm, 1, 0)
        look(vms, vm, 1, 1)
        check_run(vms.sh(f"echo 0 > {online}"), what="CPU 1 goes offline")
        gone = vms.machine.outside.cpu(1)
        check((gone.in_vmx, gone.vmcs_pointer), (False if gone.in_vmx is not None else None, None),
              "CPU 1 offline: (in VMX operation, current VMCS); VMXOFF with a VMCS that is still"
              " active loses what the processor holds of it", read=MOVES)
        where, after = look(vms, vm, 0, 0)
        check(where["cpu"], "0", "CPU that has the VMCS of vCPU 0 after CPU 1 has left", read=MOVES)
        check(row(vmtool(vms, "use", vm.id, "where", 1), "where")["cpu"], "-1", "CPU that has the"
              " VMCS of vCPU 1, which was active on CPU 1 when that left", read=MOVES)
        check(values(after), values(before), "fields of a VMCS that was active on a CPU"
              " that left", read=MOVES)
        check_run(vms.sh(f"echo 1 > {online}"), what="CPU 1 comes back while VMs exist")
        look(vms, vm, 1, 0)
        check_place(vms, address(vm), 1, "after CPU 1 has come back", MOVES)


@exercise("3.5", expected="active nowhere before its memory is freed", read=MOVES)
def test_free_while_active(vms, rng):
    """kill -9 of an owner whose VMCSs are active on both CPUs: none is current any more."""
    check_run(vms.vtxctl("enable"))  # or the last VM's end would be the end of VMX operation
    with held(vms, PAGE, 2) as vm:
        look(vms, vm, 0, 0)
        look(vms, vm, 1, 1)
        kill(vms, vm.pid)
        for vcpu in (0, 1):
            check_holder(vms, address(vm, vcpu), None, f"after the VM of vCPU {vcpu} was freed",
                         MOVES)
    with held(vms, PAGE, 2) as vm:  # maybe with the same pages
        look(vms, vm, 1, 0)
        check_run(vms.sh("echo 0 > /sys/devices/system/cpu/cpu1/online"))
        check_run(vms.sh("echo 1 > /sys/devices/system/cpu/cpu1/online"))
    check_run(vms.vtxctl("disable"))
    check_off(vms, "after the last user")


@exercise("3.5", expected="a VM is a user of VMX operation", read=f"{README}#recap")
def test_vm_is_a_user(vms):
    """VMX operation goes on with the first VM and off with the last; disable cannot end it."""
    with held(vms, PAGE, 1) as vm:
        check_on(vms, "while a VM exists")
        check(vms.vtxctl("disable").status, 1, "exit status of disable, which nobody has enabled")
        check_on(vms, "while a VM exists, after disable")
        look(vms, vm, 1)
    check_off(vms, "after the only VM has gone")


# ---- 3.6 -----------------------------------------------------------------------------------------

CONTROL_FIELDS = {"pin": 0x4000, "primary": 0x4002, "exit": 0x400c, "entry": 0x4012,
                  "secondary": 0x401e, "tertiary": 0x2034, "exit2": 0x2044}


@exercise("3.6", expected="the VMCS has the controls that wishes and capability MSRs give",
          read=CONTROLS)
@replaced("project05", "more controls are on, which project05 tests")
def test_controls_of_this_processor(vms, rng):
    """The control fields of a VMCS, against MSRs that vtxprobe reads and a model in Python."""
    cpu = rng.choice(CPUS)
    msrs = [vms.probe("rdmsr", cpu, index) for index in range(0x480, 0x494)]
    expected = reference.controls(facts.readable({"vmx_msr": msrs}))
    check(expected["ok"], True, "this processor has every control that is required")
    with held(vms, PAGE, 1) as vm:
        look(vms, vm, cpu)
        _, fields = current_vmcs(vms, cpu)
    for group, value in expected["controls"].items():
        if value is not None:
            check(fields.get(CONTROL_FIELDS[group]), int(value, 0), f"{group} controls in the VMCS"
                  f" of CPU {cpu}", read=CONTROLS)
