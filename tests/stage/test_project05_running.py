# SPDX-License-Identifier: GPL-2.0
"""project05: slots and rights that change while a guest runs, and memory that comes to an end.

The guest shows in its memory what it sees; when an ioctl has returned, it sees nothing else any
more. What the tables name at such a moment is looked at by the emulator.
"""
import re

import pytest

from harness.grade import check, check_run, exercise, one_of, require, run_log
from stage.ept_tools import (GIB, HOLE, LATE, MIB, PAGE, READ, READ_ONLY, README, Tables,
                             check_sound, exits, store, vm, wide)
from stage.guest_tools import Line, check_exit, in_guest, only, vmtool
from stage.vm_tools import kill, vms

pytestmark = pytest.mark.lab(vendor="vmx", cpus=2, instance="running")

FLUSH = f"{README}#what-a-processor-remembers"
SLOTS = f"{README}#slots"
POPULATE = f"{README}#a-frame-when-it-is-touched"
MEMORY = f"{README}#a-frame-when-it-is-touched"
RESULT = 0x8000


def words_read(lines):
    """What `read` has found, as numbers."""
    return [int.from_bytes(line.data[:8], "little") for line in lines if line.what == "read"]


COUNTS = f"sti; mov ${HOLE}, %ebx; 1: incq (%rbx); jmp 1b"
WINDOW = ["slot", 5, 0, f"{HOLE:#x}", PAGE]
CHANGES = (  # what is done, and the exit that has to come of it
    (["slot", 5, 0, f"{HOLE:#x}", 0, 0], "mmio"),
    (["protect", 0, f"{HOLE:#x}", PAGE], "protection"),
    (["protect", READ, f"{HOLE:#x}", PAGE], "protection"),
    (["slot", 5, READ_ONLY, f"{HOLE:#x}", PAGE, 4 * MIB], "protection"),
)


@exercise("5.6", expected="what was taken away is gone when the ioctl returns", read=FLUSH)
@pytest.mark.parametrize("vcpus", [1, 2])
def test_taken_from_a_running_guest(vms, rng, vcpus):
    """A guest counts in a page; from one moment on it does not, and exits for it."""
    image = wide(COUNTS)
    for change, kind in CHANGES:
        begin = [word for n in range(vcpus) for word in ("begin", n, LATE)]
        finish = [word for n in range(vcpus) for word in ("finish", n)]
        look = ["read", 4 * MIB, 8]
        lines = vmtool(vms, *vm(image, vcpus=vcpus), *WINDOW, 4 * MIB, *begin, "sleep", 30, *look,
                       *change, *look, "sleep", rng.randrange(5), *look, *finish, *look)
        first, *after = words_read(lines)
        what = f"a page that the guest counts in, `{' '.join(map(str, change[:2]))}` done"
        require(first, expected="it counts", seen="it does not", what=what, read=FLUSH)
        check(len(set(after)), 1, f"different values of {what}", read=FLUSH, log=str(after))
        for line in exits(lines):
            check_exit(line, kind, what, read=FLUSH, gpa=HOLE)


@exercise("5.6", expected="when the ioctl returns the guest works on the slot's new memory",
          read=FLUSH)
def test_moved_under_a_running_guest(vms, rng):
    """The slot shows one page, then another, forty times: the one that is gone stands still."""
    image = wide(COUNTS)
    places, words = [rng.randrange(4, 15) * MIB for _ in range(12)], []
    for old, new in zip(places, places[1:]):
        words += [*WINDOW, new]
        if old != new:
            words += ["read", old, 8, "sleep", 3, "read", old, 8, "read", new, 8]
    lines = vmtool(vms, *vm(image), *WINDOW, places[0], "begin", 0, LATE, "sleep", 10, *words,
                   "slot", 5, 0, f"{HOLE:#x}", 0, 0, "finish", 0)
    found = words_read(lines)
    for n in range(0, len(found), 3):
        check(found[n + 1], found[n], "a counter in memory that the slot does not show any more",
              read=FLUSH)
        require(found[n + 2], expected="it counts", seen="it does not", read=FLUSH,
                what="the guest in the memory that the slot shows now")


# Each page says which it is: a number made of its own, or that number's complement.
CHECKS = """
	sti
	movabs $SEED, %r8
	movabs $STEP, %r9
1:	mov $PAGES, %ecx
	mov $BASE, %edi
	mov %r8, %rdx
2:	mov (%rdi), %rax
	cmp %rax, %rdx
	je 3f
	not %rax
	cmp %rax, %rdx
	je 4f
	not %rax
	mov %rax, 0x8010
	mov %rdi, 0x8018
	hlt
3:	incq 0x8000
	jmp 5f
4:	incq 0x8008
5:	add %r9, %rdx
	add $4096, %rdi
	dec %ecx
	jnz 2b
	jmp 1b
"""
PAGES = 64


def stamps(rng):
    """The seed, the step, and the words that fill two places of memory with pages that say so."""
    seed, step = rng.getrandbits(64), rng.getrandbits(64) | 1
    return seed, step, ["number", 4 * MIB, PAGES, seed, step, 0, "number", 8 * MIB, PAGES, seed,
                        step, 1]


@exercise("5.6", expected="a guest sees the old memory or the new, and never anything else",
          read=FLUSH)
def test_flipped_under_a_running_guest(vms, rng):
    """Sixty-four pages change places while a guest checks them and others use what is freed."""
    seed, step, fill = stamps(rng)
    image = wide(CHECKS, SEED=f"{seed:#x}", STEP=f"{step:#x}", PAGES=PAGES, BASE=HOLE)
    window = ["slot", 5, 0, f"{HOLE:#x}", PAGES * PAGE]
    flips = []
    for _ in range(8):
        flips += ["sleep", rng.randrange(3), *window, 8 * MIB, "dirty", MIB, rng.getrandbits(60),
                  "sleep", rng.randrange(3), *window, 4 * MIB]
    lines = vmtool(vms, *vm(image), *fill, *window, 4 * MIB, "begin", 0, 5 * LATE, *flips, "slot",
                   5, 0, f"{HOLE:#x}", 0, 0, "finish", 0, "read", RESULT, 8, "read", RESULT + 8, 8,
                   "read", RESULT + 16, 8, "read", RESULT + 24, 8, timeout=60)
    old, new, wrong, where = words_read(lines)
    check((wrong, where), (0, 0), "a word that belongs to neither memory, and its address",
          read=FLUSH)
    check_exit(only(lines, "exit"), "mmio", "the guest when its slot is gone", read=FLUSH)
    require(old and new, expected="both", seen=f"{old} and {new} times",
            what="the two memories, as the guest has seen them", read=SLOTS)


@exercise("5.6", expected="what the tables of a running guest name is in use", read=FLUSH)
def test_tables_of_a_running_guest(vms, rng):
    """EPTP as the processor has it in the guest; no table and no page of it is free or shared."""
    image = wide("".join(store(at * MIB, at) for at in rng.sample(range(4, 60), 6)) + "sti;"
                 " 1: pause; jmp 1b")
    pointers, pids, frames = [], [], []
    try:
        for _ in range(2):  # CPU 0 serves the line to the machine
            lines = vmtool(vms, "cpu", 1, *vm(image, "64M"), "walk", 0, "spin", 0)
            pids.append(only(lines, "spin").pid)
            pointers.append(only(lines, "walk").pointer)
        require(in_guest(vms, 1), expected="VMX non-root operation", seen="never in some looks",
                what="CPU 1 while two guests spin there", read=FLUSH)
        loaded = vms.machine.outside.nested(1)
        if loaded:
            check(loaded.ept_pointer, one_of(*pointers), "EPTP that the processor has loaded, as"
                  " the emulator has it, against VTXDRV_WALK of both guests", read=FLUSH)
        for pointer in pointers:
            leaves = check_sound(Tables(vms, pointer, FLUSH), FLUSH)
            frames.append({at for leaf in leaves
                           for at in range(leaf.frame, leaf.frame + leaf.size, PAGE)})
        check(sorted(frames[0] & frames[1]), [], "host frames that two guests share", read=FLUSH)
    finally:
        for pid in pids:
            kill(vms, pid)


# ---- memory that is not there --------------------------------------------------------------------

# Where there are no blocks left a step costs a page: small enough not to reach 3 GiB even so.
STEP = MIB // 16
TOUCH = f"mov ${16 * MIB}, %ebx; 1: movb $1, (%rbx); incq {RESULT}; add ${STEP}, %rbx; jmp 1b"


def check_nobody_killed(result):
    """The kernel has not looked for a process to kill."""
    said = [record.text for record in result.kmsg if "oom" in record.text.lower()
            or "out of memory" in record.text.lower()]
    check(said, [], "what the kernel says of memory that is used up", read=MEMORY)


@exercise("5.4", expected="64 GiB cost what is touched", read=POPULATE)
def test_large_vm(vms, rng):
    """A VM larger than the machine, made at once; its owner touches a few pages of it."""
    before = vms.probe("pages").split()[0]
    lines = vmtool(vms, "clock", "create", "64G", 1, "clock", "touch", 5 * GIB, 20 * GIB, 4 * GIB,
                   "memory", "hold")
    try:
        after = vms.probe("pages").split()[0]
    finally:
        kill(vms, only(lines, "hold").pid)
    took = [line.ms for line in lines if line.what == "clock"][-1]
    require(took < LATE, expected=f"less than {LATE} ms", seen=f"{took} ms", read=POPULATE,
            what="time to create a VM of 64 GiB")
    check((only(lines, "touch").pages, only(lines, "touch").end), (5, "all"), "pages of it that the"
          " owner could touch", read=POPULATE)
    populated, used = only(lines, "memory").populated, int(before) - int(after)
    require(5 * PAGE <= populated <= 12 * 2 * MIB, expected="5 pages to 12 blocks of 2 MiB",
            seen=f"{populated:#x} bytes", read=POPULATE,
            what="memory that has a frame after five touches")
    require(used * PAGE <= populated + 4 * MIB, expected=f"at most {populated + 4 * MIB:#x} bytes",
            seen=f"{used * PAGE:#x}", what="memory that the machine has less", read=POPULATE)


@exercise("5.6", expected="VTX_EXIT_NO_MEMORY, and a guest that goes on when there is some",
          read=MEMORY)
def test_memory_runs_out(vms):
    """A guest of 64 GiB touches more than there is; then others give back what they have."""
    image = wide(TOUCH)
    result = vms.run(["vmtool", "take", "60M", *vm(image, "64G"), "run", 0, 20 * LATE, "read",
                      RESULT, 8, "run", 0, LATE, "read", RESULT, 8, "release", "run", 0, 20 * LATE,
                      "read", RESULT, 8, "memory", "close", "take", "60M"], timeout=60)
    check_run(result, what="a VM that wants more memory than there is", read=MEMORY)
    check_nobody_killed(result)
    lines = vmtool_lines(result)
    counts = words_read(lines)
    for line, count in zip(exits(lines), counts):
        check_exit(line, "no-memory", "a guest that touches more than there is", read=MEMORY,
                   gpa=16 * MIB + count * STEP, handled=0)
    check(counts[1], counts[0], "64-KiB steps of a guest that runs again while nothing has changed",
          read=MEMORY)
    require(counts[2] >= counts[1] + 640, expected=f"at least {counts[1] + 640}", seen=counts[2],
            what="64-KiB steps after others have given 60 MiB back", read=MEMORY)


def vmtool_lines(result):
    return [Line(text) for text in result.out.splitlines() if text]


@exercise("5.4", expected="SIGBUS for an owner who wants more than there is", read=MEMORY)
def test_memory_runs_out_for_the_owner(vms):
    """Touching 8 GiB ends in a signal; nobody is killed, and a part of the memory is others'."""
    result = vms.run(["vmtool", "create", "64G", 1, "touch", 0, "8G", "2M", "memory", "probe",
                      "pages", "close", "take", "60M"], timeout=60)
    check_nobody_killed(result)
    check_run(result, what="an owner who touches more memory than there is", read=MEMORY)
    lines = vmtool_lines(result)
    line = only(lines, "touch")
    check(line.end, "SIGBUS", "how touching 8 GiB ended", read=MEMORY)
    require(line.pages >= 16, expected="at least 16", seen=line.pages, read=MEMORY,
            what="blocks of 2 MiB that could be touched")
    check_reserve(vms, lines)


def check_reserve(lab, lines):
    """A sixteenth is the host's; the kernel's own caches may have some of it."""
    free = int(only(lines, "probe").text.split()[1]) * PAGE // MIB
    total = int(re.search(r"MemTotal: +(\d+) kB", lab.get("/proc/meminfo").decode())[1]) // 1024
    require(free >= total // 32, expected="a reserve, the 32nd part of the memory at least",
            seen=f"{free} of {total} MiB", read=MEMORY,
            what="free memory of the machine when its driver took no more")


@exercise("5.6", expected="nothing of an exit that a vCPU had before it was initialised",
          read=POPULATE)
def test_initialised_again(vms):
    """A vCPU comes back before its first page is got; then it begins anew, without memory."""
    words = [*vm(wide("hlt")), "every", 0, 1, "run", 0, LATE, "every", 0, 0,
             "slot", 0, 0, 0, 0, 0, "init", 0, 0, "run", 0, LATE]
    first, second = exits(vmtool(vms, *words))
    while first.kind == "interrupt":  # one of the host's came first
        first, second = exits(vmtool(vms, *words))
    check_exit(second, "mmio", "a guest whose memory was taken", read=POPULATE, gpa=first.gpa)


ALIASES, ALIAS = 24, 4 * GIB
# A page in each 2 MiB of 24 slots that show the same 8 MiB of frames: a table for each of them.
MANY_TABLES = f"movabs ${16 * ALIAS}, %rbx; 1: movb $1, (%rbx); add ${2 * MIB}, %rbx; jmp 1b"


@exercise("5.6", expected="tables do not take the reserve either", read=MEMORY)
def test_tables_take_all(vms):
    """Few frames at many addresses: what takes the memory is the tables."""
    slots = [word for n in range(ALIASES)
             for word in ("slot", 2 + n, 0, (16 + n) * ALIAS, ALIAS, PAGE)]
    result = vms.run(["vmtool", "take", "100M", *vm(wide(MANY_TABLES), "5G"), *slots, "run", 0,
                      20 * LATE, "memory", "probe", "pages", "close"], timeout=60)
    check_nobody_killed(result)
    check_run(result, what="a VM whose tables take all memory", read=MEMORY)
    lines = vmtool_lines(result)
    check_exit(only(lines, "exit"), "no-memory", "a guest that needs more tables than there is"
               " memory for", read=MEMORY, handled=0)
    check_reserve(vms, lines)


CGROUP = """
mkdir -p /cg && mount -t cgroup2 none /cg 2>/dev/null
echo +memory > /cg/cgroup.subtree_control && mkdir -p /cg/small
echo 32M > /cg/small/memory.max
sh -c 'echo $$ > /cg/small/cgroup.procs; exec vmtool WORDS sleep 60000' > /tmp/held & pid=$!
while ! grep -q '^read' /tmp/held && kill -0 $pid; do usleep 20000; done
cat /tmp/held; echo current bytes=$(cat /cg/small/memory.current)
sed -n 's/^oom_kill /killed count=/p' /cg/small/memory.events
kill -9 $pid
while ! rmdir /cg/small 2>/dev/null; do sleep 0.05; done; umount /cg
"""


@exercise("5.6", expected="who runs the guest pays for its memory, within his limit", read=MEMORY)
def test_memory_is_charged(vms):
    """In a cgroup that may have 32 MiB a guest gets no more, and nobody is killed for it."""
    words = " ".join(map(str, ["clock", "lock", *vm(wide(TOUCH), "64G"), "run", 0, 20 * LATE,
                               "read", RESULT, 8]))
    result = check_run(vms.sh(CGROUP.replace("WORDS", words), timeout=60))
    lines = [line for line in vmtool_lines(result)]
    line = only(lines, "exit")
    check_exit(line, "no-memory", "a guest in a cgroup that may have 32 MiB", read=MEMORY,
               log=run_log(result))
    count, charged = words_read(lines)[0], only(lines, "current").bytes
    require(count >= 160, expected="at least 160", seen=count, read=MEMORY,
            what="steps of 64 KiB in which it has touched memory")
    require(20 * MIB <= charged <= 32 * MIB, expected="20 to 32 MiB", seen=f"{charged} bytes",
            what="memory charged to a cgroup that may have 32 MiB", read=MEMORY)
    check(only(lines, "killed").count, 0, "processes that were killed in the cgroup", read=MEMORY)
