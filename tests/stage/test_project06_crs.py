# SPDX-License-Identifier: GPL-2.0
"""project06: CR0, CR3, CR4, CR8, CLTS and LMSW; a guest that changes its mode."""
import pytest

from harness import guests
from harness.grade import check, exercise, require
from harness.guests import RESULT
from stage.exit_tools import EFER, GP, LATE, README, check_raises, read_msr, write_msr
from stage.guest_tools import check_exit, exit_in_words, guest, only, vmtool
from stage.vm_tools import vms

pytestmark = pytest.mark.lab(vendor="vmx", cpus=2, kernels=1)

CRS = f"{README}#control-registers"
PE, MP, EM, TS, ET, NE, WP, AM, NW, CD, PG = (1 << n for n in (0, 1, 2, 3, 4, 5, 16, 18, 29, 30,
                                                               31))
CR4_VME, CR4_TSD, CR4_PAE, CR4_PGE, CR4_VMXE, CR4_PCIDE = (1 << n for n in (0, 2, 5, 7, 13, 17))
LONG_MODE = PE | MP | ET | NE | WP | PG


@exercise("6.3", expected="what the guest writes to CR0 and CR4 it reads, VMXE hidden", read=CRS)
def test_cr_as_written(vms, rng):
    """Bits that belong to the guest: AM, TS, EM, MP; TSD, PGE, DE, OSFXSR … in any combination."""
    cr0 = [LONG_MODE | sum(rng.sample((AM, TS, MP), 2)), LONG_MODE & ~MP, LONG_MODE]
    cr4 = [CR4_PAE | sum(1 << n for n in rng.sample((2, 3, 7, 9, 10), 3)), CR4_PAE | 0x600]
    text = "; ".join(f"mov ${value:#x}, %eax; mov %rax, %cr{cr}; mov %cr{cr}, %rbx;"
                     f" mov %rbx, {RESULT + 8 * n:#x}"
                     for n, (cr, value) in enumerate([*((0, v) for v in cr0),
                                                      *((4, v) for v in cr4)]))
    lines = vmtool(vms, *guest(guests.code(f"{text}; vmcall")), "run", 0, LATE, "read",
                   f"{RESULT:#x}", 40)
    check_exit(only(lines, "exit"), "hypercall", "a guest that writes CR0 and CR4", read=CRS)
    data = only(lines, "read").data
    seen = [int.from_bytes(data[at:at + 8], "little") for at in range(0, 40, 8)]
    for value, wanted, name in zip(seen, [*cr0, *cr4], ["CR0"] * 3 + ["CR4"] * 2):
        check(value, wanted, f"{name} as the guest reads it, after it has written {wanted:#x}",
              read=CRS)


@exercise("6.3", expected="CLTS and LMSW write what the manual says", read=CRS)
def test_clts_lmsw(vms):
    """TS is set and cleared; LMSW writes PE, MP, EM and TS, and cannot clear PE."""
    text = f"mov ${LONG_MODE | TS:#x}, %eax; mov %rax, %cr0; clts; mov %cr0, %rbx;" \
           f" mov %rbx, {RESULT}; mov $0xfffa, %eax; lmsw %ax; mov %cr0, %rbx;" \
           f" mov %rbx, {RESULT + 8}; xor %eax, %eax; lmsw %ax; mov %cr0, %rbx;" \
           f" mov %rbx, {RESULT + 16}; smsw %rbx; mov %rbx, {RESULT + 24}; vmcall"
    lines = vmtool(vms, *guest(guests.code(text)), "run", 0, LATE, "read", f"{RESULT:#x}", 32)
    check_exit(only(lines, "exit"), "hypercall", "CLTS, LMSW and SMSW", read=CRS)
    data = only(lines, "read").data
    seen = [int.from_bytes(data[at:at + 8], "little") for at in range(0, 32, 8)]
    check(seen[0], LONG_MODE, "CR0 after CLTS with TS set", read=CRS)
    check(seen[1], LONG_MODE | MP | TS, "CR0 after LMSW of FFFAH: bits 3:0 only, and PE stays",
          read=CRS)
    check(seen[2] & 0xf, PE, "CR0[3:0] after LMSW of 0: PE cannot be cleared", read=CRS)
    check(seen[3], seen[2], "SMSW after that: CR0 as MOV reads it", read=CRS)


BAD_CRS = (
    (0, LONG_MODE & ~PG, "CR0.PG cleared in 64-bit mode"),
    (0, LONG_MODE & ~PE, "CR0.PE cleared with PG set"),
    (0, LONG_MODE | NW, "CR0.NW set with CD clear"),
    (0, LONG_MODE | 1 << 32, "bits 63:32 of CR0"),
    (4, 0x600, "CR4.PAE cleared in 64-bit mode"),
    (4, CR4_PAE | CR4_VMXE, "CR4.VMXE, of a guest that has no VMX"),
    (4, CR4_PAE | 1 << 15, "a reserved bit of CR4"),
    (4, CR4_PAE | 1 << 63, "bit 63 of CR4"),
    (8, 16, "CR8 above 15"), (8, 1 << 63, "bit 63 of CR8"),
)


@exercise("6.3", expected="what the processor would refuse is a #GP", read=CRS)
def test_bad_crs(vms):
    """Combinations that no 64-bit guest may have; the register stays as it was."""
    for cr, value, what in BAD_CRS:
        text = f"movabs ${value:#x}, %rax; mov %rax, %cr{cr}"
        lines = check_raises(vms, text, "cr", GP, what=what, read=CRS, after=("sregs", 0))
        sregs = only(lines, "sregs")
        if cr == 0:
            check(sregs.cr0 & (PG | PE | NW), PG | PE, f"CR0 after a #GP: {what}", read=CRS)
        if cr == 4:
            check(sregs.cr4 & (CR4_PAE | 1 << 15), CR4_PAE, f"CR4 after a #GP: {what}", read=CRS)


@exercise("6.3", expected="CR3 is the guest's own", read=CRS)
def test_cr3(vms):
    """A copy of the root in the guest's own memory becomes CR3, and it runs on with it."""
    text = f"mov %cr3, %rsi; mov %rsi, {RESULT}; mov $0x30000, %edi; mov $512, %ecx; rep movsq;" \
           f" mov $0x30000, %eax; mov %rax, %cr3; mov %cr3, %rbx; mov %rbx, {RESULT + 8};" \
           f" mov {RESULT}, %rax; mov %rax, %cr3; mov %cr3, %rbx; mov %rbx, {RESULT + 16}; vmcall"
    lines = vmtool(vms, *guest(guests.code(text)), "run", 0, LATE, "read", f"{RESULT:#x}", 24)
    check_exit(only(lines, "exit"), "hypercall", "a guest with another CR3", read=CRS)
    data = only(lines, "read").data
    seen = [int.from_bytes(data[at:at + 8], "little") for at in (0, 8, 16)]
    check((seen[1], seen[2]), (0x30000, seen[0]), "CR3 as the guest reads it, after it was written",
          read=CRS)


@exercise("6.3", expected="CR8 is kept, and read as written", read=CRS)
def test_cr8(vms, rng):
    """The task priority, by every general register that can name it."""
    values = rng.sample(range(16), 4)
    text = "; ".join(f"mov ${value}, %{to}; mov %{to}, %cr8; mov %cr8, %{back};"
                     f" mov %{back}, {RESULT + 8 * n}" for n, (value, to, back) in
                     enumerate(zip(values, ("rax", "rdi", "r9", "r15"),
                                   ("rbx", "r14", "rsi", "rdx"))))
    lines = vmtool(vms, *guest(guests.code(f"{text}; vmcall")), "run", 0, LATE, "read",
                   f"{RESULT:#x}", 32)
    check_exit(only(lines, "exit"), "hypercall", "a guest that writes CR8", read=CRS)
    data = only(lines, "read").data
    check([int.from_bytes(data[at:at + 8], "little") for at in range(0, 32, 8)], values,
          "CR8 as the guest reads it", read=CRS)


# 64-bit → compatibility mode → protected mode without paging → back, in its own identity map.
MODES = """
	lgdt gdtr
	pushq $0x28
	pushq $compat
	lretq
.code32
compat:	mov $0x10, %eax
	mov %eax, %ss
	mov %eax, %ds
	mov %cr0, %eax
	and $0x7fffffff, %eax
	mov %eax, %cr0
	movl $1, 0x8000
	mov $0xc0000080, %ecx
	rdmsr
	mov %eax, 0x8008
	mov %cr0, %eax
	mov %eax, 0x8010
	or $0x80000000, %eax
	mov %eax, %cr0
	mov $0xc0000080, %ecx
	rdmsr
	mov %eax, 0x8018
	ljmp $8, $long
.code64
long:	movabs $0x123456789abcdef0, %rax
	mov %rax, 0x8020
	vmcall
.balign 8
gdt:	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0, 0, 0x00cf9b000000ffff
gdtr:	.word . - gdt - 1
	.quad gdt
"""


@exercise("6.3", expected="a guest leaves 64-bit mode and comes back", read=CRS)
def test_paging_modes(vms):
    """CR0.PG off and on from compatibility mode: EFER.LMA follows, and 64-bit code runs again."""
    lines = vmtool(vms, *guest(guests.code(MODES)), "run", 0, LATE, "read", f"{RESULT:#x}", 40)
    check_exit(only(lines, "exit"), "hypercall", "a guest that leaves 64-bit mode and comes back",
               read=CRS)
    data = only(lines, "read").data
    seen = [int.from_bytes(data[at:at + 8], "little") for at in range(0, 40, 8)]
    check(seen[0], 1, "code behind CR0.PG cleared", read=CRS)
    check(seen[1] & 0x500, 0x100, "EFER without paging: LME, and not LMA", read=CRS)
    check(seen[2] & (PG | PE), PE, "CR0 without paging", read=CRS)
    check(seen[3] & 0x500, 0x500, "EFER with paging again: LME and LMA", read=CRS)
    check(seen[4], 0x123456789abcdef0, "64-bit code behind it", read=CRS)


@exercise("6.3", expected="EFER as the guest writes it: SCE, NXE, LME; LMA is read-only", read=CRS)
def test_efer_as_written(vms):
    """With SCE and without; LMA is written as it was read."""
    text = f"{write_msr(EFER, 0xd01)}; {read_msr(EFER, RESULT)}; {write_msr(EFER, 0xd00)};" \
           f" {read_msr(EFER, RESULT + 8)}; vmcall"
    lines = vmtool(vms, *guest(guests.code(text)), "run", 0, LATE, "read", f"{RESULT:#x}", 16)
    check_exit(only(lines, "exit"), "hypercall", "VMCALL behind reads and writes of EFER", read=CRS)
    data = only(lines, "read").data
    seen = [int.from_bytes(data[at:at + 8], "little") & 0xd01 for at in (0, 8)]
    check(seen, [0xd01, 0xd00], "EFER as written, with SCE and without", read=CRS)


@exercise("6.3", expected="what EFER cannot become is a #GP", read=CRS)
@pytest.mark.parametrize("value", [1 << 1, 1 << 63, 0], ids=["bit 1", "bit 63", "LME clear"])
def test_efer_refused(vms, value):
    """Reserved bits; LME of a guest that is in 64-bit mode."""
    lines = vmtool(vms, *guest(guests.code(f"{write_msr(EFER, value)}; vmcall")), "run", 0, LATE)
    exit = only(lines, "exit")
    require((exit.kind, exit.vector) == ("exception", GP), expected="#GP", read=CRS,
            seen=f"an exit: {exit_in_words(exit)}", what=f"WRMSR of {value:#x} to EFER")


# The same way, but the operand of the MOV has bits 63:32 from 64-bit mode.
UPPER_HALF = MODES.partition("compat:")[0].replace("lgdt gdtr", """mov %cr0, %rbx
	and $0x7fffffff, %ebx
	movabs $0x5555555500000000, %rax
	or %rax, %rbx
	lgdt gdtr""") + """
compat:	mov $0x10, %eax
	mov %eax, %ss
	mov %eax, %ds
	mov %ebx, %cr0
	movl $1, 0x8000
	vmcall
.code64
""" + MODES[MODES.index(".balign"):]


def test_upper_half_outside_64_bit_mode(vms):
    """MOV to CR0 has an operand of 32 bits there, whatever was in the register before."""
    lines = vmtool(vms, *guest(guests.code(UPPER_HALF)), "run", 0, LATE, "read", f"{RESULT:#x}", 8)
    check_exit(only(lines, "exit"), "hypercall", "MOV EBX to CR0 outside 64-bit mode, with bits in"
               " the upper half of RBX", read=CRS)
    check(only(lines, "read").data[0], 1, "code behind CR0.PG cleared", read=CRS)
