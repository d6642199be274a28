/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/**
 * @file vtxdrv.h
 * @brief The user ABI of /dev/vtxdrv: the kernel module and vtxctl both compile this file.
 *
 * Rules: fixed-width types, explicit padding that must be zero on input, every offset asserted at
 * the end of the file, and a comment on each field: unit, range, direction (in, out). What runs a
 * guest is in vtxdrv_run.h, which is part of this file.
 * The two published names, struct vtx_vm_config and VTXDRV_CREATE_VM, keep number 1.
 */
#ifndef VTXDRV_H
#define VTXDRV_H

#include <linux/ioctl.h>
#include <linux/types.h>

/** Where the module appears; for root only. */
#define VTXDRV_DEVICE "/dev/vtxdrv"
/** The letter of all our ioctls. */
#define VTXDRV_IOC 'k'

/** Grows by one when an existing structure or meaning changes; additions do not count. */
#define VTXDRV_ABI_VERSION 1

/* ---- project01: who are you, and what can this processor do ------------------------------- */

/** Bits of vtx_info.features: what this build offers. */
#define VTX_FEATURE_DETECT (1ULL << 0)
#define VTX_FEATURE_VMXON (1ULL << 1)
#define VTX_FEATURE_VM (1ULL << 2)
#define VTX_FEATURE_RUN (1ULL << 3)
#define VTX_FEATURE_MEMORY (1ULL << 4) /**< project05: slots, lazy memory, MMIO exits */
#define VTX_FEATURE_EXITS (1ULL << 5) /**< project06: I/O, MSRs, events, timers */
/**
 * project07: the processor has SVM. Control structures are VMCBs: exit codes for exit reasons,
 * EXITINFO1 for the qualification, and in struct vtx_field offsets for encodings.
 */
#define VTX_FEATURE_SVM (1ULL << 6)

/** Answer of VTXDRV_GET_INFO. */
struct vtx_info {
	__u32 abi_version; /**< out: VTXDRV_ABI_VERSION of the module */
	__u32 stage; /**< out: 1..7, the project that the module was built from */
	__u64 features; /**< out: VTX_FEATURE_* */
	__u32 nr_cpu_ids; /**< out: CPU numbers go from 0 to nr_cpu_ids - 1, with holes */
	__u32 online_cpus; /**< out: how many of them are online at this moment */
};

/** The capability MSRs IA32_VMX_BASIC (0x480) to IA32_VMX_EXIT_CTLS2 (0x493). */
#define VTX_VMX_MSR_FIRST 0x480U
#define VTX_VMX_MSR_COUNT 20

/** Bits of vtx_cpu_facts.valid: which of the other fields were read. */
#define VTX_FACT_FEATURE_CONTROL (1U << 0)
#define VTX_FACT_VM_CR (1U << 1)
#define VTX_FACT_HV_LEAF (1U << 2) /**< hv_signature, from CPUID 4000_0000H */
#define VTX_FACT_OURS (1U << 3) /**< this module holds the CPU: CR4.VMXE / EFER.SVME is its own */

/** Registers of one CPUID leaf. */
struct vtx_cpuid {
	__u32 eax; /**< out */
	__u32 ebx; /**< out */
	__u32 ecx; /**< out */
	__u32 edx; /**< out */
};

/**
 * Facts of one logical processor, as read and not interpreted. A leaf beyond the processor's
 * maximum is all zeros; an MSR that does not exist is not read, its bit in valid / vmx_msr_valid
 * is clear and its value is 0.
 */
struct vtx_cpu_facts {
	__u32 cpu; /**< out: logical CPU number as Linux counts */
	__u32 valid; /**< out: VTX_FACT_* */
	char vendor[12]; /**< out: CPUID 0: EBX, EDX, ECX; not terminated */
	char hv_signature[12]; /**< out: CPUID 4000_0000H: EBX, ECX, EDX; not terminated */
	__u32 max_leaf; /**< out: CPUID 0 EAX */
	__u32 max_ext_leaf; /**< out: CPUID 8000_0000H EAX */
	struct vtx_cpuid leaf1; /**< out: CPUID 1, EBX[31:24] (initial APIC id) included */
	struct vtx_cpuid ext1; /**< out: CPUID 8000_0001H */
	struct vtx_cpuid ext_svm; /**< out: CPUID 8000_000AH */
	struct vtx_cpuid ext_addr; /**< out: CPUID 8000_0008H */
	__u64 cr0; /**< out */
	__u64 cr4; /**< out: bit 13 is VMXE */
	__u64 efer; /**< out: MSR C000_0080H, bit 12 is SVME */
	__u64 feature_control; /**< out: IA32_FEATURE_CONTROL, MSR 3AH */
	__u64 vm_cr; /**< out: AMD's VM_CR, MSR C001_0114H */
	__u32 vmx_msr_valid; /**< out: bit i: vmx_msr[i] was read */
	__u32 pad; /**< out: 0 */
	__u64 vmx_msr[VTX_VMX_MSR_COUNT]; /**< out: MSR 480H + i */
};

/** Can this build use the processor? The values are part of the ABI. */
enum vtx_verdict {
	VTX_VERDICT_UNKNOWN = 0, /**< nobody asked yet, or exercise 1.7 is not done */
	VTX_VERDICT_USABLE = 1,
	VTX_VERDICT_NOT_SUPPORTED = 2, /**< the processor has no such extension */
	VTX_VERDICT_DISABLED_BY_FIRMWARE = 3, /**< IA32_FEATURE_CONTROL without VMX; VM_CR.SVMDIS */
	VTX_VERDICT_HELD = 4, /**< CR4.VMXE or EFER.SVME is set, and not by us (VTX_FACT_OURS) */
	VTX_VERDICT_HIDDEN = 5, /**< a hypervisor below does not show the extension */
};

/** Bits of vtx_cpu_query.differs: in what a CPU differs from the first online one. */
#define VTX_DIFF_CPUID (1U << 0)
#define VTX_DIFF_FEATURE_CONTROL (1U << 1)
#define VTX_DIFF_VM_CR (1U << 2)
#define VTX_DIFF_VMX_MSRS (1U << 3)
#define VTX_DIFF_HELD (1U << 4) /**< CR4.VMXE or EFER.SVME set on one and not on the other */

/** Argument of VTXDRV_QUERY_CPU. */
struct vtx_cpu_query {
	__u32 cpu; /**< in: CPU number, below vtx_info.nr_cpu_ids and online */
	__u32 verdict; /**< out: enum vtx_verdict of this CPU */
	__u32 differs; /**< out: VTX_DIFF_*, against the lowest-numbered online CPU */
	__u32 pad; /**< in: 0 */
	struct vtx_cpu_facts facts; /**< out */
};

/** Ask what this build is and offers; out: struct vtx_info. */
#define VTXDRV_GET_INFO _IOR(VTXDRV_IOC, 0x10, struct vtx_info)
/** Ask one CPU for its facts; in: cpu, out: the rest of struct vtx_cpu_query. */
#define VTXDRV_QUERY_CPU _IOWR(VTXDRV_IOC, 0x11, struct vtx_cpu_query)

/* ---- project02: VMX operation on every CPU ------------------------------------------------ */

/** Why a CPU could not be enabled: what the errno alone cannot say. Part of the ABI. */
enum vtx_enable_cause {
	VTX_CAUSE_NONE = 0,
	VTX_CAUSE_NOT_USABLE = 1, /**< value: enum vtx_verdict (see project01); -ENODEV */
	VTX_CAUSE_HELD = 2, /**< value: CR4 (or EFER) found, expected: what would do; -EBUSY */
	VTX_CAUSE_FEATURE_CONTROL = 3, /**< value: MSR 3AH, expected: bits needed; -EACCES */
	VTX_CAUSE_CR0_FIXED = 4, /**< value: CR0, expected: CR0 that would do; -ERANGE */
	VTX_CAUSE_CR4_FIXED = 5, /**< value: CR4, expected: CR4 that would do; -ERANGE */
	VTX_CAUSE_REGION = 6, /**< value: IA32_VMX_BASIC that cannot be served; -EPROTO */
	VTX_CAUSE_NO_MEMORY = 7, /**< value: bytes asked for; -ENOMEM */
	VTX_CAUSE_VMXON_FAULT = 8, /**< exception; value: physical address of region; -EFAULT */
	VTX_CAUSE_VMXON_FAILED = 9, /**< VMfailInvalid; value: physical address of region; -EIO */
	VTX_CAUSE_SHUTDOWN = 10, /**< the machine is going down; -ESHUTDOWN */
	VTX_CAUSE_INJECTED = 11, /**< the fail_nth parameter asked for a failure; -EIO */
	VTX_CAUSE_VM_CR = 12, /**< value: VM_CR, expected: VM_CR without SVMDIS; -EACCES */
	VTX_CAUSE_SVM_FAULT = 13, /**< exception; value: address for VM_HSAVE_PA; -EFAULT */
	VTX_CAUSE_SVME = 14, /**< value: EFER read back, expected: with SVME; -EIO */
};

/** Argument of VTXDRV_ENABLE. Filled in also when the ioctl fails. */
struct vtx_enable {
	__u32 users; /**< out: users after the call */
	__s32 cpu; /**< out: the CPU that failed, -1 if none */
	__u32 cause; /**< out: enum vtx_enable_cause */
	__u32 pad; /**< in: 0 */
	__u64 value; /**< out: see the cause */
	__u64 expected; /**< out: see the cause */
};

/** Argument of VTXDRV_DISABLE. */
struct vtx_disable {
	__u32 users; /**< out: users after the call */
	__u32 pad; /**< in: 0 */
};

/** Argument of VTXDRV_CPU_STATUS. */
struct vtx_cpu_status {
	__u32 cpu; /**< in: CPU number below vtx_info.nr_cpu_ids; offline is allowed */
	__u32 online; /**< out: 0 or 1; the fields from cr4 on are 0 for an offline CPU */
	__u32 enabled; /**< out: 1 if this module has enabled the CPU: VMXON, EFER.SVME */
	__u32 users; /**< out: how many users of all CPUs */
	__u64 region_pa; /**< out: physical address of VMXON region or host save area; 0: none */
	__u32 region_size; /**< out: bytes */
	__u32 revision_id; /**< out: as written into the region; 0 with SVM */
	__u64 cr4; /**< out */
	__u64 feature_control; /**< out: 0 where the MSR does not exist */
	__u64 efer; /**< out: bit 12 is SVME */
	__u64 vm_cr; /**< out: 0 where the MSR does not exist */
};

/** Become a user of VMX; the first one enables every CPU. */
#define VTXDRV_ENABLE _IOWR(VTXDRV_IOC, 0x20, struct vtx_enable)
/** Be a user no more; the last one disables every CPU. */
#define VTXDRV_DISABLE _IOWR(VTXDRV_IOC, 0x21, struct vtx_disable)
/** Ask one CPU for its state; in: cpu, out: the rest of struct vtx_cpu_status. */
#define VTXDRV_CPU_STATUS _IOWR(VTXDRV_IOC, 0x22, struct vtx_cpu_status)

/* ---- project03: a VM, its memory and its vCPUs ---------------------------------------------- */

/** Bytes of a VM's name, the terminating zero included. */
#define VTX_NAME_SIZE 32
/** vCPUs that a VM can have in this build; the module parameter max_vcpus may lower it. */
#define VTX_MAX_VCPUS 64

/** Argument of VTXDRV_CREATE_VM. */
struct vtx_vm_config {
	char name[VTX_NAME_SIZE]; /**< in: printable ASCII, terminated, not empty */
	unsigned long guest_mem_size; /**< in: bytes, a multiple of 4096 */
	int num_vcpus; /**< in: 1 to the limit */
};

/**
 * Create the VM of this open file. There is at most one; the last close of the file frees it.
 *
 * Each refusal has an errno of its own and a line in the kernel's log that names value and limit:
 * EFAULT pointer · ENODATA name empty · ENAMETOOLONG name not terminated · EILSEQ control character
 * or byte above 126 in the name · EDOM no memory · EINVAL memory no multiple of 4096 · EFBIG memory
 * above the limit · EOVERFLOW memory that no address space holds · ERANGE fewer than one vCPU ·
 * E2BIG vCPUs above the limit · EEXIST this file has a VM · ENOMEM · EOPNOTSUPP a 32-bit caller ·
 * and those of VTXDRV_ENABLE, for a VM is a user of VMX; ENODEV says also that the processor lacks
 * a control that a vCPU needs, and the log which; EPROTO also stands for that one's ERANGE and
 * EFAULT. EIO: a VMX instruction failed. EINTR: a fatal signal came first. ENOSPC: 2^32 - 1 VMs
 * have been created.
 */
#define VTXDRV_CREATE_VM _IOW(VTXDRV_IOC, 1, struct vtx_vm_config)

/**
 * Offsets for mmap() on the file that owns the VM: guest memory from guest address 0 on, and one
 * page (struct vtx_run) for each vCPU.
 */
#define VTX_MMAP_MEMORY 0ULL
#define VTX_MMAP_RUN(vcpu) ((1ULL << 40) + (__u64)(vcpu) * 4096)

/** Argument of VTXDRV_VM_INFO: walk the VMs of all files by asking for the id after the last. */
struct vtx_vm_info {
	__u32 id; /**< in: 0: this file's VM; N: the first with an id of N or above; out: its id */
	__u32 owner; /**< out: process id of who created it, as the asker's namespace counts */
	char name[VTX_NAME_SIZE]; /**< out */
	__u64 memory_size; /**< out: bytes */
	__u64 huge_blocks; /**< out: blocks of 2 MiB that the memory is made of */
	__u64 small_blocks; /**< out: blocks of 4 KiB */
	__u32 vcpus; /**< out */
	__u32 pad; /**< in: 0 */
};

/** Argument of VTXDRV_VCPU_INFO. */
struct vtx_vcpu_info {
	__u32 vm; /**< in: id, or 0 for the VM of this file */
	__u32 vcpu; /**< in: below vtx_vm_info.vcpus */
	__u64 control_pa; /**< out: physical address of the VMCS (or VMCB) */
	__u32 control_size; /**< out: bytes of it that the processor may use */
	__u32 revision_id; /**< out: as IA32_VMX_BASIC gives it */
	__s32 cpu; /**< out: the CPU that it is active on, -1 for none */
	__u32 launched; /**< out: 1 if the next entry is a VMRESUME */
};

/** One field of the control structure. */
struct vtx_field {
	__u32 encoding; /**< out: as VMREAD takes it (SDM vol. 3, appendix B); offset in a VMCB */
	__u32 error; /**< out: 0, or the VM-instruction error: the processor has no such field */
	__u64 value; /**< out */
};

/** Argument of VTXDRV_GET_STATE: the whole control structure. A running vCPU pauses for it. */
struct vtx_state {
	__u32 vm; /**< in: id, or 0 for the VM of this file */
	__u32 vcpu; /**< in */
	__u32 size; /**< in: entries that fields has room for */
	__u32 count; /**< out: entries there are; those beyond size were not written */
	__u64 fields; /**< in: pointer to struct vtx_field[size] */
};

/** Look VMs up. ENOENT: no VM there (with id 0: this file has none); EINVAL: pad; EFAULT. */
#define VTXDRV_VM_INFO _IOWR(VTXDRV_IOC, 0x30, struct vtx_vm_info)
/** Look at a vCPU. ENOENT: no such VM; ERANGE: no such vCPU; EINTR: a fatal signal; EFAULT. */
#define VTXDRV_VCPU_INFO _IOWR(VTXDRV_IOC, 0x31, struct vtx_vcpu_info)
/**
 * Read a control structure. Errors as for VTXDRV_VCPU_INFO; ENOMEM; ESHUTDOWN: the machine goes
 * down; EIO: see the log.
 */
#define VTXDRV_GET_STATE _IOWR(VTXDRV_IOC, 0x32, struct vtx_state)

#include "vtxdrv_run.h" /* project04 */
#include "vtxdrv_mem.h" /* project05 */
#include "vtxdrv_irq.h" /* project06 */

/* ---- the layout, asserted on both sides ---------------------------------------------------- */

#define VTX_ABI_AT(type, field, offset) \
	_Static_assert(__builtin_offsetof(struct type, field) == (offset), #type "." #field)
#define VTX_ABI_SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type)

VTX_ABI_AT(vtx_info, features, 8);
VTX_ABI_AT(vtx_info, online_cpus, 20);
VTX_ABI_SIZE(vtx_info, 24);
VTX_ABI_AT(vtx_cpu_facts, vendor, 8);
VTX_ABI_AT(vtx_cpu_facts, max_leaf, 32);
VTX_ABI_AT(vtx_cpu_facts, leaf1, 40);
VTX_ABI_AT(vtx_cpu_facts, cr0, 104);
VTX_ABI_AT(vtx_cpu_facts, feature_control, 128);
VTX_ABI_AT(vtx_cpu_facts, vmx_msr_valid, 144);
VTX_ABI_AT(vtx_cpu_facts, vmx_msr, 152);
VTX_ABI_SIZE(vtx_cpu_facts, 312);
VTX_ABI_AT(vtx_cpu_query, facts, 16);
VTX_ABI_SIZE(vtx_cpu_query, 328);
VTX_ABI_AT(vtx_enable, value, 16);
VTX_ABI_SIZE(vtx_enable, 32);
VTX_ABI_SIZE(vtx_disable, 8);
VTX_ABI_AT(vtx_cpu_status, region_pa, 16);
VTX_ABI_AT(vtx_cpu_status, cr4, 32);
VTX_ABI_SIZE(vtx_cpu_status, 64);
#if __SIZEOF_LONG__ == 8
VTX_ABI_AT(vtx_vm_config, guest_mem_size, 32);
VTX_ABI_AT(vtx_vm_config, num_vcpus, 40);
VTX_ABI_SIZE(vtx_vm_config, 48);
#endif
VTX_ABI_AT(vtx_vm_info, memory_size, 40);
VTX_ABI_SIZE(vtx_vm_info, 72);
VTX_ABI_AT(vtx_vcpu_info, cpu, 24);
VTX_ABI_SIZE(vtx_vcpu_info, 32);
VTX_ABI_SIZE(vtx_field, 16);
VTX_ABI_SIZE(vtx_state, 24);
VTX_ABI_AT(vtx_regs, rip, 128);
VTX_ABI_SIZE(vtx_regs, 144);
VTX_ABI_SIZE(vtx_segment, 24);
VTX_ABI_SIZE(vtx_table, 16);
VTX_ABI_AT(vtx_sregs, gdtr, 192);
VTX_ABI_AT(vtx_sregs, cr0, 224);
VTX_ABI_SIZE(vtx_sregs, 328);
VTX_ABI_AT(vtx_exit, instruction_error, 32);
VTX_ABI_AT(vtx_exit, address, 48);
VTX_ABI_AT(vtx_exit, value, 72);
VTX_ABI_AT(vtx_exit, gpa, 120);
VTX_ABI_AT(vtx_exit, data, 160);
VTX_ABI_SIZE(vtx_exit, 168);
VTX_ABI_AT(vtx_run, exit, 32);
VTX_ABI_AT(vtx_run, data, 200);
VTX_ABI_AT(vtx_run, sregs, 352);
VTX_ABI_SIZE(vtx_run, 680);
VTX_ABI_SIZE(vtx_vcpu_init, 56);
VTX_ABI_SIZE(vtx_vcpu_regs, 152);
VTX_ABI_SIZE(vtx_vcpu_sregs, 336);
VTX_ABI_AT(vtx_vcpu_stats, exits, 24);
VTX_ABI_SIZE(vtx_vcpu_stats, 3096);
VTX_ABI_AT(vtx_try_entry, instruction_error, 136);
VTX_ABI_SIZE(vtx_try_entry, 152);
VTX_ABI_SIZE(vtx_slot, 40);
VTX_ABI_SIZE(vtx_slot_info, 56);
VTX_ABI_SIZE(vtx_protect, 24);
VTX_ABI_SIZE(vtx_dirty_log, 40);
VTX_ABI_SIZE(vtx_walk, 128);
VTX_ABI_SIZE(vtx_map_range, 40);
VTX_ABI_SIZE(vtx_map, 40);
VTX_ABI_SIZE(vtx_memory_info, 48);
VTX_ABI_SIZE(vtx_event, 32);
VTX_ABI_SIZE(vtx_timer, 24);
VTX_ABI_SIZE(vtx_msr_policy, 16);
VTX_ABI_SIZE(vtx_vcpu_events, 72);

#undef VTX_ABI_AT
#undef VTX_ABI_SIZE

#endif
