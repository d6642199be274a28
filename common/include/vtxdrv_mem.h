/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/**
 * @file vtxdrv_mem.h
 * @brief The part of the user ABI that is about guest memory, from project05 on. Include vtxdrv.h.
 *
 * A VM has as many bytes of memory as it was created with, addressed by an offset (which is also
 * the offset for mmap()), and frames for those that were touched. Slots say where in the
 * guest-physical address space pieces of it appear. VTXDRV_CREATE_VM makes slot 0, from address 0
 * up to 3 GiB, and for what is more slot 1, from 4 GiB up. Where no slot is, an access is MMIO.
 */
#ifndef VTXDRV_MEM_H
#define VTXDRV_MEM_H

#ifndef VTXDRV_H
#error "include vtxdrv.h, which includes this file"
#endif

/** Slots of a VM, numbered from 0. */
#define VTX_MAX_SLOTS 32
/** Where the low slot that VTXDRV_CREATE_VM makes ends at the latest. */
#define VTX_LOW_MEMORY_END 0xc0000000ULL
/** Where the other one begins. */
#define VTX_HIGH_MEMORY_START 0x100000000ULL

/** Bits of vtx_slot.flags. */
#define VTX_SLOT_READ_ONLY (1U << 0) /**< a write is VTX_EXIT_PROTECTION */
#define VTX_SLOT_LOG_DIRTY (1U << 1) /**< VTXDRV_DIRTY_LOG tells which pages were written */
#define VTX_SLOT_UNCACHEABLE (1U << 2) /**< memory type UC: the window of a device; else WB */

/** Argument of VTXDRV_SET_SLOT. */
struct vtx_slot {
	__u32 slot; /**< in: below VTX_MAX_SLOTS */
	__u32 flags; /**< in: VTX_SLOT_* */
	__u64 gpa; /**< in: guest-physical address, a multiple of 4096 */
	__u64 size; /**< in: bytes, a multiple of 4096; 0: unmap the slot */
	__u64 offset; /**< in: of the VM's memory, a multiple of 4096 */
	__u64 pad; /**< in: 0 */
};

/** Argument of VTXDRV_SLOT_INFO. */
struct vtx_slot_info {
	__u32 vm; /**< in: id, or 0 for the VM of this file */
	__u32 slot; /**< in: the first used slot with this number or above; out: its number */
	__u32 flags; /**< out */
	__u32 pad; /**< in: 0 */
	__u64 gpa, size, offset; /**< out */
	__u64 mapped; /**< out: bytes of it that the tables map at the moment */
	__u64 dirty; /**< out: pages in the dirty log */
};

/** Bits of vtx_protect.access: what is to be possible. */
#define VTX_PROT_READ (1U << 0)
#define VTX_PROT_WRITE (1U << 1)
#define VTX_PROT_EXECUTE (1U << 2)

/** Argument of VTXDRV_PROTECT: change what a guest may do with a range inside a slot. */
struct vtx_protect {
	__u32 access; /**< in: VTX_PROT_*, no WRITE without READ */
	__u32 pad; /**< in: 0 */
	__u64 gpa; /**< in: a multiple of 4096 */
	__u64 size; /**< in: bytes, a multiple of 4096, not 0 */
};

/** Argument of VTXDRV_DIRTY_LOG. */
struct vtx_dirty_log {
	__u32 slot; /**< in */
	__u32 clear; /**< in: 1: start anew for the pages that are reported */
	__u64 first_page; /**< in: of the slot, a multiple of 64 */
	__u64 pages; /**< in: a multiple of 64, or up to the end of the slot */
	__u64 bitmap; /**< in: pointer to (pages + 63) / 64 words of 64 bits; bit 0 is first_page */
	__u64 count; /**< out: bits that are set */
};

/** Levels of the tables: 4 is the root, 1 maps 4 KiB. */
#define VTX_NPT_LEVELS 4

/** One step of a walk. */
struct vtx_walk_step {
	__u64 table; /**< out: host-physical address of the table */
	__u64 entry; /**< out: as it is in memory */
};

/** Argument of VTXDRV_WALK: the entries that translate a guest-physical address. */
struct vtx_walk {
	__u32 vm; /**< in: id, or 0 for the VM of this file */
	__u32 vendor; /**< out: 0: EPT, 1: AMD's nested page tables */
	__u64 gpa; /**< in: below 2^48 */
	__u32 levels; /**< out: entries that were read, 1 to 4 */
	__u32 result; /**< out: 0: mapped; 1: not present; 2: misconfigured */
	__u64 hpa; /**< out: host-physical address, if mapped */
	__u64 page_size; /**< out: 4096, 2 MiB or 1 GiB, if mapped */
	__u64 pointer; /**< out: EPTP or nCR3 */
	struct vtx_walk_step steps[VTX_NPT_LEVELS]; /**< out: [0] is the root's */
	__u64 pad[2]; /**< in: 0 */
};

/** Neighbouring pages that are mapped alike. */
struct vtx_map_range {
	__u64 gpa; /**< out */
	__u64 size; /**< out: bytes */
	__u64 hpa; /**< out: of the first page; the others follow it where contiguous is 1 */
	__u32 page_size; /**< out: 4096, 2 MiB or 1 GiB */
	__u32 access; /**< out: VTX_PROT_* */
	__u8 memory_type; /**< out: 0 UC, 6 WB */
	__u8 accessed, dirty; /**< out: 1: of at least one page */
	__u8 contiguous; /**< out: 1: host-physical addresses are, too */
	__u8 pad[4]; /**< out: 0 */
};

/** Argument of VTXDRV_MAP: all that the tables map. */
struct vtx_map {
	__u32 vm; /**< in: id, or 0 for the VM of this file */
	__u32 size; /**< in: entries that ranges has room for, at most 4096 */
	__u64 gpa; /**< in: begin here; out: where to go on, ~0: that was all */
	__u32 count; /**< out: entries that were written */
	__u32 split; /**< in: 1: a range ends where host-physical addresses jump */
	__u64 ranges; /**< in: pointer to struct vtx_map_range[size] */
	__u64 pad; /**< in: 0 */
};

/** Argument of VTXDRV_MEMORY_INFO. */
struct vtx_memory_info {
	__u32 vm; /**< in: id, or 0 for the VM of this file */
	__u32 vpid; /**< out: of vCPU 0, 0: none */
	__u64 populated; /**< out: bytes of memory that have a frame */
	__u64 tables; /**< out: bytes of the tables */
	__u64 faults; /**< out: exits that were answered with a frame */
	__u64 flushes; /**< out: INVEPT and INVVPID, or their like, so far */
	__u64 pad; /**< in: 0 */
};

/**
 * Map, change or unmap a slot, also while the guest runs. EINVAL: slot, flags, pad, alignment;
 * ERANGE: beyond the VM's memory, or beyond what the processor's tables can address; EEXIST:
 * overlaps another slot; ENOENT: no VM, or size 0 and no such slot; ENOMEM; EFAULT; EINTR. The log
 * names value and limit.
 */
#define VTXDRV_SET_SLOT _IOW(VTXDRV_IOC, 0x50, struct vtx_slot)
/** Look slots up. ENOENT: no VM, or no further slot; EINVAL: pad; EFAULT. */
#define VTXDRV_SLOT_INFO _IOWR(VTXDRV_IOC, 0x51, struct vtx_slot_info)
/** EINVAL: access, pad, alignment; ERANGE: not inside one slot; ENOENT; ENOMEM; EFAULT; EINTR. */
#define VTXDRV_PROTECT _IOW(VTXDRV_IOC, 0x52, struct vtx_protect)
/** EINVAL: alignment, clear; ERANGE: beyond the slot; ENOENT: no VM, no such slot, or no log. */
#define VTXDRV_DIRTY_LOG _IOWR(VTXDRV_IOC, 0x53, struct vtx_dirty_log)
/** ERANGE: gpa; EINVAL: pad; ENOENT; EFAULT. */
#define VTXDRV_WALK _IOWR(VTXDRV_IOC, 0x54, struct vtx_walk)
/** E2BIG: size; EINVAL: pad, split; ENOENT; ENOMEM; EFAULT. */
#define VTXDRV_MAP _IOWR(VTXDRV_IOC, 0x55, struct vtx_map)
/** ENOENT; EINVAL: pad; EFAULT. */
#define VTXDRV_MEMORY_INFO _IOWR(VTXDRV_IOC, 0x56, struct vtx_memory_info)

#endif
