// SPDX-License-Identifier: GPL-2.0
/*
 * How a guest begins: what is different from the flat 64-bit guest of project04, in other modes.
 * "Unrestricted guest" lets CR0.PE and CR0.PG be 0.
 */
#include <asm/msr.h>

#include "hv_ops.h"
#include "vm.h"
#include "vmcs_access.h"
#include "vmx_entry_bits.h"
#include "vmx_msrs.h"
#include "vmx_vcpu.h"
#include "x86_bits.h"

#define RIGHTS_CODE16 (ACCESS_RIGHTS_P | ACCESS_RIGHTS_S | SEGMENT_TYPE_CODE_XR)
#define RIGHTS_DATA16 (ACCESS_RIGHTS_P | ACCESS_RIGHTS_S | SEGMENT_TYPE_DATA_RW)
#define RIGHTS_32 (ACCESS_RIGHTS_DB | ACCESS_RIGHTS_G)
#define LIMIT_16 0xffffU
#define LIMIT_32 0xffffffffU
/* SDM vol. 3, "Processor State After Reset": where the first instruction is, and CR0. */
#define RESET_CS 0xf000U
#define RESET_CS_BASE 0xffff0000ULL
#define RESET_IP 0xfff0U
#define RESET_CR0 (CR0_CD | CR0_NW | CR0_ET)

/*
 * What such a guest changes without an exit: nothing that the host or the world switch depends on.
 * A 64-bit guest begins as in project04, where each access to CR0 and CR4 exits.
 */
#define CR0_OF_GUEST \
	((u64)(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_WP | CR0_AM | CR0_PG))
#define CR4_OF_GUEST \
	((u64)(CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT))

/* What a mode begins with. */
static const struct start {
	u64 cr0, cr4; /* as the guest sees them */
	u32 limit, code, data; /* of segments, whose bases are 0 */
	u16 code_selector, data_selector;
} starts[VTX_VCPU_MODES] = {
	[VTX_MODE_REAL] = { CR0_ET, 0, LIMIT_16, RIGHTS_CODE16, RIGHTS_DATA16, 0, 0 },
	[VTX_MODE_PROTECTED] = { CR0_PE | CR0_ET, 0, LIMIT_32, RIGHTS_CODE16 | RIGHTS_32,
				 RIGHTS_DATA16 | RIGHTS_32, 8, 16 },
	[VTX_MODE_PAGED] = { CR0_PE | CR0_ET | CR0_PG, CR4_PAE, LIMIT_32,
			     RIGHTS_CODE16 | RIGHTS_32, RIGHTS_DATA16 | RIGHTS_32, 8, 16 },
	[VTX_MODE_RESET] = { RESET_CR0, 0, LIMIT_16, RIGHTS_CODE16, RIGHTS_DATA16, RESET_CS, 0 },
};

#define write_data_segment(name, start) \
	do { \
		vmcs_write16(VMCS_GUEST_##name##_SELECTOR, (start)->data_selector); \
		vmcs_write32(VMCS_GUEST_##name##_LIMIT, (start)->limit); \
		vmcs_write32(VMCS_GUEST_##name##_ACCESS_RIGHTS, (start)->data); \
	} while (0)

static void write_segments(const struct start *start)
{
	vmcs_write16(VMCS_GUEST_CS_SELECTOR, start->code_selector);
	vmcs_write32(VMCS_GUEST_CS_LIMIT, start->limit);
	vmcs_write32(VMCS_GUEST_CS_ACCESS_RIGHTS, start->code);
	write_data_segment(ES, start);
	write_data_segment(SS, start);
	write_data_segment(DS, start);
	write_data_segment(FS, start);
	write_data_segment(GS, start);
	/* The interrupt vector table of real mode. */
	if (!(start->cr0 & CR0_PE))
		vmcs_write32(VMCS_GUEST_IDTR_LIMIT, LIMIT_16);
}

/* What VMX operation insists on; "unrestricted guest" exempts PE and PG. */
static void write_cr(const struct start *start)
{
	u64 cr0_fixed = 0;
	u64 cr4_fixed = 0;

	rdmsrl_safe(IA32_VMX_CR0_FIXED0, &cr0_fixed);
	rdmsrl_safe(IA32_VMX_CR4_FIXED0, &cr4_fixed);
	cr0_fixed &= ~(u64)(CR0_PE | CR0_PG);
	vmcs_write_natural(VMCS_GUEST_CR0, start->cr0 | cr0_fixed);
	vmcs_write_natural(VMCS_CR0_READ_SHADOW, start->cr0);
	vmcs_write_natural(VMCS_CR0_GUEST_HOST_MASK, ~CR0_OF_GUEST);
	vmcs_write_natural(VMCS_GUEST_CR4, start->cr4 | cr4_fixed);
	vmcs_write_natural(VMCS_CR4_READ_SHADOW, start->cr4);
	vmcs_write_natural(VMCS_CR4_GUEST_HOST_MASK, ~CR4_OF_GUEST);
	vmcs_write64(VMCS_GUEST_IA32_EFER, 0);
}

/* "Checks on Guest Page-Directory-Pointer-Table Entries": a VM entry reads them from here. */
static void write_pdptes(const struct vtx_vm *vm)
{
	vmcs_write_natural(VMCS_GUEST_CR3, vm->paged_root);
	vmcs_write64(VMCS_GUEST_PDPTE0, vm->paged_pdpte[0]);
	vmcs_write64(VMCS_GUEST_PDPTE1, vm->paged_pdpte[1]);
	vmcs_write64(VMCS_GUEST_PDPTE2, vm->paged_pdpte[2]);
	vmcs_write64(VMCS_GUEST_PDPTE3, vm->paged_pdpte[3]);
}

static void write_entry_controls(struct vmx_vcpu *vmx, bool long_mode)
{
	u32 controls = vmx->controls.value[VMX_CTL_ENTRY] & ~(u32)VMX_ENTRY_IA32E_MODE_GUEST;

	vmcs_write32(VMCS_VM_ENTRY_CONTROLS,
		     long_mode ? controls | VMX_ENTRY_IA32E_MODE_GUEST : controls);
}

int vmx_vcpu_start(struct vtx_vcpu *vcpu, u32 mode)
{
	const struct start *start = &starts[mode];

	vmx_npt_set_root(vcpu, vcpu->vm->space.npt.root);
	/* Of a vCPU that is initialised again the processor remembers translations. */
	vmx_of(vcpu)->tlb.cpu = -1;
	write_entry_controls(vmx_of(vcpu), mode == VTX_MODE_LONG);
	if (mode == VTX_MODE_LONG)
		return vmcs_error() ? -EIO : 0;
	write_cr(start);
	write_segments(start);
	vmcs_write_natural(VMCS_GUEST_CR3, 0);
	if (mode == VTX_MODE_PAGED)
		write_pdptes(vcpu->vm);
	if (mode == VTX_MODE_RESET) {
		vmcs_write_natural(VMCS_GUEST_CS_BASE, RESET_CS_BASE);
		vcpu->regs.rip = RESET_IP;
	}
	return vmcs_error() ? -EIO : 0;
}
