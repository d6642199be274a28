// SPDX-License-Identifier: GPL-2.0
/*
 * A VPID for each vCPU: with it a processor need not forget the guest's translations at each entry
 * and exit.
 */
#include <asm/msr.h>
#include <linux/idr.h>

#include "hv_ops.h"
#include "vm.h"
#include "vmx_ept.h"
#include "vmx_msrs.h"
#include "vmx_vcpu.h"

/* 0000H is the host's. */
#define VPID_FIRST 1
#define VPID_LAST U16_MAX

static DEFINE_IDA(vpids);

/* Without the instruction nobody could forget what a VPID had before. */
static bool may_be_used(const struct vmx_vcpu *vmx)
{
	struct vmx_ept_caps caps;
	u64 cap = 0;

	rdmsrl_safe(IA32_VMX_EPT_VPID_CAP, &cap);
	return vmx->controls.value[VMX_CTL_SECONDARY] & VMX_SECONDARY_ENABLE_VPID &&
	       !vmx_ept_caps(cap, &caps) && caps.invvpid;
}

int vmx_vpid_get(struct vtx_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);
	int vpid = -ENOSPC;

	vmx->tlb.cpu = -1;
	if (may_be_used(vmx))
		vpid = ida_alloc_range(&vpids, VPID_FIRST, VPID_LAST, GFP_KERNEL);
	if (vpid == -ENOMEM)
		return -ENOMEM;
	if (vpid < 0)
		vmx->controls.value[VMX_CTL_SECONDARY] &= ~(u64)VMX_SECONDARY_ENABLE_VPID;
	else
		vcpu->address_tag = vpid;
	return 0;
}

void vmx_vpid_put(struct vtx_vcpu *vcpu)
{
	if (vcpu->address_tag)
		ida_free(&vpids, vcpu->address_tag);
	vcpu->address_tag = 0;
}
