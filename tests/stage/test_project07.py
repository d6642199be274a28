# SPDX-License-Identifier: GPL-2.0
"""project07: the same hypervisor on AMD, exercise by exercise.

The tests of the stages before run on SVM as well, for docs/parity.md; these tie the points to what
is new. QEMU saves no next RIP, so that lengths of instructions are seen there only.
"""
import re
from pathlib import Path

import pytest

from harness import guests
from harness.grade import check, check_run, exercise, require
from stage import svm_logic
from stage.exit_tools import GP, LATE, TIME, UD
from stage.guest_tools import check_exit, guest, only, vmtool
from stage.svm_logic import fields
from stage.vm_tools import vms
from stage.vmxon_tools import check_off, check_on, hexvalue, off

pytestmark = pytest.mark.lab(vendor="svm", cpus=2, accel="tcg", kernels=1)

README = "project07/README.md"
PAGE = f"{README}#one-bit-and-a-page"
VMCB = f"{README}#the-vmcb"
VMRUN = f"{README}#vmrun"
EXITS = f"{README}#exits"
LENGTH = f"{README}#how-long-is-an-instruction"
CPUS = (0, 1)
VM_HSAVE_PA = 0xC0010117
VMEXIT_PAUSE, VMEXIT_HLT = 0x77, 0x78
AGAIN = 0x20000  # where a guest goes on
SOMEBODYS_PAGE = 0x5000
DEFS = Path(__file__).resolve().parents[2] / "common"
EVERY_EXIT = 1
TURNS = 12  # exits of a guest that begins: its code and its tables have no frames yet


# ---- 7.1: one bit and a page --------------------------------------------------------------------


@exercise("7.1", expected="EFER.SVME and a page of its own on each CPU; nothing left afterwards",
          read=PAGE)
def test_on_and_off(off):
    """Enable sets EFER.SVME and gives each CPU a save area; disable puts both MSRs back."""
    for cpu in CPUS:
        off.probe("wrmsr", cpu, VM_HSAVE_PA, f"{SOMEBODYS_PAGE + 0x1000 * cpu:#x}")
    check_run(off.run(["vtxctl", "enable"]))
    check_on(off, "after enable", read=PAGE)
    areas = [hexvalue(off, "rdmsr", cpu, VM_HSAVE_PA) for cpu in CPUS]
    status = {row["cpu"]: int(row["region_pa"], 0)
              for row in off.vtxctl_json("status", "--json")["cpus"]}
    check(areas, [status[cpu] for cpu in CPUS], "VM_HSAVE_PA of the CPUs, against vtxctl status",
          read=PAGE)
    require(len(set(areas)) == len(CPUS) and not any(area % 4096 for area in areas),
            expected="a page for each CPU", seen=[f"{area:#x}" for area in areas],
            what="host save areas", read=PAGE)
    check_run(off.run(["vtxctl", "disable"]))
    check_off(off, "after disable", read=PAGE)
    for cpu in CPUS:
        check(hexvalue(off, "rdmsr", cpu, VM_HSAVE_PA), SOMEBODYS_PAGE + 0x1000 * cpu,
              f"VM_HSAVE_PA of CPU {cpu} after disable, which somebody had written before",
              read=PAGE)


@exercise("7.1", expected="usable, disabled by firmware, or held", read=PAGE)
def test_verdict(off):
    """The verdict on this processor, as it is and while another has EFER.SVME."""
    seen = off.vtxctl_json("detect", "--json", status=None)
    check(seen["verdict"], "usable", "the verdict on this processor", read=PAGE)
    efer = int(off.probe("rdmsr", 1, "0xc0000080"), 0)
    off.probe("wrmsr", 1, "0xc0000080", f"{efer | 1 << 12:#x}")
    try:
        seen = off.vtxctl_json("detect", "--json", status=None)
        result = off.run(["vtxctl", "enable"])
    finally:
        off.probe("wrmsr", 1, "0xc0000080", f"{efer:#x}")
    check(seen["verdict"], "held", "the verdict while EFER.SVME of CPU 1 is somebody's", read=PAGE)
    check(result.status, 1, "exit status of enable then", read=PAGE)
    check_off(off, "after a refused enable", [0], read=PAGE)


# ---- 7.2: what exits ----------------------------------------------------------------------------


def wishes():
    """Exit codes that svm_wishes.def asks for, by name."""
    codes = {name: int(code, 16) for code, name in re.findall(
        r"^SVM_EXIT_CODE\((0x[0-9a-f]+), (\w+)", (DEFS / "arch/svm_exit_codes.def").read_text(),
        re.M)}
    names = re.findall(r"^SVM_WISH\((\w+)", (DEFS / "include/svm_wishes.def").read_text(), re.M)
    return {name: codes[name] for name in names}


def check_intercepts(vms, *, filtered):
    """The intercepts of a new guest; with a PAUSE filter PAUSE is one of them."""
    vmcb = fields(vmtool(vms, *guest(guests.code("hlt")), "state", 0))
    words = [vmcb[at] for at in (0x00, 0x02, 0x04, 0x06)]
    bits = sum(word << 16 * n for n, word in enumerate(words)) | vmcb[0x08] << 64
    bits |= sum(vmcb[at] << 96 + 8 * (at - 0x0C) for at in (0x0C, 0x10, 0x14))
    for name, code in wishes().items():
        require(bits >> code & 1, expected="1", seen="0", read=VMCB,
                what=f"the intercept of VMEXIT_{name}, bit {code:#x}")
    check(vmcb[0x90] & 1, 1, "NP_ENABLE", read=VMCB)
    check(vmcb[0x60] >> 24 & 1, 1, "V_INTR_MASKING", read=VMCB)
    check(bool(bits >> VMEXIT_PAUSE & 1), filtered, "the intercept of PAUSE", read=VMCB)
    check(vmcb[0x3E] > 0, filtered, "a PAUSE filter count", read=VMCB)


@exercise("7.2", expected="every intercept that svm_wishes.def lists", read=VMCB)
def test_intercepts(vms):
    """The intercepts in the VMCB, nested paging and V_INTR_MASKING."""
    check_intercepts(vms, filtered=False)


@exercise("7.2", expected="PAUSE where there is a filter for it", read=VMCB)
@pytest.mark.lab(accel="bochs", instance="exercises")
def test_pause_filter(vms):
    """The same on a processor with a PAUSE filter."""
    check_intercepts(vms, filtered=True)


# ---- 7.3: VMRUN ---------------------------------------------------------------------------------

REGISTERS = ("rax", "rcx", "rdx", "rbx", "rbp", "rsi", "rdi", *(f"r{n}" for n in range(8, 16)))


@exercise("7.3", expected="the guest finds its registers, and its own come back", read=VMRUN)
def test_registers(vms, rng):
    """Each register goes into the guest, is turned over there, and comes back."""
    values = {name: rng.getrandbits(64) for name in REGISTERS}
    words = [word for name, value in values.items()
             for word in ("setreg", 0, name, f"{value:#x}")]
    text = "".join(f"not %{name}\n" for name in REGISTERS) + "hlt"
    lines = vmtool(vms, *guest(guests.code(text)), *words, "run", 0, LATE, "regs", 0)
    check(only(lines, "exit").reason, VMEXIT_HLT, "EXITCODE of HLT behind the registers",
          read=VMRUN)
    seen = only(lines, "regs")
    for name, value in values.items():
        check(seen[name] & (1 << 64) - 1, value ^ (1 << 64) - 1, f"{name} behind NOT", read=VMRUN)


# A guest writes these without an exit, and VMRUN leaves them alone.
HOST_MSRS = {"KernelGSbase": 0xC0000102, "SYSENTER_ESP": 0x175, "SYSENTER_EIP": 0x176}


@exercise("7.3", expected="what VMLOAD and VMSAVE switch is the host's again", read=VMRUN)
def test_host_state(vms, rng):
    """A guest writes MSRs that VMRUN leaves alone: it reads them after an exit, and the host's are
    what they were."""
    before = {name: vms.probe("rdmsr", 0, f"{msr:#x}") for name, msr in HOST_MSRS.items()}
    low = rng.getrandbits(31)
    text = "\n".join(f"mov ${msr:#x}, %ecx; mov ${low:#x}, %eax; xor %edx, %edx; wrmsr"
                     for msr in HOST_MSRS.values())
    again = guests.code("mov $0xc0000102, %ecx; rdmsr; hlt")
    lines = vmtool(vms, "cpu", 0, *guest(guests.code(f"{text}\nhlt")), "fill", f"{AGAIN:#x}",
                   again.hex(), "run", 0, LATE, "setreg", 0, "rip", f"{AGAIN:#x}", "run", 0, LATE,
                   "regs", 0)
    check([line.reason for line in lines if line.what == "exit"], [VMEXIT_HLT] * 2,
          "EXITCODE of HLT behind the WRMSRs, and behind RDMSR", read=VMRUN)
    check(only(lines, "regs").rax, low, "what the guest reads of KernelGSbase", read=VMRUN)
    for name, msr in HOST_MSRS.items():
        if name != "KernelGSbase":  # the task's own
            check(vms.probe("rdmsr", 0, f"{msr:#x}"), before[name], f"{name} of the host",
                  read=VMRUN)


@exercise("7.3", expected="the host's interrupts end the guest's turn, whatever its IF is",
          read=VMRUN)
@pytest.mark.parametrize("flag", ["cli", "sti"])
def test_host_interrupts(vms, flag):
    """A guest that never exits by itself comes back when its time is over."""
    lines = vmtool(vms, "cpu", 1, *guest(guests.code(f"{flag}\n1: jmp 1b")), "run", 0, TIME)
    check_exit(only(lines, "exit"), "timeout", f"a guest that loops behind {flag.upper()}",
               read=VMRUN)


# ---- 7.4: exits ---------------------------------------------------------------------------------

# Text, kind, exit code, and what belongs to it. What is answered with an exception goes to user
# space as one, for these guests have no IDT; the exit code tells what it was before.
KINDS = (
    ("cpuid", "cpuid", 0x72, {}), ("hlt", "hlt", 0x78, {}), ("invd", "invalidate", None, {}),
    ("wbinvd", "invalidate", 0x89, {}), ("rdpmc", "exception", 0x6F, {"vector": GP}),
    ("monitor", "exception", 0x8A, {"vector": UD}), ("vmrun", "exception", 0x80, {"vector": UD}),
    ("clgi", "exception", 0x85, {"vector": UD}), ("skinit", "exception", 0x86, {"vector": UD}),
    ("invlpga", "exception", 0x7A, {"vector": UD}), ("ud2", "exception", 0x46, {"vector": UD}),
    ("mov $0x3f8, %dx; in %dx, %ax", "io", 0x7B, {"port": 0x3F8, "size": 2, "flags": 1}),
    ("mov $0x7a, %al; out %al, $0x80", "io", 0x7B, {"port": 0x80, "size": 1, "word": 0x7A}),
    ("mov $0x10, %ecx; rdmsr", "rdmsr", 0x7C, {"msr": 0x10}),
    ("mov $0x10, %ecx; mov $7, %eax; mov $9, %edx; wrmsr", "wrmsr", 0x7C,
     {"msr": 0x10, "word": 9 << 32 | 7}),
    ("mov %rax, %dr1", "dr", 0x31, {}), ("lgdt 0x20000", "descriptor-table", 0x6B, {}),
    ("str %eax", "descriptor-table", 0x69, {}),
)


@exercise("7.4", expected="the kind of each exit, and what belongs to it", read=EXITS)
@pytest.mark.parametrize(("text", "kind", "code", "more"), KINDS,
                         ids=[text.split(";")[-1].strip().split()[0] + f"-{kind}-{number}"
                              for number, (text, kind, _, _) in enumerate(KINDS)])
def test_kinds(vms, text, kind, code, more):
    """One instruction, looked at behind its exit."""
    lines = vmtool(vms, *guest(guests.code(f"{text}\nhlt")), "flags", 0, EVERY_EXIT,
                   *("run", 0, LATE) * TURNS)
    found = [line for line in lines if line.what == "exit" and line.kind == kind]
    require(found, expected=f"an exit of the kind {kind}",
            seen=[line.kind for line in lines if line.what == "exit"], what=f"exits of `{text}`",
            read=EXITS)
    if code is not None:
        check(found[0].reason, code, f"EXITCODE of `{text}`", read=EXITS)
    for name, value in more.items():
        check(found[0][name], value, f"{name} of the exit of `{text}`", read=EXITS)


@exercise("7.4", expected="a VMRUN that is refused is an entry that failed", read=EXITS)
def test_refused(vms):
    """A CS that is of 64-bit and of 32-bit code: QEMU says so in 32 bits of EXITCODE."""
    lines = vmtool(vms, *guest(guests.code("hlt")), "setsreg", 0, "cs.access", "0xe09b", "run", 0,
                   LATE)
    check_exit(only(lines, "exit"), "entry-failed", "an entry with CS.L and CS.D", read=EXITS,
               reason=0xFFFFFFFF)


def check_hypercall(vms, call, read):
    """Number and arguments of a hypercall."""
    code = guests.code(f"mov $1, %rdi; mov $2, %rsi; mov $3, %rdx; mov $4, %rcx; mov $99, %rax;"
                       f"{call}; hlt")
    exit_ = only(vmtool(vms, *guest(code), "run", 0, LATE), "exit")
    check_exit(exit_, "hypercall", call, read=read)
    check((exit_.nr, exit_["args"]), (99, "0x1,0x2,0x3,0x4"), f"number and arguments of {call}",
          read=read)


@exercise("7.4", expected="VMMCALL is a hypercall", read=EXITS)
def test_vmmcall(vms):
    """AMD's own hypercall."""
    check_hypercall(vms, "vmmcall", EXITS)


# ---- 7.5: how long is an instruction? -----------------------------------------------------------


@exercise("7.5", expected="the length and the registers of every instruction that exits",
          read=LENGTH)
def test_lengths(lab, rng):
    """Random prefixes, operands and modes: length, and the registers of MOV CR and MOV DR."""
    drawn = [svm_logic.draw(rng) for _ in range(1500)]
    for one, seen in zip(drawn, svm_logic.run(lab, [one.step for one in drawn]), strict=True):
        what = f"{one.bytes.hex(' ')} in {one.bits}-bit code, exit code {one.code:#x}"
        check(seen[:2], [0, len(one.bytes)], f"error and length of {what}", read=LENGTH)
        if one.reg is not None:
            check(seen[2:4], [one.reg, one.rm], f"registers of {what}", read=LENGTH)


@exercise("7.5", expected="-ENOENT for what is no such instruction, or not all there", read=LENGTH)
def test_not_that_instruction(lab, rng):
    """Another instruction than the one that has exited, and one that is cut off."""
    drawn = [one for one in (svm_logic.draw(rng) for _ in range(200))]
    cut = [f"I {one.bits} {one.code:x} {one.bytes[:-1].hex()}" for one in drawn
           if len(one.bytes) > 1]
    other = [f"I {one.bits} 72 {one.bytes.hex()}" for one in drawn if one.code != 0x72]
    long = ["I 64 72 " + "66" * svm_logic.LONGEST + "0fa2", "I 64 72 " + "66" * 13 + "0fa2"]
    answers = svm_logic.run(lab, [*cut, *other, *long])
    for step, seen in zip([*cut, *other], answers, strict=False):
        check(seen[0], svm_logic.NO_ENTRY, f"error of {step}", read=LENGTH)
    check([seen[0] for seen in answers[-2:]], [svm_logic.NO_ENTRY, 0],
          "errors of CPUID in 17 and in 15 bytes", read=LENGTH)


@exercise("7.5", expected="the guest goes on behind the instruction", read=LENGTH)
def test_goes_on(vms):
    """CPUID with prefixes, MOV from CR8 to a register with a REX: no byte too few or too many."""
    text = """
	mov $1, %ebx
	.byte 0x66, 0x2e, 0x48, 0x0f, 0xa2
	mov $5, %r15d
	mov %cr8, %r14
	add $7, %r15d
	hlt
"""
    lines = vmtool(vms, *guest(guests.code(text)), "run", 0, LATE, "regs", 0)
    check_exit(only(lines, "exit"), "hlt", "HLT behind CPUID and MOV CR8", read=LENGTH)
    check((only(lines, "regs").r15, only(lines, "regs").r14), (12, 0), "R15 and R14", read=LENGTH)


@exercise("7.5", expected="the registers of MOV from and to CR8", read=LENGTH)
@pytest.mark.parametrize(("text", "code", "more"), [
    ("mov $9, %r9d; mov %r9, %cr8", 0x18, {"cr": 8, "access": 0, "gpr": 9, "value": 9}),
    ("mov %cr8, %r13", 0x08, {"cr": 8, "access": 1, "gpr": 13})], ids=["write", "read"])
def test_control_registers(vms, text, code, more):
    """Without decode assists the instruction itself says which register it is."""
    lines = vmtool(vms, *guest(guests.code(f"{text}\nhlt")), "flags", 0, EVERY_EXIT,
                   *("run", 0, LATE) * TURNS)
    found = [line for line in lines if line.what == "exit" and line.kind == "cr"]
    require(found, expected="an exit of the kind cr", what=f"exits of `{text}`", read=LENGTH,
            seen=[line.kind for line in lines if line.what == "exit"])
    check(found[0].reason, code, f"EXITCODE of `{text}`", read=LENGTH)
    for name, value in more.items():
        check(found[0][name], value, f"{name} of the exit of `{text}`", read=LENGTH)


@exercise("7.5", expected="VMCALL, which is a #UD here, is a hypercall as well", read=LENGTH)
def test_vmcall(vms):
    """A guest that was written for Intel."""
    check_hypercall(vms, "vmcall", LENGTH)
