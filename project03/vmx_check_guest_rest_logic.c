// SPDX-License-Identifier: GPL-2.0
/*
 * The checks of a VM entry: descriptor tables, RIP, RFLAGS, and what is no register.
 */
#include "vmx_check_rules.h"

#define TABLES "Checks on Guest Descriptor-Table Registers"
#define RIP "Checks on Guest RIP, RFLAGS, and SSP"
#define STATE "Checks on Guest Non-Register State"
#define PDPTES "Checks on Guest Page-Directory-Pointer-Table Entries"

#define DB_VECTOR 1
#define MC_VECTOR 18

/* ---- what several rules ask ------------------------------------------------------------------ */

static bool ia32e(struct vmx_look *look)
{
	return LOOK_CTL(look, ENTRY, IA32E_MODE_GUEST);
}

static bool code_is_64bit(struct vmx_look *look)
{
	return ia32e(look) && (LOOK(look, GUEST_CS_ACCESS_RIGHTS) & ACCESS_RIGHTS_L);
}

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

/* ---- RIP, RFLAGS, SSP ------------------------------------------------------------------------ */

/* Also for SSP. */
static bool rip_32bit(struct vmx_look *look)
{
	return code_is_64bit(look) ||
	       look_bits(look, look->rule->fields[0], look_first(look) & UPPER_32);
}

/* The bit below those that must be the same may differ: an instruction may end the lower half. */
static bool rip_64bit(struct vmx_look *look)
{
	return !code_is_64bit(look) || look_fine(look, look_upper_same(look, look_first(look)));
}

static bool rflags_reserved(struct vmx_look *look)
{
	u64 value = look_first(look);

	return look_bits(look, VMCS_NR_GUEST_RFLAGS,
			 (value & RFLAGS_RESERVED) | (~value & RFLAGS_ONE));
}

static bool rflags_vm(struct vmx_look *look)
{
	if (!(look_first(look) & RFLAGS_VM) ||
	    (!ia32e(look) && (LOOK(look, GUEST_CR0) & CR0_PE)))
		return true;
	return look_bits(look, VMCS_NR_GUEST_RFLAGS, RFLAGS_VM);
}

static bool rflags_if(struct vmx_look *look)
{
	return !injects(look, INTERRUPTION_TYPE_EXTERNAL) ||
	       look_bits(look, VMCS_NR_GUEST_RFLAGS, ~look_first(look) & RFLAGS_IF);
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
	       look_bits(look, VMCS_NR_GUEST_INTERRUPTIBILITY_STATE, look_first(look) &
			 (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS));
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
			PENDING_DEBUG_BS : 0;
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

/* ---- link pointer, PDPTEs, MSRs -------------------------------------------------------------- */

static bool link_pointer(struct vmx_look *look)
{
	return look_first(look) == VMCS_LINK_POINTER_NONE || rule_aligned_address(look);
}

/* Revision and shadow bit are in memory. */
static bool link_target(struct vmx_look *look)
{
	return look_first(look) == VMCS_LINK_POINTER_NONE || look_unknown(look);
}

static bool pae_paging(struct vmx_look *look)
{
	return !ia32e(look) && (LOOK(look, GUEST_CR0) & CR0_PG) && (LOOK(look, GUEST_CR4) & CR4_PAE);
}

static bool pdpte(struct vmx_look *look)
{
	if (!pae_paging(look) || !LOOK_CTL(look, SECONDARY, ENABLE_EPT) ||
	    !(look_first(look) & PDPTE_P))
		return true;
	return look_bits(look, look->rule->fields[0],
			 look_first(look) & (PDPTE_RESERVED | look_beyond_width(look)));
}

/* Without EPT they are in memory, at CR3. */
static bool pdptes_in_memory(struct vmx_look *look)
{
	return !pae_paging(look) || LOOK_CTL(look, SECONDARY, ENABLE_EPT) || look_unknown(look);
}

static bool msr_entries(struct vmx_look *look)
{
	return !look_first(look) || look_unknown(look);
}

/* ---- the table ------------------------------------------------------------------------------- */

#define GUEST(name, title, what, predicate, ...) \
	{ \
		.id = "guest." name, .kind = VMX_RULE_GUEST, .section = title, .text = what, \
		.holds = predicate, RULE_FIELDS(__VA_ARGS__) \
	}
#define GUEST_BITS_0(name, title, what, value, ...) \
	{ \
		.id = "guest." name, .kind = VMX_RULE_GUEST, .section = title, .text = what, \
		.holds = rule_bits_0, .arg = value, RULE_FIELDS(__VA_ARGS__) \
	}
#define EVENT VMCS_NR_VM_ENTRY_INTERRUPTION_INFORMATION
#define BLOCKING VMCS_NR_GUEST_INTERRUPTIBILITY_STATE
#define ACTIVITY VMCS_NR_GUEST_ACTIVITY_STATE
#define PENDING VMCS_NR_GUEST_PENDING_DEBUG_EXCEPTIONS
#define PDPTE(n) \
	GUEST("pdpte" #n, PDPTES, "with PAE paging bits 8:5, 2:1 and those beyond the physical " \
	      "width must be 0 if the entry is present", pdpte, VMCS_NR_GUEST_PDPTE##n)

const struct vmx_rule vmx_rules_guest_rest[] = {
	GUEST("gdtr.base", TABLES, "the address must be canonical", rule_canonical,
	      VMCS_NR_GUEST_GDTR_BASE),
	GUEST("idtr.base", TABLES, "the address must be canonical", rule_canonical,
	      VMCS_NR_GUEST_IDTR_BASE),
	GUEST_BITS_0("gdtr.limit", TABLES, "bits 31:16 must be 0", GENMASK_ULL(31, 16),
		     VMCS_NR_GUEST_GDTR_LIMIT),
	GUEST_BITS_0("idtr.limit", TABLES, "bits 31:16 must be 0", GENMASK_ULL(31, 16),
		     VMCS_NR_GUEST_IDTR_LIMIT),

	GUEST("rip", RIP, "bits 63:32 must be 0 unless CS is a 64-bit code segment", rip_32bit,
	      VMCS_NR_GUEST_RIP, VMCS_NR_GUEST_CS_ACCESS_RIGHTS, ENTRY_CONTROLS),
	GUEST("rip.64", RIP, "the bits above the linear-address width must be the same", rip_64bit,
	      VMCS_NR_GUEST_RIP, VMCS_NR_GUEST_CS_ACCESS_RIGHTS, ENTRY_CONTROLS),
	GUEST("rflags.reserved", RIP, "bits 63:22, 15, 5 and 3 must be 0, bit 1 must be 1",
	      rflags_reserved, VMCS_NR_GUEST_RFLAGS),
	GUEST("rflags.vm", RIP, "VM (bit 17) must be 0 in IA-32e mode and where CR0.PE is 0",
	      rflags_vm, VMCS_NR_GUEST_RFLAGS, ENTRY_CONTROLS, VMCS_NR_GUEST_CR0),
	GUEST("rflags.if", RIP, "IF (bit 9) must be 1 to inject an external interrupt", rflags_if,
	      VMCS_NR_GUEST_RFLAGS, EVENT),
	{
		.id = "guest.ssp", .kind = VMX_RULE_GUEST, .section = RIP,
		.text = "bits 1:0 must be 0", .holds = rule_bits_0,
		RULE_WHEN(ENTRY, LOAD_CET_STATE), .arg = GENMASK_ULL(1, 0), RULE_FIELD(GUEST_SSP)
	},
	{
		.id = "guest.ssp.32", .kind = VMX_RULE_GUEST, .section = RIP,
		.text = "bits 63:32 must be 0 unless CS is a 64-bit code segment",
		.holds = rip_32bit, RULE_WHEN(ENTRY, LOAD_CET_STATE), RULE_FIELD(GUEST_SSP)
	},
	{
		.id = "guest.ssp.64", .kind = VMX_RULE_GUEST, .section = RIP,
		.text = "the bits above the linear-address width must be the same",
		.holds = rip_64bit, RULE_WHEN(ENTRY, LOAD_CET_STATE), RULE_FIELD(GUEST_SSP)
	},

	GUEST("activity.supported", STATE, "must be 0 (active), or 1 (HLT), 2 (shutdown), 3 "
	      "(wait-for-SIPI) where IA32_VMX_MISC[8:6] has them", activity_supported, ACTIVITY),
	GUEST("activity.hlt", STATE, "HLT needs SS with DPL 0", hlt_in_ring_0, ACTIVITY,
	      VMCS_NR_GUEST_SS_ACCESS_RIGHTS),
	GUEST("activity.blocking", STATE, "must be 0 (active) with blocking by STI or MOV SS",
	      active_if_blocking, ACTIVITY, BLOCKING),
	GUEST("activity.event-hlt", STATE, "only an interrupt, NMI, #DB, #MC or pending MTF may be "
	      "injected into HLT", event_in_hlt, ACTIVITY, EVENT),
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
	GUEST("interruptibility.interrupt", STATE, "no blocking by STI or MOV SS to inject an "
	      "external interrupt", interrupt_not_blocked, BLOCKING, EVENT),
	GUEST("interruptibility.nmi", STATE, "no blocking by MOV SS to inject an NMI",
	      nmi_not_blocked, BLOCKING, EVENT),
	GUEST("interruptibility.nmi-sti", STATE, "some processors: no blocking by STI to inject "
	      "an NMI", nmi_after_sti, BLOCKING, EVENT),
	GUEST_BITS_0("interruptibility.smi", STATE, "no blocking by SMI outside of SMM",
		     INTERRUPTIBILITY_SMI, BLOCKING),
	{
		.id = "guest.interruptibility.virtual-nmi", .kind = VMX_RULE_GUEST,
		.section = STATE,
		.text = "with virtual NMIs, no blocking by NMI to inject one",
		.holds = virtual_nmi_not_blocked, RULE_WHEN(PIN, VIRTUAL_NMIS),
		RULE_FIELDS(BLOCKING, EVENT, PIN_CONTROLS)
	},
	GUEST("interruptibility.enclave", STATE, "enclave interruption needs SGX, and no blocking "
	      "by MOV SS", enclave, BLOCKING),
	GUEST("pending-debug.reserved", STATE, "bits 63:17, 15, 13 and 10:4 must be 0",
	      pending_reserved, PENDING),
	GUEST("pending-debug.bs", STATE, "with blocking by STI or MOV SS or in HLT, BS (bit 14) "
	      "must be 1 if RFLAGS.TF is 1 and IA32_DEBUGCTL.BTF 0, and else 0", pending_step,
	      PENDING, BLOCKING, ACTIVITY, VMCS_NR_GUEST_RFLAGS, VMCS_NR_GUEST_IA32_DEBUGCTL),
	GUEST("pending-debug.rtm", STATE, "RTM (bit 16) needs that feature, bit 12, no other bit "
	      "and no blocking by MOV SS; bit 11 needs bus-lock detection", pending_features,
	      PENDING, BLOCKING),
	{
		.id = "guest.link.address", .kind = VMX_RULE_GUEST, .section = STATE,
		.text = "all ones, or aligned to 4 KBytes and within the physical width",
		.holds = link_pointer, .arg = PAGE_OFFSET_BITS, RULE_FIELD(VMCS_LINK_POINTER)
	},
	GUEST("link.target", STATE, "all ones, or a VMCS with this processor's revision, shadow "
	      "with VMCS shadowing, and not the current one", link_target,
	      VMCS_NR_VMCS_LINK_POINTER),
	PDPTE(0), PDPTE(1), PDPTE(2), PDPTE(3),
	GUEST("pdptes.memory", PDPTES, "without EPT the 4 entries at CR3 must have no reserved bit",
	      pdptes_in_memory, VMCS_NR_GUEST_CR3),
	{
		.id = "msr-load.entries", .kind = VMX_RULE_MSR_LOAD, .section = "Loading MSRs",
		.text = "each MSR in the area must exist, be none that a VM entry may not load, "
			"and take its value",
		.holds = msr_entries,
		RULE_FIELDS(VMCS_NR_VM_ENTRY_MSR_LOAD_COUNT, VMCS_NR_VM_ENTRY_MSR_LOAD_ADDRESS)
	},
	{ 0 }
};
