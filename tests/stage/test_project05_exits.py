# SPDX-License-Identifier: GPL-2.0
"""project05: EPT violations, from what the processor says to a neutral exit.

The guests name guest-physical addresses, drawn for the run; what became of them is read from the
machine's memory by the emulator, through the tables that the processor walks.
"""
import pytest

from harness.grade import check, check_run, exercise, expect_kmsg, only_on, require
from stage.ept_tools import (EVENT, EXECUTE, GIB, HIGH, HOLE, LATE, LINEAR, LOW_END, MIB, PAGE,
                             READ, README, ROOT, WALK, WRITE, check_ranges, check_sound, check_walk,
                             exits, looked_at, store, vm, wide)
from stage.guest_tools import Line, check_exit, only, vmtool
from stage.vm_tools import vms

pytestmark = pytest.mark.lab(vendor="vmx", cpus=2, instance="exits", kernels=1)

EXITS = f"{README}#what-was-touched"
POPULATE = f"{README}#a-frame-when-it-is-touched"
RESULT = 0x8000


def anywhere(rng, count):
    """Addresses of a 6-GiB VM, each in 2 MiB of its own: low, high, at the ends of the slots."""
    pages = [rng.randrange(2 * MIB, LOW_END - 16 * MIB), rng.randrange(HIGH, HIGH + 3 * GIB),
             HIGH, HIGH + 3 * GIB - 8]
    pages += [rng.randrange(2 * MIB, 2 * GIB) for _ in range(count)]
    return list({at // (2 * MIB): at & ~7 for at in pages}.values())


@exercise("5.6", expected="memory that is touched has a frame, and what was written is in it",
          read=POPULATE)
def test_touched_memory(vms, rng):
    """A guest of 6 GiB writes here and there; the emulator finds it where the tables lead."""
    places = {at: rng.getrandbits(64) for at in anywhere(rng, 6)}
    image = wide("".join(store(at, value) for at, value in places.items()) + "hlt")
    walks = [word for at in places for word in ("walk", f"{at:#x}")]
    with looked_at(vms, *vm(image, "6G"), "run", 0, LATE, "memory", *walks, "walk", f"{HOLE:#x}",
                   "ranges", 0, read=POPULATE) as (lines, tables):
        check_exit(only(lines, "exit"), "hlt", "a guest that touches memory here and there",
                   read=POPULATE)
        for at, value in places.items():
            check(tables.number(at), value, f"what the guest wrote at {at:#x}", read=POPULATE)
        leaves = check_sound(tables, EXITS)
        check_ranges(lines, leaves, EXITS)
        for line in (line for line in lines if line.what == "walk"):
            check_walk(line, tables, EXITS)
        most = (len(places) + 8) * 2 * MIB
        require(only(lines, "memory").populated <= most, expected=f"at most {most:#x} bytes",
                seen=f"{only(lines, 'memory').populated:#x}", read=POPULATE,
                what=f"memory of a 6-GiB guest that has touched {len(places)} places")
        mapped = sum(leaf.size for leaf in leaves)
        require(mapped <= most, expected=f"at most {most:#x} bytes", seen=f"{mapped:#x}",
                what="memory that the tables map", read=POPULATE)


ZEROS = """
	mov $places, %esi
	mov $COUNT, %ecx
1:	mov (%rsi), %rdi
	mov $512, %edx
2:	or (%rdi), %rbx
	add $8, %rdi
	dec %edx
	jnz 2b
	add $8, %rsi
	dec %ecx
	jnz 1b
	mov %rbx, 0x8000
	hlt
	.balign 8
places:	.quad PLACES
"""


@exercise("5.6", expected="a frame is zeroed before the guest sees it", read=POPULATE)
def test_zeros(vms, rng):
    """Memory that other programs had filled; the guest reads pages that nobody has written."""
    places = [rng.randrange(MIB, 32 * MIB) & ~(PAGE - 1) for _ in range(24)]
    image = wide(ZEROS, PLACES=",".join(map(hex, places)), COUNT=len(places))
    lines = vmtool(vms, "dirty", 120 * MIB, rng.getrandbits(60), *vm(image, "64M"), "run", 0, LATE,
                   "read", f"{RESULT:#x}", 8)
    check_exit(only(lines, "exit"), "hlt", "a guest that reads pages of its memory", read=POPULATE)
    check(only(lines, "read").data, bytes(8), "all words together of pages that the guest was the"
          " first to touch", read=POPULATE)


# ---- MMIO: no slot is there ----------------------------------------------------------------------

ACCESSES = (  # what the guest does to RDI, the bits of memory_access, bytes of the instruction
    ("mov (%rdi), %eax", READ, 2), ("mov %eax, (%rdi)", WRITE, 2), ("movb $5, (%rdi)", WRITE, 3),
    ("movzbl (%rdi), %ecx", READ, 3), ("jmp *%rdi", EXECUTE, 0),
)


@exercise("5.6", expected="MMIO with its address and direction, RIP at the instruction", read=EXITS)
def test_mmio(vms, rng):
    """Reads, writes and fetches in the hole and behind all memory."""
    cases = [(*access, place + 8 * rng.randrange(PAGE // 8)) for access in ACCESSES
             for place in (HOLE + PAGE * rng.randrange(1000),
                           HIGH + GIB + PAGE * rng.randrange(99))]
    words = []
    for text, _, _, at in cases:
        image = wide(f"movabs ${at}, %rdi; movl $0x8877, %eax; here: {text}; hlt")
        words += [*vm(image, "1M"), "run", 0, LATE, "regs", 0, "sregs", 0, "page", 0, "close"]
    lines = vmtool(vms, *words)
    registers = [line for line in lines if line.what == "regs"]
    special = [line for line in lines if line.what == "sregs"]
    for n, (line, (text, access, length, at)) in enumerate(zip(exits(lines), cases)):
        what = f"`{text}` at {at:#x}, where no slot is"
        check_exit(line, "mmio", what, read=EXITS, gpa=at, handled=0,
                   linear=vms.vendor.address(at), memory=vms.vendor.access(access | LINEAR))
        real, shown = dict(registers[2 * n]), dict(registers[2 * n + 1])
        check(shown, real, f"vtx_run.regs after {what}", read=EXITS)
        check(dict(special[2 * n + 1]), dict(special[2 * n]), f"vtx_run.sregs after {what}",
              read=EXITS)
        check(line.rip, registers[2 * n].rip, f"RIP of the exit: {what}", read=EXITS)
        if access == EXECUTE:
            check(line.rip, at, f"RIP: {what}", read=EXITS)


@exercise("5.6", expected="the guest goes on with the registers that it is given", read=EXITS)
def test_mmio_is_answered(vms, rng):
    """A load whose value the caller makes up; and no write has gone anywhere."""
    value, at = rng.getrandbits(31), HOLE + 8 * rng.randrange(512)
    image = wide(f"movabs ${at}, %rdi; mov (%rdi), %eax; mov %rax, {RESULT}; mov %eax, 4(%rdi);"
                 f" movb $9, {RESULT + 8}; hlt")
    lines = vmtool(vms, *vm(image), "run", 0, LATE, "give", 0, "rax", value, "skip", 0, 2, "run", 0,
                   LATE, "skip", 0, 3, "run", 0, LATE, "read", f"{RESULT:#x}", 9)
    load, written, halt = exits(lines)
    check_exit(load, "mmio", "a load", read=EXITS, gpa=at,
               memory=vms.vendor.access(READ | LINEAR))
    check_exit(written, "mmio", "the store behind it", read=EXITS, gpa=at + 4,
               memory=vms.vendor.access(WRITE | LINEAR))
    check_exit(halt, "hlt", "the guest after both", read=EXITS)
    check(only(lines, "read").data, value.to_bytes(8, "little") + b"\x09",
          "what the guest made of the load, and did behind the store", read=EXITS)


@exercise("5.6", expected="an instruction that has not been answered is executed again", read=EXITS)
def test_mmio_again(vms):
    """Who does not answer gets the same exit; a slot that comes meanwhile is the answer."""
    image = wide(f"movabs ${HOLE}, %rdi; mov (%rdi), %rax; mov %rax, {RESULT}; hlt")
    lines = vmtool(vms, *vm(image), "fill", 8 * MIB, "1122334455667788", "run", 0, LATE, "run", 0,
                   LATE, "slot", 5, 0, f"{HOLE:#x}", PAGE, 8 * MIB, "run", 0, LATE, "read",
                   f"{RESULT:#x}", 8)
    first, second, third = exits(lines)
    for line in (first, second):
        check_exit(line, "mmio", "a load where no slot is", read=EXITS, gpa=HOLE)
    check_exit(third, "hlt", "the load when a slot is there", read=EXITS)
    check(only(lines, "read").data.hex(), "1122334455667788", "what it loads", read=EXITS)


@exercise("5.6", expected="the walk of the guest's own tables, told as such", read=EXITS)
def test_guest_tables_at_a_hole(vms, rng):
    """A guest whose PDPT lies where no slot is: which access it was, and of what."""
    index = rng.randrange(1, 512)
    linear = index << 39 | rng.randrange(1 << 27) << 12
    linear |= 0xffff << 48 if linear >> 47 else 0
    image = wide(f"mov ${HOLE | 7}, %eax; mov %rax, {ROOT + 8 * index}; mov %cr3, %rax;"
                 f" mov %rax, %cr3; movabs ${linear}, %rdi; mov (%rdi), %al; hlt")
    line = only(vmtool(vms, *vm(image), "run", 0, LATE), "exit")
    check_exit(line, "mmio", "a load through a table that lies where no slot is", read=EXITS,
               gpa=HOLE + (linear >> 30 & 511) * 8, linear=vms.vendor.address(linear))
    check(line.memory & (LINEAR | WALK), vms.vendor.access(LINEAR | WALK),
          "bits LINEAR and WALK of memory_access", read=EXITS)


# ---- while an event is delivered -----------------------------------------------------------------

# Descriptors, the last one not present, and an IDT; nobody has touched the memory of the stack.
DELIVERED = """
	lgdt gdt
	lidt idt
	mov $handler, %eax
	mov $gates, %ebx
	mov $256, %ecx
1:	mov %ax, (%rbx)
	movw $8, 2(%rbx)
	movw $0x8e00, 4(%rbx)
	mov %eax, %edx
	shr $16, %edx
	mov %dx, 6(%rbx)
	movq $0, 8(%rbx)
	add $16, %rbx
	dec %ecx
	jnz 1b
	movabs $STACK, %rsp
	CAUSE
back:	incq 0x8010
	hlt
handler:
	incq 0x8000
	pop %rax
	mov %rax, 0x8008
	hlt
	.balign 8
gdt:	.word 31
	.quad table
idt:	.word 4095
	.quad gates
	.balign 8
table:	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf13000000ffff
	.balign 16
gates:	.skip 4096
"""
# INT, and #NP with its error code: other exceptions exit while the guest begins without an IDT.
NOT_PRESENT = 0x18
CAUSES = (("int $0x80", None), (f"mov ${NOT_PRESENT}, %eax; mov %eax, %ds", NOT_PRESENT))


@exercise("5.6", expected="an event that met a violation is delivered afterwards, once",
          read=f"{EXITS}")
def test_events_that_meet_a_violation(vms, rng):
    """The stack has no frame when an exception or INT pushes: the handler runs, and only once."""
    for cause, pushed in CAUSES:
        stack = rng.randrange(40, 60) * MIB + 0x800
        image = wide(DELIVERED, STACK=stack, CAUSE=cause)
        lines = vmtool(vms, *vm(image, "64M"), "run", 0, LATE, "read", "0x8000", 24)
        check_exit(only(lines, "exit"), "hlt", f"`{cause}` with a stack that has no frame",
                   read=EXITS)
        data = only(lines, "read").data
        check(int.from_bytes(data[:8], "little"), 1, f"runs of the handler of `{cause}`",
              read=EXITS)
        if pushed:
            check(int.from_bytes(data[8:16], "little"), pushed, f"error code of `{cause}` on the"
                  " stack", read=EXITS)


@exercise("5.6", expected="MMIO in the middle of a delivery is told as such", read=EXITS)
def test_delivery_to_a_hole(vms):
    """A stack where no slot is: the exit says that an event was being delivered."""
    image = wide(DELIVERED, STACK=HOLE + 0x800, CAUSE="int $0x80")
    line = only(vmtool(vms, *vm(image, "64M"), "run", 0, LATE), "exit")
    check_exit(line, "mmio", "INT with a stack where no slot is", read=EXITS,
               memory=vms.vendor.access(WRITE | LINEAR | EVENT))


@exercise("5.6", expected="answered exits are told with VTX_RUN_EVERY_EXIT", read=EXITS)
def test_every_exit(vms, rng):
    """NOT_PRESENT comes back, handled, with the address; and the guest goes on."""
    at = rng.randrange(8, 60) * MIB + 8 * rng.randrange(512)
    image = wide(store(at, 1) + "hlt")
    lines = vmtool(vms, *vm(image, "64M"), "every", 0, 1, *["run", 0, LATE] * 40)
    seen = [line for line in exits(lines) if line.kind == "not-present"]
    here = [line for line in seen if line.gpa == at]
    require(len(here) == 1, expected=f"one exit not-present at {at:#x}", read=EXITS,
            seen=[f"{line.kind} {line.gpa:#x}" for line in exits(lines)][:12],
            what="exits of a guest that touches one page")
    check((here[0].handled, here[0].memory), (1, vms.vendor.access(WRITE | LINEAR)),
          "handled and memory_access of it", read=EXITS)


@exercise("5.6", expected="an entry that no processor takes is an exit that shows the walk",
          read=EXITS)
@expect_kmsg(r"an entry that no processor takes", r"level \d: table 0x\w+, entry 0x\w+")
@only_on("vmx", "NPT has no misconfiguration: an entry cannot be write-only, and a reserved bit is"
         " a page fault like others")
def test_misconfiguration(vms, rng):
    """An entry is spoilt behind the driver's back: write-only. The log has the walk."""
    at = rng.randrange(8, 14) * MIB
    image = wide(f"mov ${at}, %edi; incl (%rdi); hlt; incl (%rdi); hlt")
    result = vms.run(["vmtool", *map(str, vm(image)), "run", 0, LATE, "misconfigure", at, "slot", 5,
                      0, f"{HOLE:#x}", PAGE, 0, "run", 0, LATE, "walk", at, "close"])
    lines = [Line(text) for text in check_run(result).out.splitlines() if text]
    first, second = exits(lines)
    check_exit(first, "hlt", "a guest that touches memory", read=EXITS)
    check_exit(second, "misconfigured", "the same with an entry that is write-only", read=EXITS,
               gpa=at, handled=0)
    walk, log = only(lines, "walk"), "\n".join(record.text for record in result.kmsg)
    for n in range(walk.levels):
        require(f"{walk[f'table{n}']:#x}" in log and f"{walk[f'entry{n}']:#x}" in log,
                expected=f"table {walk[f'table{n}']:#x}, entry {walk[f'entry{n}']:#x}", seen=log,
                what=f"the kernel's log, level {4 - n} of the walk", read=EXITS)
