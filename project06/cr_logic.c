// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest may write to CR0, CR4 and IA32_EFER, and what the registers become.
 */
#include "cr_logic.h"
#include "vtx_todo.h"
#include "x86_bits.h"
#include "x86_paging.h"

/* Bits 3:0 of CR0 are what LMSW writes. */
#define LMSW_BITS (CR0_PE | CR0_MP | CR0_EM | CR0_TS)
/* A write of one of these has PAE paging read its four entries again: "PDPTE Registers". */
#define PDPTES_BY_CR0 (CR0_PG | CR0_CD | CR0_NW)
#define PDPTES_BY_CR4 (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)
/* Reserved bits of CR0 below bit 32 are ignored: a write leaves them 0. */
#define CR0_DEFINED \
	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | \
	 CR0_PG)

/* The FPU's bits, alignment checks and write protection concern nobody but the guest. */
u64 cr0_owned_by_guest(void)
{
	return CR0_MP | CR0_EM | CR0_TS | CR0_AM | CR0_WP;
}

u64 cr4_owned_by_guest(const struct cr_limits *limits)
{
	return (CR4_TSD | CR4_DE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_FSGSBASE |
		CR4_PGE) & limits->cr4_allowed;
}

u64 cr0_after_clts(u64 cr0)
{
	return cr0 & ~CR0_TS;
}

u64 cr0_after_lmsw(u64 cr0, u64 source)
{
	return (cr0 & ~(LMSW_BITS & ~CR0_PE)) | (source & LMSW_BITS);
}

/* SDM vol. 3, table "Format of a PAE Page-Directory-Pointer-Table Entry": bits 2:1 and 8:5. */
#define PDPTE_RESERVED_LOW (PAGING_RW | PAGING_US | GENMASK_ULL(8, 5))

bool pdpte_is_valid(u64 entry, u32 width)
{
	return !(entry & PAGING_P) || !(entry & PDPTE_RESERVED_LOW || entry >> width);
}

/*
 * EXERCISE 6.3 (10 points): CR0 and CR4: masks, shadows, CLTS, LMSW
 * Do:   cr0_write(), cr4_write(), efer_write(): -EPERM where the processor would raise #GP for this
 *       value in this state. Otherwise the plan: what the guest sees; what the processor gets, with
 *       the bits that it insists on (without "unrestricted guest" PE and PG are among them, and a
 *       guest that clears one is -EINVAL) and never with CR0.CD and CR0.NW; EFER.LMA, which follows
 *       CR0.PG and EFER.LME; and whether the PDPTEs of PAE paging have to be loaded.
 * Read: Intel SDM vol. 3, "Control Registers", "PDPTE Registers" and "Guest/Host Masks and Read
 *       Shadows for CR0 and CR4"; vol. 2, MOV to control registers; project06/README.md, "Control
 *       registers"
 * Hint: CR0.ET reads as 1 and cannot be written, reserved bits of CR0 below 32 read as 0 and are no
 *       fault. PAE cannot be cleared, nor PG in 64-bit mode, while LMA is 1; PG cannot be set with
 *       LME and without PAE, or with LME and CS.L. LME cannot change while PG is 1. LMA is
 *       read-only: what is written to it does not matter.
 */
#ifndef TODO_6_3
static bool paging(u64 cr0)
{
	return cr0 & CR0_PG;
}

static u64 efer_with_lma(u64 efer, u64 cr0)
{
	efer &= ~IA32_EFER_LMA;
	return efer & IA32_EFER_LME && paging(cr0) ? efer | IA32_EFER_LMA : efer;
}

static bool pae_paging(const struct cr_plan *plan)
{
	return x86_pae_paging(plan->cr0, plan->cr4, plan->efer);
}

/* Bits that must be 1 in the processor's CR0. */
static u64 cr0_forced(const struct cr_limits *limits)
{
	return limits->unrestricted ? limits->cr0_fixed0 & ~(CR0_PE | CR0_PG) : limits->cr0_fixed0;
}

/* plan->cr0, cr4 and efer are what the guest is to see. */
static int make_real(const struct cr_limits *limits, struct cr_plan *plan)
{
	u64 never_cleared = cr0_forced(limits) & (CR0_PE | CR0_PG);

	if (never_cleared & ~plan->cr0)
		return -EINVAL;
	plan->real_cr0 = (plan->cr0 & ~(CR0_CD | CR0_NW)) | cr0_forced(limits);
	plan->real_cr0 &= limits->cr0_fixed1;
	plan->real_cr4 = (plan->cr4 | limits->cr4_fixed0) & limits->cr4_fixed1;
	return 0;
}

static bool cr0_is_consistent(u64 cr0)
{
	return !(cr0 >> 32) && (cr0 & CR0_PE || !paging(cr0)) && (cr0 & CR0_CD || !(cr0 & CR0_NW));
}

static bool paging_may_change(const struct cr_state *state, u64 value)
{
	bool long_mode = state->efer & IA32_EFER_LME;

	if (paging(state->cr0) == paging(value))
		return true;
	if (!paging(value))
		return !state->code64 && !(state->cr4 & CR4_PCIDE);
	return !long_mode || (state->cr4 & CR4_PAE && !state->cs_l);
}

int cr0_write(const struct cr_limits *limits, const struct cr_state *state, u64 value,
	      struct cr_plan *plan)
{
	if (!cr0_is_consistent(value) || !paging_may_change(state, value))
		return -EPERM;
	value = (value & CR0_DEFINED) | CR0_ET;
	*plan = (struct cr_plan){
		.cr0 = value,
		.cr4 = state->cr4,
		.efer = efer_with_lma(state->efer, value),
	};
	plan->pae = pae_paging(plan) && (state->cr0 ^ value) & PDPTES_BY_CR0;
	return make_real(limits, plan);
}

int cr4_write(const struct cr_limits *limits, const struct cr_state *state, u64 value,
	      struct cr_plan *plan)
{
	if (value & ~limits->cr4_allowed)
		return -EPERM;
	if (state->efer & IA32_EFER_LMA && !(value & CR4_PAE))
		return -EPERM;
	*plan = (struct cr_plan){ .cr0 = state->cr0, .cr4 = value, .efer = state->efer };
	plan->pae = pae_paging(plan) && (state->cr4 ^ value) & PDPTES_BY_CR4;
	return make_real(limits, plan);
}

int efer_write(const struct cr_limits *limits, const struct cr_state *state, u64 value,
	       struct cr_plan *plan)
{
	value &= ~IA32_EFER_LMA;
	if (value & ~limits->efer_allowed)
		return -EPERM;
	if ((state->efer ^ value) & IA32_EFER_LME && paging(state->cr0))
		return -EPERM;
	*plan = (struct cr_plan){ .cr0 = state->cr0, .cr4 = state->cr4 };
	plan->efer = efer_with_lma(value, state->cr0);
	return make_real(limits, plan);
}
#else
int cr0_write(const struct cr_limits *limits, const struct cr_state *state, u64 value,
	      struct cr_plan *plan)
{
	return VTX_TODO("6.3", "a guest cannot change CR0");
}

int cr4_write(const struct cr_limits *limits, const struct cr_state *state, u64 value,
	      struct cr_plan *plan)
{
	return VTX_TODO("6.3", "a guest cannot change CR4");
}

int efer_write(const struct cr_limits *limits, const struct cr_state *state, u64 value,
	       struct cr_plan *plan)
{
	return VTX_TODO("6.3", "a guest cannot change IA32_EFER");
}
#endif
