// SPDX-License-Identifier: GPL-2.0
/*
 * The checks of a VM entry: activity state, interruptibility, pending debug exceptions.
 */
#include "vmx_check_guest_rules.h"

#define STATE "Checks on Guest Non-Register State"

#define DB_VECTOR 1
#define MC_VECTOR 18

/* The event that this entry injects is of this type. */
static bool injects(struct vmx_look *look, unsigned int type)
{
	u64 information = LOOK(look, VM_ENTRY_INTERRUPTION_INFORMATION);

	return (information & INTERRUPTION_VALID) &&
	       ENTRY_FIELD(information, INTERRUPTION_TYPE) == type;
}

static bool blocks(struct vmx_look *look, u64 mask)
{
	return LOOK(look, GUEST_INTERRUPTIBILITY_STATE) & mask;
}

/* ---- activity state -------------------------------------------------------------------------- */

static bool activity_supported(struct vmx_look *look)
{
	u64 misc = look_msr(look, IA32_VMX_MISC);

	switch (look_first(look)) {
	case ACTIVITY_ACTIVE:
		return true;
	case ACTIVITY_HLT:
		return look_fine(look, misc & IA32_VMX_MISC_ACTIVITY_HLT);
	case ACTIVITY_SHUTDOWN:
		return look_fine(look, misc & IA32_VMX_MISC_ACTIVITY_SHUTDOWN);
	case ACTIVITY_WAIT_FOR_SIPI:
		return look_fine(look, misc & IA32_VMX_MISC_ACTIVITY_WAIT_FOR_SIPI);
	default:
		return look_fine(look, false);
	}
}

static bool hlt_in_ring_0(struct vmx_look *look)
{
	return look_first(look) != ACTIVITY_HLT ||
	       look_fine(look, !ENTRY_FIELD(LOOK(look, GUEST_SS_ACCESS_RIGHTS), ACCESS_RIGHTS_DPL));
}

static bool active_if_blocking(struct vmx_look *look)
{
	return !blocks(look, INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS) ||
	       look_value(look, VMCS_NR_GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);
}

struct event {
	bool valid;
	unsigned int type, vector;
};

static struct event injected(struct vmx_look *look)
{
	u64 information = LOOK(look, VM_ENTRY_INTERRUPTION_INFORMATION);

	return (struct event){
		.valid = information & INTERRUPTION_VALID,
		.type = ENTRY_FIELD(information, INTERRUPTION_TYPE),
		.vector = ENTRY_FIELD(information, INTERRUPTION_VECTOR),
	};
}

/* What ends both HLT and shutdown. */
static bool nmi_or_mc(const struct event *event)
{
	return event->type == INTERRUPTION_TYPE_NMI ||
	       (event->type == INTERRUPTION_TYPE_HARDWARE_EXCEPTION && event->vector == MC_VECTOR);
}

static bool event_in_hlt(struct vmx_look *look)
{
	struct event event = injected(look);

	if (!event.valid || look_first(look) != ACTIVITY_HLT || nmi_or_mc(&event))
		return true;
	return look_fine(look, event.type == INTERRUPTION_TYPE_EXTERNAL ||
				       (event.type == INTERRUPTION_TYPE_OTHER && !event.vector) ||
				       (event.type == INTERRUPTION_TYPE_HARDWARE_EXCEPTION &&
					event.vector == DB_VECTOR));
}

static bool event_in_shutdown(struct vmx_look *look)
{
	struct event event = injected(look);

	return !event.valid || look_first(look) != ACTIVITY_SHUTDOWN ||
	       look_fine(look, nmi_or_mc(&event));
}

static bool event_in_wait(struct vmx_look *look)
{
	return !injected(look).valid || look_fine(look, look_first(look) != ACTIVITY_WAIT_FOR_SIPI);
}

/* ---- interruptibility ------------------------------------------------------------------------ */

static bool sti_or_mov_ss(struct vmx_look *look)
{
	u64 both = INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS;

	return (look_first(look) & both) != both ||
	       look_bits(look, VMCS_NR_GUEST_INTERRUPTIBILITY_STATE, both);
}

static bool sti_with_if(struct vmx_look *look)
{
	return (LOOK(look, GUEST_RFLAGS) & RFLAGS_IF) ||
	       look_bits(look, VMCS_NR_GUEST_INTERRUPTIBILITY_STATE,
			 look_first(look) & INTERRUPTIBILITY_STI);
}

static bool interrupt_not_blocked(struct vmx_look *look)
{
	return !injects(look, INTERRUPTION_TYPE_EXTERNAL) ||
	       look_bits(look, VMCS_NR_GUEST_INTERRUPTIBILITY_STATE,
			 look_first(look) & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS));
}

static bool nmi_not_blocked(struct vmx_look *look)
{
	return !injects(look, INTERRUPTION_TYPE_NMI) ||
	       look_bits(look, VMCS_NR_GUEST_INTERRUPTIBILITY_STATE,
			 look_first(look) & INTERRUPTIBILITY_MOV_SS);
}

/* The SDM leaves it to the processor. */
static bool nmi_after_sti(struct vmx_look *look)
{
	return !injects(look, INTERRUPTION_TYPE_NMI) ||
	       !(look_first(look) & INTERRUPTIBILITY_STI) || look_unknown(look);
}

static bool virtual_nmi_not_blocked(struct vmx_look *look)
{
	return !injects(look, INTERRUPTION_TYPE_NMI) ||
	       look_bits(look, VMCS_NR_GUEST_INTERRUPTIBILITY_STATE,
			 look_first(look) & INTERRUPTIBILITY_NMI);
}

/* SGX is in CPUID leaf 7, which the facts do not hold; MOV SS excludes the bit everywhere. */
static bool enclave(struct vmx_look *look)
{
	u64 value = look_first(look);

	if (!(value & INTERRUPTIBILITY_ENCLAVE))
		return true;
	if (value & INTERRUPTIBILITY_MOV_SS)
		return look_bits(look, VMCS_NR_GUEST_INTERRUPTIBILITY_STATE,
				 INTERRUPTIBILITY_ENCLAVE);
	return look_unknown(look);
}

/* ---- pending debug exceptions ---------------------------------------------------------------- */

static bool pending_reserved(struct vmx_look *look)
{
	return look_bits(look, VMCS_NR_GUEST_PENDING_DEBUG_EXCEPTIONS,
			 look_first(look) & PENDING_DEBUG_RESERVED);
}

/* A single step is pending after an instruction that blocks, if and only if TF makes steps. */
static bool pending_step(struct vmx_look *look)
{
	u64 steps;

	if (!blocks(look, INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS) &&
	    LOOK(look, GUEST_ACTIVITY_STATE) != ACTIVITY_HLT)
		return true;
	steps = (LOOK(look, GUEST_RFLAGS) & RFLAGS_TF) &&
				!(LOOK(look, GUEST_IA32_DEBUGCTL) & DEBUGCTL_BTF) ?
			PENDING_DEBUG_BS :
			0;
	return look_bits(look, VMCS_NR_GUEST_PENDING_DEBUG_EXCEPTIONS,
			 (look_first(look) ^ steps) & PENDING_DEBUG_BS);
}

/* RTM and bus-lock detection are in CPUID leaf 7, which the facts do not hold. */
static bool pending_features(struct vmx_look *look)
{
	u64 value = look_first(look);

	if (!(value & PENDING_DEBUG_RTM))
		return !(value & PENDING_DEBUG_BLD) || look_unknown(look);
	if ((value & PENDING_DEBUG_NOT_RTM) || !(value & PENDING_DEBUG_ENABLED) ||
	    blocks(look, INTERRUPTIBILITY_MOV_SS))
		return look_bits(look, VMCS_NR_GUEST_PENDING_DEBUG_EXCEPTIONS, PENDING_DEBUG_RTM);
	return look_unknown(look);
}

/* ---- the table ------------------------------------------------------------------------------- */

#define BLOCKING VMCS_NR_GUEST_INTERRUPTIBILITY_STATE
#define ACTIVITY VMCS_NR_GUEST_ACTIVITY_STATE
#define PENDING VMCS_NR_GUEST_PENDING_DEBUG_EXCEPTIONS

const struct vmx_rule vmx_rules_guest_state[] = {
	GUEST("activity.supported", STATE,
	      "must be 0 (active), or 1 (HLT), 2 (shutdown), 3 "
	      "(wait-for-SIPI) where IA32_VMX_MISC[8:6] has them",
	      activity_supported, ACTIVITY),
	GUEST("activity.hlt", STATE, "HLT needs SS with DPL 0", hlt_in_ring_0, ACTIVITY,
	      VMCS_NR_GUEST_SS_ACCESS_RIGHTS),
	GUEST("activity.blocking", STATE, "must be 0 (active) with blocking by STI or MOV SS",
	      active_if_blocking, ACTIVITY, BLOCKING),
	GUEST("activity.event-hlt", STATE,
	      "only an interrupt, NMI, #DB, #MC or pending MTF may be "
	      "injected into HLT",
	      event_in_hlt, ACTIVITY, EVENT),
	GUEST("activity.event-shutdown", STATE, "only an NMI or #MC may be injected into shutdown",
	      event_in_shutdown, ACTIVITY, EVENT),
	GUEST("activity.event-wait", STATE, "nothing may be injected into wait-for-SIPI",
	      event_in_wait, ACTIVITY, EVENT),
	GUEST_BITS_0("interruptibility.reserved", STATE, "bits 31:5 must be 0",
		     INTERRUPTIBILITY_RESERVED, BLOCKING),
	GUEST("interruptibility.both", STATE, "not blocking by STI and by MOV SS at once",
	      sti_or_mov_ss, BLOCKING),
	GUEST("interruptibility.if", STATE, "no blocking by STI where RFLAGS.IF is 0", sti_with_if,
	      BLOCKING, VMCS_NR_GUEST_RFLAGS),
	GUEST("interruptibility.interrupt", STATE,
	      "no blocking by STI or MOV SS to inject an "
	      "external interrupt",
	      interrupt_not_blocked, BLOCKING, EVENT),
	GUEST("interruptibility.nmi", STATE, "no blocking by MOV SS to inject an NMI",
	      nmi_not_blocked, BLOCKING, EVENT),
	GUEST("interruptibility.nmi-sti", STATE,
	      "some processors: no blocking by STI to inject "
	      "an NMI",
	      nmi_after_sti, BLOCKING, EVENT),
	GUEST_BITS_0("interruptibility.smi", STATE, "no blocking by SMI outside of SMM",
		     INTERRUPTIBILITY_SMI, BLOCKING),
	{ .id = "guest.interruptibility.virtual-nmi",
	  .kind = VMX_RULE_GUEST,
	  .section = STATE,
	  .text = "with virtual NMIs, no blocking by NMI to inject one",
	  .holds = virtual_nmi_not_blocked,
	  RULE_WHEN(PIN, VIRTUAL_NMIS),
	  RULE_FIELDS(BLOCKING, EVENT, PIN_CONTROLS) },
	GUEST("interruptibility.enclave", STATE,
	      "enclave interruption needs SGX, and no blocking "
	      "by MOV SS",
	      enclave, BLOCKING),
	GUEST("pending-debug.reserved", STATE, "bits 63:17, 15, 13 and 10:4 must be 0",
	      pending_reserved, PENDING),
	GUEST("pending-debug.bs", STATE,
	      "with blocking by STI or MOV SS or in HLT, BS (bit 14) "
	      "must be 1 if RFLAGS.TF is 1 and IA32_DEBUGCTL.BTF 0, and else 0",
	      pending_step, PENDING, BLOCKING, ACTIVITY, VMCS_NR_GUEST_RFLAGS,
	      VMCS_NR_GUEST_IA32_DEBUGCTL),
	GUEST("pending-debug.rtm", STATE,
	      "RTM (bit 16) needs that feature, bit 12, no other bit "
	      "and no blocking by MOV SS; bit 11 needs bus-lock detection",
	      pending_features, PENDING, BLOCKING),
	{ 0 }
};
