# SPDX-License-Identifier: GPL-2.0
"""project05: registers of a vCPU that user space sets, and what else has to follow them.

A mapping that nobody has invalidated may be used for as long as the processor likes; so the guests
here read through one that has changed, and the number of INVVPIDs is looked at as well.
"""
import pytest

from harness import guests
from harness.grade import check, only_on, require
from stage.ept_tools import HOLE, LATE, MIB, PAGED, README
from stage.guest_tools import check_exit, only, vmtool
from stage.vm_tools import vms

pytestmark = pytest.mark.lab(vendor="vmx", cpus=2, instance="running", kernels=1)

NO_PDPTES = only_on("vmx", "a VMCB has no PDPTEs: with nested paging a processor reads them from"
                    " memory when it needs them")
FORGET = f"{README}#what-a-processor-remembers"
MODES = f"{README}#how-a-guest-begins"
MMIO = f"{README}#devices-in-memory"
RESULT, STACK = 0x8000, 0x7000
HERE, THERE = 2 * MIB, 4 * MIB  # linear HERE is one of both
FIRST, SECOND = 0x11111111, 0x22222222
PD = 0x2000  # of VTX_MODE_PAGED: its first page directory
OWN = 0x30000  # another four entries; the directory is in the next page
LEAF, TABLE = 0xe3, 1  # 2 MiB, present, writable, accessed, dirty; a PDPTE
VM = 1 << 17
LOOK = guests.code(f".code32; 1: mov {HERE:#x}, %eax; mov %eax, {RESULT:#x}; hlt; jmp 1b")


def entry(value):
    """An entry of a table, as `fill` takes it."""
    return value.to_bytes(8, "little").hex()


def word(value):
    """The same of 32 bits."""
    return value.to_bytes(4, "little").hex()


def begin(image=LOOK):
    """A vCPU with paging on CPU 1, whose guest looks at linear address HERE."""
    return ["cpu", 1, "create", "8M", 1, "code", image.hex(), "fill", f"{HERE:#x}", word(FIRST),
            "fill", f"{THERE:#x}", word(SECOND), *start()]


def start():
    """The vCPU as new; this writes its first page tables as well."""
    return ["start", 0, PAGED, f"{guests.LOAD:#x}", f"{STACK:#x}", 0]


def look():
    """One turn of it, on the tables and frames as they are."""
    return ["run", 0, LATE, "read", f"{RESULT:#x}", 4, "memory"]


def check_looks(lines, wanted, what, read):
    """What the guest has seen in each turn."""
    for line in (line for line in lines if line.what == "exit"):
        check_exit(line, "hlt", f"a guest with paging: {what}", read=read)
    seen = [line.data[::-1].hex() for line in lines if line.what == "read"]
    check(seen, [f"{value:08x}" for value in wanted], f"what the guest reads at {HERE:#x}, turn by"
          f" turn: {what}", read=read)


def check_forgot(lines, what):
    """INVVPID or INVEPT has been executed for the last turn."""
    before, after = [line.flushes for line in lines if line.what == "memory"][-2:]
    require(after > before, expected="at least one", seen="none", read=FORGET,
            what=f"INVVPID and INVEPT in the turn after {what}")


def test_set_sregs_forgets(vms):
    """VTXDRV_SET_SREGS: translations of before are gone, as with MOV to CR3."""
    what = "an entry of its page tables changes, and VTXDRV_SET_SREGS"
    lines = vmtool(vms, *begin(), *look(), *look(), "fill", f"{PD + 8:#x}", entry(THERE | LEAF),
                   "setsreg", 0, "dr0", 0, *look())
    check_looks(lines, [FIRST, FIRST, SECOND], what, FORGET)
    check_forgot(lines, "VTXDRV_SET_SREGS")


def test_init_forgets(vms):
    """VTXDRV_INIT_VCPU of a vCPU that has run: its page tables are others."""
    what = "an entry of its page tables changes back with VTXDRV_INIT_VCPU"
    lines = vmtool(vms, *begin(), "fill", f"{PD + 8:#x}", entry(THERE | LEAF), *look(), *look(),
                   *start(), *look())
    check_looks(lines, [SECOND, SECOND, FIRST], what, FORGET)
    check_forgot(lines, "VTXDRV_INIT_VCPU")


def test_cr3_of_pae_paging(vms):
    """VTXDRV_SET_SREGS of CR3 loads the four entries that it names, as MOV to CR3 does."""
    tables = ["fill", f"{OWN:#x}", entry(OWN + 0x1000 | TABLE), "fill", f"{OWN + 0x1000:#x}",
              entry(LEAF) + entry(THERE | LEAF)]
    lines = vmtool(vms, *begin(), *look(), *tables, "setsreg", 0, "cr3", f"{OWN:#x}", *look(),
                   "sregs", 0)
    check_looks(lines, [FIRST, SECOND], "VTXDRV_SET_SREGS of CR3 with PAE paging", MODES)
    check(only(lines, "sregs").cr3, OWN, "CR3 as VTXDRV_GET_SREGS has it", read=MODES)


@NO_PDPTES
def test_cr3_that_is_kept(vms):
    """As long as CR3 is the same the four entries are, whatever is in memory by now."""
    lines = vmtool(vms, *begin(), *look(), "fill", "0x1000", entry(0), "setsreg", 0, "dr0", 0,
                   *look())
    check_looks(lines, [FIRST, FIRST], "VTXDRV_SET_SREGS with the CR3 that it has", MODES)


@NO_PDPTES
def test_cr3_without_memory(vms):
    """A CR3 that names no memory is refused with PAE paging, and the guest goes on with its own."""
    lines = vmtool(vms, *begin(), *look(), "try", "setsreg", 0, "cr3", f"{HOLE:#x}", *look())
    check([line.errno for line in lines if line.what == "error"], ["EINVAL"],
          "errno of VTXDRV_SET_SREGS with a CR3 that names no memory", read=MODES)
    check_looks(lines, [FIRST, FIRST], "a CR3 that was refused", MODES)


# ---- registers with VTXDRV_RUN_VCPU -------------------------------------------------------------


def test_registers_of_a_vcpu_that_is_not_loaded(vms):
    """VTX_RUN_SET_REGS with IF clear behind STI, while the CPU has another vCPU's VMCS: the
    blocking of this vCPU ends, and that of the other one does not."""
    image = guests.code(f".code32; sti; mov {HOLE:#x}, %eax; hlt")
    turns = [word for vcpu in (0, 1) for word in (
        "start", vcpu, PAGED, f"{guests.LOAD:#x}", f"{STACK:#x}", 0, "run", vcpu, LATE)]
    lines = vmtool(vms, "cpu", 1, "create", "8M", 2, "code", image.hex(), *turns,
                   "give", 0, "rflags", 2, "skip", 0, 5, "run", 0, LATE, "regs", 0, "state", 1)
    *first, last = (line for line in lines if line.what == "exit")
    for line in first:
        check_exit(line, "mmio", "a load behind STI, from where nothing is", read=MMIO)
    check_exit(last, "hlt", "VTX_RUN_SET_REGS with RFLAGS.IF clear behind STI, after another vCPU"
               " has run on this CPU", read=MMIO)
    check(only(lines, "regs").rflags & 0x200, 0, "RFLAGS.IF as user space has set it", read=MMIO)
    shadow = only(lines, "field", encoding=vms.vendor.fields["shadow"]).value & 1
    check(shadow, 1, "blocking by STI of the other vCPU, whose registers nobody has set", read=MMIO)


def test_registers_of_another_mode(vms):
    """VTX_RUN_SET_REGS takes all of RFLAGS but VM, which would not fit the segments."""
    image = guests.code(f".code32; mov {HOLE:#x}, %eax; hlt")
    lines = vmtool(vms, "cpu", 1, "create", "8M", 1, "code", image.hex(), *start(),
                   "run", 0, LATE, "give", 0, "rflags", f"{VM | 0x8d7:#x}", "skip", 0, 5,
                   "run", 0, LATE, "regs", 0)
    check_exit(only(lines, "exit"), "hlt", "VTX_RUN_SET_REGS with RFLAGS.VM", read=MMIO)
    check(only(lines, "regs").rflags & (VM | 0xfff), 0x8d7, "RFLAGS as the guest runs with it",
          read=MMIO)


GDT = ".balign 8; gdt: .quad 0, 0xcf9b000000ffff, 0xcf93000000ffff; gdtr: .word 23; .long gdt"


@pytest.mark.parametrize("behind", ["sti", "lgdt gdtr; mov $16, %eax; mov %eax, %ss"])
def test_flags_behind_sti_and_mov_ss(vms, behind):
    """VTXDRV_SET_REGS of TF where events are blocked for an instruction: the guest goes on.

    Bochs 2.7 does not check that TF and the trap that is pending fit, and enters all the same.
    """
    vms.needs("TF")
    image = guests.code(f".code32; {behind}; mov {HOLE:#x}, %eax; hlt; {GDT}")
    turn = ["run", 0, LATE, "state", 0]
    lines = vmtool(vms, "cpu", 1, "create", "8M", 1, "code", image.hex(), *start(), *turn,
                   "setreg", 0, "rflags", "0x302", *turn)
    first, last = (line for line in lines if line.what == "exit")
    check_exit(first, "mmio", f"a load behind `{behind}`", read=MMIO)
    check_exit(last, "mmio", "the same with RFLAGS.TF by VTXDRV_SET_REGS", read=MMIO,
               rip=first.rip)
    before, after = (line.value & 3 for line in lines if line.what == "field"
                     and line.encoding == vms.vendor.fields["shadow"])
    require(before, expected="blocking by STI or MOV SS", seen="none", read=MMIO,
            what=f"interruptibility state at a load behind `{behind}`")
    if vms.vendor.name == "vmx":  # VMRUN takes both
        check(after, 0, "blocking by STI and MOV SS after RFLAGS.TF was set", read=MMIO)


def test_single_step(vms):
    """RFLAGS.TF: an instruction that user space has emulated traps as any other does.

    Bochs 2.7 notes the trap in the VMCS with each such exit, and a processor with none of them.
    """
    vms.needs("TF")
    image = guests.code(f".code32; pushf; orl $0x100, (%esp); popf; mov {HOLE:#x}, %eax; hlt")
    lines = vmtool(vms, "cpu", 1, "create", "8M", 1, "code", image.hex(), *start(),
                   "run", 0, LATE, "skip", 0, 5, "run", 0, LATE)
    first, last = (line for line in lines if line.what == "exit")
    check_exit(first, "mmio", "a load with RFLAGS.TF set, from where nothing is", read=MMIO)
    check_exit(last, "exception", "behind the load, which user space has emulated", read=MMIO,
               vector=1, rip=first.rip + 5)
