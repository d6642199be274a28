# SPDX-License-Identifier: GPL-2.0
"""project04: what the run loop says of an exit.

Guests that do one thing each, with numbers drawn for the run.
"""
import pytest

from harness import guests
from harness.grade import check, exercise, one_of, only_on, replaced
from harness.guests import RESULT
from stage.guest_tools import CPUS, check_exit, code_of, guest, kept, only, vmtool
from stage.vm_tools import vms

pytestmark = pytest.mark.lab(vendor="vmx", cpus=2, instance="exits", kernels=1)

README = "project04/README.md"
EXITS = f"{README}#exits"
WHO = f"{README}#who-saves-what"
TIME, LATE = 100, 1000  # milliseconds


def look(address):
    return ["read", f"{address:#x}", 8]


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
    check_exit(halt, "hlt", "HLT", read=EXITS, length=1,
               reason=one_of(*vms.vendor.reasons["hlt"]))
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
    faults = [fault for fault in FAULTS if not vms.fault(fault[0].upper())]
    for line, (text, vector, code, address) in zip(exits_of(vms, [f[0] for f in faults]), faults):
        check_exit(line, "exception", f"`{text}`", read=EXITS, vector=vector, code=code,
                   address=address, handled=0)


@exercise("4.6", expected="the guest cannot write its page tables", read=EXITS)
def test_tables_are_read_only(vms):
    """A write to the first table is a page fault: present, write."""
    lines = vmtool(vms, "create", "1M", 1, "code", guests.code("hlt").hex(), "init", 0, 0)
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
                   reason=one_of(*vms.vendor.reasons["triple-fault"]))


@exercise("4.6", expected="which control register, how, with which register and value",
          read=EXITS)
@replaced("project06", "the driver itself answers what a guest writes to control registers")
def test_control_registers(vms, rng):
    """Writes that would change CR0, CR3, CR4 or CR8 come to user space; reads are answered."""
    changes = [(0, 1 << 18), (3, 0x1000), (4, 1 << 7), (8, 5)]
    rng.shuffle(changes)
    for register, (cr, change) in zip(("rbx", "rsi", "r9", "r14"), changes):
        number = guests.REGISTERS.index(register)
        text = f"mov %cr{cr}, %{register}; mov %{register}, %rax; xor ${change}, %{register};" \
               f" mov %{register}, %cr{cr}; hlt"
        lines = vmtool(vms, *guest(guests.code(text)), "run", 0, LATE, "regs", 0)
        check_exit(only(lines, "exit"), "cr", f"MOV to CR{cr} with another value", read=EXITS,
                   cr=cr, access=0, gpr=number, handled=0, value=only(lines, "regs").rax ^ change)


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
@only_on("vmx", "VMRUN does not look at TR: it has thirty rules, and no exit that names one")
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
@replaced("project06", "IN is a port exit of its own")
def test_unhandled(vms):
    """IN, of which this stage knows nothing, goes to user space with its exit reason."""
    line, = exits_of(vms, ["in $0x80, %al"])
    check_exit(line, "unhandled", "IN", read=EXITS, reason=30, handled=0)


@exercise("4.6", expected="what the driver has answered is told as answered", read=EXITS)
@replaced("project06", "a guest reads CR3 without an exit")
def test_answered_exits(vms):
    """CPUID, reading CR3 and the first use of a debug register are the driver's; HLT is not."""
    lines = vmtool(vms, *guest(guests.code("cpuid; mov %cr3, %rax; mov %rax, %dr0; hlt")), "every",
                   0, 1, *["run", 0, LATE] * 40)
    kinds = [(line.kind, line.handled) for line in lines if line.what == "exit"
             if line.kind != "interrupt"][:4]
    check(kinds, [("cpuid", 1), ("cr", 1), ("dr", 1), ("hlt", 0)], "exits and whether the driver"
          " has answered them, interrupts left out", read=EXITS)


@exercise("4.6", expected="every register survives every kind of exit", read=WHO)
@pytest.mark.parametrize("cpu", CPUS)
def test_registers_over_exits(vms, rng, cpu):
    """General, debug, x87, SSE and AVX registers, CR2, RFLAGS and KERNEL_GS_BASE."""
    image, values = guests.keep(rng)
    every = sum(guests.KEEP[name] for name in ("gpr", "cr2", "dr", "fpu", "flags", "gs"))
    base = 0x8200
    lines = vmtool(vms, "cpu", cpu, "busy", 1, TIME, "create", "1M", 1, "code", image.hex(), "fill",
                   base, values[0].to_bytes(8, "little").hex(), "init", 0, every | 20 << 8,
                   "setsreg", 0, "gs.base", base, "faults", 20, "guest", 0, 20 * LATE, "busy", 0, 0)
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
