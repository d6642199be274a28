/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/**
 * @file vtxdrv_irq.h
 * @brief The part of the user ABI that brings events to a guest, from project06 on. Include
 *        vtxdrv.h.
 */
#ifndef VTXDRV_IRQ_H
#define VTXDRV_IRQ_H

#ifndef VTXDRV_H
#error "include vtxdrv.h, which includes this file"
#endif

/** vtx_run.data after VTX_EXIT_INTA: there is no interrupt any more. */
#define VTX_NO_VECTOR 0x100U

/** What VTXDRV_EVENT brings. Part of the ABI. */
enum vtx_event_kind {
	/**
	 * An external interrupt with this vector, 16 to 255. It stays pending until it is injected;
	 * of several the highest goes first, and none whose priority class (bits 7:4) is not above
	 * that of CR8. The same vector twice is one interrupt.
	 */
	VTX_EVENT_INTERRUPT = 0,
	/** The INTR line becomes value (0, 1). While it is 1, VTX_EXIT_INTA asks for the vector. */
	VTX_EVENT_LINE = 1,
	/** An NMI. Two that are pending are kept, as by a processor that is in one. */
	VTX_EVENT_NMI = 2,
	/**
	 * An exception: vector, error_code with value 1, address is CR2 of a #PF. Only between two
	 * VTXDRV_RUN_VCPU.
	 */
	VTX_EVENT_EXCEPTION = 3,
};

/** Argument of VTXDRV_EVENT. */
struct vtx_event {
	__u32 vcpu; /**< in */
	__u32 kind; /**< in: enum vtx_event_kind */
	__u32 vector; /**< in: see the kind; otherwise 0 */
	__u32 value; /**< in: see the kind; otherwise 0 */
	__u32 error_code; /**< in: see the kind; otherwise 0 */
	__u32 pad; /**< in: 0 */
	__u64 address; /**< in: see the kind; otherwise 0 */
};

/** Argument of VTXDRV_SET_TIMER: each vCPU has one. */
struct vtx_timer {
	__u32 vcpu; /**< in */
	__u32 vector; /**< in: 16 to 255: VTX_EVENT_INTERRUPT; 0: VTX_EXIT_TIMER */
	__u64 first_ns; /**< in: CLOCK_MONOTONIC; 0: off */
	__u64 period_ns; /**< in: 0: once; otherwise at least 20000 */
};

/** What becomes of an access to an MSR. Part of the ABI. */
enum vtx_msr_action {
	VTX_MSR_DEFAULT = 0, /**< as the driver's table has it */
	VTX_MSR_USER = 1, /**< VTX_EXIT_RDMSR, VTX_EXIT_WRMSR */
	VTX_MSR_FAULT = 2, /**< #GP */
};

/** Argument of VTXDRV_MSR_POLICY: for all vCPUs of this file's VM. */
struct vtx_msr_policy {
	__u32 first; /**< in: number of an MSR; with count 0: all that the table does not know */
	__u32 count; /**< in: at most 64 */
	__u32 action; /**< in: enum vtx_msr_action */
	__u32 pad; /**< in: 0 */
};

/** In struct vtx_vcpu_events beside a vector: there is one. */
#define VTX_EVENT_PRESENT 0x80000000U

/** Argument of VTXDRV_GET_EVENTS: what waits to be injected. */
struct vtx_vcpu_events {
	__u32 vm; /**< in: id, or 0 for the VM of this file */
	__u32 vcpu; /**< in */
	__u64 interrupts[4]; /**< out: bit vector % 64 of word vector / 64 */
	__u32 line; /**< out: INTR, 0 or 1 */
	__u32 nmis; /**< out: 0 to 2 */
	__u32 again; /**< out: delivery cut short by an exit: VTX_EVENT_PRESENT | vector */
	__u32 exception; /**< out: VTX_EVENT_PRESENT | vector, 0: none */
	__u32 halted; /**< out: 1: waits in HLT */
	__u32 pad[3]; /**< in: 0 */
};

/**
 * Bring an event to a vCPU of this file's VM, from any thread, also while it runs or sleeps in HLT.
 * EINVAL: kind, vector, value, pad; EBUSY: an exception, and it runs or has one already; ERANGE: no
 * such vCPU; ENOENT: no VM; ENODATA: it was never initialised; EFAULT.
 */
#define VTXDRV_EVENT _IOW(VTXDRV_IOC, 0x60, struct vtx_event)
/** EINVAL: vector, period; ERANGE; ENOENT; EFAULT. */
#define VTXDRV_SET_TIMER _IOW(VTXDRV_IOC, 0x61, struct vtx_timer)
/** EINVAL: action, pad; E2BIG: count; ENOSPC: too many ranges (64); ENOENT; EFAULT; EINTR. */
#define VTXDRV_MSR_POLICY _IOW(VTXDRV_IOC, 0x62, struct vtx_msr_policy)
/** Errors as for VTXDRV_GET_REGS. */
#define VTXDRV_GET_EVENTS _IOWR(VTXDRV_IOC, 0x63, struct vtx_vcpu_events)

#endif
