// SPDX-License-Identifier: GPL-2.0
/*
 * Events through the VMCB: what VMRUN delivers, when the processor is to say that it could deliver
 * something, and what an exit says of an event that it has cut short.
 */
#include <uapi/asm/debugreg.h>

#include "event_logic.h"
#include "events.h"
#include "hv_ops.h"
#include "svm_codes.h"
#include "svm_quirks.h"
#include "svm_run.h"
#include "vmx_entry_bits.h"
#include "vtx_todo.h"
#include "x86_bits.h"
#include "x86_exceptions.h"

/* ---- NMIs: blocked until the IRET of their handler is done ----------------------------------- */

/* Behind the IRET, unless it has returned to itself. */
static bool is_nmi_blocked(struct vtx_vcpu *vcpu)
{
	struct svm_vcpu *svm = svm_of(vcpu);

	if (svm->nmi_returns && vcpu->regs.rip != svm->nmi_iret) {
		svm->nmi_inside = false;
		svm->nmi_returns = false;
	}
	return svm->nmi_inside;
}

static void __maybe_unused nmi_goes_in(struct svm_vcpu *svm)
{
	svm->nmi_inside = true;
	svm->nmi_returns = false;
	vmcb_intercept(svm->vmcb, VMEXIT_IRET, true);
}

/* The IRET exits before it is executed. */
static void iret_seen(struct vtx_vcpu *vcpu)
{
	struct svm_vcpu *svm = svm_of(vcpu);

	svm->nmi_returns = true;
	svm->nmi_iret = vcpu->regs.rip;
	vmcb_intercept(svm->vmcb, VMEXIT_IRET, false);
}

/*
 * Execute one instruction, and exit: an IRET, or one in the shadow of MOV SS. A guest that steps by
 * itself exits all the same, with its own #DB.
 */
static void __maybe_unused step(struct vtx_vcpu *vcpu, bool on)
{
	svm_of(vcpu)->stepping = on && !(vcpu->regs.rflags & RFLAGS_TF);
}

void svm_step_before_entry(struct vtx_vcpu *vcpu)
{
	if (svm_of(vcpu)->stepping)
		vmcb_of(vcpu)->RFLAGS |= RFLAGS_TF;
}

/* An IRET that is through has loaded the guest's own TF. */
void svm_step_after_exit(struct vtx_vcpu *vcpu)
{
	struct svm_vcpu *svm = svm_of(vcpu);

	svm->stepped = svm->stepping && svm->vmcb->EXITCODE == VMEXIT_EXCP0 + X86_EXCEPTION_DB;
	if (svm->stepping && (!svm->nmi_returns || vcpu->regs.rip == svm->nmi_iret))
		vcpu->regs.rflags &= ~(u64)RFLAGS_TF;
	svm->stepping = false;
}

bool svm_decode_step(struct vtx_vcpu *vcpu)
{
	if (vmcb_of(vcpu)->EXITCODE == VMEXIT_IRET)
		iret_seen(vcpu);
	else if (!svm_of(vcpu)->stepped)
		return false;
	vcpu->exit.kind = VTX_EXIT_NMI_WINDOW;
	return true;
}

/* ---- what can be delivered ------------------------------------------------------------------- */

/*
 * One bit stands for the shadow of STI and that of MOV SS. STI has one only if it has set IF, and
 * with IF set the two differ in nothing that matters here.
 */
void svm_event_state(struct vtx_vcpu *vcpu, struct vtx_event_state *state)
{
	bool shadow = vmcb_of(vcpu)->INTERRUPT_STATE & SVM_INTERRUPT_STATE_SHADOW;

	*state = (struct vtx_event_state){
		.interrupt_flag = vcpu->regs.rflags & RFLAGS_IF,
		.nmi_blocked = is_nmi_blocked(vcpu),
		.task_priority = vcpu->policy.cr8,
	};
	state->sti = shadow && state->interrupt_flag;
	state->mov_ss = shadow && !state->interrupt_flag;
}

/* ---- which events are what ------------------------------------------------------------------- */

/*
 * The type of EVENTINJ for one of event_logic.h. #BP, #OF and #BR that no instruction of the guest
 * has raised go in as interrupts, whose frames are the same: VMRUN refuses some of them where their
 * instructions do not exist, and an exit would take them for their instructions' own.
 */
static u64 __maybe_unused type_of(const struct vtx_injection *what)
{
	switch (what->type) {
	case VTX_INJECT_INTERRUPT:
		return SVM_EVENT_TYPE_INTR;
	case VTX_INJECT_NMI:
		return SVM_EVENT_TYPE_NMI;
	default:
		return what->vector >= X86_EXCEPTION_BP && what->vector <= X86_EXCEPTION_BR ?
			       SVM_EVENT_TYPE_INTR :
			       SVM_EVENT_TYPE_EXCEPTION;
	}
}

/* INT n, INT3 and INTO: their exceptions are #BP and #OF, which nothing else raises. */
static bool is_by_instruction(u64 event)
{
	u8 type = SVM_GET(event, EVENT_TYPE);
	u8 vector = SVM_GET(event, EVENT_VECTOR);

	return type == SVM_EVENT_TYPE_SOFTWARE ||
	       (type == SVM_EVENT_TYPE_EXCEPTION &&
		(vector == X86_EXCEPTION_BP || vector == X86_EXCEPTION_OF));
}

static u8 __maybe_unused injection_type(u64 event)
{
	if (is_by_instruction(event))
		return VTX_INJECT_NOTHING;
	switch (SVM_GET(event, EVENT_TYPE)) {
	case SVM_EVENT_TYPE_INTR:
		return VTX_INJECT_INTERRUPT;
	case SVM_EVENT_TYPE_NMI:
		return VTX_INJECT_NMI;
	default:
		return VTX_INJECT_EXCEPTION;
	}
}

/*
 * QEMU's VMRUN does not take the shadow back from the VMCB: an interrupt would come behind STI or
 * MOV SS. There the one instruction is stepped over. Not so elsewhere: the guest could see our TF.
 */
static bool __maybe_unused loses_shadow(const struct vmcb *vmcb)
{
	return vmcb->INTERRUPT_STATE & SVM_INTERRUPT_STATE_SHADOW && svm_host_is_tcg;
}

/* V_IRQ is an interrupt that only wants to exit: of the highest priority, whatever V_TPR says. */
#define WINDOW (SVM_V_INTR_IRQ | SVM_V_INTR_IGN_TPR | 0xfULL << SVM_V_INTR_PRIO_LOW)

/*
 * EXERCISE 7.8 (15 points): Events
 * Do:   svm_inject(): have VMRUN deliver the event: EVENTINJ, with the error code only where the
 *       guest is in protected mode. A #PF that has_address sets CR2. The delivery ends the shadow,
 *       and while it is an exception's, svm_delivering() is true.
 *       INT n, INT3 and INTO need nothing: RIP is at the instruction, which is executed again, and
 *       does not exit any more. svm_request_window(): exit as soon as an interrupt can be
 *       delivered, or not any more: WINDOW, and VMEXIT_VINTR. For NMIs: while one is being handled
 *       its IRET exits by itself; if that has happened, or if there is a shadow, step(). Where
 *       the processor loses_shadow(), step() in place of the window.
 *       note_cut_short(): EXITINTINFO is of an event that the exit has cut short: keep it with
 *       vtx_events_again(); what an instruction raises will be raised again.
 * Read: AMD APM vol. 2, "Event Injection", "Injecting Virtual (INTR) Interrupts", "Interrupt
 *       Shadows" and "Intercepts During IDT Interrupt Delivery"; project07/README.md, "Events"
 * Hint: type_of(), injection_type(), nmi_goes_in(). EXITINTINFO has the format of EVENTINJ.
 */
#ifndef TODO_7_8
int svm_inject(struct vtx_vcpu *vcpu, const struct vtx_injection *what)
{
	struct svm_vcpu *svm = svm_of(vcpu);
	u64 event = SVM_EVENT_VALID | what->vector | type_of(what) << SVM_EVENT_TYPE_LOW;

	svm->vmcb->INTERRUPT_STATE &= ~(u64)SVM_INTERRUPT_STATE_SHADOW;
	if (what->type == VTX_INJECT_SOFT_INTERRUPT || what->type == VTX_INJECT_SOFT_EXCEPTION)
		return 0;
	if (what->type == VTX_INJECT_NMI)
		nmi_goes_in(svm);
	if (what->has_error_code && svm->vmcb->CR0 & CR0_PE)
		event |= SVM_EVENT_ERROR_CODE | (u64)what->error_code << SVM_EVENT_CODE_LOW;
	if (what->has_address)
		vcpu->cr2 = what->address;
	svm->vmcb->EVENTINJ = event;
	svm_delivering(vcpu, what->type == VTX_INJECT_EXCEPTION);
	return 0;
}

void svm_request_window(struct vtx_vcpu *vcpu, bool irq, bool nmi)
{
	struct svm_vcpu *svm = svm_of(vcpu);
	bool step_over = nmi && (!svm->nmi_inside || svm->nmi_returns);

	if (irq && loses_shadow(svm->vmcb)) {
		step_over = true;
		irq = false;
	}
	vmcb_intercept(svm->vmcb, VMEXIT_VINTR, irq);
	svm->vmcb->V_INTR = irq ? svm->vmcb->V_INTR | WINDOW : svm->vmcb->V_INTR & ~WINDOW;
	step(vcpu, step_over);
}

static void note_cut_short(struct vtx_vcpu *vcpu, u64 info)
{
	struct vtx_injection event = {
		.type = injection_type(info),
		.vector = SVM_GET(info, EVENT_VECTOR),
		.has_error_code = info & SVM_EVENT_ERROR_CODE,
		.error_code = SVM_GET(info, EVENT_CODE),
	};

	if (event.type != VTX_INJECT_NOTHING)
		vtx_events_again(vcpu, &event);
}
#else
int svm_inject(struct vtx_vcpu *vcpu, const struct vtx_injection *what)
{
	return VTX_TODO("7.8", "an event is chosen and not delivered");
}

void svm_request_window(struct vtx_vcpu *vcpu, bool irq, bool nmi)
{
}

static void note_cut_short(struct vtx_vcpu *vcpu, u64 info)
{
}
#endif

/* An exception that type_of() has made an interrupt: RFLAGS.IF has no say in it. */
static bool went_in_as_interrupt(const struct vtx_injection *event, u64 info)
{
	return event->type == VTX_INJECT_EXCEPTION &&
	       SVM_GET(info, EVENT_TYPE) == SVM_EVENT_TYPE_INTR &&
	       SVM_GET(info, EVENT_VECTOR) == event->vector;
}

void svm_note_vectoring(struct vtx_vcpu *vcpu)
{
	const struct vtx_injection injected = vcpu->events.injected;
	u64 info = vmcb_of(vcpu)->EXITINTINFO;

	/* An entry of VTXDRV_TRY_ENTRY's: nothing of it is to be left. */
	if (!vcpu->turn)
		return;
	if (vcpu->exit.kind == VTX_EXIT_ENTRY_FAILED) {
		vtx_events_not_entered(vcpu);
		vcpu->events.injected.type = VTX_INJECT_NOTHING;
		return;
	}
	vcpu->events.injected.type = VTX_INJECT_NOTHING;
	if (!(info & SVM_EVENT_VALID))
		return;
	if (went_in_as_interrupt(&injected, info))
		vtx_events_again(vcpu, &injected);
	else
		note_cut_short(vcpu, info);
}

/* ---- exceptions that exit -------------------------------------------------------------------- */

bool svm_has_idt(struct vtx_vcpu *vcpu)
{
	return vmcb_of(vcpu)->IDTR.limit;
}

/*
 * Those of a guest that has an IDT: as on Intel, #UD, in which a VMCALL may hide, and #DF. What
 * becomes of a fault in the delivery of another is decided in event_logic.c, as for Intel: neither
 * emulator does all of it for exceptions that VMRUN delivers, and a triple fault without an exit
 * would be the machine's.
 */
#define EXCEPTIONS_THAT_ALWAYS_EXIT \
	((u32)(BIT(X86_EXCEPTION_MC) | BIT(X86_EXCEPTION_DB) | BIT(X86_EXCEPTION_AC) | \
	       BIT(X86_EXCEPTION_UD) | BIT(X86_EXCEPTION_DF)))

/* The exit of a #DB has done to DR6 what its delivery would do, and not the rest. */
static void deliver_debug_state(struct vtx_vcpu *vcpu)
{
	struct vmcb *vmcb = vmcb_of(vcpu);

	vcpu->dr[6] = vmcb->DR6;
	vcpu->dr_used = true;
	vmcb->DR7 &= ~(u64)DR7_GD;
	vmcb->DBGCTL &= ~(u64)DEBUGCTL_BTF;
}

void svm_take_exception(struct vtx_vcpu *vcpu, struct vtx_injection *what)
{
	const struct vtx_exit *exit = &vcpu->exit;

	svm_exceptions(vcpu, EXCEPTIONS_THAT_ALWAYS_EXIT);
	*what = (struct vtx_injection){
		.type = VTX_INJECT_EXCEPTION,
		.vector = exit->vector,
		.has_error_code = event_has_error_code(exit->vector),
		.error_code = exit->error_code,
		.has_address = exit->vector == X86_EXCEPTION_PF,
		.address = exit->address,
	};
	if (exit->vector == X86_EXCEPTION_BP || exit->vector == X86_EXCEPTION_OF)
		what->type = VTX_INJECT_SOFT_EXCEPTION;
	if (exit->reason == VMEXIT_ICEBP && !svm_find_length(vcpu))
		vcpu->regs.rip += exit->instruction_length;
	else if (exit->vector == X86_EXCEPTION_DB)
		deliver_debug_state(vcpu);
}
