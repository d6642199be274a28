// SPDX-License-Identifier: GPL-2.0
/*
 * What was touched? Exits of EPT as neutral ones.
 */
#include "hv_ops.h"
#include "vm.h"
#include "vmcs_access.h"
#include "vmx_entry_bits.h"
#include "vmx_ept.h"
#include "vmx_exit_bits.h"
#include "vmx_exit_reasons.h"
#include "vmx_run.h"
#include "vtx_todo.h"

/*
 * EXERCISE 5.6 (15 points): What was touched?
 * Do:   decode_violation(): VTX_EXIT_NOT_PRESENT, whose answer will find out what is there:
 *       guest-physical address, what the access was, and the guest-linear address where there is
 *       one. VTX_ACCESS_WALK: the access was the processor's own, to the guest's page tables;
 *       VTX_ACCESS_EVENT: an event was being delivered. decode_misconfiguration().
 * Read: Intel SDM vol. 3, "Exit Qualification for EPT Violations" and "Information for VM Exits
 *       That Occur During Event Delivery"; project05/README.md, "What was touched?"
 * Hint: VMX_QUAL_EPT_… in vmx_exit_bits.h. With the flags of EPTP bit 6 on, a walk's reads count as
 *       writes.
 */
#ifndef TODO_5_6
static u32 access_of(u64 qualification)
{
	u32 access = 0;

	if (qualification & VMX_QUAL_EPT_READ)
		access |= VTX_ACCESS_READ;
	if (qualification & VMX_QUAL_EPT_WRITE)
		access |= VTX_ACCESS_WRITE;
	if (qualification & VMX_QUAL_EPT_FETCH)
		access |= VTX_ACCESS_EXECUTE;
	if (!(qualification & VMX_QUAL_EPT_LINEAR_VALID))
		return access;
	access |= VTX_ACCESS_LINEAR;
	if (!(qualification & VMX_QUAL_EPT_TRANSLATED))
		access |= VTX_ACCESS_WALK;
	return access;
}

static void decode_violation(struct vtx_exit *exit)
{
	exit->kind = VTX_EXIT_NOT_PRESENT;
	exit->gpa = vmcs_read64(VMCS_GUEST_PHYSICAL_ADDRESS);
	exit->memory_access = access_of(exit->qualification);
	if (exit->memory_access & VTX_ACCESS_LINEAR)
		exit->linear = vmcs_read_natural(VMCS_GUEST_LINEAR_ADDRESS);
	if (vmcs_read32(VMCS_IDT_VECTORING_INFORMATION) & VMX_INTERRUPTION_VALID)
		exit->memory_access |= VTX_ACCESS_EVENT;
}

static void decode_misconfiguration(struct vtx_exit *exit)
{
	exit->kind = VTX_EXIT_MISCONFIGURED;
	exit->gpa = vmcs_read64(VMCS_GUEST_PHYSICAL_ADDRESS);
}
#else
static void decode_violation(struct vtx_exit *exit)
{
	(void)VTX_TODO("5.6", "nobody knows what the guest has touched");
}

static void decode_misconfiguration(struct vtx_exit *exit)
{
	(void)VTX_TODO("5.6", "a misconfigured entry is an exit that nobody handles");
}
#endif

bool vmx_decode_memory(struct vtx_vcpu *vcpu)
{
	switch (VMX_EXIT_GET(vcpu->exit.reason, EXIT_REASON_BASIC)) {
	case VMX_EXIT_REASON_EPT_VIOLATION:
		vcpu->exit.instruction_length = 0;
		decode_violation(&vcpu->exit);
		break;
	case VMX_EXIT_REASON_EPT_MISCONFIGURATION:
		vcpu->exit.instruction_length = 0;
		decode_misconfiguration(&vcpu->exit);
		break;
	default:
		return false;
	}
#if VTX_STAGE < 6
	vmx_reinject(vcpu);
#endif
	return true;
}

/*
 * The formats of the two words are alike but for bit 12, and so are the error codes. An NMI's
 * blocking has begun before its delivery was cut short, and a VM entry delivers none into it.
 */
void vmx_reinject(struct vtx_vcpu *vcpu)
{
	u32 information = vmcs_read32(VMCS_IDT_VECTORING_INFORMATION);

	if (!(information & VMX_INTERRUPTION_VALID))
		return;
	if (information & VMX_INTERRUPTION_ERROR_CODE)
		vmcs_write32(VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE,
			     vmcs_read32(VMCS_IDT_VECTORING_ERROR_CODE));
	vmcs_write32(VMCS_VM_ENTRY_INSTRUCTION_LENGTH,
		     vmcs_read32(VMCS_VM_EXIT_INSTRUCTION_LENGTH));
	vmcs_write32(VMCS_VM_ENTRY_INTERRUPTION_INFORMATION,
		     information & ~(u32)VMX_INTERRUPTION_NMI_UNBLOCKING);
}

void vmx_moved(struct vtx_vcpu *vcpu)
{
	u32 blocking = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_STATE);
	u32 ends = INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS;

	vcpu->moved = false;
	if (blocking & ends)
		vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_STATE, blocking & ~ends);
	if (vcpu->regs.rip != vcpu->exit.rip)
		vmx_single_step(vcpu);
}
