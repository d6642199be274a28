# SPDX-License-Identifier: GPL-2.0
"""Every instruction that can exit, and what the manual says that it does in a guest without VMX.

Each group is a function of a random number generator: a list of cases for one guest.
"""
from __future__ import annotations

from harness.guests import WORD
from stage.exit_tools import BP, DB, DE, GP, NM, NO_VECTOR, PF, UD, Case

SPARE = 0x7100  # memory that a step may use
# Behind RDTSC twice: is the second one not before the first?
TSC_GROWS = "rdtsc; shl $32, %rdx; lea (%rax, %rdx), %rbx; {again}; shl $32, %rdx;" \
            " add %rdx, %rax; cmp %rbx, %rax; setae %al; movzbl %al, %eax"


def _value(number):
    return f"mov ${number & 0xffffffff:#x}, %eax; mov ${number >> 32:#x}, %edx"


def simple(rng):
    """CPUID, RDTSC, INVD, WBINVD, PAUSE, INVLPG, VMCALL: done, and nothing else has changed."""
    junk = rng.getrandbits(32)
    keep = f"mov ${junk}, %ebx; mov ${junk}, %ecx; mov ${junk}, %edx; mov ${junk}, %eax; "
    same = dict.fromkeys(("rax", "rbx", "rcx", "rdx"), junk)
    return [
        Case("mov $0x40000000, %eax; cpuid", registers={"rbx": int.from_bytes(b"VTXD", "little")}),
        Case(TSC_GROWS.format(again="rdtsc"), registers={"rax": 1}, what="RDTSC twice"),
        Case(keep + "invd", registers=same), Case(keep + "wbinvd", registers=same),
        Case(keep + "pause; pause; pause", registers=same),
        Case(keep + "invlpg 0x8000", registers=same),
        Case(f"mov ${junk}, %ebx; mov $77, %eax; vmcall", registers={"rax": WORD, "rbx": junk},
             what="VMCALL with a number that nobody knows"),
    ]


def vmx(_rng):
    """VMX, SMX and SVM instructions: this guest has none of them."""
    return [Case(text, UD, what=f"`{text}`, of which the guest has no right to know",
                 needs=text.upper())
            for text in (f"vmxon {SPARE:#x}", "vmxoff", "vmlaunch", "vmresume",
                         f"vmclear {SPARE:#x}", f"vmptrld {SPARE:#x}", f"vmptrst {SPARE:#x}",
                         "vmread %rax, %rbx",
                         "vmwrite %rax, %rbx", f"invept {SPARE:#x}, %rax",
                         f"invvpid {SPARE:#x}, %rax", "getsec", "xor %eax, %eax; vmfunc", "rsm",
                         # Which of both comes first: an address that is not aligned is a #GP.
                         "xor %eax, %eax; vmrun", "vmmcall", "clgi")]


def tables(rng):
    """LGDT, SGDT, LIDT, SIDT, LLDT, SLDT, LTR, STR."""
    base, limit = rng.getrandbits(40), rng.randrange(0x100)
    wrong = rng.randrange(2, 0x100) * 0x100
    return [
        Case(f"sgdt {SPARE:#x}; movzwl {SPARE:#x}, %eax; mov {SPARE + 2:#x}, %rbx; sub $gdt, %rbx",
             registers={"rax": 47, "rbx": 0}, what="SGDT: limit, and whether the base is right"),
        Case(f"sidt {SPARE:#x}; movzwl {SPARE:#x}, %eax; mov {SPARE + 2:#x}, %rbx",
             registers={"rax": 4095, "rbx": 0x4000}, what="SIDT"),
        Case(f"movw ${limit}, {SPARE:#x}; movabs ${base}, %rax; mov %rax, {SPARE + 2:#x};"
             f" sidt {SPARE + 16:#x}; lidt {SPARE:#x}; sidt {SPARE + 32:#x}; lidt {SPARE + 16:#x};"
             f" movzwl {SPARE + 32:#x}, %eax; mov {SPARE + 34:#x}, %rbx",
             registers={"rax": limit, "rbx": base}, what="LIDT, SIDT, and LIDT back"),
        Case(f"movabs $0x800000000000, %rax; mov %rax, {SPARE + 2:#x}; lgdt {SPARE:#x}", GP,
             what="LGDT of a base that is not canonical", needs="LGDT"),
        Case("xor %eax, %eax; lldt %ax; mov $1, %ebx; sldt %ebx", registers={"rbx": 0},
             what="LLDT of 0"),
        Case(f"mov ${wrong}, %eax; lldt %ax", GP, wrong, what="LLDT beyond the GDT"),
        Case("xor %eax, %eax; ltr %ax", GP, 0, what="LTR of 0", needs="LTR"),
        Case(f"mov ${wrong}, %eax; ltr %ax", GP, wrong, what="LTR beyond the GDT"),
        Case("str %eax; and $3, %eax", registers={"rax": 0}, what="STR"),
    ]


LONG = 0x80010033  # PE, MP, ET, NE, WP, PG
TS, NW, CD, AM = 1 << 3, 1 << 29, 1 << 30, 1 << 18


def control(rng):
    """CR0, CR3, CR4, CR8, CLTS, LMSW, SMSW; and registers that there are not."""
    priority = rng.randrange(16)
    set_ts = f"mov ${LONG | TS:#x}, %eax; mov %rax, %cr0; "
    return [
        Case("mov %cr0, %rax", registers={"rax": LONG}),
        Case(set_ts + "mov %cr0, %rbx; fnop", NM, registers={"rbx": LONG | TS},
             what="x87 with CR0.TS set"),
        Case("clts; mov %cr0, %rbx; fnop", registers={"rbx": LONG}, what="x87 behind CLTS"),
        Case("mov $8, %eax; lmsw %ax; smsw %rbx; and $15, %ebx; clts", registers={"rbx": 9},
             what="LMSW of TS alone"),
        Case(f"mov ${LONG | 2:#x}, %eax; mov %rax, %cr0; mov %cr0, %rbx",
             registers={"rbx": LONG}, what="CR0 back"),
        Case(f"mov ${LONG & ~(1 << 31):#x}, %eax; mov %rax, %cr0", GP,
             what="CR0.PG in 64-bit mode"),
        Case(f"mov ${LONG | NW:#x}, %eax; mov %rax, %cr0", GP, what="CR0.NW without CD"),
        Case(f"mov ${LONG | CD:#x}, %eax; mov %rax, %cr0; mov %cr0, %rbx; mov ${LONG:#x}, %eax;"
             " mov %rax, %cr0", registers={"rbx": LONG | CD}, what="CR0.CD on and off"),
        Case("mov %cr4, %rbx; mov %rbx, %rax; bts $13, %rax; mov %rax, %cr4", GP,
             what="CR4.VMXE"),
        Case("mov %cr4, %rax; btc $5, %rax; mov %rax, %cr4", GP, what="CR4.PAE in 64-bit mode"),
        Case("mov %cr4, %rax; xor $0x84, %rax; mov %rax, %cr4; mov %cr4, %rbx; sub %rax, %rbx;"
             " xor $0x84, %rax; mov %rax, %cr4", registers={"rbx": 0}, what="CR4.TSD and PGE"),
        Case("mov %cr3, %rax; mov %rax, %cr3; mov %cr3, %rbx; sub %rax, %rbx",
             registers={"rbx": 0}, what="CR3 to itself"),
        Case(f"mov ${priority}, %eax; mov %rax, %cr8; mov %cr8, %rbx; xor %eax, %eax;"
             " mov %rax, %cr8", registers={"rbx": priority}, what="CR8"),
        Case("mov $16, %eax; mov %rax, %cr8", GP, what="CR8 above 15"),
        Case(".byte 0x0f, 0x20, 0xc8", UD, what="MOV from CR1"),
        Case(".byte 0x0f, 0x22, 0xe8", UD, what="MOV to CR5"),
        Case(".byte 0x44, 0x0f, 0x22, 0xc8", UD, what="MOV to CR9"),
    ]


def debug(rng):
    """DR0 to DR7: kept, checked, and they stop the guest."""
    address = rng.getrandbits(31)
    return [
        Case(f"mov ${address}, %eax; mov %rax, %dr3; mov %dr3, %rbx", registers={"rbx": address}),
        Case("mov $1f, %eax; mov %rax, %dr0; mov $0x402, %eax; mov %rax, %dr7; nop; 1: nop", DB,
             what="an instruction breakpoint in DR0"),
        Case("mov %dr6, %rbx; and $15, %ebx; mov $0x400, %eax; mov %rax, %dr7; xor %eax, %eax;"
             " mov %rax, %dr6", registers={"rbx": 1}, what="DR6 after it", needs="DR6"),
        Case(f"mov ${SPARE:#x}, %eax; mov %rax, %dr1; mov $0xd0408, %eax; bts $20, %rax;"
             f" mov %rax, %dr7; movb $1, {SPARE:#x}; nop", DB, what="a data breakpoint in DR1"),
        Case("mov $0x400, %eax; mov %rax, %dr7; mov %dr7, %rbx", registers={"rbx": 0x400}),
        Case("movabs $0x100000400, %rax; mov %rax, %dr7", GP, what="bit 32 of DR7"),
        Case("mov %cr4, %rax; or $8, %eax; mov %rax, %cr4; .byte 0x0f, 0x21, 0xe0", UD,
             what="DR4 with CR4.DE set"),
        Case("mov %cr4, %rax; and $~8, %eax; mov %rax, %cr4; .byte 0x0f, 0x21, 0xe3; mov %dr6,"
             " %rax; sub %rax, %rbx", registers={"rbx": 0}, what="DR4 is DR6 with CR4.DE clear"),
        Case("pushf; orl $0x100, (%rsp); popf; nop; nop", DB, what="RFLAGS.TF"),
        Case("pushf; orl $0x100, (%rsp); popf; cpuid; nop", DB,
             what="RFLAGS.TF in front of CPUID", needs="TF"),
    ]


OSXSAVE = "mov %cr4, %rax; bts $18, %rax; mov %rax, %cr4; "


def xsetbv(_rng):
    """XCR0: what the processor would refuse is a #GP, and #UD without CR4.OSXSAVE."""
    return [
        Case(OSXSAVE + "mov $3, %eax; xor %edx, %edx; xor %ecx, %ecx; xsetbv; xgetbv",
             registers={"rax": 3, "rdx": 0}, what="XCR0 = 3"),
        Case("mov $1, %eax; xor %edx, %edx; xor %ecx, %ecx; xsetbv; xgetbv",
             registers={"rax": 1}, what="XCR0 = 1"),
        Case("mov $2, %eax; xor %edx, %edx; xor %ecx, %ecx; xsetbv", GP, what="XCR0 without x87"),
        Case("mov $5, %eax; xor %edx, %edx; xor %ecx, %ecx; xsetbv", GP,
             what="XCR0 with AVX and without SSE"),
        Case("mov $3, %eax; mov $0x80000000, %edx; xor %ecx, %ecx; xsetbv", GP,
             what="bit 63 of XCR0"),
        Case("mov $3, %eax; xor %edx, %edx; mov $1, %ecx; xsetbv", GP, what="XCR1"),
        Case("xor %ecx, %ecx; xgetbv", registers={"rax": 1}, what="XCR0 after all that"),
        Case("mov %cr4, %rax; btr $18, %rax; mov %rax, %cr4; mov $1, %eax; xor %edx, %edx;"
             " xor %ecx, %ecx; xsetbv", UD, what="XSETBV without CR4.OSXSAVE"),
    ]


def msrs(rng):
    """RDMSR and WRMSR: what is there, what is not, and values that cannot be."""
    address, unknown = rng.getrandbits(46), 0x2f00 + rng.randrange(0x100)
    high, low = address >> 32, address & 0xffffffff
    return [
        Case(f"mov $0xc0000082, %ecx; {_value(address)}; wrmsr; xor %eax, %eax; xor %edx, %edx;"
             " rdmsr", registers={"rax": low, "rdx": high}, what="LSTAR"),
        Case(f"mov $0xc0000100, %ecx; {_value(SPARE)}; wrmsr; movq $5, {SPARE:#x}; mov %fs:0, %rbx",
             registers={"rbx": 5}, what="FS_BASE, used"),
        Case(f"mov $0xc0000102, %ecx; {_value(SPARE)}; wrmsr; swapgs; mov %gs:0, %rbx; swapgs",
             registers={"rbx": 5}, what="KERNEL_GS_BASE, used"),
        Case(f"mov $0xc0000082, %ecx; {_value(1 << 63)}; wrmsr", GP,
             what="LSTAR that is not canonical"),
        Case(f"mov ${unknown:#x}, %ecx; rdmsr", GP), Case(f"mov ${unknown:#x}, %ecx; wrmsr", GP),
        Case("mov $0x480, %ecx; rdmsr", GP, what="IA32_VMX_BASIC"),
        Case("mov $0x40000000, %ecx; rdmsr", GP),
        Case(f"mov $0xc0000080, %ecx; {_value(2)}; wrmsr", GP, what="a reserved bit of EFER"),
        Case("mov $0x277, %ecx; rdmsr; mov $0x02, %al; wrmsr", GP, what="a type that PAT has not"),
        Case(TSC_GROWS.format(again="mov $0x10, %ecx; rdmsr"), registers={"rax": 1},
             what="IA32_TIME_STAMP_COUNTER behind RDTSC"),
    ]


def events(rng):
    """INT n, INT3, INT1, and faults: by the guest's own IDT, nothing of the driver's between."""
    vector = rng.randrange(32, 256)
    return [
        Case("int3", BP), Case(f"int ${vector}", vector),
        Case(".byte 0xf1", DB, what="INT1"),
        Case("ud2", UD), Case("xor %ecx, %ecx; div %ecx", DE),
        Case("movabs $0x800000000000, %rax; mov (%rax), %rax", GP, what="a non-canonical address"),
        Case("mov 0x10, %rax", PF, 0, what="reading page 0"),
        Case("movb $1, 0x10", PF, 2, what="writing page 0"),
        Case("mov $0xf8, %eax; mov %eax, %ds", GP, 0xf8, what="a selector beyond the GDT"),
        Case(".byte 0xce", UD, what="INTO, which 64-bit mode does not have"),
        Case("sti; cli", NO_VECTOR), Case("pushf; pop %rax; and $0x200, %eax",
                                          registers={"rax": 0}, what="IF behind CLI"),
    ]


GROUPS = {"simple": simple, "VMX": vmx, "tables": tables, "control registers": control,
          "debug registers": debug, "XSETBV": xsetbv, "MSRs": msrs, "events": events}

# What CPUID says is there, an instruction of it, what to do first.
FEATURES = (
    ("RDTSCP", 0x80000001, "edx", 27, "rdtscp"), ("MONITOR", 1, "ecx", 3, f"mov ${SPARE:#x}, %eax;"
                                                  " xor %ecx, %ecx; xor %edx, %edx; monitor"),
    ("INVPCID", 7, "ebx", 10, f"movq $0, {SPARE:#x}; movq $0, {SPARE + 8:#x}; mov $2, %eax;"
     f" invpcid {SPARE:#x}, %rax"),
    ("FSGSBASE", 7, "ebx", 0, "mov %cr4, %rax; bts $16, %rax; mov %rax, %cr4; rdfsbase %rbx"),
    ("SMEP", 7, "ebx", 7, "mov %cr4, %rax; bts $20, %rax; mov %rax, %cr4; btr $20, %rax;"
     " mov %rax, %cr4"),
    ("PCID", 1, "ecx", 17, "mov %cr4, %rax; bts $17, %rax; mov %rax, %cr4; btr $17, %rax;"
     " mov %rax, %cr4"),
    ("XSAVE", 1, "ecx", 26, OSXSAVE + "xor %ecx, %ecx; xgetbv"),
    ("RDRAND", 1, "ecx", 30, "rdrand %rax"), ("POPCNT", 1, "ecx", 23, "popcnt %rbx, %rax"),
    ("SYSCALL", 0x80000001, "edx", 11, "mov $0xc0000080, %ecx; rdmsr; or $1, %eax; wrmsr"),
)

# From 64-bit mode to 32-bit protected mode without paging, and a jump to a TSS.
TASK_SWITCH = """
	lgdt gdtr
	pushq $0x28
	pushq $compat
	lretq
.code32
compat:	mov $0x10, %eax
	mov %eax, %ss
	mov %eax, %ds
	mov %cr0, %eax
	and $0x7fffffff, %eax
	mov %eax, %cr0
	mov $0xc0000080, %ecx
	rdmsr
	and $~0x100, %eax
	wrmsr
	mov $0x18, %eax
	ltr %ax
	ljmp $0x20, $0
	hlt
.code64
.balign 8
gdt:	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
	.quad 0x0000890070000067, 0x0000890071000067, 0x00cf9b000000ffff
gdtr:	.word . - gdt - 1
	.quad gdt
"""
