# SPDX-License-Identifier: GPL-2.0
"""project05: what may not stay behind, whoever goes meanwhile; what must be refused."""
import pytest

from harness import guests
from harness.grade import check, check_run, exercise, expect_kmsg, require
from stage.ept_tools import HOLE, LATE, MIB, PAGE, READ, README, vm, wide
from stage.guest_tools import only, vmtool
from stage.test_project04_survive import CPU1, check_nothing_lost, lost_with_a_user
from stage.vm_tools import run_and_kill, vms
from stage.vmxon_tools import FAIL_NTH, check_off

pytestmark = pytest.mark.lab(vendor="vmx", cpus=2, instance="survive")

POPULATE = f"{README}#a-frame-when-it-is-touched"
CYCLES = 1000
KILLS = 12
# Touches a page of its own in each of eight times 2 MiB, and gives it up by starting again.
TOUCH = f"""
2:	mov ${2 * MIB}, %ebx
	mov $8, %ecx
1:	movb $1, (%rbx)
	add ${2 * MIB + PAGE}, %rbx
	dec %ecx
	jnz 1b
	hlt
	jmp 2b
"""


@pytest.mark.reference
@pytest.mark.lab(kernels=1)
def test_many_cycles(vms):
    """A thousand times a VM is created, touches memory, changes slots, is closed: nothing stays."""
    check_run(vms.vtxctl("enable"))  # VMXON a thousand times is the tests' of project02
    image = guests.code("movb $1, 0x20000; movb $1, 0x40000; hlt")
    words = ["create", "1M", 1, "code", image.hex(), "slot", 5, 2, f"{HOLE:#x}", 4 * PAGE, PAGE,
             "protect", 1, "0x50000", PAGE, "init", 0, 0, "run", 0, 100, "close"]

    def work():
        vmtool(vms, "repeat", CYCLES, *words, timeout=240)
    try:
        lost = max(lost_with_a_user(vms, work), 0)
        lost = lost if lost < CYCLES // 2 else lost_with_a_user(vms, work)
    finally:
        check_run(vms.vtxctl("disable"))
    require(lost < CYCLES // 2, expected=f"fewer than {CYCLES // 2} pages", seen=f"{lost} pages",
            what=f"memory lost in {CYCLES} cycles", read=POPULATE)
    check_off(vms, f"after {CYCLES} cycles", read=POPULATE)


# Through a window of 32 MiB of a 64-GiB VM, page by page, for ever: always a fault.
FAULTS = f"""
	sti
2:	mov ${16 * MIB}, %ebx
	mov ${8 * 512}, %ecx
1:	movb $1, (%rbx)
	add ${PAGE}, %rbx
	dec %ecx
	jnz 1b
	jmp 2b
"""


@exercise("5.6", expected="kill -9 in the middle of a fault leaves nothing", read=POPULATE)
@pytest.mark.instructor
def test_many_kills(vms, rng):
    """Guests that touch memory all the time, each killed at some moment with its process."""
    words = ["create", "64G", 2, "code", wide(FAULTS).hex(), "slot", 5, 2, f"{HOLE:#x}", "2M", "4M",
             "init", 0, 0, "init", 1, 0, "spin", "$((n % 2))"]
    pause = f"$((500 + n * {rng.randrange(1000, 40000)} % 39500))"
    check_nothing_lost(vms, lambda: run_and_kill(vms, words, KILLS, pause), KILLS * 40)


# Page after page, until there is no more memory.
EVERYTHING = f"sti; mov ${16 * MIB}, %ebx; 1: movb $1, (%rbx); add ${PAGE}, %rbx; jmp 1b"


@exercise("5.6", expected="the guest goes on where the host lets it, and ends without memory",
          read=POPULATE)
@pytest.mark.instructor
@expect_kmsg(r"no longer affine to cpu1")
def test_cpu_goes_in_the_middle_of_faults(vms, rng):
    """CPU 1 goes offline and comes back while a guest on it touches all the memory there is."""
    words = " ".join(map(str, ["cpu", 1, *vm(wide(EVERYTHING), "64G"), "run", 0, 15 * LATE]))
    result = check_run(vms.sh(f"""
vmtool {words} memory close > /tmp/out 2>&1 & pid=$!
usleep {rng.randrange(300000, 800000)}
echo 0 > {CPU1} || exit 1
usleep 200000
echo 1 > {CPU1} || exit 2
wait $pid || exit 3
cat /tmp/out""", timeout=90), what="CPU 1 goes offline and comes back", read=POPULATE)
    require("kind=no-memory" in result.out, expected="kind=no-memory", seen=result.out[-300:],
            what="the guest's exit", read=POPULATE)
    check_off(vms, "after the guest's end", read=POPULATE)


@exercise("5.4", expected="no memory at any step: a clean refusal, and nothing left behind",
          read=POPULATE)
def test_every_allocation_fails_once(vms):
    """Creating, touching and closing while the n-th allocation fails, for each n that there is."""
    script = f"""
for nth in $(seq 1 40); do
	echo $nth > {FAIL_NTH}
	vmtool try create 64M 1 try touch 0 4M 4096 try touch 33M 4K 4K try memory close >/dev/null
	[ $? -lt 2 ] || exit 9
done
echo 0 > {FAIL_NTH}
"""

    def work():
        check_run(vms.sh(script, timeout=120), what="VMs while allocations fail", read=POPULATE)
    check_nothing_lost(vms, work, 400)
    vms.unload()  # what a failure has leaked is told here
    vms.load()


@exercise("5.6", expected="no memory at any step of a run: an exit, and no crash", read=POPULATE)
def test_every_allocation_of_a_run_fails_once(vms):
    """The n-th allocation fails while a guest runs and slots change; the next one works."""
    image = wide(TOUCH).hex()
    script = f"""
for nth in $(seq 1 3 60); do
	echo $nth > {FAIL_NTH}
	vmtool create 64M 1 code {image} init 0 0 try slot 5 2 {HOLE:#x} 2M 4M try run 0 2000 \\
		try protect 1 2M 4K try run 0 2000 close > /tmp/out 2>&1
	grep -o 'kind=[a-z-]*' /tmp/out
done
echo 0 > {FAIL_NTH}
"""
    result = check_run(vms.sh(script, timeout=120), what="guests while allocations fail")
    kinds = set(result.out.split())
    require(kinds <= {"kind=hlt", "kind=no-memory", "kind=protection"}, read=POPULATE,
            expected="hlt, no-memory", seen=sorted(kinds), what="exits while allocations fail")
    check_off(vms, "after guests whose allocations fail", read=POPULATE)
    vms.unload()
    vms.load()


# Writes to the page at 10 MiB, comes back, and writes to the one at 8 MiB.
TWO_BLOCKS = f"movb $1, {10 * MIB}; hlt; movb $1, {8 * MIB}; hlt"
# To create a VM takes 20 steps that can fail; what is tested, a few behind them.
FIRST_STEP, LAST_STEP = 18, 36


@exercise("5.6", expected="what fails changes nothing; an exit comes with its registers",
          read=POPULATE)
def test_protection_fails_as_a_whole(vms):
    """From memory that is not mapped to the middle of a large leaf, while the n-th step fails."""
    words = [*vm(wide(TWO_BLOCKS)), "run", 0, LATE, "try", "protect", READ, 8 * MIB,
             2 * MIB + 5 * PAGE, "run", 0, LATE, "page", 0, "close"]
    result = check_run(vms.sh(f"""
for nth in $(seq {FIRST_STEP} {LAST_STEP}); do
	echo $nth > {FAIL_NTH}
	vmtool {" ".join(map(str, words))} 2>/dev/null |
		grep -o ' \\(errno\\|kind\\|rip\\)=[A-Za-z0-9-]*' | tr -d '\\n'
	echo
done
echo 0 > {FAIL_NTH}
""", timeout=120), what="guests while steps fail")
    said = [line.split() for line in result.out.splitlines()]
    failed = [line for line in said if "errno=ENOMEM" in line]
    protected = [line for line in said if "kind=protection" in line and line not in failed]
    require(failed and protected, expected="ENOMEM at least once, a protection at least once",
            seen=result.out, what="runs in each of which another step fails", read=POPULATE)
    for line in failed:
        check(line[-3], "kind=hlt", "a write to a page that VTXDRV_PROTECT has failed to protect",
              read=POPULATE)
    for line in protected:
        check(line[-1], line[-2], "RIP in the shared page's registers, against the exit's",
              read=POPULATE)


def test_hostile_arguments(vms):
    """Pointers, pads, alignment and ends, of every ioctl about memory: each has its errno."""
    check(vms.run(["abitool", "hostile"]).out.strip(), "all refused",
          "arguments that must be refused")


@exercise("5.6", expected="whoever changes and reads the tables at the same moment", read=POPULATE)
def test_races(vms):
    """Slots, rights, logs, maps and faults of one VM from four threads."""
    check(vms.run(["abitool", "memory", 400], timeout=120).out.strip(), "400 rounds",
          "threads that change and read the tables of a VM")


@exercise("5.4", expected="the owner's mapping outlives the file, and ends with it", read=POPULATE)
def test_mapping_outlives_close(vms, rng):
    """A page that was never touched is touched when only the mapping is left."""
    seed = rng.getrandbits(60)
    lines = vmtool(vms, "create", "8M", 1, "stamp", seed, "mapped", "dirty", "40M", 5, "stamped",
                   seed)
    check(only(lines, "stamped").wrong, 0, "pages that changed after the file was closed, while"
          " they were still mapped", read=POPULATE)
    lines = vmtool(vms, "create", "8M", 1, "mapped", "touch", 0, "8M", "1M")
    require(only(lines, "touch").end in ("all", "SIGBUS"), expected="memory, or SIGBUS",
            seen=only(lines, "touch").end, what="touching memory after the file was closed",
            read=POPULATE)
    vms.unload()
    vms.load()
