# SPDX-License-Identifier: GPL-2.0
"""project07: nested paging, ASIDs and events on AMD, exercise by exercise.
"""
import pytest

from harness.grade import check, exercise, expect_kmsg, require
from stage import svm_logic
from stage.ept_tools import HOLE, vm, wide
from stage.exit_tools import (BP, DE, GP, LATE, OF, PF, UD, Case, check_cases, check_ended,
                              exception, interrupt, nmi, refused, run_logging)
from stage.guest_tools import check_exit, only, vmtool
from stage.svm_logic import fields
from stage.vm_tools import vms

pytestmark = pytest.mark.lab(vendor="svm", cpus=2, accel="tcg", instance="memory", kernels=1)

README = "project07/README.md"
NESTED = f"{README}#nested-paging"
ASIDS = f"{README}#asids"
EVENTS = f"{README}#events"
READ, WRITE, EXECUTE, WALK = 1, 2, 4, 16
VMRUN = f"{README}#vmrun"
EFER, SVME = "0xc0000080", 1 << 12
MIB = 1 << 20


# ---- 7.6: nested paging -------------------------------------------------------------------------



@exercise("7.6", expected="the address, and what the guest wanted there", read=NESTED)
@pytest.mark.parametrize(("text", "access"), [
    ("mov (%rdi), %al", READ), ("mov %al, (%rdi)", WRITE), ("jmp *%rdi", EXECUTE)],
    ids=["read", "write", "fetch"])
def test_touched(vms, rng, text, access):
    """An access where no slot is: its guest-physical address and its kind."""
    at = HOLE + 8 * rng.randrange(512)
    image = wide(f"movabs ${at}, %rdi\n{text}\nhlt")
    exit_ = only(vmtool(vms, *vm(image), "run", 0, LATE), "exit")
    check_exit(exit_, "mmio", f"`{text}` where no slot is", read=NESTED, gpa=at, memory=access)


@exercise("7.6", expected="the walk of the guest's own tables, told as such", read=NESTED)
def test_walk(vms):
    """The guest's tables lie where no slot is."""
    lines = vmtool(vms, *vm(wide("hlt")), "setsreg", 0, "cr3", f"{HOLE:#x}", "run", 0, LATE)
    exit_ = only(lines, "exit")
    check_exit(exit_, "mmio", "a guest whose CR3 names no memory", read=NESTED, gpa=HOLE)
    check(exit_.memory & WALK, WALK, "VTX_ACCESS_WALK", read=NESTED)


@exercise("7.6", expected="memory when it is touched, and rights that hold", read=NESTED)
def test_rights(vms, rng):
    """A page that may be read, one that may be executed, and one that is there all the same."""
    at, value = 8 * MIB, rng.getrandbits(31)
    store = wide(f"movabs ${at}, %rdi; mov (%rdi), %eax; movl ${value}, (%rdi); hlt")
    lines = vmtool(vms, *vm(store), "protect", READ, at, 4096, "run", 0, LATE, "protect",
                   READ | WRITE, at, 4096, "run", 0, LATE, "read", at, 4)
    refused, done = (line for line in lines if line.what == "exit")
    check_exit(refused, "protection", "a write to a page that may be read", read=NESTED, gpa=at,
               memory=WRITE)
    check_exit(done, "hlt", "the write when it is allowed", read=NESTED)
    check(only(lines, "read").data, value.to_bytes(4, "little"), "what it has written", read=NESTED)
    jump = wide(f"movabs ${at}, %rdi; movb $0xf4, (%rdi); jmp *%rdi")
    exit_ = only(vmtool(vms, *vm(jump), "protect", READ | WRITE, at, 4096, "run", 0, LATE), "exit")
    check_exit(exit_, "protection", "a fetch from a page without EXECUTE", read=NESTED, gpa=at,
               memory=EXECUTE)


@exercise("7.6", expected="no processor uses what has changed", read=NESTED)
def test_flush(vms):
    """Each change of the tables is followed by a flush before the next entry."""
    change = ("slot", 5, 0, f"{HOLE:#x}", 4096, 8 * MIB, "run", 0, LATE, "memory", "slot", 5, 0,
              f"{HOLE:#x}", 0, 0, "run", 0, LATE, "memory")
    image = wide(f"1: movabs ${HOLE}, %rdi; mov (%rdi), %eax; cpuid; hlt; jmp 1b")
    lines = vmtool(vms, *vm(image), "run", 0, LATE, "memory", *change)
    before, there, gone = (line.flushes for line in lines if line.what == "memory")
    require(before < gone and there < gone, expected="more after a slot was unmapped",
            seen=(before, there, gone), what="flushes before, with and without the slot",
            read=NESTED)


# ---- 7.7: ASIDs ---------------------------------------------------------------------------------


@exercise("7.7", expected="an ASID whose translations are the vCPU's own, and no flush too many",
          read=ASIDS)
@pytest.mark.parametrize(("count", "flush"), [(2, 0), (16, 0), (16, 1), (64, 1)],
                         ids=["2", "16", "16-FlushByAsid", "64-FlushByAsid"])
def test_asids(lab, rng, count, flush):
    """Random vCPUs run on a CPU, their translations become stale: ASID and TLB_CONTROL of each."""
    model, steps, asked = svm_logic.Asids(count, bool(flush)), [f"R 0 {count} {flush}"], []
    model.restart()
    for _ in range(800):
        vcpu, stale = rng.randrange(rng.choice((2, count, 24))), rng.randrange(4) == 0
        asked.append((vcpu, stale))
        steps.append(f"C 0 {vcpu} {int(stale)}")
    for (vcpu, stale), (asid, control) in zip(asked, svm_logic.run(lab, steps), strict=True):
        wrong = model.check(vcpu, stale, asid, control)
        require(not wrong, expected=wrong, seen=f"ASID {asid}, TLB_CONTROL {control}",
                what=f"vCPU {vcpu}{', with stale translations' if stale else ''}, of {count} ASIDs",
                read=ASIDS)


@exercise("7.7", expected="another CPU's ASID, or one of before, is none", read=ASIDS)
def test_other_cpu(lab):
    """A vCPU comes from another CPU, and a CPU is enabled anew: both get an ASID of their own."""
    steps = ["R 0 16 1", "R 1 16 1", "C 0 1 0", "C 0 2 0", "C 1 3 0", "C 1 2 0", "C 0 2 0",
             "R 0 16 1", "C 0 1 0"]
    seen = svm_logic.run(lab, steps)
    check([control for _, control in seen], [svm_logic.ALL, 0, svm_logic.ALL, 0, 0, svm_logic.ALL],
          "TLB_CONTROL of six entries", read=ASIDS)
    require(seen[4][0] not in (seen[0][0], seen[1][0]), expected="an ASID that was not given out",
            seen=seen[4][0], what="a vCPU that is back from another CPU", read=ASIDS)


@exercise("7.7", expected="VMRUN with an ASID of this processor's", read=ASIDS)
def test_more_vcpus_than_asids(vms):
    """24 vCPUs where there are 16 ASIDs: each runs, with one from 1 to 15."""
    words = [word for vcpu in range(24) for word in ("run", vcpu, LATE, "state", vcpu)]
    lines = vmtool(vms, *vm(wide("hlt"), vcpus=24), *words)
    for line in (line for line in lines if line.what == "exit"):
        check_exit(line, "hlt", f"vCPU {line.vcpu} of 24", read=ASIDS)
    seen = [line.value for line in lines if line.what == "field" and line.encoding == 0x58]
    require(all(0 < asid < 16 for asid in seen) and len(set(seen)) > 8, expected="1 to 15",
            seen=sorted(set(seen)), what="GUEST_ASID of 24 vCPUs", read=ASIDS)


# ---- 7.3: SVM that is no longer there -----------------------------------------------------------


@pytest.mark.reference
@expect_kmsg("VMRUN: exception, expected EFER.SVME to be 1")
def test_svme_cleared(vms):
    """Somebody clears EFER.SVME behind the driver: EIO, until it is set again."""
    efer = int(vms.probe("rdmsr", 1, EFER), 0)
    lines = vmtool(vms, "cpu", 1, *vm(wide("hlt")), "probe", f"wrmsr 1 {EFER} {efer:#x}",
                   "try", "run", 0, LATE, "probe", f"wrmsr 1 {EFER} {efer | SVME:#x}",
                   "run", 0, LATE)
    check(refused(lines), ["EIO"], "running a guest while EFER.SVME is 0", read=VMRUN)
    check_exit(only(lines, "exit"), "hlt", "the same guest later", read=VMRUN)


# ---- 7.8: events --------------------------------------------------------------------------------


@exercise("7.8", expected="each exception with its error code, to the guest's handler", read=EVENTS)
def test_exceptions(vms):
    """Exceptions that exit are delivered: vector, error code."""
    check_cases(vms, [Case("ud2", UD), Case("xor %edx, %edx; xor %ecx, %ecx; div %ecx", DE),
                      Case("mov $0x12345, %ecx; rdmsr", GP), Case("int3", BP),
                      Case("mov $0x40, %eax; mov %eax, %ds", GP, 0x40), Case("mov 0, %al", PF)],
                read=EVENTS)


@exercise("7.8", expected="interrupts wait for the window, and the highest goes first", read=EVENTS)
def test_interrupts(vms, rng):
    """Three wait while IF is 0; they come behind STI, and the windows are closed again."""
    some = rng.sample(range(32, 256), 3)
    words = [word for vector in some for word in interrupt(vector)]
    text = "cpuid; mov $200, %ecx; 1: loop 1b; sti; nop; nop; cli; mov $200, %ecx; 2: loop 2b"
    events, depth, lines = run_logging(vms, text, *words, "guest", 0, LATE, "state", 0)
    check_ended(lines, "three interrupts wait while IF is 0", EVENTS)
    check([event.vector for event in events], sorted(some, reverse=True),
          "interrupts that the guest has got", read=EVENTS)
    check(depth, 1, "handlers inside each other", read=EVENTS)
    vmcb = fields(lines)
    check((vmcb[0x60] >> 8 & 1, vmcb[0x0C] >> 4 & 1), (0, 0),
          "V_IRQ and the intercept of VINTR, when nothing waits", read=EVENTS)


@exercise("7.8", expected="NMIs one after the other, each behind the IRET of the last", read=EVENTS)
def test_nmis(vms):
    """Two wait: the second comes when the first one's handler has ended."""
    events, depth, lines = run_logging(vms, "mov $9, %eax; vmcall; nop; nop; AWAIT 2", "run", 0,
                                       LATE, *nmi(), *nmi(), "guest", 0, LATE)
    check_ended(lines, "two NMIs", EVENTS)
    check([event.vector for event in events], [2, 2], "events that the guest has got", read=EVENTS)
    check(depth, 1, "handlers inside each other", read=EVENTS)


@pytest.mark.instructor
@exercise("7.8", expected="the event again, if its delivery was cut short", read=EVENTS)
def test_cut_short(vms, rng):
    """Interrupts and exceptions while the stack has no frame yet: each comes once."""
    vector = rng.randrange(32, 256)
    text = "mov $0x600000, %esp; sti; nop; cli; mov $0x800000, %esp; int3; mov $0xa00000, %esp"
    events, _, lines = run_logging(vms, text, *interrupt(vector), "guest", 0, LATE, memory="16M")
    check_ended(lines, "events on stacks that have no frame", EVENTS)
    check([event.vector for event in events], [vector, BP], "events that the guest has got",
          read=EVENTS)


@exercise("7.8", expected="an exception again, whatever RFLAGS.IF says", read=EVENTS)
@pytest.mark.parametrize("vector", [DE, BP, OF])
def test_exception_cut_short(vms, vector):
    """One that the user sends while IF is 0, to a stack that has no frame yet: it comes once."""
    text = "mov $9, %eax; vmcall; nop; mov $0x600000, %esp; mov $9, %eax; vmcall; nop; nop"
    events, _, lines = run_logging(vms, text, "run", 0, LATE, "run", 0, LATE, *exception(vector),
                                   "guest", 0, LATE, "events", 0, memory="16M")
    check_ended(lines, f"exception {vector} on a stack that has no frame", EVENTS)
    check([event.vector for event in events], [vector], "events that the guest has got",
          read=EVENTS)
