// SPDX-License-Identifier: GPL-2.0
/*
 * CR0, CR3, CR4 and IA32_EFER of a guest in the VMCS: guest/host masks, read shadows, and the mode
 * that the processor is in with them.
 */
#include <asm/msr.h>
#include <asm/special_insns.h>

#include "cr_logic.h"
#include "exits.h"
#include "hv_ops.h"
#include "vmcs_access.h"
#include "vmx_ctls.h"
#include "vmx_entry_bits.h"
#include "vmx_exits.h"
#include "vmx_fpu.h"
#include "vmx_msrs.h"
#include "vmx_vcpu.h"
#include "x86_bits.h"
#include "x86_paging.h"

#define CR0_NUMBER 0
#define CR3_NUMBER 3
#define TYPE_MASK ((u32)GENMASK_ULL(ACCESS_RIGHTS_TYPE_HIGH, ACCESS_RIGHTS_TYPE_LOW))

/* ---- what is allowed ------------------------------------------------------------------------- */

/*
 * SDM vol. 3, appendix A.7 and A.8. CR4.MCE is the host's: with 0 a machine check would shut the
 * processor down, also while a guest runs.
 */
static void limits_of(const struct vmx_vcpu *vmx, struct cr_limits *limits)
{
	u64 secondary = vmx->controls.value[VMX_CTL_SECONDARY];

	rdmsrl(IA32_VMX_CR0_FIXED0, limits->cr0_fixed0);
	rdmsrl(IA32_VMX_CR0_FIXED1, limits->cr0_fixed1);
	rdmsrl(IA32_VMX_CR4_FIXED0, limits->cr4_fixed0);
	rdmsrl(IA32_VMX_CR4_FIXED1, limits->cr4_fixed1);
	limits->cr4_fixed0 |= __read_cr4() & CR4_MCE;
	limits->cr4_allowed = vtx_guest_cr4_bits() & limits->cr4_fixed1;
	limits->efer_allowed = vtx_guest_efer_bits();
	limits->unrestricted = secondary & VMX_SECONDARY_UNRESTRICTED_GUEST;
}

/* ---- what the guest sees --------------------------------------------------------------------- */

static u64 seen(u64 real, u64 shadow, u64 mask)
{
	return (real & ~mask) | (shadow & mask);
}

static u64 seen_cr0(void)
{
	return seen(vmcs_read_natural(VMCS_GUEST_CR0), vmcs_read_natural(VMCS_CR0_READ_SHADOW),
		    vmcs_read_natural(VMCS_CR0_GUEST_HOST_MASK));
}

static u64 seen_cr4(void)
{
	return seen(vmcs_read_natural(VMCS_GUEST_CR4), vmcs_read_natural(VMCS_CR4_READ_SHADOW),
		    vmcs_read_natural(VMCS_CR4_GUEST_HOST_MASK));
}

u64 vmx_get_cr(struct vtx_vcpu *vcpu, u32 cr)
{
	switch (cr) {
	case CR0_NUMBER:
		return seen_cr0();
	case CR3_NUMBER:
		return vmcs_read_natural(VMCS_GUEST_CR3);
	default:
		return seen_cr4();
	}
}

static void state_of(struct cr_state *state)
{
	state->cr0 = seen_cr0();
	state->cr4 = seen_cr4();
	state->efer = vmcs_read64(VMCS_GUEST_IA32_EFER);
	state->cs_l = vmcs_read32(VMCS_GUEST_CS_ACCESS_RIGHTS) & ACCESS_RIGHTS_L;
	state->code64 = state->cs_l && state->efer & IA32_EFER_LMA;
}

/* ---- what becomes of it ---------------------------------------------------------------------- */

/*
 * The entry control says in which mode the processor is, and in IA-32e mode TR is a 64-bit TSS:
 * whatever a guest had in it before, it has to load TR before it needs one.
 */
static void follow_mode(u64 efer)
{
	u32 entry = vmcs_read32(VMCS_VM_ENTRY_CONTROLS) & ~VMX_ENTRY_IA32E_MODE_GUEST;
	u32 tr;

	if (efer & IA32_EFER_LMA) {
		entry |= VMX_ENTRY_IA32E_MODE_GUEST;
		tr = vmcs_read32(VMCS_GUEST_TR_ACCESS_RIGHTS);
		tr = (tr & ~TYPE_MASK) | SEGMENT_TYPE_TSS_BUSY;
		vmcs_write32(VMCS_GUEST_TR_ACCESS_RIGHTS, tr);
	}
	vmcs_write32(VMCS_VM_ENTRY_CONTROLS, entry);
}

static void write_pdptes(const u64 *pdptes)
{
	vmcs_write64(VMCS_GUEST_PDPTE0, pdptes[0]);
	vmcs_write64(VMCS_GUEST_PDPTE1, pdptes[1]);
	vmcs_write64(VMCS_GUEST_PDPTE2, pdptes[2]);
	vmcs_write64(VMCS_GUEST_PDPTE3, pdptes[3]);
}

/* What MOV to a control register makes the processor forget, the exit in its place has not. */
static void forget_translations(struct vtx_vcpu *vcpu)
{
	vmx_of(vcpu)->tlb.cpu = -1;
}

static int set_cr3(struct vtx_vcpu *vcpu, const struct cr_state *state, u64 value)
{
	if (x86_pae_paging(state->cr0, state->cr4, state->efer)) {
		if (!vcpu->policy.pdptes_ready)
			return -EAGAIN;
		write_pdptes(vcpu->policy.pdptes);
	}
	vmcs_write_natural(VMCS_GUEST_CR3, value);
	forget_translations(vcpu);
	return vmcs_error() ? -EIO : 0;
}

static int carry_out(struct vtx_vcpu *vcpu, const struct cr_plan *plan, u64 old_efer)
{
	if (plan->pae && !vcpu->policy.pdptes_ready)
		return -EAGAIN;
	if (plan->pae)
		write_pdptes(vcpu->policy.pdptes);
	vmcs_write_natural(VMCS_GUEST_CR0, plan->real_cr0);
	vmcs_write_natural(VMCS_CR0_READ_SHADOW, plan->cr0);
	vmcs_write_natural(VMCS_GUEST_CR4, plan->real_cr4);
	vmcs_write_natural(VMCS_CR4_READ_SHADOW, plan->cr4);
	vmcs_write64(VMCS_GUEST_IA32_EFER, plan->efer);
	if ((plan->efer ^ old_efer) & IA32_EFER_LMA)
		follow_mode(plan->efer);
	vcpu->policy.osxsave = plan->cr4 & CR4_OSXSAVE;
	forget_translations(vcpu);
	return vmcs_error() ? -EIO : 0;
}

int vmx_set_cr(struct vtx_vcpu *vcpu, u32 cr, u64 value)
{
	struct cr_limits limits;
	struct cr_state state;
	struct cr_plan plan;
	int err;

	state_of(&state);
	/* Outside 64-bit mode the operand has 32 bits, and the upper half is of no meaning. */
	if (!state.code64)
		value = (u32)value;
	if (cr == CR3_NUMBER)
		return set_cr3(vcpu, &state, value);
	vmx_fpu_fields(vmx_of(vcpu));
	limits_of(vmx_of(vcpu), &limits);
	err = cr == CR0_NUMBER ? cr0_write(&limits, &state, value, &plan) :
				 cr4_write(&limits, &state, value, &plan);
	return err ?: carry_out(vcpu, &plan, state.efer);
}

int vmx_set_efer(struct vtx_vcpu *vcpu, u64 value)
{
	struct cr_limits limits;
	struct cr_state state;
	struct cr_plan plan;
	int err;

	vmx_fpu_fields(vmx_of(vcpu));
	limits_of(vmx_of(vcpu), &limits);
	state_of(&state);
	err = efer_write(&limits, &state, value, &plan);
	return err ?: carry_out(vcpu, &plan, state.efer);
}

/* The fields have been written by whoever starts guests, with all bits the host's. */
void vmx_cr_masks(struct vtx_vcpu *vcpu)
{
	struct cr_limits limits;

	limits_of(vmx_of(vcpu), &limits);
	vmcs_write_natural(VMCS_GUEST_CR4, vmcs_read_natural(VMCS_GUEST_CR4) | limits.cr4_fixed0);
	vmcs_write_natural(VMCS_CR0_GUEST_HOST_MASK, ~cr0_owned_by_guest());
	vmcs_write_natural(VMCS_CR4_GUEST_HOST_MASK, ~cr4_owned_by_guest(&limits));
	vcpu->policy.osxsave = seen_cr4() & CR4_OSXSAVE;
	if (vmcs_read64(VMCS_GUEST_IA32_EFER) & IA32_EFER_SCE)
		vmx_of(vcpu)->world.syscall.used = true;
}
