# SPDX-License-Identifier: GPL-2.0
"""project04: the run loop, and what it says of an exit.

Nobody's guests but the grader's run here. Those of the run loop never leave by themselves: they show in
memory that they run and what they have computed, which the emulator reads as well. Those of the exits
do one thing each, with numbers drawn for the run.
"""
import pytest

from harness import guests
from harness.grade import check, exercise, require
from harness.guests import COUNTER, LOAD, LOST, RESULT
from stage.guest_tools import (CPUS, README, check_exit, code_of, find_root, frame_of, guest,
                               in_guest, kept, number_at, only, remembered, vmtool)
from stage.vm_tools import kill, vms

pytestmark = pytest.mark.lab(vendor="vmx", cpus=2, instance="run")

LOOP = f"{README}#the-run-loop"
EXITS = f"{README}#exits"
WHO = f"{README}#who-saves-what"
TIME = 100  # milliseconds that a guest may run
LATE = 1000  # and after which it has to be back under an emulator
RIP_FIELD = 0x681e


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
def test_every_exit(vms, rng):
    """With VTX_RUN_EVERY_EXIT also the host's interrupts come back, which the host has answered."""
    image, _ = guests.spin(rng)
    lines = vmtool(vms, *guest(image), "every", 0, 1, "run", 0, 10 * TIME, "every", 0, 0, "run", 0,
                   TIME)
    first, second = (line for line in lines if line.what == "exit")
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
    check(LOST.get(lost, lost) if lost else "nothing", "nothing", f"what the guest has lost, {what}",
          read=WHO)
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


class Spinning:
    """A guest that runs in the background on one CPU."""

    def __init__(self, lab, rng, nonce, cpu=1):
        image, self.function = guests.spin(rng)
        self.lab, self.cpu, self.end = lab, cpu, LOAD + len(image)
        lines = vmtool(lab, "cpu", cpu, "create", "4M", 1, "frames", "code",
                       image.hex(), "init", 0, nonce, "info", "spin", 0)
        self.id, self.pid = only(lines, "info").id, only(lines, "spin").pid
        read = remembered(lab.machine.outside.phys)
        self.root = find_root(lab, read, frame_of(lines))

    def number(self, address):
        return number_at(self.lab, self.root, address, "memory of a guest that runs", LOOP)


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
        check(state.cr3, spinning.root, "CR3 of the CPU in the guest: the guest's tables", read=LOOP)
        require(LOAD <= state.rip < spinning.end, expected="an address in the guest's code",
                seen=f"{state.rip:#x}", what="RIP of the CPU in the guest", read=LOOP)
    check(spinning.number(RESULT), spinning.function(nonce), f"what the guest made of {nonce:#x}, in"
          " memory as the emulator has it", read=LOOP)


@exercise("4.5", expected="a running vCPU makes way for who wants to look at it", read=LOOP)
def test_visitor(vms, spinning):
    """GET_STATE of a guest in an endless loop: soon, with its RIP; and it goes on."""
    before = spinning.number(COUNTER)
    lines = vmtool(vms, "clock", "use", spinning.id, "fields", 0, "clock", "fields", 0, "sleep", 50)
    text = next(line.text for line in lines if line.what == "fields")
    rip = next(int(word.split(":")[1], 16) for word in text.split()
               if word.count(":") and int(word.split(":")[0], 16) == RIP_FIELD)
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
                   *guest(guests.code("1: jmp 1b")), "run", 0, TIME)
    gone = [line for line in lines if line.what == "error"]
    require(gone and gone[0]["errno"] == "ENOENT", expected="ENOENT: the VM is gone",
            seen=[line.text for line in lines][:3], what="the VM of a killed process", read=LOOP)
    check_exit(only(lines, "exit"), "timeout", "the next VM after a kill -9", read=LOOP)


# ---- 4.6: what happened? -----------------------------------------------------------------------


def one_exit(text, argument=0, **defines):
    """The words for a VM whose guest does one thing."""
    return [*guest(guests.code(text, **defines), argument), "run", 0, LATE, "close"]


def exits_of(lab, cases):
    """The exit of each guest, all in one command of the machine."""
    lines = vmtool(lab, *(word for text in cases for word in one_exit(text)))
    return [line for line in lines if line.what == "exit"]


@exercise("4.6", expected="HLT and VMCALL, with the numbers in the registers", read=EXITS)
def test_hypercall_and_hlt(vms, rng):
    """The hypercall's number and arguments, its result in RAX, and HLT, each by its kind."""
    number, result, *args = (rng.getrandbits(64) for _ in range(6))
    text = "; ".join(f"mov ${value}, %{register}" for value, register in
                     zip([*args, number], ("rdi", "rsi", "rdx", "rcx", "rax")))
    image = guests.code(f"{text}; vmcall; mov %rax, {RESULT}; hlt; movb $7, {RESULT}; hlt")
    lines = vmtool(vms, *guest(image), "run", 0, LATE, "result", 0, result, "run", 0, LATE,
                   *look(RESULT), "run", 0, LATE, *look(RESULT))
    call, halt, again = (line for line in lines if line.what == "exit")
    check_exit(call, "hypercall", "VMCALL", read=EXITS, nr=number, length=3,
               args=",".join(f"{arg:#x}" for arg in args))
    found = [int.from_bytes(line.data, "little") for line in lines if line.what == "read"]
    check(found[0], result, "RAX of the guest after the hypercall", read=f"{README}#hypercalls")
    check_exit(halt, "hlt", "HLT", read=EXITS, reason=12, length=1)
    check_exit(again, "hlt", "the next HLT: the guest goes on behind the first", read=EXITS)
    check(found[1] & 0xff, 7, "what the guest did behind HLT", read=EXITS)


FAULTS = (  # the guest, vector, error code, address
    ("ud2", 6, 0, 0), ("xor %ecx, %ecx; div %ecx", 0, 0, 0), ("int3", 3, 0, 0),
    ("movabs $0x8000000000000000, %rax; mov (%rax), %rax", 13, 0, 0),
    ("mov $0x28, %eax; mov %eax, %ds", 13, 0x28, 0),
    ("mov 0x123, %al", 14, 0, 0x123),
    ("movb $1, 0x124", 14, 2, 0x124),
    ("movabs $0x7000000040, %rax; mov (%rax), %al", 14, 0, 0x7000000040),
    ("mov $0x7000000050, %rax; jmp *%rax", 14, 0x10, 0x7000000050),
)


@exercise("4.6", expected="an exception with its vector, error code and address", read=EXITS)
def test_exceptions(vms):
    """#UD, #DE, #BP, #GP with and without a selector, #PF by reads, writes and fetches."""
    for line, (text, vector, code, address) in zip(exits_of(vms, [f[0] for f in FAULTS]), FAULTS):
        check_exit(line, "exception", f"`{text}`", read=EXITS, vector=vector, code=code,
                   address=address, handled=0)


@exercise("4.6", expected="the guest cannot write its page tables", read=EXITS)
def test_tables_are_read_only(vms):
    """A write to the first table is a page fault: present, write."""
    lines = vmtool(vms, "create", "1M", 1, "code", guests.code("movb $1, (%rsi); hlt").hex(), "init",
                   0, 0)
    usable = only(lines, "init").usable
    lines = vmtool(vms, *guest(guests.code("mov (%rsi), %al; movb $1, (%rsi); hlt"), usable), "run",
                   0, LATE)
    check_exit(only(lines, "exit"), "exception", "a write to a page table", read=EXITS, vector=14,
               code=3, address=usable)


@exercise("4.6", expected="a triple fault is one", read=EXITS)
def test_triple_fault(vms):
    """An IDT whose gates are not present, and an interrupt through it."""
    text = "lidt table; int $32; hlt; table: .word 0xfff; .quad gates; .balign 16;" \
           " gates: .rept 256; .quad 0x0e0000000000, 0; .endr"
    for line in exits_of(vms, [text]):
        check_exit(line, "triple-fault", "INT through an IDT without a present gate", read=EXITS,
                   reason=2)


@exercise("4.6", expected="which control register, how, with which register and value",
          read=EXITS)
def test_control_registers(vms, rng):
    """Writes that would change CR0, CR3, CR4 and CR8 come to user space; reads give what was there."""
    changes = [(0, 1 << 18), (3, 0x1000), (4, 1 << 7), (8, 5)]
    rng.shuffle(changes)
    for register, (cr, change) in zip(("rbx", "rsi", "r9", "r14"), changes):
        number = guests.REGISTERS.index(register)
        text = f"mov %cr{cr}, %{register}; mov %{register}, %rax; xor ${change}, %{register};" \
               f" mov %{register}, %cr{cr}; hlt"
        lines = vmtool(vms, *guest(guests.code(text)), "run", 0, LATE, "regs", 0)
        check_exit(only(lines, "exit"), "cr", f"MOV to CR{cr} with another value", read=EXITS, cr=cr,
                   access=0, gpr=number, handled=0, value=only(lines, "regs").rax ^ change)


@exercise("4.6", expected="reads are answered, and writes that change nothing pass", read=EXITS)
def test_control_registers_that_stay(vms):
    """The guest reads its CR0, CR3 and CR4, VMXE hidden, and writes them back."""
    text = "; ".join(f"mov %cr{cr}, %rax; mov %rax, {RESULT + 8 * n}; mov %rax, %cr{cr}"
                     for n, cr in enumerate((0, 3, 4)))
    lines = vmtool(vms, *guest(guests.code(f"{text}; hlt")), "run", 0, LATE, "sregs", 0, "read",
                   f"{RESULT:#x}", 24)
    check_exit(only(lines, "exit"), "hlt", "HLT behind reads and writes of CRs", read=EXITS)
    data, sregs = only(lines, "read").data, only(lines, "sregs")
    seen = [int.from_bytes(data[at:at + 8], "little") for at in (0, 8, 16)]
    check(seen[0], sregs.cr0, "CR0 as the guest reads it", read=EXITS)
    check(seen[1], sregs.cr3, "CR3 as the guest reads it", read=EXITS)
    check(seen[2] >> 13 & 1, 0, "CR4.VMXE as the guest reads it", read=EXITS)


CPUID = """
	xor %r8d, %r8d
	mov $ask, %r9d
1:	mov (%r9), %eax
	mov 4(%r9), %ecx
	cpuid
	mov %eax, 0x8000(%r8)
	mov %ebx, 0x8004(%r8)
	mov %ecx, 0x8008(%r8)
	mov %edx, 0x800c(%r8)
	add $16, %r8d
	add $8, %r9d
	cmp $end, %r9d
	jne 1b
	hlt
ask:	.long 0, 0, 1, 0, 0x40000000, 0, 0x80000008, 0
end:
"""


@exercise("4.6", expected="CPUID is answered: a hypervisor, and no VMX", read=EXITS)
def test_cpuid(vms):
    """Vendor and address widths are the processor's; the hypervisor says who it is."""
    lines = vmtool(vms, *guest(guests.code(CPUID)), "run", 0, LATE, "read", "0x8000", 64)
    check_exit(only(lines, "exit"), "hlt", "HLT behind CPUID", read=EXITS)
    data = only(lines, "read").data
    words = [int.from_bytes(data[at:at + 4], "little") for at in range(0, 64, 4)]
    real = [int(word, 0) for word in vms.probe("cpuid", 0, 0, 0).split()]
    check(words[1:4], real[1:4], "vendor that the guest sees in leaf 0", read=EXITS)
    check(words[6] >> 31 & 1, 1, "leaf 1, ECX bit 31: there is a hypervisor", read=EXITS)
    check(words[6] >> 5 & 1, 0, "leaf 1, ECX bit 5: VMX, which the guest cannot have", read=EXITS)
    check(data[36:48], b"VTXDRVVTXDRV", "leaf 4000_0000H: EBX, ECX, EDX", read=EXITS)
    check(words[12] & 0xffff, int(vms.probe("cpuid", 0, 0x80000008, 0).split()[0], 0) & 0xffff,
          "leaf 8000_0008H: address widths", read=EXITS)


@exercise("4.6", expected="an entry that the processor refuses is named as one", read=EXITS)
def test_entry_failure(vms):
    """A TR that is unusable, set by SET_SREGS: exit reason 33, and the guest has not run."""
    image = guests.code(f"movb $1, {RESULT}; hlt")
    lines = vmtool(vms, *guest(image), "setsreg", 0, "tr.access", "0x10000", "run", 0, LATE, "read",
                   f"{RESULT:#x}", 1, "setsreg", 0, "tr.access", "0x8b", "run", 0, LATE)
    first, second = (line for line in lines if line.what == "exit")
    check_exit(first, "entry-failed", "an entry with an unusable TR", read=EXITS, reason=0x80000021)
    check(only(lines, "read").data, b"\0", "what the guest has written before it could run")
    check_exit(second, "hlt", "the entry with TR mended", read=EXITS)


@exercise("4.6", expected="what nobody handles is told, and ends nothing", read=EXITS)
def test_unhandled(vms):
    """IN, of which this stage knows nothing, goes to user space with its exit reason."""
    line, = exits_of(vms, ["in $0x80, %al"])
    check_exit(line, "unhandled", "IN", read=EXITS, reason=30, handled=0)


@exercise("4.6", expected="what the driver has answered is told as answered", read=EXITS)
def test_answered_exits(vms):
    """CPUID, reading CR3 and the first use of a debug register are the driver's; HLT is not."""
    lines = vmtool(vms, *guest(guests.code("cpuid; mov %cr3, %rax; mov %rax, %dr0; hlt")), "every",
                   0, 1, *["run", 0, LATE] * 40)
    kinds = [(line.kind, line.handled) for line in lines if line.what == "exit"
             if line.kind != "interrupt"][:4]
    check(kinds, [("cpuid", 1), ("cr", 1), ("dr", 1), ("hlt", 0)], "exits and whether the driver has"
          " answered them, interrupts left out", read=EXITS)


@exercise("4.6", expected="every register survives every kind of exit", read=WHO)
@pytest.mark.parametrize("cpu", CPUS)
def test_registers_over_exits(vms, rng, cpu):
    """General, debug, x87, SSE and AVX registers, CR2, RFLAGS and KERNEL_GS_BASE, over all exits."""
    image, values = guests.keep(rng)
    every = sum(guests.KEEP[name] for name in ("gpr", "cr2", "dr", "fpu", "flags", "gs"))
    base = 0x8200
    lines = vmtool(vms, "cpu", cpu, "busy", 1, TIME, "create", "1M", 1, "code", image.hex(), "fill",
                   base, values[0].to_bytes(8, "little").hex(), "init", 0, every | 20 << 8,
                   "setsreg", 0, "gs.base", base, "faults", 20, "guest", 0, 3 * LATE, "busy", 0, 0)
    kept(lines, f"a guest with values in all registers, on CPU {cpu}", read=WHO)
    check(only(lines, "busy").damaged, 0, "processes beside it whose registers were changed",
          read=WHO)


@exercise("4.6", expected="a guest prints and ends with a code", read=f"{README}#hypercalls")
def test_prints_and_ends(vms, rng):
    """What it writes and the code it ends with were drawn for the run."""
    text = bytes(rng.randrange(32, 127) for _ in range(200))
    code = rng.randrange(1, 256)
    source = f"WRITE text, 200; EXIT {code}; text: .byte {','.join(map(str, text))}"
    lines = vmtool(vms, *guest(guests.code(source)), "guest", 0, LATE)
    line = only(lines, "output")
    check(line.data, text, "what the guest has printed", read=f"{README}#hypercalls")
    check(code_of(line), f"exit code {code}", "how the guest ended", read=f"{README}#hypercalls")
