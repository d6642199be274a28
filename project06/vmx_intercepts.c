// SPDX-License-Identifier: GPL-2.0
/*
 * The bitmaps of a VM: which ports and which MSRs exit. All vCPUs of a VM use the same.
 */
#include <asm/io.h>
#include <linux/bitops.h>

#include "hv_ops.h"
#include "mem.h"
#include "vm.h"
#include "vmcs_access.h"
#include "vmx_bitmap_logic.h"
#include "vmx_ctls.h"
#include "vmx_exits.h"
#include "vmx_guest_msrs.h"
#include "vmx_vcpu.h"

struct vmx_intercepts {
	unsigned long *ports; /* bitmap A and, behind it, B */
	unsigned long *msrs;
};

/*
 * A loop of PAUSEs that are at most so many ticks apart exits when it has taken so many: a lock's
 * holder has not been running, then. SDM vol. 3, "Instructions That Cause VM Exits Conditionally".
 */
#define PAUSE_GAP 128
#define PAUSE_WINDOW 4096

#define PORTS_BYTES (2 * VMX_BITMAP_BYTES)

static struct vmx_intercepts *intercepts_of(struct vtx_vm *vm)
{
	return vm->policy.intercepts;
}

int vmx_intercepts_create(struct vtx_vm *vm)
{
	struct vmx_intercepts *maps = vtx_zalloc("intercepts of a VM", sizeof(*maps));

	if (!maps)
		return -ENOMEM;
	maps->ports = vtx_pages_alloc(PORTS_BYTES);
	maps->msrs = vtx_pages_alloc(VMX_BITMAP_BYTES);
	vm->policy.intercepts = maps;
	if (!maps->ports || !maps->msrs) {
		vmx_intercepts_destroy(vm);
		return -ENOMEM;
	}
	memset(maps->ports, ~0, PORTS_BYTES);
	memset(maps->msrs, ~0, VMX_BITMAP_BYTES);
	return 0;
}

void vmx_intercepts_destroy(struct vtx_vm *vm)
{
	struct vmx_intercepts *maps = intercepts_of(vm);

	vtx_pages_free(maps->msrs, VMX_BITMAP_BYTES);
	vtx_pages_free(maps->ports, PORTS_BYTES);
	vtx_free(maps);
	vm->policy.intercepts = NULL;
}

int vmx_intercepts_use(struct vtx_vcpu *vcpu)
{
	const struct vmx_intercepts *maps = intercepts_of(vcpu->vm);
	struct vmx_vcpu *vmx = vmx_of(vcpu);
	u64 ports = virt_to_phys(maps->ports);

	vmcs_write64(VMCS_IO_BITMAP_A_ADDRESS, ports);
	vmcs_write64(VMCS_IO_BITMAP_B_ADDRESS, ports + VMX_BITMAP_BYTES);
	vmcs_write64(VMCS_MSR_BITMAPS_ADDRESS, virt_to_phys(maps->msrs));
	if (vmx->controls.active & BIT(VMX_CTL_SECONDARY))
		vmcs_write32(VMCS_SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
			     vmx->controls.value[VMX_CTL_SECONDARY]);
	if (vmx->controls.value[VMX_CTL_SECONDARY] & VMX_SECONDARY_PAUSE_LOOP_EXITING) {
		vmcs_write32(VMCS_PLE_GAP, PAUSE_GAP);
		vmcs_write32(VMCS_PLE_WINDOW, PAUSE_WINDOW);
	}
	vmx->world.syscall = (struct vmx_syscall_msrs){};
	vmx->world.fpu_exiting = false;
	vmx_cr_masks(vcpu);
	return vmcs_error() ? -EIO : 0;
}

/* Only if it was optional and is there can it have caused an exit. */
void vmx_trust_tables(struct vtx_vcpu *vcpu)
{
	u32 secondary = vmx_of(vcpu)->controls.value[VMX_CTL_SECONDARY];

	vmcs_write32(VMCS_SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
		     secondary & ~VMX_SECONDARY_DESCRIPTOR_TABLE_EXITING);
}

/* Port 8000H is bit 0 of bitmap B, which is just where A ends. */
void vmx_io_intercept(struct vtx_vm *vm, u16 port, bool on)
{
	assign_bit(port, intercepts_of(vm)->ports, on);
}

static void intercept_one(struct vtx_vm *vm, u32 msr, bool write, bool on)
{
	u32 bit = vmx_msr_bit(msr, write);

	if (bit != VMX_MSR_NO_BIT)
		assign_bit(bit, intercepts_of(vm)->msrs, on);
}

void vmx_msr_intercept(struct vtx_vm *vm, u32 msr, bool read, bool write)
{
	intercept_one(vm, msr, false, read);
	intercept_one(vm, msr, true, write);
}
