/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file vm.h
 * @brief A VM and its vCPUs: what every unit from project03 on works with.
 *
 * An open file of the device owns at most one VM, and its last close frees it, so whoever is in an
 * ioctl or an mmap on the file may use the VM without a reference of his own. Other files find it
 * through vtx_vm_find(), which takes a reference.
 *
 * Locks, in this order: vtx_file.lock (creation) → the list of VMs → vtx_vcpu.lock.
 */
#ifndef VM_H
#define VM_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#if VTX_STAGE >= 4
#include <asm/fpu/api.h>
#include <asm/fpu/types.h>
#include <linux/hrtimer.h>
#endif

#include "device.h"
#include "guest_mem.h"
#if VTX_STAGE >= 5
#include "space.h"
#endif
#if VTX_STAGE >= 6
#include "events.h"
#include "policy_state.h"
#endif
#include "unit.h"
#include "vtx_types.h"
#include "vtxdrv.h"

/** A virtual CPU. */
struct vtx_vcpu {
	struct vtx_vm *vm; /**< that it belongs to */
	u32 id; /**< index in vm->vcpus */
	struct mutex lock; /**< held by whoever runs or looks at it */
	atomic_t visitors; /**< how many wait to look at it: who runs it makes way */
	int cpu; /**< the CPU that the control structure is active on, or -1 */
	struct hlist_node on_cpu; /**< in that CPU's list of active control structures */
	void *arch; /**< the vendor's: struct vmx_vcpu, struct svm_vcpu */
#if VTX_STAGE >= 4
	bool initialised; /**< VTXDRV_INIT_VCPU has been there */
	struct vtx_run *run; /**< the page shared with the caller */
	struct task_struct *runner; /**< who is in VTXDRV_RUN_VCPU, or NULL */
	struct hrtimer deadline; /**< gets a guest that never exits out when its time is over */
	bool wants_result; /**< a hypercall went to user space: RAX is its answer */
	struct vtx_regs regs; /**< general registers while the guest does not run */
	u64 cr2; /**< of the guest */
	u64 dr[8]; /**< DR0-DR3 and DR6; DR7 is in the control structure */
	bool dr_used; /**< the guest has touched them: they are switched at each entry */
	u64 kernel_gs_base; /**< IA32_KERNEL_GS_BASE, which SWAPGS exchanges without an exit */
	u32 pkru; /**< of the guest */
	struct fpu_guest fpu; /**< x87, SSE, AVX … of the guest */
	struct vtx_exit exit; /**< the last one */
	enum vtx_next (*work)(struct vtx_vcpu *vcpu); /**< see vtx_sleep_on(), or NULL */
	bool to_user; /**< work has filled in exit for user space */
	u64 exits; /**< how many */
	struct vtx_vcpu_stats *stats; /**< what VTXDRV_GET_STATS tells */
#endif
#if VTX_STAGE >= 5
	u16 address_tag; /**< VPID or ASID; 0: none */
	bool moved; /**< user space has set RIP: what blocked events until then is over */
#endif
#if VTX_STAGE >= 6
	struct vtx_turn *turn; /**< the call of VTXDRV_RUN_VCPU, or NULL */
	bool fpu_inside; /**< the FPU state of the task is the guest's */
	u32 fpu_calls; /**< calls of VTXDRV_RUN_VCPU in a row that used it */
	struct vtx_vcpu_events_state events; /**< what waits to be delivered */
	struct vtx_vcpu_policy policy; /**< what exits need to remember */
#endif
};

/** A virtual machine. */
struct vtx_vm {
	struct kref refs; /**< the owner's file, and whoever has found it */
	struct list_head link; /**< in the list of all VMs */
	u32 id; /**< from 1 on, never used twice while the module is loaded */
	char name[VTX_NAME_SIZE]; /**< terminated */
	struct pid *owner; /**< the process that created it */
	struct guest_mem memory; /**< of the guest */
	u32 nr_vcpus; /**< how many of the next there are */
	struct vtx_vcpu *vcpus[VTX_MAX_VCPUS]; /**< by id */
#if VTX_STAGE >= 4
	u64 guest_root; /**< CR3 of the guest: physical address of the tables in guest memory */
	int tables_error; /**< why there is no guest_root, or 0 */
	u64 usable; /**< bytes of guest memory below the tables */
#endif
#if VTX_STAGE >= 5
	struct vtx_space space; /**< guest-physical addresses */
	u64 paged_root; /**< of VTX_MODE_PAGED: CR3; 0: not made yet */
	u64 paged_pdpte[4]; /**< and its entries of the top level */
#endif
#if VTX_STAGE >= 6
	struct vtx_vm_policy policy; /**< which ports and MSRs exit */
#endif
};

/** The VM of an open file, or NULL. Any context. */
static inline struct vtx_vm *vtx_file_vm(struct vtx_file *file)
{
	return smp_load_acquire(&file->vm);
}

/**
 * Find a VM and hold it.
 *
 * @param file the asker's own
 * @param id 0: the VM of @p file; otherwise a VM's id
 * @return the VM, to be given back with vtx_vm_put(); NULL: there is none
 */
struct vtx_vm *vtx_vm_find(struct vtx_file *file, u32 id);

/** Give back what vtx_vm_find() returned. May sleep. */
void vtx_vm_put(struct vtx_vm *vm);

/**
 * Hold a vCPU still: wait until nobody runs it, and keep it so. May sleep.
 *
 * @return 0; -EINTR: a fatal signal came first; -ERANGE: the VM has no such vCPU
 */
int vtx_vcpu_visit(struct vtx_vm *vm, u32 id, struct vtx_vcpu **vcpu);

/** Let it go again. */
void vtx_vcpu_leave(struct vtx_vcpu *vcpu);

/**
 * hv->vcpu_load() on a CPU that will not go offline meanwhile: for whoever wants to look at a vCPU
 * and not to run it. vcpu->lock held; may sleep.
 *
 * @return 0: preemption is off now; -ESHUTDOWN: VMX operation has ended, for a reboot; -EIO
 */
int vtx_vcpu_load(struct vtx_vcpu *vcpu);

/** The other way round. */
void vtx_vcpu_put(struct vtx_vcpu *vcpu);

#endif
