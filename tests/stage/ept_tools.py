# SPDX-License-Identifier: GPL-2.0
"""What the tests of project05 have in common: guests that name any guest-physical address, and the
tables that translate it, read by the emulator from the machine's memory."""
from __future__ import annotations

import contextlib

from harness import ept, guests
from harness.errors import LabError
from harness.evidence import NoMemory
from harness.grade import check, fail, require
from harness.paging import Endless
from stage.guest_tools import only, remembered, vmcs_fields, vmtool
from stage.vm_tools import kill

README = "project05/README.md"
PAGE, MIB, GIB = 4096, 1 << 20, 1 << 30
LOW_END, HIGH = 0xc0000000, 1 << 32  # vtxdrv_mem.h: where slot 0 ends, where slot 1 begins
HOLE = 0xd0000000  # no slot that VTXDRV_CREATE_VM makes is there
LONG, REAL, PROTECTED, PAGED, RESET = range(5)  # enum vtx_vcpu_mode
READ_ONLY, LOG_DIRTY, UNCACHEABLE = 1, 2, 4  # VTX_SLOT_*
READ, WRITE, EXECUTE = 1, 2, 4  # VTX_PROT_*, and VTX_ACCESS_*
LINEAR, WALK, EVENT = 8, 16, 32  # VTX_ACCESS_*
ROOT = 0x20000  # where a wide guest makes its page tables
TIME, LATE = 100, 2000  # milliseconds
EPT_POINTER, VPID = 0x201a, 0x0000  # SDM vol. 3, appendix B
EPT_VPID_CAP = 0x48c
N_CR3 = 0xb0  # AMD APM vol. 2, appendix B

# 64-bit guests begin with tables of the driver's, which map what is memory. This one makes its own:
# linear addresses are guest-physical ones, up to 512 GiB, by entries of 1 GiB.
def wide_tables(root=ROOT):
    """The lines that make them, in two pages from `root` on."""
    return f"""
	mov ${root + PAGE | 7}, %eax
	mov %rax, {root}
	mov ${root + PAGE}, %edi
	mov $0x87, %eax
	mov $512, %ecx
	mov ${GIB}, %edx
1:	mov %rax, (%rdi)
	add %rdx, %rax
	add $8, %rdi
	dec %ecx
	jnz 1b
	mov ${root}, %eax
	mov %rax, %cr3
"""


def wide(text, **defines):
    """A 64-bit guest whose addresses are guest-physical."""
    return guests.code(f"{wide_tables()}\n{text}", **defines)


def store(address, value):
    """The lines that write 64 bits somewhere."""
    return f"movabs ${address}, %rdi; movabs ${value}, %rax; mov %rax, (%rdi)\n"


def vm(image, size="16M", *, argument=0, vcpus=1):
    """The words that make a VM with a guest in it, ready to run."""
    words = ["create", size, vcpus, "code", image.hex()]
    for vcpu in range(vcpus):
        words += ["init", vcpu, f"{argument:#x}"]
    return words


def exits(lines):
    """The exits of a VM, in order."""
    return [line for line in lines if line.what == "exit"]


def errors(lines):
    """(verb, errno) of what was refused, in order."""
    return [(line["verb"], line["errno"]) for line in lines if line.what == "error"]


# ---- from outside --------------------------------------------------------------------------------


def rules_of(lab):
    """What the machine's processor takes as an EPT entry."""
    width = int(lab.probe("cpuid", 0, 0x80000008, 0).split()[0], 0) & 0xff
    if lab.vendor.name == "svm":
        return ept.Rules(width, npt=True)
    return ept.Rules.of(capabilities(lab), width)


def capabilities(lab):
    """IA32_VMX_EPT_VPID_CAP, by the grader's own module."""
    return lab.number("rdmsr", 0, EPT_VPID_CAP)


class Tables:
    """The tables of a VM, from EPTP on, in memory as the emulator has it."""

    def __init__(self, lab, pointer, read):
        self.lab, self.pointer, self.what = lab, pointer, read
        self.rules = rules_of(lab)
        self.read = remembered(lab.machine.outside.phys)

    def again(self):
        """Forget what memory was like: the guest has run."""
        self.read = remembered(self.lab.machine.outside.phys)
        return self

    def _asked(self, question):
        __tracebackhide__ = True
        try:
            return question()
        except (NoMemory, Endless, ept.Misconfigured) as error:
            fail("the tables, from EPTP on, as the emulator has them", "entries that a processor"
                 " takes, in memory that there is", str(error), self.what)

    def found(self):
        """(tables, pages) that there are."""
        all_of_it = self._asked(lambda: list(ept.walk(self.read, self.pointer, self.rules)))
        return ([t for t in all_of_it if isinstance(t, ept.Table)],
                [leaf for leaf in all_of_it if isinstance(leaf, ept.Leaf)])

    def leaf(self, gpa):
        """The page at an address, or None."""
        try:
            return self._asked(lambda: ept.find(self.read, self.pointer, gpa, self.rules))
        except ept.NotPresent:
            return None

    def memory(self, gpa, length=8):
        """What the guest has there; within a page."""
        leaf = self.leaf(gpa)
        require(leaf, expected="mapped", seen="not present", what=f"guest-physical {gpa:#x}",
                read=self.what)
        return self.lab.machine.outside.phys(leaf.frame | gpa & leaf.size - 1, length)

    def number(self, gpa):
        """64 bits of it."""
        return int.from_bytes(self.memory(gpa), "little")


def pointer_of(lab, lines, cpu, read):
    """EPTP of the vCPU that was last on a CPU: by VMREAD, and by what the emulator has loaded.

    N_CR3 is read from the VMCB, in the machine's memory.
    """
    if lab.vendor.name == "svm":
        memory = lab.machine.outside.phys(only(lines, "where").control + N_CR3, 8)
        pointer = int.from_bytes(memory, "little")
    else:
        pointer = vmcs_fields(lines).get(EPT_POINTER, 0)
    require(pointer, expected="EPTP, or N_CR3", seen="no VMCS, or 0 in it", read=read,
            what=f"the VMCS that is current on CPU {cpu}, or the VMCB")
    loaded = lab.machine.outside.nested(cpu)
    if loaded is not None and loaded.ept_pointer:
        check(loaded.ept_pointer, pointer, "EPTP that the last VM entry has loaded, as the emulator"
              " has it, against the VMCS", read=read)
    return pointer


@contextlib.contextmanager
def looked_at(lab, *words, read=README, cpu=1, **how):
    """Do the words on one CPU and hold the VM: (lines, Tables) while it is there."""
    where = ["where", 0] if lab.vendor.name == "svm" else ["probe", f"vmcs {cpu}"]
    lines = vmtool(lab, "cpu", cpu, *words, *where, "hold", read=read, **how)
    try:
        yield lines, Tables(lab, pointer_of(lab, lines, cpu, read), read)
    finally:
        with contextlib.suppress(LabError):
            if lab.machine is not None and lab.machine.alive:
                kill(lab, only(lines, "hold").pid)


def check_sound(tables, read):
    """No frame twice, no table the guest's, nothing that is free: all of it, however it was made.

    Returns the pages.
    """
    __tracebackhide__ = True
    above, leaves = tables.found()
    frames = {}
    for leaf in leaves:
        for at in range(leaf.frame, leaf.frame + leaf.size, PAGE):
            require(at not in frames, expected="a frame of its own", read=read,
                    seen=f"the frame of {frames.get(at, 0):#x}", what=f"host frame {at:#x}, which"
                    f" the tables give to guest-physical {leaf.gpa:#x}")
            frames[at] = leaf.gpa
    for table in above:
        require(table.frame not in frames, expected="in memory that no guest has", read=read,
                seen=f"at guest-physical {frames.get(table.frame, 0):#x}",
                what=f"the table at {table.frame:#x}")
    check_not_free(tables.lab, [*((t.frame, 1) for t in above),
                                *((leaf.frame, leaf.size // PAGE) for leaf in leaves)], read)
    return leaves


def check_not_free(lab, pieces, read):
    """/proc/kpageflags: the host's allocator does not have these pages."""
    __tracebackhide__ = True
    joined = []
    for frame, count in sorted(pieces):
        if joined and joined[-1][0] + joined[-1][1] * PAGE == frame:
            joined[-1][1] += count
        else:
            joined.append([frame, count])
    words = [word for frame, count in joined for word in ("freed", f"{frame:#x}", count)]
    lines = vmtool(lab, *words) if words else []
    free = [f"{frame:#x}" for (frame, _), line in zip(joined, lines) if line.pages]
    check(free, [], "host frames that the tables name although they are free", read=read)


def check_ranges(lines, leaves, read):
    """What VTXDRV_MAP tells is what is in memory."""
    __tracebackhide__ = True
    told = [(r.gpa, r.size, r.page, r.access, r.type) for r in lines if r.what == "range"]
    check(told, ept.runs(leaves), "VTXDRV_MAP, against the tables as the emulator has them: gpa,"
          " bytes, page size, access, memory type of each range", read=read)


def check_walk(line, tables, read):
    """What VTXDRV_WALK tells is what is in memory."""
    __tracebackhide__ = True
    what = f"VTXDRV_WALK of {line.gpa:#x}, against the emulator"
    steps = ept.steps(tables.read, tables.pointer, line.gpa, tables.rules)
    check(line.pointer, tables.pointer, f"{what}: EPTP", read=read)
    told = [(line[f"table{n}"], line[f"entry{n}"]) for n in range(line.levels)]
    check(told, steps, f"{what}: table and entry of each level", read=read)
    leaf = tables.leaf(line.gpa)
    check(line.result, 0 if leaf else 1, f"{what}: result", read=read)
    if leaf:
        check((line.hpa, line.page), (leaf.frame | line.gpa & leaf.size - 1, leaf.size),
              f"{what}: host-physical address and page size", read=read)
