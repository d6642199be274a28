// SPDX-License-Identifier: GPL-2.0
/*
 * The checks of a VM entry: descriptor tables, RIP, RFLAGS, link pointer, PDPTEs, and MSRs.
 */
#include "vmx_check_guest_rules.h"

#define TABLES "Checks on Guest Descriptor-Table Registers"
#define RIP "Checks on Guest RIP, RFLAGS, and SSP"
#define STATE "Checks on Guest Non-Register State"
#define PDPTES "Checks on Guest Page-Directory-Pointer-Table Entries"

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
	if (!(look_first(look) & RFLAGS_VM) || (!ia32e(look) && (LOOK(look, GUEST_CR0) & CR0_PE)))
		return true;
	return look_bits(look, VMCS_NR_GUEST_RFLAGS, RFLAGS_VM);
}

static bool rflags_if(struct vmx_look *look)
{
	return !injects(look, INTERRUPTION_TYPE_EXTERNAL) ||
	       look_bits(look, VMCS_NR_GUEST_RFLAGS, ~look_first(look) & RFLAGS_IF);
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
	return !ia32e(look) && (LOOK(look, GUEST_CR0) & CR0_PG) &&
	       (LOOK(look, GUEST_CR4) & CR4_PAE);
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

#define PDPTE(n)                                                             \
	GUEST("pdpte" #n, PDPTES,                                            \
	      "with PAE paging bits 8:5, 2:1 and those beyond the physical " \
	      "width must be 0 if the entry is present",                     \
	      pdpte, VMCS_NR_GUEST_PDPTE##n)

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
	{ .id = "guest.ssp",
	  .kind = VMX_RULE_GUEST,
	  .section = RIP,
	  .text = "bits 1:0 must be 0",
	  .holds = rule_bits_0,
	  RULE_WHEN(ENTRY, LOAD_CET_STATE),
	  .arg = GENMASK_ULL(1, 0),
	  RULE_FIELD(GUEST_SSP) },
	{ .id = "guest.ssp.32",
	  .kind = VMX_RULE_GUEST,
	  .section = RIP,
	  .text = "bits 63:32 must be 0 unless CS is a 64-bit code segment",
	  .holds = rip_32bit,
	  RULE_WHEN(ENTRY, LOAD_CET_STATE),
	  RULE_FIELD(GUEST_SSP) },
	{ .id = "guest.ssp.64",
	  .kind = VMX_RULE_GUEST,
	  .section = RIP,
	  .text = "the bits above the linear-address width must be the same",
	  .holds = rip_64bit,
	  RULE_WHEN(ENTRY, LOAD_CET_STATE),
	  RULE_FIELD(GUEST_SSP) },

	{ .id = "guest.link.address",
	  .kind = VMX_RULE_GUEST,
	  .section = STATE,
	  .text = "all ones, or aligned to 4 KBytes and within the physical width",
	  .holds = link_pointer,
	  .arg = PAGE_OFFSET_BITS,
	  RULE_FIELD(VMCS_LINK_POINTER) },
	GUEST("link.target", STATE,
	      "all ones, or a VMCS with this processor's revision, shadow "
	      "with VMCS shadowing, and not the current one",
	      link_target, VMCS_NR_VMCS_LINK_POINTER),
	PDPTE(0),
	PDPTE(1),
	PDPTE(2),
	PDPTE(3),
	GUEST("pdptes.memory", PDPTES, "without EPT the 4 entries at CR3 must have no reserved bit",
	      pdptes_in_memory, VMCS_NR_GUEST_CR3),
	{ .id = "msr-load.entries",
	  .kind = VMX_RULE_MSR_LOAD,
	  .section = "Loading MSRs",
	  .text = "each MSR in the area must exist, be none that a VM entry may not load, "
		  "and take its value",
	  .holds = msr_entries,
	  RULE_FIELDS(VMCS_NR_VM_ENTRY_MSR_LOAD_COUNT, VMCS_NR_VM_ENTRY_MSR_LOAD_ADDRESS) },
	{ 0 }
};
