# SPDX-License-Identifier: GPL-2.0
"""project06: what a guest learns of the processor: CPUID and MSRs.

Each guest does one thing, and is looked at behind the exit, before anything is injected. What the
processor itself has is asked of vtxprobe.
"""
import pytest

from harness import guests
from harness.grade import check, exercise, require
from harness.guests import RESULT
from stage.exit_tools import (EFER, GP, LATE, MSR_DEFAULT, MSR_FAULT, MSR_USER, README,
                              check_answered, check_raises, number_of, read_msr, write_msr)
from stage.guest_tools import check_exit, exit_in_words, guest, only, vmtool
from stage.vm_tools import vms

pytestmark = pytest.mark.lab(vendor="vmx", cpus=2, kernels=1)

CPUID = f"{README}#cpuid"
MSRS = f"{README}#msrs"

# ---- 6.1: CPUID ---------------------------------------------------------------------------------

ASK = """
	xor %r8d, %r8d
	mov $ask, %r9d
1:	mov (%r9), %eax
	mov 4(%r9), %ecx
	cpuid
	mov %eax, 0x20000(%r8)
	mov %ebx, 0x20004(%r8)
	mov %ecx, 0x20008(%r8)
	mov %edx, 0x2000c(%r8)
	add $16, %r8d
	add $8, %r9d
	cmp $end, %r9d
	jne 1b
	vmcall
ask:	.long {}
end:
"""
LEAVES = ((0, 0), (1, 0), (2, 0), (4, 0), (6, 0), (7, 0), (0xa, 0), (0xb, 0), (0xb, 1), (0xd, 0),
          (0xd, 1), (0x40000000, 0), (0x40000001, 0), (0x400000ff, 0), (0x80000000, 0),
          (0x80000001, 0), (0x80000008, 0))
HYPERVISOR, OSXSAVE, HTT, TSC_ADJUST = 1 << 31, 1 << 27, 1 << 28, 1 << 1  # the driver makes them up
# Leaf, register, bits that a guest must not see: it could not use what they promise.
HIDDEN = ((1, "ecx", 1 << 5, "VMX"), (1, "ecx", 1 << 6, "SMX"), (7, "ebx", 1 << 2, "SGX"),
          (7, "ecx", 1 << 5, "WAITPKG"), (0x80000001, "ecx", 1 << 2, "SVM"))
SIGNATURE = b"VTXDRVVTXDRV"


def answers(lab, leaves=LEAVES, *, vcpus=1, vcpu=0, words=()):
    """(leaf, subleaf) -> registers as a guest sees them."""
    text = ASK.format(",".join(f"{leaf:#x},{subleaf}" for leaf, subleaf in leaves))
    lines = vmtool(lab, *guest(guests.code(text), vcpus=vcpus), *words, "run", vcpu, LATE, "read",
                   "0x20000", 16 * len(leaves))
    check_exit(only(lines, "exit"), "hypercall", "VMCALL behind CPUID", read=CPUID)
    data = only(lines, "read").data
    words = [int.from_bytes(data[at:at + 4], "little") for at in range(0, len(data), 4)]
    return {leaf: dict(zip(("eax", "ebx", "ecx", "edx"), words[4 * n:4 * n + 4]))
            for n, leaf in enumerate(leaves)}


def real(lab, leaf, subleaf=0):
    """The same of the processor."""
    found = lab.probe("cpuid", 0, f"{leaf:#x}", subleaf).split()
    return dict(zip(("eax", "ebx", "ecx", "edx"), (int(word, 0) for word in found)))


@exercise("6.1", expected="there is a hypervisor, and it says who it is", read=CPUID)
def test_signature(vms):
    """Leaf 1 says that there is one; 4000_0000H who; the leaves between are zeros."""
    seen = answers(vms)
    check(seen[1, 0]["ecx"] >> 31, 1, "leaf 1, ECX bit 31: there is a hypervisor", read=CPUID)
    leaf = seen[0x40000000, 0]
    text = b"".join(leaf[name].to_bytes(4, "little") for name in ("ebx", "ecx", "edx"))
    check(text, SIGNATURE, "leaf 4000_0000H: EBX, ECX, EDX", read=CPUID)
    require(0x40000000 <= leaf["eax"] < 0x40000100, expected="40000000H to 400000FFH",
            seen=f"{leaf['eax']:#x}", what="leaf 4000_0000H: EAX, the highest of these leaves",
            read=CPUID)
    check(seen[0x400000ff, 0], dict.fromkeys(leaf, 0), "leaf 4000_00FFH, of which nobody knows",
          read=CPUID)


@exercise("6.1", expected="what a guest cannot use it does not see", read=CPUID)
def test_hidden(vms):
    """VMX, SMX, SGX, WAITPKG and SVM; and nothing that the processor does not have itself."""
    seen = answers(vms)
    for leaf, register, bit, name in HIDDEN:
        check(seen[leaf, 0][register] & bit, 0, f"leaf {leaf:#x}, {register.upper()}: {name}, which"
              " the guest cannot have", read=CPUID)
    for leaf, register, made_up in ((1, "ecx", HYPERVISOR | OSXSAVE), (1, "edx", HTT),
                                    (7, "ebx", TSC_ADJUST),
                                    (7, "ecx", 0), (0x80000001, "ecx", 0), (0x80000001, "edx", 0)):
        more = seen[leaf, 0][register] & ~(real(vms, leaf)[register] | made_up)
        check(more, 0, f"leaf {leaf:#x}, {register.upper()}: features that the guest is told of and"
              " the processor does not have", read=CPUID)


@exercise("6.1", expected="the rest is the processor's", read=CPUID)
def test_passed(vms):
    """Vendor, version, address widths, and what every 64-bit program takes for granted."""
    seen = answers(vms)
    for register in ("ebx", "ecx", "edx"):
        check(seen[0, 0][register], real(vms, 0)[register], f"leaf 0, {register.upper()}: vendor",
              read=CPUID)
    check(seen[1, 0]["eax"], real(vms, 1)["eax"], "leaf 1, EAX: family, model, stepping",
          read=CPUID)
    check(seen[0x80000008, 0]["eax"] & 0xffff, real(vms, 0x80000008)["eax"] & 0xffff,
          "leaf 8000_0008H: address widths", read=CPUID)
    for bit, name in ((0, "FPU"), (4, "TSC"), (5, "MSR"), (6, "PAE"), (8, "CX8"), (24, "FXSR"),
                      (25, "SSE"), (26, "SSE2")):
        check(seen[1, 0]["edx"] >> bit & 1, 1, f"leaf 1, EDX bit {bit}: {name}", read=CPUID)
    check(seen[0x80000001, 0]["edx"] >> 29 & 1, 1, "leaf 8000_0001H, EDX bit 29: 64-bit mode",
          read=CPUID)


@exercise("6.1", expected="each vCPU has an APIC id of its own", read=CPUID)
def test_apic_id(vms, rng):
    """Leaf 1, EBX[31:24], and leaf BH, EDX, wherever the vCPU's thread runs."""
    for vcpu in (0, rng.randrange(1, 7)):
        seen = answers(vms, vcpus=8, vcpu=vcpu, words=("cpu", rng.randrange(2)))
        check(seen[1, 0]["ebx"] >> 24, vcpu, f"APIC id of vCPU {vcpu}: leaf 1, EBX[31:24]",
              read=CPUID)
        if real(vms, 0)["eax"] >= 0xb and seen[0, 0]["eax"] >= 0xb and any(seen[0xb, 0].values()):
            check(seen[0xb, 0]["edx"], vcpu, f"x2APIC id of vCPU {vcpu}: leaf BH, EDX", read=CPUID)


CR4_OSXSAVE = 1 << 18


@exercise("6.1", expected="OSXSAVE is what the guest has in CR4", read=CPUID)
def test_osxsave(vms):
    """CR4.OSXSAVE is set and cleared from outside; leaf 1 and leaf DH follow."""
    if not real(vms, 1)["ecx"] >> 26 & 1:
        return  # a processor without XSAVE has no such bit
    cr4 = only(vmtool(vms, *guest(guests.code("hlt")), "sregs", 0), "sregs").cr4
    for value in (cr4 | CR4_OSXSAVE, cr4 & ~CR4_OSXSAVE):
        seen = answers(vms, words=("setsreg", 0, "cr4", f"{value:#x}"))
        check(seen[1, 0]["ecx"] >> 27 & 1, value >> 18 & 1, "leaf 1, ECX bit 27 (OSXSAVE) of a"
              f" guest whose CR4 is {value:#x}", read=CPUID)


@exercise("6.1", expected="the upper halves of the registers are cleared", read=CPUID)
def test_upper_halves(vms, rng):
    """CPUID writes 32 bits, which clears bits 63:32 of all four registers; it is skipped once."""
    junk = rng.getrandbits(32) << 32
    text = "; ".join(f"movabs ${junk | low:#x}, %{register}" for register, low in
                     (("rax", 0x40000000), ("rbx", 5), ("rcx", 0), ("rdx", 7)))
    lines = check_answered(vms, f"{text}; cpuid", "cpuid", what="CPUID with all 64 bits set",
                           read=CPUID)
    for register in ("rax", "rbx", "rcx", "rdx"):
        check(only(lines, "regs")[register] >> 32, 0, f"{register.upper()}[63:32] behind CPUID",
              read=CPUID)


# ---- 6.2: MSRs ----------------------------------------------------------------------------------

STAR, LSTAR, FMASK = 0xc0000081, 0xc0000082, 0xc0000084
FS_BASE, GS_BASE, KERNEL_GS_BASE = 0xc0000100, 0xc0000101, 0xc0000102
SYSENTER_CS, SYSENTER_ESP, SYSENTER_EIP, PAT = 0x174, 0x175, 0x176, 0x277
FEATURE_CONTROL, VMX_BASIC, TSC, APIC_BASE = 0x3a, 0x480, 0x10, 0x1b
UNKNOWN = (0x2ff0, 0x4b564d00, 0xc0001234, 0x12345, 0xffffffff)
NON_CANONICAL = 0x8000000000000000
CANONICAL = (LSTAR, FS_BASE, GS_BASE, KERNEL_GS_BASE, SYSENTER_ESP, SYSENTER_EIP)


@exercise("6.2", expected="what the guest writes it reads, and each vCPU its own", read=MSRS)
def test_msrs_are_the_guests(vms, rng):
    """Bases, SYSENTER and SYSCALL registers, PAT: written and read by two vCPUs with others."""
    def values():
        address = {msr: rng.getrandbits(47) for msr in CANONICAL}
        return {**address, STAR: rng.getrandbits(64), FMASK: rng.getrandbits(22),
                SYSENTER_CS: rng.getrandbits(16), PAT: 0x0606060606060600 | rng.choice((1, 4, 5))}

    wanted = [values(), values()]
    text = ["test %edi, %edi; jnz second"]
    for vcpu, mine in enumerate(wanted):
        at = 0x20000 + vcpu * 256
        text += [write_msr(msr, value) for msr, value in mine.items()]
        text += ["vmcall"]
        text += [read_msr(msr, at + 8 * n) for n, msr in enumerate(mine)]
        text += ["vmcall"] + ([] if vcpu else ["second:"])
    lines = vmtool(vms, *guest(guests.code("\n".join(text)), vcpus=2), "run", 0, LATE, "run", 1,
                   LATE, "run", 0, LATE, "run", 1, LATE, "read", "0x20000", 512)
    for exit, kind in zip((line for line in lines if line.what == "exit"),
                          ("hypercall", "hypercall", "hypercall", "hypercall")):
        check_exit(exit, kind, "a guest that writes and reads its MSRs", read=MSRS)
    data = only(lines, "read").data
    for vcpu, mine in enumerate(wanted):
        for n, (msr, value) in enumerate(mine.items()):
            at = vcpu * 256 + 8 * n
            check(int.from_bytes(data[at:at + 8], "little"), value,
                  f"MSR {msr:#x} of vCPU {vcpu}, after the other one has written its own",
                  read=MSRS)


@exercise("6.2", expected="an MSR that nobody knows is a #GP", read=MSRS)
@pytest.mark.parametrize("direction", ["rdmsr", "wrmsr"])
def test_unknown_msrs(vms, direction, rng):
    """Also those that the guest has no right to: VMX is not there."""
    for msr in (*rng.sample(UNKNOWN, 3), VMX_BASIC):
        text = f"mov ${msr:#x}, %ecx; {number_of(rng.getrandbits(64))}; {direction}"
        lines = check_raises(vms, text, direction, GP, what=f"{direction.upper()} of {msr:#x}",
                             read=MSRS)
        check(only(lines, "exit").msr, msr, f"MSR of the exit, {direction.upper()} of {msr:#x}",
              read=MSRS)


@exercise("6.2", expected="a value that the MSR cannot have is a #GP", read=MSRS)
def test_bad_values(vms):
    """A PAT with a memory type that there is not, in its first and in its last entry."""
    for msr, value in ((PAT, 2), (PAT, 0xff << 56)):
        lines = vmtool(vms, *guest(guests.code(f"{write_msr(msr, value)}; vmcall")), "run", 0, LATE)
        exit = only(lines, "exit")
        require((exit.kind, exit.vector) == ("exception", GP), expected="#GP",
                seen=f"an exit: {exit_in_words(exit)}", read=MSRS,
                what=f"WRMSR of {value:#x} to {msr:#x}")


@exercise("6.2", expected="EFER is the guest's: a RDMSR finds its mode", read=MSRS)
def test_efer(vms):
    """LME and LMA of a guest that is in 64-bit mode."""
    lines = vmtool(vms, *guest(guests.code(f"{read_msr(EFER, RESULT)}; vmcall")), "run", 0, LATE,
                   "read", f"{RESULT:#x}", 8)
    check_exit(only(lines, "exit"), "hypercall", "VMCALL behind a read of EFER", read=MSRS)
    efer = int.from_bytes(only(lines, "read").data, "little")
    check(efer & 0x500, 0x500, "LME and LMA of EFER, of a guest in 64-bit mode", read=MSRS)


@exercise("6.2", expected="RDMSR and WRMSR go to user space if it asks for them", read=MSRS)
def test_user_msrs(vms, rng):
    """All that the table does not know, or a range: number and value come, the answer goes back."""
    msr, value, answer = rng.choice(UNKNOWN), rng.getrandbits(64), rng.getrandbits(64)
    for first, count in ((0, 0), (msr - 1, 2)):
        text = f"{write_msr(msr, value)}; rdmsr; mov %rax, {RESULT}; mov %rdx, {RESULT + 8}; vmcall"
        lines = vmtool(vms, *guest(guests.code(text)), "msrs", f"{first:#x}", count, MSR_USER,
                       "run", 0, LATE, "run", 0, LATE, "data", 0, f"{answer:#x}", "run", 0, LATE,
                       "read", f"{RESULT:#x}", 16)
        written, asked, end = (line for line in lines if line.what == "exit")
        check_exit(written, "wrmsr", f"WRMSR of {msr:#x}", read=MSRS, msr=msr, word=value)
        check_exit(asked, "rdmsr", f"RDMSR of {msr:#x}", read=MSRS, msr=msr)
        check_exit(end, "hypercall", "VMCALL behind both", read=MSRS)
        data = only(lines, "read").data
        check([int.from_bytes(data[at:at + 8], "little") for at in (0, 8)],
              [answer & 0xffffffff, answer >> 32], "RAX and RDX after RDMSR", read=MSRS)


@exercise("6.2", expected="the range that user space asked for, and no other", read=MSRS)
def test_user_ranges(vms, rng):
    """Beside the range it is a #GP; MSR_FAULT makes one of an MSR that the table knows."""
    msr = rng.choice(UNKNOWN[:4])
    for other in (msr - 1, msr + 2):
        check_raises(vms, f"mov ${other:#x}, %ecx; rdmsr", "rdmsr", GP, read=MSRS,
                     before=("msrs", f"{msr:#x}", 2, MSR_USER), what=f"RDMSR of {other:#x} beside a"
                     f" range for user space from {msr:#x} on")
    check_raises(vms, f"mov ${LSTAR:#x}, %ecx; rdmsr", "rdmsr", GP, read=MSRS,
                 before=("msrs", f"{LSTAR:#x}", 1, MSR_FAULT), what="RDMSR of an MSR that VTX_MSR_"
                 "FAULT is for")


@exercise("6.2", expected="the guest's MSRs stay in the guest", read=MSRS)
@pytest.mark.parametrize("cpu", [0, 1])
def test_the_hosts_msrs(vms, rng, cpu):
    """What the host has in these MSRs on this CPU is the same before and after."""
    names = (STAR, LSTAR, FMASK, 0xc0000083, SYSENTER_CS, SYSENTER_ESP, SYSENTER_EIP, PAT, EFER,
             0xc0000103)
    text = "; ".join(write_msr(msr, rng.getrandbits(47)) for msr in CANONICAL)
    text += f"; {write_msr(STAR, rng.getrandbits(64))}; {write_msr(FMASK, rng.getrandbits(20))}"
    before = [vms.probe("rdmsr", cpu, f"{msr:#x}") for msr in names]
    lines = vmtool(vms, "cpu", cpu, *guest(guests.code(f"{text}; vmcall")), "run", 0, LATE,
                   *(word for msr in names for word in ("probe", f"rdmsr {cpu} {msr:#x}")))
    check_exit(only(lines, "exit"), "hypercall", "a guest that writes many MSRs", read=MSRS)
    after = [vms.probe("rdmsr", cpu, f"{msr:#x}") for msr in names]
    for msr, old, new in zip(names, before, after):
        check(new, old, f"the host's MSR {msr:#x} on CPU {cpu}, after a guest that wrote its own",
              read=MSRS)


def test_policy_refusals(vms):
    """Each cause has its errno."""
    lines = vmtool(vms, "create", "1M", 1, "try", "msrs", 0x10, 1, 3, "try", "msrs", 0x10, 65,
                   MSR_USER, "try", "msrs", 0x10, 64, MSR_USER, "try", "msrs", 0x10, 64,
                   MSR_DEFAULT)
    check([line.get("errno", "") for line in lines if line.what in ("error", "done")],
          ["EINVAL", "E2BIG", "", ""], "VTXDRV_MSR_POLICY: an action that there is not, too many,"
          " and two that are right")
    words = " ".join(f"try msrs {0x1000 + 4 * n} 1 {MSR_USER}" for n in range(66))
    answers_in_order = vms.sh(f"vmtool create 1M 1 {words}").out.splitlines()[1:]
    check([text.split(" ")[0] for text in answers_in_order], ["done"] * 64 + ["error"] * 2,
          "VTXDRV_MSR_POLICY, 66 ranges of which 64 have room")
