/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/**
 * @file vtxdrv_run.h
 * @brief The part of the user ABI that runs a guest, from project04 on. Include vtxdrv.h.
 */
#ifndef VTXDRV_RUN_H
#define VTXDRV_RUN_H

#ifndef VTXDRV_H
#error "include vtxdrv.h, which includes this file"
#endif

/** General registers of a vCPU. */
struct vtx_regs {
	__u64 rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi; /**< in, out: in the order of their numbers */
	__u64 r8, r9, r10, r11, r12, r13, r14, r15; /**< in, out */
	__u64 rip, rflags; /**< in, out */
};

/** A segment register, its hidden part included. */
struct vtx_segment {
	__u64 base; /**< linear address */
	__u32 limit; /**< bytes - 1, granularity already applied */
	__u32 access; /**< access rights as in the VMCS (SDM vol. 3, "Guest Register State") */
	__u16 selector; /**< in, out */
	__u16 pad[3]; /**< in: 0 */
};

/** GDTR or IDTR. */
struct vtx_table {
	__u64 base; /**< linear address */
	__u32 limit; /**< bytes - 1 */
	__u32 pad; /**< in: 0 */
};

/** Special registers of a vCPU. */
struct vtx_sregs {
	struct vtx_segment es, cs, ss, ds, fs, gs, ldtr, tr; /**< in, out */
	struct vtx_table gdtr, idtr; /**< in, out */
	__u64 cr0, cr2, cr3, cr4, efer; /**< in, out */
	__u64 dr[8]; /**< DR0-DR3, DR6, DR7; [4] and [5] are 0 */
};

/** What happened to a vCPU, in words that belong to no vendor. Part of the ABI. */
enum vtx_exit_kind {
	VTX_EXIT_NONE = 0, /**< it has not run yet */
	VTX_EXIT_HLT = 1, /**< the guest waits for an interrupt */
	VTX_EXIT_HYPERCALL = 2, /**< VMCALL (VMMCALL): nr and args */
	VTX_EXIT_CPUID = 3, /**< answered by the driver */
	VTX_EXIT_CR = 4, /**< access to a control register: cr, access, gpr, value */
	VTX_EXIT_DR = 5, /**< first use of the debug registers: answered by the driver */
	VTX_EXIT_INTERRUPT = 6, /**< the host's interrupt: answered by the host */
	VTX_EXIT_NMI = 7, /**< the host's NMI: answered by the host */
	VTX_EXIT_EXCEPTION = 8, /**< of the guest: vector, error_code, address */
	VTX_EXIT_TRIPLE_FAULT = 9, /**< of the guest: nothing more is known than where */
	VTX_EXIT_ENTRY_FAILED = 10, /**< the guest did not run: see reason, instruction_error */
	VTX_EXIT_UNHANDLED = 11, /**< this stage has no handler: see reason */
	VTX_EXIT_SIGNAL = 12, /**< a signal is pending for the caller; the guest is intact */
	VTX_EXIT_TIMEOUT = 13, /**< timeout_ns is over; the guest is intact */
	VTX_EXIT_SHUTDOWN = 14, /**< the CPU has left VMX operation (reboot, unload) */
	/* project05 */
	VTX_EXIT_NOT_PRESENT = 15, /**< memory of a slot without a frame yet: the driver gets one */
	VTX_EXIT_MMIO = 16, /**< no slot there: gpa, linear, memory_access; run.regs, run.sregs */
	VTX_EXIT_PROTECTION = 17, /**< the slot forbids it: gpa, linear, memory_access, slot */
	VTX_EXIT_NO_MEMORY = 18, /**< the host has no frame for gpa; the guest is intact */
	VTX_EXIT_MISCONFIGURED = 19, /**< an entry of the tables that no processor takes: gpa */
	/* project06 */
	VTX_EXIT_IO = 20, /**< IN, OUT, INS, OUTS: port, io_size, io_flags, data */
	VTX_EXIT_RDMSR = 21, /**< msr */
	VTX_EXIT_WRMSR = 22, /**< msr, data */
	VTX_EXIT_INTA = 23, /**< the guest takes the interrupt of its INTR line: which vector? */
	VTX_EXIT_TIMER = 24, /**< a timer without a vector has expired */
	VTX_EXIT_XSETBV = 25, /**< answered by the driver */
	VTX_EXIT_INVALIDATE = 26, /**< INVD, WBINVD, INVLPG, INVPCID: the driver answers; nr */
	VTX_EXIT_PAUSE = 27, /**< PAUSE, or too many of them: answered by the driver */
	VTX_EXIT_MONITOR = 28, /**< MONITOR or MWAIT: answered by the driver */
	VTX_EXIT_COUNTER = 29, /**< RDPMC, RDTSC, RDTSCP: answered by the driver; nr */
	VTX_EXIT_DESCRIPTOR_TABLE = 30, /**< LGDT, SIDT, LTR …: answered by the driver */
	VTX_EXIT_TASK_SWITCH = 31, /**< by hardware: nobody does it; value: what the vendor says */
	VTX_EXIT_FORBIDDEN = 32, /**< an instruction that this guest does not have: it gets a #UD */
	VTX_EXIT_IRQ_WINDOW = 33, /**< the guest can take an interrupt: answered by the driver */
	VTX_EXIT_NMI_WINDOW = 34, /**< the guest can take an NMI now: answered by the driver */
	VTX_EXIT_KINDS /**< how many there are */
};

/** How a guest touched a control register. Numbers as in the SDM's exit qualification. */
enum vtx_cr_access {
	VTX_CR_WRITE = 0, /**< MOV to CR */
	VTX_CR_READ = 1, /**< MOV from CR */
	VTX_CR_CLTS = 2, /**< CLTS: CR0.TS becomes 0 */
	VTX_CR_LMSW = 3, /**< LMSW: the lower bits of CR0 */
};

/** Which one VTX_EXIT_COUNTER is about. */
enum vtx_counter {
	VTX_COUNTER_PMC = 0, /**< RDPMC */
	VTX_COUNTER_TSC = 1, /**< RDTSC */
	VTX_COUNTER_TSCP = 2, /**< RDTSCP */
};

/** What VTX_EXIT_INVALIDATE is about. */
enum vtx_invalidate {
	VTX_INVALIDATE_CACHES = 0, /**< INVD, WBINVD */
	VTX_INVALIDATE_TLB = 1, /**< INVLPG, INVPCID */
};

/** One exit. Fields that the kind does not name are 0. */
struct vtx_exit {
	__u32 kind; /**< out: enum vtx_exit_kind */
	__u32 reason; /**< out: the vendor's own, whole: VMX exit reason with bit 31; EXITCODE */
	__u64 qualification; /**< out: the vendor's own: exit qualification; EXITINFO1 */
	__u64 rip; /**< out: of the guest, at the exit */
	__u64 time_ns; /**< out: CLOCK_MONOTONIC of the host; 0 for exits of the guest without
			    VTX_RUN_EVERY_EXIT */
	__u32 instruction_error; /**< out: of a failed VMLAUNCH or VMRESUME, else 0; 0 with SVM */
	__u32 instruction_length; /**< out: bytes; 0 where the exit has none */
	__u32 vector; /**< out: of an exception */
	__u32 error_code; /**< out: of an exception that has one */
	__u64 address; /**< out: linear address: CR2 of a #PF */
	__u32 cr; /**< out: 0, 3, 4 or 8 */
	__u32 access; /**< out: enum vtx_cr_access */
	__u32 gpr; /**< out: number of the register that was read or written */
	__u32 handled; /**< out: 1 if the driver has answered it and the guest may go on */
	__u64 value; /**< out: what a CR was to become */
	__u64 nr; /**< out: RAX of a hypercall; enum vtx_counter; enum vtx_invalidate */
	__u64 args[4]; /**< out: RDI, RSI, RDX, RCX of a hypercall */
	__u64 gpa; /**< out: guest-physical address of a memory access */
	__u64 linear; /**< out: its guest-linear address, with VTX_ACCESS_LINEAR */
	__u32 memory_access; /**< out: VTX_ACCESS_* */
	__u32 slot; /**< out: of VTX_EXIT_PROTECTION */
	__u32 port; /**< out: 0 to FFFFH */
	__u32 io_size; /**< out: bytes of one element: 1, 2 or 4 */
	__u32 io_flags; /**< out: VTX_IO_* */
	__u32 msr; /**< out: its number, ECX */
	__u64 data; /**< out: of OUT (not of OUTS) and WRMSR */
};

/** Bits of vtx_exit.memory_access. */
#define VTX_ACCESS_READ (1U << 0)
#define VTX_ACCESS_WRITE (1U << 1)
#define VTX_ACCESS_EXECUTE (1U << 2)
#define VTX_ACCESS_LINEAR (1U << 3) /**< vtx_exit.linear is valid */
#define VTX_ACCESS_WALK (1U << 4) /**< by the walk of the guest's own page tables */
#define VTX_ACCESS_EVENT (1U << 5) /**< while an event was being delivered through the IDT */

/** Bits of vtx_exit.io_flags. */
#define VTX_IO_IN (1U << 0) /**< from the port; otherwise to the port */
#define VTX_IO_STRING (1U << 1) /**< INS, OUTS: memory, see run.regs and run.sregs; not skipped */
#define VTX_IO_REP (1U << 2) /**< with a REP prefix: RCX elements */

/** Bits of vtx_run.flags. */
#define VTX_RUN_EVERY_EXIT (1U << 0) /**< come back after each exit, also after handled ones */
#define VTX_RUN_SET_REGS (1U << 1) /**< take vtx_run.regs over before the entry (project05) */
#define VTX_RUN_FAULT (1U << 2) /**< the answer to RDMSR, WRMSR is a #GP (project06) */

/** The page that caller and driver share for each vCPU. The driver believes nothing in it. */
struct vtx_run {
	__u32 flags; /**< in: VTX_RUN_* */
	__u32 pad; /**< in: 0 */
	__u64 timeout_ns; /**< in: come back after so many nanoseconds of the ioctl; 0: never */
	__u64 hypercall_result; /**< in: RAX of the guest after VTX_EXIT_HYPERCALL */
	__u64 exits; /**< out: VM exits of this vCPU so far */
	struct vtx_exit exit; /**< out: why VTXDRV_RUN_VCPU returned 0 */
	/**
	 * in: the answer to an exit: what IN or RDMSR reads, or after VTX_EXIT_INTA the vector,
	 * VTX_NO_VECTOR for none (project06)
	 */
	__u64 data;
	/**
	 * out: with VTX_EXIT_MMIO, VTX_EXIT_PROTECTION and VTX_IO_STRING, RIP still at the
	 * instruction; in: with VTX_RUN_SET_REGS
	 */
	struct vtx_regs regs;
	struct vtx_sregs sregs; /**< out: with the same exits */
};

/** How a vCPU starts. All but the first need project05. Part of the ABI. */
enum vtx_vcpu_mode {
	VTX_MODE_LONG = 0, /**< 64-bit, paging as in project04/README.md */
	VTX_MODE_REAL = 1, /**< 16-bit, segments based at 0; rip and rsp below 64 KiB */
	VTX_MODE_PROTECTED = 2, /**< 32-bit flat, no paging */
	VTX_MODE_PAGED = 3, /**< 32-bit flat, PAE paging that maps the first 4 GiB one to one */
	VTX_MODE_RESET = 4, /**< as after INIT: FFFF_FFF0H, real mode; rip and rsp must be 0 */
	VTX_VCPU_MODES /**< how many there are */
};

/** Argument of VTXDRV_INIT_VCPU: start as a flat 64-bit guest at an address. */
struct vtx_vcpu_init {
	__u32 vcpu; /**< in */
	__u32 mode; /**< in: enum vtx_vcpu_mode */
	__u64 rip; /**< in: first instruction, below the end of usable memory */
	__u64 rsp; /**< in; 0: the end of usable memory less 64 KiB for each vCPU with a lower id */
	__u64 rdi, rsi, rdx; /**< in: what the guest finds in these registers */
	__u64 usable; /**< out: bytes from address 0 that the guest can write; tables lie above */
};

/** Argument of VTXDRV_GET_REGS (in: vm, vcpu) and VTXDRV_SET_REGS (vm must be 0). */
struct vtx_vcpu_regs {
	__u32 vm; /**< in: id, or 0 for the VM of this file */
	__u32 vcpu; /**< in */
	struct vtx_regs regs; /**< in for SET, out for GET */
};

/** Argument of VTXDRV_GET_SREGS (in: vm, vcpu) and VTXDRV_SET_SREGS (vm must be 0). */
struct vtx_vcpu_sregs {
	__u32 vm; /**< in: id, or 0 for the VM of this file */
	__u32 vcpu; /**< in */
	struct vtx_sregs sregs; /**< in for SET, out for GET */
};

/** Exits of one reason. */
struct vtx_exit_count {
	__u64 count; /**< out */
	__u64 cycles; /**< out: TSC ticks from these exits to the next entry, inside the driver */
};

/** Basic exit reasons or exit codes that are counted; those above are counted in the last one. */
#define VTX_EXIT_REASONS 192

/** Argument of VTXDRV_GET_STATS. */
struct vtx_vcpu_stats {
	__u32 vm; /**< in: id, or 0 for the VM of this file */
	__u32 vcpu; /**< in */
	__u64 entries; /**< out: successful VM entries */
	__u64 tsc_khz; /**< out: TSC ticks in a millisecond */
	struct vtx_exit_count exits[VTX_EXIT_REASONS]; /**< out: by basic exit reason */
};

/**
 * Initialise a vCPU of this file's VM. EINVAL: an address, or no room for page tables; ERANGE: no
 * such vCPU; ENOENT: no VM; EBUSY: a thread runs it; ENOMEM; EFAULT; ESHUTDOWN: the machine goes
 * down; EIO: see the log; EINTR: a fatal signal came first.
 */
#define VTXDRV_INIT_VCPU _IOWR(VTXDRV_IOC, 0x40, struct vtx_vcpu_init)
/**
 * Run a vCPU of this file's VM; the argument is its id. One thread at a time for each vCPU.
 * Returns 0 when there is an exit to look at in struct vtx_run. EBUSY: another thread runs it;
 * ERANGE: no such vCPU; ENOENT: no VM; ENODATA: it was never initialised; EINVAL: flags or pad;
 * EINTR: a fatal signal came first; EIO: see the log.
 */
#define VTXDRV_RUN_VCPU _IO(VTXDRV_IOC, 0x41)
/**
 * General registers of a vCPU that does not run meanwhile. ENOENT: no such VM; ERANGE: no such
 * vCPU; EFAULT; ESHUTDOWN, EIO, EINTR: as above.
 */
#define VTXDRV_GET_REGS _IOWR(VTXDRV_IOC, 0x42, struct vtx_vcpu_regs)
/**
 * The other way round, for a vCPU of this file's VM. EINVAL: vm is not 0, or a value; EBUSY: a
 * thread runs it; ENODATA: it was never initialised; the others as above.
 */
#define VTXDRV_SET_REGS _IOW(VTXDRV_IOC, 0x43, struct vtx_vcpu_regs)
/** Segments, tables, control and debug registers. Errors as for VTXDRV_GET_REGS. */
#define VTXDRV_GET_SREGS _IOWR(VTXDRV_IOC, 0x44, struct vtx_vcpu_sregs)
/**
 * EPERM: a CR3 that is not the driver's own (project05 lifts that), or a bit of CR0, CR4 or EFER
 * that may not change; EINVAL: a value or padding, see the log; the others as for VTXDRV_SET_REGS.
 * With PAE paging another CR3 brings the four entries along that it names: EINVAL: no memory is
 * there; ENOMEM.
 */
#define VTXDRV_SET_SREGS _IOW(VTXDRV_IOC, 0x45, struct vtx_vcpu_sregs)
/** What a vCPU has done so far. Errors as for VTXDRV_GET_REGS, and ENOMEM. */
#define VTXDRV_GET_STATS _IOWR(VTXDRV_IOC, 0x46, struct vtx_vcpu_stats)

/** Most fields that VTXDRV_TRY_ENTRY changes at once. */
#define VTX_TRY_FIELDS 8

/** Argument of VTXDRV_TRY_ENTRY: what would the processor say to these values? */
struct vtx_try_entry {
	__u32 vcpu; /**< in */
	__u32 count; /**< in: fields, at most VTX_TRY_FIELDS */
	struct vtx_field fields[VTX_TRY_FIELDS]; /**< in: encoding and value; error must be 0 */
	__u32 instruction_error; /**< out: VM-instruction error, 0: VM entry was begun */
	__u32 reason; /**< out: exit reason, bit 31: entry failed; if instruction_error is 0 */
	__u64 qualification; /**< out */
};

/**
 * Change fields, enter once, and put the fields back. For the proof of the rules against a machine:
 * it can take the machine down, so the module parameter allow_try_entry must be set. EPERM: it is
 * not; EINVAL: a field that may not be tried; EOPNOTSUPP: this processor has no VMX-preemption
 * timer to come back by; ENOMEM; the others as for VTXDRV_SET_REGS.
 */
#define VTXDRV_TRY_ENTRY _IOWR(VTXDRV_IOC, 0x47, struct vtx_try_entry)

#endif
