// SPDX-License-Identifier: GPL-2.0
/*
 * MSRs of a guest that the VMCB has, by their numbers: hv->get_msr and hv->set_msr.
 */
#include "host_cpu.h"
#include "hv_ops.h"
#include "svm_codes.h"
#include "svm_run.h"
#include "vmx_entry_bits.h"
#include "vmx_msrs.h"
#include "x86_bits.h"

/* What a value of an MSR has to be, or WRMSR is a #GP. */
enum form {
	ANY, /* 64 bits */
	CANONICAL, /* a linear address */
	LOW_32, /* the upper half is not kept */
	PAT, /* eight memory types */
};

static const struct vmcb_msr {
	u32 msr;
	u16 offset; /* in the VMCB */
	u8 form;
} msrs[] = {
	{ IA32_STAR, offsetof(struct vmcb, STAR), ANY },
	{ IA32_LSTAR, offsetof(struct vmcb, LSTAR), CANONICAL },
	{ IA32_CSTAR, offsetof(struct vmcb, CSTAR), CANONICAL },
	{ IA32_FMASK, offsetof(struct vmcb, SFMASK), LOW_32 },
	{ IA32_KERNEL_GS_BASE, offsetof(struct vmcb, KERNEL_GS_BASE), CANONICAL },
	{ IA32_FS_BASE, offsetof(struct vmcb, FS) + offsetof(struct vmcb_segment, base),
	  CANONICAL },
	{ IA32_GS_BASE, offsetof(struct vmcb, GS) + offsetof(struct vmcb_segment, base),
	  CANONICAL },
	{ IA32_SYSENTER_CS, offsetof(struct vmcb, SYSENTER_CS), LOW_32 },
	{ IA32_SYSENTER_ESP, offsetof(struct vmcb, SYSENTER_ESP), CANONICAL },
	{ IA32_SYSENTER_EIP, offsetof(struct vmcb, SYSENTER_EIP), CANONICAL },
	{ IA32_PAT, offsetof(struct vmcb, G_PAT), PAT },
};

static const struct vmcb_msr *find(u32 msr)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(msrs); i++) {
		if (msrs[i].msr == msr)
			return &msrs[i];
	}
	return NULL;
}

static u64 *field_of(struct vtx_vcpu *vcpu, const struct vmcb_msr *msr)
{
	return (void *)vmcb_of(vcpu) + msr->offset;
}

/* ---- values ---------------------------------------------------------------------------------- */

#define CANONICAL_BITS 48
#define PAT_ENTRIES 8
#define PAT_TYPES 8
/* Types 2 and 3 are reserved: AMD APM vol. 2, "PAT Register". */
#define PAT_RESERVED_FIRST 2
#define PAT_RESERVED_LAST 3

static bool is_canonical(u64 value)
{
	return (u64)((s64)(value << (64 - CANONICAL_BITS)) >> (64 - CANONICAL_BITS)) == value;
}

static bool is_pat(u64 value)
{
	u32 i;

	for (i = 0; i < PAT_ENTRIES; i++, value >>= BITS_PER_BYTE) {
		u8 type = value;

		if (type >= PAT_TYPES ||
		    (type >= PAT_RESERVED_FIRST && type <= PAT_RESERVED_LAST))
			return false;
	}
	return true;
}

static bool is_valid(const struct vmcb_msr *msr, u64 value)
{
	switch (msr->form) {
	case CANONICAL:
		return is_canonical(value);
	case PAT:
		return is_pat(value);
	default:
		return true;
	}
}

/* ---- reading and writing --------------------------------------------------------------------- */

int svm_get_msr(struct vtx_vcpu *vcpu, u32 msr, u64 *value)
{
	const struct vmcb_msr *known = find(msr);

	if (known)
		*value = *field_of(vcpu, known);
	else if (msr == IA32_EFER)
		*value = svm_of(vcpu)->efer;
	else if (msr == IA32_DEBUGCTL)
		*value = vmcb_of(vcpu)->DBGCTL;
	else
		return -ENOENT;
	return 0;
}

/*
 * Of the other bits a guest has none. Without LBR virtualization the register is the host's, and
 * there is no way to give the guest one.
 */
static int set_debugctl(struct vmcb *vmcb, u64 value)
{
	u64 allowed = cpuid_edx(CPUID_LEAF_8000_000A) & SVM_FEATURE_LbrVirt ? DEBUGCTL_BTF : 0;

	if (value & ~allowed)
		return -EINVAL;
	vmcb->DBGCTL = value;
	vmcb->VIRT_EXT = value ? vmcb->VIRT_EXT | SVM_VIRT_EXT_LBR :
				 vmcb->VIRT_EXT & ~(u64)SVM_VIRT_EXT_LBR;
	return 0;
}

int svm_set_msr(struct vtx_vcpu *vcpu, u32 msr, u64 value)
{
	const struct vmcb_msr *known = find(msr);

	if (msr == IA32_EFER)
		return svm_set_efer(vcpu, value);
	if (msr == IA32_DEBUGCTL)
		return set_debugctl(vmcb_of(vcpu), value);
	if (!known)
		return -ENOENT;
	if (!is_valid(known, value))
		return -EINVAL;
	*field_of(vcpu, known) = known->form == LOW_32 ? (u32)value : value;
	return 0;
}

void svm_set_tsc_offset(struct vtx_vcpu *vcpu, u64 offset)
{
	vmcb_of(vcpu)->TSC_OFFSET = offset;
}
