# SPDX-License-Identifier: GPL-2.0
"""project05: guests that begin in real mode, in protected mode with and without paging, as after a
reset, and in 64-bit mode; and project04's guests, which know nothing of all this."""
import pytest

from harness import guests
from harness.grade import check, check_run, exercise, require
from stage.ept_tools import (HIGH, HOLE, LATE, LONG, MIB, PAGE, PAGED, PROTECTED, READ_ONLY, README,
                             REAL, RESET, errors, store, wide)
from stage.guest_tools import check_exit, only, vmtool
from stage.vm_tools import vms

pytestmark = pytest.mark.lab(vendor="vmx", cpus=2, instance="modes", kernels=1)

MODES = f"{README}#how-a-guest-begins"
RESULT, REAL_BASE, STACK = 0x8000, 0x7c00, 0x7000
PE, PG = 1 << 0, 1 << 31
PAE, LMA = 1 << 5, 1 << 10


def started(image, mode, *, base=guests.LOAD, argument=0, size="16M", stack=STACK):
    """The words for a VM whose vCPU begins in a mode."""
    return ["create", size, 1, "fill", f"{base:#x}", image.hex(), "start", 0, mode, f"{base:#x}",
            f"{stack:#x}", f"{argument:#x}"]


def result_of(lines, what):
    """The first read of the guest's results, and its exit, which has to be HLT."""
    check_exit(only(lines, "exit"), "hlt", what, read=MODES)
    return only(lines, "read").data


REAL_GUEST = """
	.code16
	mov %esi, %eax
	addl $ADD, %eax
	mov $0x800, %bx
	mov %bx, %es
	movl %eax, %es:0
	movw $handler, 0x20 * 4
	movw %cs, 0x20 * 4 + 2
	int $0x20
	movl %cr0, %eax
	movl %eax, %es:8
	pushw %cs
	popw %es:12
	movw $0x1234, %ax
	mov $0xffff, %bx
	mov %bx, %fs
	movw %ax, %fs:0x20 /* behind the first megabyte */
	hlt
handler:
	incl %es:4
	iret
"""


@exercise("5.6", expected="real mode: segments, the interrupt vector table, 16-bit code",
          read=MODES)
def test_real_mode(vms, rng):
    """A 16-bit guest computes, takes an INT through the vector table, and reads CR0."""
    add, argument = rng.getrandbits(31), rng.getrandbits(31)
    image = guests.code(REAL_GUEST, base=REAL_BASE, ADD=add)
    lines = vmtool(vms, *started(image, REAL, base=REAL_BASE, argument=argument), "run", 0, LATE,
                   "read", f"{RESULT:#x}", 16, "sregs", 0)
    data = result_of(lines, "a guest in real mode")
    check(int.from_bytes(data[:4], "little"), (argument + add) & 0xffffffff, "what it has computed",
          read=MODES)
    check(int.from_bytes(data[4:8], "little"), 1, "runs of its handler of INT 20H", read=MODES)
    check(int.from_bytes(data[8:12], "little") & (PE | PG), 0, "CR0.PE and PG as the guest reads"
          " them", read=MODES)
    check(int.from_bytes(data[12:14], "little"), 0, "CS, whose base is 0", read=MODES)


FLAT_GUEST = """
	.code32
	mov %esi, %eax
	add $ADD, %eax
	mov %eax, 0x8000
	mov %cr0, %eax
	mov %eax, 0x8004
	mov %cr4, %eax
	mov %eax, 0x8008
	push $VALUE
	pop FAR
	mov FAR, %eax
	mov %eax, 0x800c
	call 1f
1:	pop %eax
	sub $1b, %eax
	mov %eax, 0x8010
	hlt
"""


@exercise("5.6", expected="protected mode, flat and 32-bit, with and without paging", read=MODES)
@pytest.mark.parametrize(("mode", "paging"), [(PROTECTED, 0), (PAGED, PG)],
                         ids=["flat", "paged"])
def test_protected_mode(vms, rng, mode, paging):
    """It computes, calls, pushes, and uses memory far above itself."""
    add, argument, value = (rng.getrandbits(31) for _ in range(3))
    far = rng.randrange(20, 900) * MIB + 4 * rng.randrange(1024)
    image = guests.code(FLAT_GUEST, ADD=add, VALUE=value, FAR=f"{far:#x}")
    lines = vmtool(vms, *started(image, mode, argument=argument, size="1G"), "run", 0, LATE, "read",
                   f"{RESULT:#x}", 20, "read", far, 4, "sregs", 0)
    check_exit(only(lines, "exit"), "hlt", "a guest in protected mode", read=MODES)
    data, there = (line.data for line in lines if line.what == "read")
    sums, cr0, cr4, back, moved = (int.from_bytes(data[at:at + 4], "little")
                                   for at in range(0, 20, 4))
    check(sums, (argument + add) & 0xffffffff, "what it has computed", read=MODES)
    check(cr0 & (PE | PG), PE | paging, "CR0.PE and PG as the guest reads them", read=MODES)
    check(cr4 & PAE, PAE if paging else 0, "CR4.PAE as the guest reads it", read=MODES)
    check((back, there), (value, value.to_bytes(4, "little")), f"what was written to {far:#x}",
          read=MODES)
    check(moved, 0, "distance of the code from where it was loaded", read=MODES)
    check(only(lines, "sregs").efer & LMA, 0, "EFER.LMA", read=MODES)


@exercise("5.6", expected="a guest without paging reaches the hole under 4 GiB as MMIO", read=MODES)
def test_mmio_without_paging(vms):
    """Every mode that can name an address where no slot is exits with it."""
    text = f".code32; mov ${HOLE}, %edi; movl $1, 4(%edi); hlt"
    for mode in (PROTECTED, PAGED):
        lines = vmtool(vms, *started(guests.code(text), mode), "run", 0, LATE)
        check_exit(only(lines, "exit"), "mmio", f"a write to {HOLE + 4:#x}", read=MODES,
                   gpa=HOLE + 4, linear=vms.vendor.address(HOLE + 4))


ROM_GUEST = """
	.code16
	.skip 0xff00
code:	movl $VALUE, %eax
	movw $0x8000, %bx
	movl %eax, (%bx)
	movw %cs, 4(%bx)
	hlt
	.org 0xfff0
	jmp code
	.org 0x10000
"""


@exercise("5.6", expected="as after a reset: the first instruction at FFFF_FFF0H", read=MODES)
def test_reset(vms, rng):
    """A ROM below 4 GiB, a slot that cannot be written: its reset vector is executed."""
    value = rng.getrandbits(31)
    rom = guests.code(ROM_GUEST, base=0, VALUE=value)
    vms.put("/tmp/rom.hex", rom.hex().encode())
    parts = [word for at in range(0, len(rom), PAGE) if any(rom[at:at + PAGE])
             for word in ("fill", f"{8 * MIB + at:#x}", rom[at:at + PAGE].rstrip(b"\0").hex())]
    lines = vmtool(vms, "create", "16M", 1, *parts, "slot", 2, READ_ONLY, "0xffff0000", "64K",
                   8 * MIB, "start", 0, RESET, 0, 0, 0, "sregs", 0, "regs", 0, "run", 0, LATE,
                   "read", f"{RESULT:#x}", 6)
    sregs, regs = only(lines, "sregs"), only(lines, "regs")
    check((sregs["cs.base"], sregs["cs.selector"], regs.rip), (0xffff0000, 0xf000, 0xfff0),
          "CS base, CS selector, IP after VTXDRV_INIT_VCPU", read=MODES)
    data = result_of(lines, "a guest that begins at the reset vector")
    check((int.from_bytes(data[:4], "little"), data[4:].hex()), (value, "00f0"),
          "what the code of the ROM has written, and its CS", read=MODES)


@exercise("5.6", expected="CR3 is the guest's own, and its tables name guest memory", read=MODES)
def test_long_mode_with_its_own_tables(vms, rng):
    """A 64-bit guest makes tables, loads CR3, and finds its memory at other linear addresses."""
    value, high = rng.getrandbits(60), HIGH + 8 * rng.randrange(MIB)
    image = wide(store(high, value) + f"movabs ${high}, %rdi; mov (%rdi), %rax; mov %rax, {RESULT};"
                 " hlt")
    lines = vmtool(vms, "create", "5G", 1, "code", image.hex(), "start", 0, LONG, guests.LOAD, 0, 0,
                   "run", 0, LATE, "read", f"{RESULT:#x}", 8)
    check(int.from_bytes(result_of(lines, "a 64-bit guest with its own tables"), "little"), value,
          f"what it reads back from {high:#x}", read=MODES)


def test_starts_that_are_refused(vms):
    """A mode that there is not, addresses that do not fit a mode."""
    lines = vmtool(vms, "create", "1M", 1, "try", "start", 0, 5, guests.LOAD, 0, 0, "try", "start",
                   0, REAL, 0x10000, 0, 0, "try", "start", 0, REAL, 0x7c00, 0x10001, 0, "try",
                   "start", 0, RESET, 0x7c00, 0, 0, "try", "start", 0, RESET, 0, 0x7000, 0, "try",
                   "start", 0, PROTECTED, 1 << 32, 0, 0, "start", 0, REAL, 0x7c00, 0x7000, 0)
    check(errors(lines), [("start", "EINVAL")] * 6, "VTXDRV_INIT_VCPU with each of these",
          read=MODES)


# ---- project04's guests --------------------------------------------------------------------------

# name: exit status, what has to be in its output; as they were on project04's own tables.
GUESTS = {"hello": (0, "Hello"), "nonce": (0, "nonce "), "smp": (0, "vCPU 00"),
          "fpu": (0, ""), "regs": (0, ""), "debugregs": (0, ""), "cr": (0, ""), "cpuid": (0, ""),
          "tables": (126, ""), "bad": (126, ""), "triple": (126, "")}


@pytest.mark.reference
def test_guests_of_project04(vms):
    """Each ends as it has ended without EPT; those that crash say where."""
    vms.run(["true"])
    for name, (status, says) in GUESTS.items():
        result = vms.vtxctl("run", name)
        check(result.status, status, f"exit status of `vtxctl run {name}`", log=result.err)
        require(says in result.out + result.err, expected=says, seen=result.out + result.err,
                what=f"output of `vtxctl run {name}`")
    check(vms.vtxctl("run", "loop", "--timeout", "0.1").status, 124, "exit status of loop")
    check_run(vms.vtxctl("run", "smp", "--vcpus", "8"))
