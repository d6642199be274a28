// SPDX-License-Identifier: GPL-2.0
/*
 * Events through the VMCS: what a VM entry delivers, when the processor is to say that it could
 * deliver something, and what an exit says of an event that it has cut short.
 */
#include <uapi/asm/debugreg.h>

#include "event_logic.h"
#include "events.h"
#include "hv_ops.h"
#include "vmcs_access.h"
#include "vmx_ctls.h"
#include "vmx_entry_bits.h"
#include "vmx_exit_bits.h"
#include "vmx_exit_reasons.h"
#include "vmx_fpu.h"
#include "vmx_inject.h"
#include "vmx_run.h"
#include "vtx_todo.h"
#include "x86_bits.h"
#include "x86_exceptions.h"

/*
 * Only the delivery of an NMI blocks NMIs. Bochs 2.7 does not lift the blocking of one guest when
 * it enters the next, which then seems to have had an NMI as well.
 */
static bool is_nmi_blocked(struct vmx_world *world, u32 blocking)
{
	if (!(blocking & INTERRUPTIBILITY_NMI))
		world->nmi_inside = false;
	return world->nmi_inside;
}

void vmx_event_state(struct vtx_vcpu *vcpu, struct vtx_event_state *state)
{
	u32 blocking = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_STATE);

	*state = (struct vtx_event_state){
		.interrupt_flag = vcpu->regs.rflags & RFLAGS_IF,
		.sti = blocking & INTERRUPTIBILITY_STI,
		.mov_ss = blocking & INTERRUPTIBILITY_MOV_SS,
		.nmi_blocked = is_nmi_blocked(&vmx_of(vcpu)->world, blocking),
		.task_priority = vcpu->policy.cr8,
	};
}

static void __maybe_unused nmi_goes_in(struct vtx_vcpu *vcpu)
{
	vmx_of(vcpu)->world.nmi_inside = true;
}

/* ---- which events are what ------------------------------------------------------------------- */

/* Types of the interruption information for those of event_logic.h. */
static const u8 type_of[] = {
	[VTX_INJECT_INTERRUPT] = VMX_EVENT_EXTERNAL_INTERRUPT,
	[VTX_INJECT_NMI] = VMX_EVENT_NMI,
	[VTX_INJECT_EXCEPTION] = VMX_EVENT_HARDWARE_EXCEPTION,
	[VTX_INJECT_SOFT_INTERRUPT] = VMX_EVENT_SOFTWARE_INTERRUPT,
	[VTX_INJECT_SOFT_EXCEPTION] = VMX_EVENT_SOFTWARE_EXCEPTION,
	[VTX_INJECT_INT1] = VMX_EVENT_PRIVILEGED_SOFTWARE_EXCEPTION,
};

/* The other way round. */
static u8 injection_type(u32 information)
{
	u8 type;

	for (type = VTX_INJECT_INTERRUPT; type < ARRAY_SIZE(type_of); type++) {
		if (type_of[type] == VMX_EXIT_GET(information, INTERRUPTION_TYPE))
			return type;
	}
	return VTX_INJECT_NOTHING;
}

static bool __maybe_unused is_software(const struct vtx_injection *event)
{
	return event->type >= VTX_INJECT_SOFT_INTERRUPT;
}

/* From interruption information, or IDT-vectoring information, and its error code. */
static void event_of(struct vtx_injection *event, u32 information, u32 error_code)
{
	*event = (struct vtx_injection){
		.type = injection_type(information),
		.vector = VMX_EXIT_GET(information, INTERRUPTION_VECTOR),
		.has_error_code = information & VMX_INTERRUPTION_ERROR_CODE,
		.error_code = error_code,
		.length = vmcs_read32(VMCS_VM_EXIT_INSTRUCTION_LENGTH),
	};
}

static void __maybe_unused change_blocking(u32 clear, u32 set)
{
	u32 blocking = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_STATE);
	u32 wanted = (blocking & ~clear) | set;

	if (wanted != blocking)
		vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_STATE, wanted);
}

/*
 * EXERCISE 6.6 (15 points): Injection and windows
 * Do:   vmx_inject(): have the next entry deliver the event: VM-entry interruption information,
 *       error code (only where the guest is in protected mode), and for software events the length
 *       of the instruction. A #PF that has_address sets CR2. The delivery ends the blocking by STI
 *       and MOV SS; an NMI must not find the blocking that its own delivery brings back.
 *       vmx_request_window(): ask for exits as soon as something can be delivered, or not any more.
 *       note_cut_short(): the IDT-vectoring information is of an event that the exit has cut short:
 *       keep it with vtx_events_again(). Without one, if an IRET has ended the blocking by NMI
 *       before it was through, the blocking is needed again.
 * Read: Intel SDM vol. 3, "VM-Entry Controls for Event Injection", "Information for VM Exits That
 *       Occur During Event Delivery", "Interrupt-Window Exiting and Virtual-Interrupt Delivery",
 *       "NMI-Window Exiting" and "Resuming Guest Software after Handling an Exception";
 *       project06/README.md, "Injection"
 * Hint: type_of[], event_of(), nmi_goes_in(), change_blocking(), vmx_primary_change().
 *       VMX_QUAL_EPT_NMI_UNBLOCKING and VMX_INTERRUPTION_NMI_UNBLOCKING are the same bit of
 *       different words.
 */
#ifndef TODO_6_6
static bool pushes_error_code(const struct vtx_injection *what)
{
	return what->has_error_code && vmcs_read_natural(VMCS_GUEST_CR0) & CR0_PE;
}

int vmx_inject(struct vtx_vcpu *vcpu, const struct vtx_injection *what)
{
	u32 information = INTERRUPTION_VALID | what->vector |
			  type_of[what->type] << INTERRUPTION_TYPE_LOW;
	u32 ends = INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS;

	if (what->type == VTX_INJECT_NMI) {
		ends |= INTERRUPTIBILITY_NMI;
		nmi_goes_in(vcpu);
	}
	change_blocking(ends, 0);
	if (pushes_error_code(what)) {
		information |= INTERRUPTION_ERROR_CODE;
		vmcs_write32(VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE, what->error_code);
	}
	if (is_software(what))
		vmcs_write32(VMCS_VM_ENTRY_INSTRUCTION_LENGTH, what->length);
	if (what->has_address)
		vcpu->cr2 = what->address;
	vmcs_write32(VMCS_VM_ENTRY_INTERRUPTION_INFORMATION, information);
	return vmcs_error() ? -EIO : 0;
}

void vmx_request_window(struct vtx_vcpu *vcpu, bool irq, bool nmi)
{
	vmx_primary_change(vmx_of(vcpu), VMX_PRIMARY_INTERRUPT_WINDOW_EXITING, irq);
	vmx_primary_change(vmx_of(vcpu), VMX_PRIMARY_NMI_WINDOW_EXITING, nmi);
}

static void note_cut_short(struct vtx_vcpu *vcpu, bool nmi_unblocking)
{
	u32 information = vmcs_read32(VMCS_IDT_VECTORING_INFORMATION);
	struct vtx_injection event;
	u32 error_code = 0;

	if (!(information & VMX_INTERRUPTION_VALID)) {
		if (nmi_unblocking)
			change_blocking(0, INTERRUPTIBILITY_NMI);
		return;
	}
	if (information & VMX_INTERRUPTION_ERROR_CODE)
		error_code = vmcs_read32(VMCS_IDT_VECTORING_ERROR_CODE);
	event_of(&event, information, error_code);
	vtx_events_again(vcpu, &event);
}
#else
int vmx_inject(struct vtx_vcpu *vcpu, const struct vtx_injection *what)
{
	return VTX_TODO("6.6", "an event is chosen and not delivered");
}

void vmx_request_window(struct vtx_vcpu *vcpu, bool irq, bool nmi)
{
}

static void note_cut_short(struct vtx_vcpu *vcpu, bool nmi_unblocking)
{
}
#endif

/*
 * Other exits do not come while an event is being delivered; "Information for VM Exits That Occur
 * During Event Delivery" lists these.
 */
void vmx_note_vectoring(struct vtx_vcpu *vcpu)
{
	const struct vtx_exit *exit = &vcpu->exit;

	/* An entry of VTXDRV_TRY_ENTRY's: nothing of it is to be left. */
	if (!vcpu->turn)
		return;
	if (exit->kind == VTX_EXIT_ENTRY_FAILED) {
		vmcs_write32(VMCS_VM_ENTRY_INTERRUPTION_INFORMATION, 0);
		vtx_events_not_entered(vcpu);
	}
	vcpu->events.injected.type = VTX_INJECT_NOTHING;
	switch (VMX_EXIT_GET(exit->reason, EXIT_REASON_BASIC)) {
	case VMX_EXIT_REASON_EXCEPTION_OR_NMI:
		note_cut_short(vcpu,
			       vmx_of(vcpu)->world.interruption & VMX_INTERRUPTION_NMI_UNBLOCKING &&
				       exit->vector != X86_EXCEPTION_DF);
		break;
	case VMX_EXIT_REASON_EPT_VIOLATION:
	case VMX_EXIT_REASON_PML_FULL:
	case VMX_EXIT_REASON_SPP_RELATED_EVENT:
		note_cut_short(vcpu, exit->qualification & VMX_QUAL_EPT_NMI_UNBLOCKING);
		break;
	case VMX_EXIT_REASON_EPT_MISCONFIGURATION:
	case VMX_EXIT_REASON_TASK_SWITCH:
	case VMX_EXIT_REASON_APIC_ACCESS:
		note_cut_short(vcpu, false);
		break;
	default:
		break;
	}
}

/* ---- exceptions that exit -------------------------------------------------------------------- */

bool vmx_has_idt(struct vtx_vcpu *vcpu)
{
	return vmcs_read32(VMCS_GUEST_IDTR_LIMIT);
}

/*
 * The exception bitmap of a guest that has an IDT. A machine check is the host's. The delivery of
 * #DB or #AC can cause another #DB or #AC without an instruction in between, and so without end,
 * and no interrupt of the host's would ever be taken.
 */
#define EXCEPTIONS_THAT_ALWAYS_EXIT \
	((u32)(BIT(X86_EXCEPTION_MC) | BIT(X86_EXCEPTION_DB) | BIT(X86_EXCEPTION_AC)))

#define DR6_CAUSES (VMX_QUAL_DB_B0 | VMX_QUAL_DB_B1 | VMX_QUAL_DB_B2 | VMX_QUAL_DB_B3)

/* Neither the exit nor the injection of a #DB does what its delivery would have done. */
static void deliver_debug_state(struct vtx_vcpu *vcpu)
{
	u64 causes = vcpu->exit.qualification & (DR6_CAUSES | VMX_QUAL_DB_BD | VMX_QUAL_DB_BS);

	vcpu->dr[6] = (vcpu->dr[6] & ~(u64)DR6_CAUSES) | causes | DR6_RESERVED;
	vcpu->dr_used = true;
	vmcs_write_natural(VMCS_GUEST_DR7, vmcs_read_natural(VMCS_GUEST_DR7) & ~(u64)DR7_GD);
	vmcs_write64(VMCS_GUEST_IA32_DEBUGCTL,
		     vmcs_read64(VMCS_GUEST_IA32_DEBUGCTL) & ~(u64)DEBUGCTL_BTF);
}

void vmx_take_exception(struct vtx_vcpu *vcpu, struct vtx_injection *what)
{
	u32 information = vmx_of(vcpu)->world.interruption;

	vmx_fpu_fields(vmx_of(vcpu));
	vmcs_write32(VMCS_EXCEPTION_BITMAP, EXCEPTIONS_THAT_ALWAYS_EXIT);
	event_of(what, information, vcpu->exit.error_code);
	if (what->vector == X86_EXCEPTION_PF) {
		what->has_address = true;
		what->address = vcpu->exit.address;
	}
	if (what->type == VTX_INJECT_EXCEPTION && what->vector == X86_EXCEPTION_DB)
		deliver_debug_state(vcpu);
}
