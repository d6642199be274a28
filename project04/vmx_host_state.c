// SPDX-License-Identifier: GPL-2.0
/*
 * The host-state area: what the processor loads at a VM exit. The kernel goes on with it as if
 * nothing had happened, so every field must be what the register was.
 *
 * CR3 and CR4 can change at any time between two entries: vmx_run.c compares them at each.
 */
#include <asm/cpu_entry_area.h>
#include <asm/desc.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/segment.h>

#include "vmcs_access.h"
#include "vmx_msrs.h"
#include "vmx_run.h"
#include "vtx_todo.h"

static __maybe_unused u64 host_msr(u32 index)
{
	return __rdmsr(index);
}

/*
 * EXERCISE 4.2 (15 points): Host state
 * Do:   vmx_host_state(): the fields that never change: CR0, CS, SS and TR selectors, 0 for the
 *       selectors DS, ES, FS and GS, which vmx_world.c keeps, IA32_EFER, IA32_PAT,
 *       IA32_SYSENTER_CS, and HOST_RIP, which is vmx_exited. vmx_host_state_cpu(): what each CPU
 *       has for itself: TR base, GDTR and IDTR base, GS base (the kernel's per-CPU area),
 *       IA32_SYSENTER_ESP and _EIP. vmx_host_state_task(): FS base.
 * Read: Intel SDM vol. 3, "Host-State Area" and "Loading Host State"; project04/README.md,
 *       "Host state"
 * Hint: host_msr(); __KERNEL_CS, __KERNEL_DS; get_cpu_entry_area()->tss.x86_tss is where TR points;
 *       native_store_gdt(), store_idt(). A selector field must have RPL and TI clear.
 */
#ifndef TODO_4_2
int vmx_host_state(struct vmx_vcpu *vmx)
{
	vmcs_write_natural(VMCS_HOST_CR0, read_cr0());
	vmcs_write16(VMCS_HOST_CS_SELECTOR, __KERNEL_CS);
	vmcs_write16(VMCS_HOST_SS_SELECTOR, __KERNEL_DS);
	vmcs_write16(VMCS_HOST_TR_SELECTOR, GDT_ENTRY_TSS * 8);
	vmcs_write16(VMCS_HOST_DS_SELECTOR, 0);
	vmcs_write16(VMCS_HOST_ES_SELECTOR, 0);
	vmcs_write16(VMCS_HOST_FS_SELECTOR, 0);
	vmcs_write16(VMCS_HOST_GS_SELECTOR, 0);
	vmcs_write64(VMCS_HOST_IA32_EFER, host_msr(IA32_EFER));
	vmcs_write64(VMCS_HOST_IA32_PAT, host_msr(IA32_PAT));
	vmcs_write32(VMCS_HOST_IA32_SYSENTER_CS, host_msr(IA32_SYSENTER_CS));
	vmcs_write_natural(VMCS_HOST_RIP, (unsigned long)vmx_exited);
	/* The rest before the next entry, on whichever CPU that is. */
	vmx->world.host_cpu = -1;
	return vmcs_error();
}

void vmx_host_state_cpu(void)
{
	struct desc_ptr table;

	vmcs_write_natural(VMCS_HOST_TR_BASE,
			   (unsigned long)&get_cpu_entry_area(smp_processor_id())->tss.x86_tss);
	native_store_gdt(&table);
	vmcs_write_natural(VMCS_HOST_GDTR_BASE, table.address);
	store_idt(&table);
	vmcs_write_natural(VMCS_HOST_IDTR_BASE, table.address);
	vmcs_write_natural(VMCS_HOST_GS_BASE, host_msr(IA32_GS_BASE));
	vmcs_write_natural(VMCS_HOST_IA32_SYSENTER_ESP, host_msr(IA32_SYSENTER_ESP));
	vmcs_write_natural(VMCS_HOST_IA32_SYSENTER_EIP, host_msr(IA32_SYSENTER_EIP));
}

void vmx_host_state_task(void)
{
	vmcs_write_natural(VMCS_HOST_FS_BASE, host_msr(IA32_FS_BASE));
}
#else
int vmx_host_state(struct vmx_vcpu *vmx)
{
	return VTX_TODO("4.2", "there is no host state to come back to, so no guest is entered");
}

void vmx_host_state_cpu(void)
{
}

void vmx_host_state_task(void)
{
}
#endif
