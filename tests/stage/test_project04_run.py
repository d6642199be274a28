# SPDX-License-Identifier: GPL-2.0
"""project04: the run loop.

Nobody's guests but the grader's run here, and they never leave by themselves: they show in memory
that they run and what they have computed, which the emulator reads as well.
"""
import pytest

from harness import guests
from harness.grade import check, exercise, one_of, require
from harness.guests import COUNTER, LOAD, LOST, RESULT
from stage.guest_tools import Spinning, check_exit, guest, in_guest, only, vmtool
from stage.vm_tools import kill, vms

pytestmark = pytest.mark.lab(vendor="vmx", cpus=2, instance="run")

README = "project04/README.md"
LOOP = f"{README}#the-run-loop"
WHO = f"{README}#who-saves-what"
TIME = 100  # milliseconds that a guest may run
LATE = 1000  # and after which it has to be back under an emulator


def read_number(lines, address):
    """A number that vmtool has read from guest memory."""
    return int.from_bytes(only(lines, "read", address=address).data, "little")


def look(address):
    return ["read", f"{address:#x}", 8]


# ---- 4.5: the run loop -------------------------------------------------------------------------


@exercise("4.5", expected="a guest that never exits is taken out when its time is over",
          read=LOOP)
def test_time_is_over(vms, rng, nonce):
    """It has computed what it should, is back in time, and goes on where it was."""
    image, function = guests.spin(rng)
    lines = vmtool(vms, *guest(image, nonce), "run", 0, TIME, *look(RESULT), *look(COUNTER), "run",
                   0, TIME, "read", f"{COUNTER:#x}", 16)
    first, second = (line for line in lines if line.what == "exit")
    for line in (first, second):
        check_exit(line, "timeout", "a guest in an endless loop", read=LOOP)
        require(TIME <= line.ms < LATE, expected=f"{TIME} to {LATE} ms", seen=f"{line.ms} ms",
                what="time in VTXDRV_RUN_VCPU", read=LOOP)
    check(read_number(lines, RESULT), function(nonce), f"what the guest made of {nonce:#x}",
          read=LOOP)
    counts = [int.from_bytes(line.data[:8], "little") for line in lines if line.what == "read"][1:]
    require(0 < counts[0] < counts[1], expected="the guest counts on where it was",
            seen=f"{counts[0]}, then {counts[1]}", what="a counter in guest memory", read=LOOP)


@exercise("4.5", expected="a signal takes the guest out", read=LOOP)
def test_signal(vms, rng):
    """VTXDRV_RUN_VCPU without a limit returns when a signal comes, and the guest is intact."""
    image, _ = guests.spin(rng)
    lines = vmtool(vms, *guest(image), "alarm", TIME, "run", 0, 0, *look(COUNTER), "run", 0, TIME)
    first, second = (line for line in lines if line.what == "exit")
    check_exit(first, "signal", "a signal for the caller", read=LOOP)
    require(first.ms < LATE, expected=f"less than {LATE} ms", seen=f"{first.ms} ms",
            what="time until the signal took it out", read=LOOP)
    require(read_number(lines, COUNTER), expected="the guest has run", seen="it has not",
            what="a counter in guest memory", read=LOOP)
    check_exit(second, "timeout", "the next turn after a signal", read=LOOP)


@exercise("4.5", expected="who wants to see every exit sees every exit", read=LOOP)
def test_every_exit(vms):
    """With VTX_RUN_EVERY_EXIT also the host's interrupts come back, which the host has answered."""
    image = guests.code("sti; 1: jmp 1b")  # PAUSE would exit as well, with SVM
    touch = ["run", 0, TIME]  # nested paging has its own exits, before the memory has frames
    lines = vmtool(vms, *guest(image), *touch, "every", 0, 1, "run", 0, 10 * TIME, "every", 0, 0,
                   "run", 0, TIME)
    _, first, second = (line for line in lines if line.what == "exit")
    check_exit(first, "interrupt", "the first exit of a guest in an endless loop", read=LOOP,
               handled=1)
    check_exit(second, "timeout", "the same guest without VTX_RUN_EVERY_EXIT", read=LOOP)


def keeps(lab, rng, *words):
    """Run the guest that keeps its registers, and never exits; words are done before it runs."""
    image, _ = guests.keep(rng, quiet=True)
    what = sum(guests.KEEP[name] for name in ("gpr", "cr2", "fpu", "flags"))
    if has_avx(lab):
        what |= guests.KEEP["avx"]
    return vmtool(lab, *words, *guest(image, what | 1 << 8), "run", 0, 3 * TIME, *look(RESULT),
                  *look(COUNTER), "busy", 0, 0)


def has_avx(lab):
    """Does the host let its programs use AVX? Then its guest can as well."""
    ecx = int(lab.probe("cpuid", 0, 1, 0).split()[2], 0)
    return ecx >> 27 & ecx >> 28 & 1


def check_kept(lines, what):
    lost = read_number(lines, RESULT)
    seen = LOST.get(lost, lost) if lost else "nothing"
    check(seen, "nothing", f"what the guest has lost, {what}", read=WHO)
    require(read_number(lines, COUNTER), expected="at least one round", seen="none",
            what=f"rounds of the guest, {what}", read=LOOP)


@exercise("4.5", expected="guest and host do not see each other's registers", read=WHO)
def test_registers_beside_busy_processes(vms, rng):
    """x87, SSE, AVX and general registers, CR2: kept by the guest and by processes on its CPU."""
    lines = keeps(vms, rng, "cpu", 0, "busy", 2, 3 * TIME)
    check_kept(lines, "beside processes that use the same registers")
    busy = only(lines, "busy")
    check((busy.processes, busy.damaged), (2, 0), "processes beside the guest, and those whose x87,"
          " SSE or AVX registers were changed", read=WHO)


@exercise("4.5", expected="a vCPU runs on whichever CPU its thread is", read=LOOP)
def test_moves_between_cpus(vms, rng):
    """Its thread is sent from CPU to CPU forty times; nothing is lost, and it goes on."""
    lines = keeps(vms, rng, "wander", 40, 5)
    check_exit(only(lines, "exit"), "timeout", "a vCPU that was moved", read=LOOP)
    check_kept(lines, "on the way from CPU to CPU")


@exercise("4.5", expected="as many vCPUs as one likes share the CPUs", read=LOOP)
def test_more_vcpus_than_cpus(vms, rng, nonce):
    """Eight vCPUs in eight threads on two CPUs, all in endless loops: each gets on."""
    image, function = guests.spin(rng)
    lines = vmtool(vms, *guest(image, nonce, vcpus=8), "guests", 4 * TIME, "read", f"{RESULT:#x}",
                   512)
    for line in (line for line in lines if line.what == "exit"):
        check_exit(line, "timeout", f"vCPU {line.vcpu} of eight", read=LOOP)
    data = only(lines, "read").data
    for vcpu in range(8):
        at = vcpu * guests.APART
        check(int.from_bytes(data[at:at + 8], "little"), function(nonce),
              f"what vCPU {vcpu} of eight made of {nonce:#x}", read=LOOP)
        require(any(data[at + COUNTER - RESULT:at + COUNTER - RESULT + 8]), expected="it counts",
                seen="it does not", what=f"vCPU {vcpu} of eight", read=LOOP)


@pytest.fixture
def spinning(vms, rng, nonce):
    """A guest in an endless loop on CPU 1."""
    running = Spinning(vms, rng, nonce)
    yield running
    if vms.machine is not None and vms.machine.alive:
        kill(vms, running.pid)


@exercise("4.5", expected="the processor itself is in the guest", read=LOOP)
def test_the_cpu_is_in_the_guest(vms, spinning, nonce):
    """The emulator: VMX non-root operation, the guest's RIP and CR3, and its memory."""
    state = in_guest(vms, spinning.cpu)
    require(state, expected="VMX non-root operation", seen="never there in some moments' looks",
            what=f"CPU {spinning.cpu} while a guest runs in an endless loop", read=LOOP)
    if state.in_guest:
        check(state.cr3, one_of(*spinning.roots), "CR3 of the CPU in the guest: its tables",
              read=LOOP)
        require(LOAD <= state.rip < spinning.end, expected="an address in the guest's code",
                seen=f"{state.rip:#x}", what="RIP of the CPU in the guest", read=LOOP)
    check(spinning.number(RESULT), spinning.function(nonce), f"what the guest made of {nonce:#x},"
          " in memory as the emulator has it", read=LOOP)


@exercise("4.5", expected="a running vCPU makes way for who wants to look at it", read=LOOP)
def test_visitor(vms, spinning):
    """GET_STATE of a guest in an endless loop: soon, with its RIP; and it goes on."""
    before = spinning.number(COUNTER)
    lines = vmtool(vms, "clock", "use", spinning.id, "fields", 0, "clock", "fields", 0, "sleep", 50)
    text = next(line.text for line in lines if line.what == "fields")
    rip = next(int(word.split(":")[1], 16) for word in text.split()
               if word.count(":") and int(word.split(":")[0], 16) == vms.vendor.fields["rip"])
    require(LOAD <= rip < spinning.end, expected="an address in the guest's code", seen=f"{rip:#x}",
            what="GUEST_RIP of a guest that runs", read=LOOP)
    took = [line.ms for line in lines if line.what == "clock"][-1]
    require(took < LATE, expected=f"less than {LATE} ms", seen=f"{took} ms",
            what="time until a visitor was let in", read=LOOP)
    require(spinning.number(COUNTER) > before, expected="it counts on", seen="it stands still",
            what="the guest after the visit", read=LOOP)


@exercise("4.5", expected="kill -9 ends a guest that never exits", read=LOOP)
def test_kill(vms, spinning):
    """The process is gone at once, and the VM with it; the next one runs."""
    kill(vms, spinning.pid)
    lines = vmtool(vms, "open", "try", "use", spinning.id, "try", "where", 0, "close",
                   *guest(guests.code("sti; 1: jmp 1b")), "run", 0, TIME)
    gone = [line for line in lines if line.what == "error"]
    require(gone and gone[0]["errno"] == "ENOENT", expected="ENOENT: the VM is gone",
            seen=[line.text for line in lines][:3], what="the VM of a killed process", read=LOOP)
    check_exit(only(lines, "exit"), "timeout", "the next VM after a kill -9", read=LOOP)
