# SPDX-License-Identifier: GPL-2.0
"""project05: slots that come and go, what a guest may do with them, and what it has written.

Half of this happens while the guest runs: what it does then shows in its memory.
"""
import pytest

from harness import ept, guests
from harness.grade import check, exercise, require
from stage.ept_tools import (EXECUTE, HIGH, HOLE, LATE, LINEAR, LOG_DIRTY, LOW_END, MIB, PAGE, READ,
                             READ_ONLY, README, UNCACHEABLE, WRITE, check_sound, errors, exits,
                             looked_at, store, vm, wide)
from stage.guest_tools import check_exit, only, vmtool
from stage.vm_tools import vms

pytestmark = pytest.mark.lab(vendor="vmx", cpus=2, instance="slots", kernels=1)

SLOTS = f"{README}#slots"
PROTECT = f"{README}#slots"
LOG = f"{README}#the-dirty-log"
FLUSH = f"{README}#what-a-processor-remembers"
RESULT = 0x8000
ALL = READ | WRITE | EXECUTE


def word(line):
    return int.from_bytes(line.data[:8], "little")


# ---- where they are ------------------------------------------------------------------------------


@exercise("5.6", expected="the same memory at two addresses, and other memory after a move",
          read=SLOTS)
def test_slots(vms, rng):
    """A guest reads through slots what its owner has written into their memory."""
    value, other = rng.getrandbits(63), rng.getrandbits(63)
    high = HIGH + MIB * rng.randrange(100, 5000)
    image = wide(f"movabs ${high + PAGE}, %rdi; mov ${HOLE:#x}, %esi;"
                 f" 1: mov (%rdi), %rax; mov %rax, {RESULT}; mov (%rsi), %rax;"
                 f" mov %rax, {RESULT + 8}; hlt; jmp 1b")
    lines = vmtool(vms, *vm(image), "fill", 4 * MIB, value.to_bytes(8, "little").hex(), "fill",
                   5 * MIB, other.to_bytes(8, "little").hex(),
                   "slot", 7, 0, f"{high:#x}", 3 * PAGE, 4 * MIB - PAGE,
                   "slot", 8, 0, f"{HOLE:#x}", 2 * MIB, 4 * MIB, "slots", "run", 0, LATE, "read",
                   f"{RESULT:#x}", 16, "slot", 8, 0, f"{HOLE:#x}", 2 * MIB, 5 * MIB, "run", 0, LATE,
                   "read", f"{RESULT:#x}", 16, "slot", 7, 0, f"{high:#x}", 0, 0, "run", 0, LATE)
    first, second, third = exits(lines)
    before, after = (line.data for line in lines if line.what == "read")
    check_exit(first, "hlt", "a guest that reads through two slots", read=SLOTS)
    check(before, value.to_bytes(8, "little") * 2, "what it reads through both", read=SLOTS)
    check(after, value.to_bytes(8, "little") + other.to_bytes(8, "little"),
          "what it reads when slot 8 shows other memory", read=SLOTS)
    check_exit(second, "hlt", "the same after slot 8 was changed", read=SLOTS)
    check_exit(third, "mmio", "a read of slot 7 after it is gone", read=SLOTS, gpa=high + PAGE)
    told = [(s.slot, s.gpa, s.size, s.offset) for s in lines if s.what == "slot"]
    check(told, [(0, 0, 16 * MIB, 0), (7, high, 3 * PAGE, 4 * MIB - PAGE),
                 (8, HOLE, 2 * MIB, 4 * MIB)], "slots as VTXDRV_SLOT_INFO tells them", read=SLOTS)


@exercise("5.3", expected="low memory up to 3 GiB, what is more from 4 GiB on", read=SLOTS)
def test_slots_of_a_new_vm(vms, rng):
    """Slot 0 and slot 1, for small VMs and for large ones."""
    for size in (16 * PAGE, LOW_END - PAGE, LOW_END, LOW_END + PAGE, 6 << 30, 64 << 30):
        lines = vmtool(vms, "create", size, 1, "slots", "close")
        told = [(s.slot, s.flags, s.gpa, s.size, s.offset) for s in lines if s.what == "slot"]
        wanted = [(0, 0, 0, min(size, LOW_END), 0)]
        if size > LOW_END:
            wanted.append((1, 0, HIGH, size - LOW_END, LOW_END))
        check(told, wanted, f"slots of a VM of {size:#x} bytes: slot, flags, gpa, size, offset",
              read=SLOTS)


REFUSED = (  # slot, flags, gpa, size, offset, errno; the VM has 16 MiB in slot 0
    (32, 0, HOLE, PAGE, 0, "EINVAL"), ((1 << 32) - 1, 0, HOLE, PAGE, 0, "EINVAL"),
    (2, 8, HOLE, PAGE, 0, "EINVAL"), (2, 1 << 31, HOLE, PAGE, 0, "EINVAL"),
    (2, 0, HOLE + 8, PAGE, 0, "EINVAL"), (2, 0, HOLE, PAGE + 1, 0, "EINVAL"),
    (2, 0, HOLE, PAGE, 512, "EINVAL"),
    (2, 0, HOLE, PAGE, 16 * MIB, "ERANGE"), (2, 0, HOLE, 16 * MIB + PAGE, 0, "ERANGE"),
    (2, 0, HOLE, 2 * PAGE, 16 * MIB - PAGE, "ERANGE"),
    (2, 0, HOLE, PAGE, (1 << 64) - PAGE, "ERANGE"),
    (2, 0, (1 << 64) - PAGE, PAGE, 0, "ERANGE"), (2, 0, 1 << 48, PAGE, 0, "ERANGE"),
    (2, 0, HOLE, (1 << 64) - PAGE, PAGE, "ERANGE"),
    (2, 0, 0, PAGE, 0, "EEXIST"), (2, 0, 16 * MIB - PAGE, 2 * PAGE, 0, "EEXIST"),
    (2, 0, HOLE, 0, 0, "ENOENT"),
)


@exercise("5.3", expected="each mistake refused with its errno, and the slots as they were",
          read=SLOTS)
def test_slots_that_are_refused(vms, rng):
    """Numbers, flags, alignment, ends, overlaps; and neighbours that touch are fine."""
    cases = list(REFUSED)
    rng.shuffle(cases)
    words = [w for *slot, _ in cases for w in ("try", "slot", *slot)]
    lines = vmtool(vms, "create", "16M", 1, *words, "try", "slot", 3, 0, 16 * MIB, PAGE, 0, "try",
                   "slot", 31, 0, 16 * MIB + PAGE, PAGE, 0, "slots")
    seen = [line.get("errno", "0") for line in lines if line.what in ("error", "done")]
    for (*slot, wanted), errno in zip(cases, seen):
        check(errno, wanted, f"slot, flags, gpa, size, offset: {' '.join(map(hex, slot))}",
              read=SLOTS)
    check(seen[len(cases):], ["0", "0"], "slots side by side", read=SLOTS)
    told = [(s.slot, s.gpa, s.size) for s in lines if s.what == "slot"]
    check(told, [(0, 0, 16 * MIB), (3, 16 * MIB, PAGE), (31, 16 * MIB + PAGE, PAGE)],
          "slots afterwards", read=SLOTS)


# ---- what a guest may do -------------------------------------------------------------------------

AT = 10 * MIB + 5 * PAGE
DONE = f"movb $1, {RESULT}; hlt"
READS = wide(f"mov ${AT}, %edi; mov (%rdi), %rax; {DONE}")
WRITES = wide(f"mov ${AT}, %edi; movl $7, (%rdi); {DONE}")
RUNS = wide(f"mov ${AT}, %edi; call *%rdi; {DONE}")
TRIES = ((READ, READS), (WRITE, WRITES), (EXECUTE, RUNS))
RET = "c3"


@exercise("5.6", expected="read, write and execute apart, each refused as itself", read=PROTECT)
def test_protect(vms):
    """Every combination that there is, against each access, with the page touched before or not."""
    allowed = (0, READ, READ | WRITE, READ | EXECUTE, ALL, EXECUTE)
    for access in allowed:
        check_protected(vms, [(access, kind, image, touched) for kind, image in TRIES
                              for touched in (False, True)])


def check_protected(lab, cases):
    words = []
    for access, _, image, touched in cases:
        before = ["fill", AT, RET] if touched else []
        words += [*vm(image), *before, "try", "protect", access, AT, PAGE, "run", 0, LATE, "close"]
    lines = vmtool(lab, *words, timeout=60)
    refused = [line for line in lines if line.what == "error"]
    if refused:  # execute-only is not on every processor
        check((cases[0][0], *{line["errno"] for line in refused}), (EXECUTE, "EINVAL"),
              "VTXDRV_PROTECT that is refused: access and errno", read=PROTECT)
        return
    for line, (access, kind, _, touched) in zip(exits(lines), cases):
        what = f"access {kind} where {access} is allowed, the page {'' if touched else 'not '}" \
               "touched before"
        if access & kind and (touched or kind != EXECUTE):
            check_exit(line, "hlt", what, read=PROTECT)
        elif not access & kind:
            check_exit(line, "protection", what, read=PROTECT, gpa=AT, slot=0, handled=0,
                       linear=lab.vendor.address(AT), memory=lab.vendor.access(kind | LINEAR))


@exercise("5.6", expected="protection of a range, and of nothing beside it", read=PROTECT)
def test_protect_in_a_large_page(vms, rng):
    """Some pages in the middle of a huge one: the emulator finds their neighbours as they were."""
    first, count = rng.randrange(1, 300), rng.randrange(1, 200)
    at = 8 * MIB + first * PAGE
    image = wide(store(8 * MIB, 1) + "hlt")
    with looked_at(vms, *vm(image, "64M"), "run", 0, LATE, "protect", READ, f"{at:#x}",
                   count * PAGE, "run", 0, LATE, read=PROTECT) as (_, tables):
        leaves = check_sound(tables, PROTECT)
        for page in range(512):
            gpa = 8 * MIB + page * PAGE
            leaf = tables.leaf(gpa)
            if leaf is None:
                continue
            inside = first <= page < first + count
            wanted = READ if inside else ALL
            check(leaf.rights, wanted, f"rights of {gpa:#x}, {'in' if inside else 'out'}side of the"
                  f" {count} pages from {at:#x} on", read=PROTECT)
        require(leaves, expected="some", seen="none", what="pages that are mapped", read=PROTECT)


@exercise("5.6", expected="a read-only slot can be read, and a write is told", read=PROTECT)
def test_read_only_slot(vms, rng):
    """The same memory by two slots: one can be written, and what is there shows in the other."""
    value = rng.getrandbits(60)
    image = wide(f"mov ${HOLE}, %edi; mov (%rdi), %rax; mov %rax, {RESULT}; mov $1, %eax;"
                 f" lock xadd %rax, (%rdi); hlt")
    lines = vmtool(vms, *vm(image), "fill", 4 * MIB, value.to_bytes(8, "little").hex(), "slot", 9,
                   READ_ONLY, f"{HOLE:#x}", PAGE, 4 * MIB, "run", 0, LATE, "read", 4 * MIB, 8,
                   "slot", 9, 0, f"{HOLE:#x}", PAGE, 4 * MIB, "run", 0, LATE, "read", 4 * MIB, 8,
                   "read", f"{RESULT:#x}", 8)
    refused, halt = exits(lines)
    check_exit(refused, "protection", "a write to a read-only slot", read=PROTECT, gpa=HOLE, slot=9)
    check(refused.memory & WRITE, WRITE, "bit WRITE of memory_access", read=PROTECT)
    check_exit(halt, "hlt", "the write when the slot is no longer read-only", read=PROTECT)
    before, after, read = (word(line) for line in lines if line.what == "read")
    check((read, before, after), (value, value, value + 1), "what the guest reads, and the memory"
          " before and after", read=PROTECT)


@exercise("5.6", expected="write-back for memory, uncacheable for a device's window", read=SLOTS)
def test_memory_types(vms):
    """The type in each leaf as the emulator has it."""
    image = wide(store(HOLE, 1) + store(8 * MIB, 1) + "hlt")
    with looked_at(vms, *vm(image), "slot", 4, UNCACHEABLE, f"{HOLE:#x}", MIB, 4 * MIB, "run", 0,
                   LATE, "ranges", 0, read=SLOTS) as (_, tables):
        for gpa, wanted in ((HOLE, ept.UC), (8 * MIB, ept.WB), (guests.LOAD, ept.WB)):
            leaf = tables.leaf(gpa)
            require(leaf, expected="mapped", seen="not present", what=f"{gpa:#x}", read=SLOTS)
            check(leaf.memory_type, wanted, f"memory type of {gpa:#x}", read=SLOTS)
            if wanted == ept.WB:
                check(leaf.ignore_pat, False, f"ignore-PAT of {gpa:#x}: the guest may choose a type"
                      " with its PAT", read=SLOTS)


# ---- the dirty log -------------------------------------------------------------------------------

PAGES = 1024  # of the slot with a log

TOUCHES = """
1:	movl $PAGES, %ecx
	mov $what, %esi
	mov $BASE, %edi
2:	lodsb
	test $2, %al
	jz 3f
	orb (%rdi), %bl
3:	test $1, %al
	jz 4f
	incl (%rdi)
4:	add $4096, %rdi
	dec %ecx
	jnz 2b
	hlt
	jmp 1b
what:	.byte WHAT
"""


def pages_of(line):
    """Pages that a bitmap names, and those behind its end."""
    bits = int.from_bytes(line.data, "little")
    return [n for n in range(bits.bit_length()) if bits >> n & 1]


def pattern(rng):
    """For each page: 1 write, 2 read, 3 read and then write, 0 neither; more in some regions."""
    dense = [rng.choice((0.02, 0.3, 0.9)) for _ in range(PAGES // 64)]
    return [rng.choice((1, 2, 3)) if rng.random() < dense[n // 64] else rng.choice((0, 2))
            for n in range(PAGES)]


@exercise("5.6", expected="exactly the pages that were written, each time anew", read=LOG)
def test_dirty_log(vms, rng):
    """Random reads and writes over a slot in two rounds; pieces of the log are cleared between."""
    what = pattern(rng)
    written = [n for n in range(PAGES) if what[n] & 1]
    base = HOLE
    image = wide(TOUCHES, PAGES=PAGES, BASE=base, WHAT=",".join(map(str, what)))
    cleared = 64 * rng.randrange(1, PAGES // 64 - 1)
    lines = vmtool(vms, *vm(image, "64M"), "slot", 3, LOG_DIRTY, base, PAGES * PAGE, 40 * MIB,
                   "dirtylog", 3, 0, 0, PAGES, "run", 0, LATE, "dirtylog", 3, 0, 0, PAGES,
                   "dirtylog", 3, 1, cleared, PAGES - cleared, "dirtylog", 3, 0, 0, PAGES,
                   "dirtylog", 3, 1, 0, PAGES, "dirtylog", 3, 1, 0, PAGES, "run", 0, LATE,
                   "dirtylog", 3, 1, 0, PAGES, "slots", timeout=60)
    for line in exits(lines):
        check_exit(line, "hlt", "a guest that writes its pages", read=LOG)
    wanted = (("before the guest has run", []), ("after the first round", written),
              (f"from page {cleared} on, cleared", [n - cleared for n in written if n >= cleared]),
              ("after that", [n for n in written if n < cleared]),
              ("the rest, cleared", [n for n in written if n < cleared]),
              ("after that as well", []), ("after the second round", written))
    for line, (when, pages) in zip((line for line in lines if line.what == "dirtylog"), wanted):
        seen = set(pages_of(line))
        check(sorted(set(pages) - seen), [], f"pages that are missing in the dirty log {when}",
              read=LOG)
        check(sorted(seen - set(pages)), [], f"pages too many in the dirty log {when}", read=LOG)
        check(line.count, len(pages), f"count of the dirty log {when}", read=LOG)
    check(only(lines, "slot", slot=3).dirty, 0, "pages in the log as VTXDRV_SLOT_INFO tells",
          read=LOG)


@exercise("5.6", expected="a write is in the log although the guest had written there before",
          read=LOG)
def test_dirty_log_of_a_running_guest(vms, rng):
    """A guest writes one page for ever: whenever the log is cleared, the page is in it again."""
    page = rng.randrange(PAGES)
    image = wide(f"sti; mov ${HOLE + page * PAGE}, %edi; 1: incq (%rdi); pause; jmp 1b")
    rounds = 6
    lines = vmtool(vms, *vm(image, "64M"), "slot", 3, LOG_DIRTY, HOLE, PAGES * PAGE, 40 * MIB,
                   "begin", 0, LATE, "sleep", 50,
                   *["dirtylog", 3, 1, 0, PAGES, "sleep", 20] * rounds, "slot", 3, 0, HOLE, 0, 0,
                   "finish", 0, timeout=60)
    for n, line in enumerate(line for line in lines if line.what == "dirtylog"):
        check(pages_of(line), [page], f"the dirty log, cleared for the {n + 1}. time", read=LOG)
    check_exit(only(lines, "exit"), "mmio", "the guest after its slot was taken", read=SLOTS,
               gpa=HOLE + page * PAGE)


@exercise("5.6", expected="a page that was read only is written later, and then in the log",
          read=LOG)
def test_dirty_log_begins_late(vms, rng):
    """Logging is switched on for memory that is mapped and written already."""
    base, pages = HOLE, sorted(rng.sample(range(512), 9))
    body = "".join(store(base + n * PAGE, n) for n in pages)
    image = wide(f"1: {body} hlt; jmp 1b")
    lines = vmtool(vms, *vm(image, "64M"), "slot", 3, 0, base, 2 * MIB, 40 * MIB,
                   "run", 0, LATE, "try", "dirtylog", 3, 0, 0, 512, "slot", 3,
                   LOG_DIRTY, base, 2 * MIB, 40 * MIB, "dirtylog", 3, 0, 0, 512, "run", 0, LATE,
                   "dirtylog", 3, 0, 0, 512, "slot", 3, 0, base, 2 * MIB, 40 * MIB, "try",
                   "dirtylog", 3, 0, 0, 512, "run", 0, LATE)
    before, after = (line for line in lines if line.what == "dirtylog")
    check(pages_of(before), [], "the log when it begins", read=LOG)
    check(pages_of(after), pages, "the log after the guest has written again", read=LOG)
    check(errors(lines), [("dirtylog", "ENOENT")] * 2, "VTXDRV_DIRTY_LOG of a slot without a log",
          read=LOG)
    for line in exits(lines):
        check_exit(line, "hlt", "a guest that writes nine pages", read=LOG)
