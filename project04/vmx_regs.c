// SPDX-License-Identifier: GPL-2.0
/*
 * Registers of a vCPU that does not run, for user space. VM entry checks most of what is set here
 * and refuses it; what it would let pass, and must not be, is refused here.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/printk.h>

#include "hv_ops.h"
#include "regs_check.h"
#include "vmcs_access.h"
#include "vmx_entry_bits.h"
#if VTX_STAGE >= 6
#include "vmx_exits.h"
#include "vmx_fpu.h"
#endif
#include "vmx_run.h"
#include "x86_bits.h"
#include "x86_paging.h"

/* ---- general registers: vcpu->regs has them, the next entry writes RIP, RSP and RFLAGS ------- */

int vmx_get_regs(struct vtx_vcpu *vcpu, struct vtx_regs *regs)
{
	*regs = vcpu->regs;
	return 0;
}

/*
 * "Checks on Guest Non-Register State": IF decides whether there is anything for STI to block, and
 * behind STI and MOV SS a trap has to be pending if TF is 1, and none if it is 0.
 */
static void end_blocking(u64 old_flags, u64 flags)
{
	u32 blocking = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_STATE);
	u32 ends = flags & RFLAGS_IF ? 0 : INTERRUPTIBILITY_STI;

	if ((old_flags ^ flags) & RFLAGS_TF)
		ends |= INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS;
	if (blocking & ends)
		vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_STATE, blocking & ~ends);
}

int vmx_set_regs(struct vtx_vcpu *vcpu, const struct vtx_regs *regs)
{
	int err = regs_check(&vcpu->regs, regs);

	if (err)
		return err;
	end_blocking(vcpu->regs.rflags, regs->rflags);
	vcpu->regs = *regs;
	return vmcs_error() ? -EIO : 0;
}

/* ---- special registers ----------------------------------------------------------------------- */

#define read_segment(name, segment) \
	do { \
		(segment)->base = vmcs_read_natural(VMCS_GUEST_##name##_BASE); \
		(segment)->limit = vmcs_read32(VMCS_GUEST_##name##_LIMIT); \
		(segment)->access = vmcs_read32(VMCS_GUEST_##name##_ACCESS_RIGHTS); \
		(segment)->selector = vmcs_read16(VMCS_GUEST_##name##_SELECTOR); \
	} while (0)

#define write_segment(name, segment) \
	do { \
		vmcs_write_natural(VMCS_GUEST_##name##_BASE, (segment)->base); \
		vmcs_write32(VMCS_GUEST_##name##_LIMIT, (segment)->limit); \
		vmcs_write32(VMCS_GUEST_##name##_ACCESS_RIGHTS, (segment)->access); \
		vmcs_write16(VMCS_GUEST_##name##_SELECTOR, (segment)->selector); \
	} while (0)

static void read_segments(struct vtx_sregs *sregs)
{
	read_segment(ES, &sregs->es);
	read_segment(CS, &sregs->cs);
	read_segment(SS, &sregs->ss);
	read_segment(DS, &sregs->ds);
	read_segment(FS, &sregs->fs);
	read_segment(GS, &sregs->gs);
	read_segment(LDTR, &sregs->ldtr);
	read_segment(TR, &sregs->tr);
	sregs->gdtr.base = vmcs_read_natural(VMCS_GUEST_GDTR_BASE);
	sregs->gdtr.limit = vmcs_read32(VMCS_GUEST_GDTR_LIMIT);
	sregs->idtr.base = vmcs_read_natural(VMCS_GUEST_IDTR_BASE);
	sregs->idtr.limit = vmcs_read32(VMCS_GUEST_IDTR_LIMIT);
}

static void write_segments(const struct vtx_sregs *sregs)
{
	write_segment(ES, &sregs->es);
	write_segment(CS, &sregs->cs);
	write_segment(SS, &sregs->ss);
	write_segment(DS, &sregs->ds);
	write_segment(FS, &sregs->fs);
	write_segment(GS, &sregs->gs);
	write_segment(LDTR, &sregs->ldtr);
	write_segment(TR, &sregs->tr);
	vmcs_write_natural(VMCS_GUEST_GDTR_BASE, sregs->gdtr.base);
	vmcs_write32(VMCS_GUEST_GDTR_LIMIT, sregs->gdtr.limit);
	vmcs_write_natural(VMCS_GUEST_IDTR_BASE, sregs->idtr.base);
	vmcs_write32(VMCS_GUEST_IDTR_LIMIT, sregs->idtr.limit);
}

#if VTX_STAGE >= 5
/* The guest owns the bits that are 0 in the mask, and the shadow has old values of those. */
#define SEEN(cr) \
	((vmcs_read_natural(VMCS_GUEST_##cr) & ~vmcs_read_natural(VMCS_##cr##_GUEST_HOST_MASK)) | \
	 (vmcs_read_natural(VMCS_##cr##_READ_SHADOW) & \
	  vmcs_read_natural(VMCS_##cr##_GUEST_HOST_MASK)))
#else
#define SEEN(cr) vmcs_read_natural(VMCS_##cr##_READ_SHADOW)
#endif

int vmx_get_sregs(struct vtx_vcpu *vcpu, struct vtx_sregs *sregs)
{
	memset(sregs, 0, sizeof(*sregs));
	read_segments(sregs);
	sregs->cr0 = SEEN(CR0);
	sregs->cr2 = vcpu->cr2;
	sregs->cr3 = vmcs_read_natural(VMCS_GUEST_CR3);
	sregs->cr4 = SEEN(CR4);
	sregs->efer = vmcs_read64(VMCS_GUEST_IA32_EFER);
	memcpy(sregs->dr, vcpu->dr, sizeof(sregs->dr));
	sregs->dr[7] = vmcs_read_natural(VMCS_GUEST_DR7);
	return vmcs_error() ? -EIO : 0;
}

static void write_sregs(struct vtx_vcpu *vcpu, const struct vtx_sregs *sregs)
{
	u64 cr0 = vmcs_read_natural(VMCS_GUEST_CR0);
	u64 cr4 = vmcs_read_natural(VMCS_GUEST_CR4);

	write_segments(sregs);
	vmcs_write_natural(VMCS_GUEST_CR0, with_free_bits(cr0, sregs->cr0, CR0_FREE));
	vmcs_write_natural(VMCS_CR0_READ_SHADOW, sregs->cr0);
	vmcs_write_natural(VMCS_GUEST_CR4, with_free_bits(cr4, sregs->cr4, CR4_FREE));
	vmcs_write_natural(VMCS_CR4_READ_SHADOW, sregs->cr4);
	vmcs_write_natural(VMCS_GUEST_CR3, sregs->cr3);
	vmcs_write_natural(VMCS_GUEST_DR7, sregs->dr[7]);
	vcpu->cr2 = sregs->cr2;
	memcpy(vcpu->dr, sregs->dr, sizeof(vcpu->dr));
	vcpu->dr[7] = 0;
	/* DR0 to DR3 and DR6 that mean something have to be in the processor. */
	vcpu->dr_used = true;
}

/*
 * The processor reads them at a MOV to CR3; VM entry takes them from the VMCS, and checks them. Who
 * leaves CR3 alone leaves them alone.
 */
static int set_pdptes(const struct vtx_sregs *has, const struct vtx_sregs *wanted,
		      const u64 *pdptes)
{
	if (!x86_pae_paging(has->cr0, has->cr4, has->efer) || has->cr3 == wanted->cr3)
		return 0;
	if (!pdptes) {
		pr_notice("set registers: CR3 %#llx, expected the address of four entries of PAE "
			  "paging in the guest's memory\n",
			  wanted->cr3);
		return -EINVAL;
	}
	vmcs_write64(VMCS_GUEST_PDPTE0, pdptes[0]);
	vmcs_write64(VMCS_GUEST_PDPTE1, pdptes[1]);
	vmcs_write64(VMCS_GUEST_PDPTE2, pdptes[2]);
	vmcs_write64(VMCS_GUEST_PDPTE3, pdptes[3]);
	return 0;
}

int vmx_set_sregs(struct vtx_vcpu *vcpu, const struct vtx_sregs *sregs, const u64 *pdptes)
{
	struct vtx_sregs has;
	int err;

	err = vmx_get_sregs(vcpu, &has) ?: sregs_check(&has, sregs) ?:
	      set_pdptes(&has, sregs, pdptes);
	if (err)
		return err;
#if VTX_STAGE >= 6
	vmx_fpu_fields(vmx_of(vcpu));
#endif
	write_sregs(vcpu, sregs);
#if VTX_STAGE >= 5
	/* No MOV to CR3 or CR4 has made the processor forget what it knew of this VPID. */
	vmx_of(vcpu)->tlb.cpu = -1;
#endif
#if VTX_STAGE >= 6
	vmx_cr_masks(vcpu);
#endif
	return vmcs_error() ? -EIO : 0;
}
