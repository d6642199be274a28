// SPDX-License-Identifier: GPL-2.0
/*
 * MSRs of a guest that VMX knows of: those in the VMCS, and those that the world switch takes care
 * of. hv->get_msr and hv->set_msr.
 */
#include <asm/msr.h>

#include "hv_ops.h"
#include "vmcs_access.h"
#include "vmx_entry_bits.h"
#include "vmx_exits.h"
#include "vmx_guest_msrs.h"
#include "vmx_msrs.h"
#include "vmx_vcpu.h"
#include "x86_bits.h"

/* ---- SYSCALL --------------------------------------------------------------------------------- */

/*
 * SYSCALL in the guest takes what is in the processor, and the kernel does not look at these MSRs
 * until the task returns to user mode. So they come and go with vcpu_load and vcpu_put, and for
 * guests that have no use for them not at all. A guest cannot change them without an exit.
 */
void vmx_syscall_msrs_load(struct vmx_world *world)
{
	struct vmx_syscall_msrs *msrs = &world->syscall;
	unsigned int i;

	if (!msrs->used || msrs->loaded)
		return;
	for (i = 0; i < VMX_SYSCALL_MSRS; i++) {
		rdmsrl(IA32_STAR + i, msrs->host[i]);
		wrmsrl_safe(IA32_STAR + i, msrs->guest[i]);
	}
	msrs->loaded = true;
}

void vmx_syscall_msrs_put(struct vmx_world *world)
{
	struct vmx_syscall_msrs *msrs = &world->syscall;
	unsigned int i;

	if (!msrs->loaded)
		return;
	for (i = 0; i < VMX_SYSCALL_MSRS; i++)
		wrmsrl(IA32_STAR + i, msrs->host[i]);
	msrs->loaded = false;
}

static bool is_syscall_msr(u32 msr)
{
	return msr - IA32_STAR < VMX_SYSCALL_MSRS;
}

/* The processor says whether the value is one: an address must be canonical, for example. */
static int set_syscall_msr(struct vmx_world *world, u32 msr, u64 value)
{
	world->syscall.used = true;
	vmx_syscall_msrs_load(world);
	if (wrmsrl_safe(msr, value))
		return -EINVAL;
	world->syscall.guest[msr - IA32_STAR] = value;
	return 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

static u64 kernel_gs_base(struct vtx_vcpu *vcpu)
{
	u64 value = vcpu->kernel_gs_base;

	if (vmx_of(vcpu)->world.guest_inside)
		rdmsrl(IA32_KERNEL_GS_BASE, value);
	return value;
}

int vmx_get_msr(struct vtx_vcpu *vcpu, u32 msr, u64 *value)
{
	if (is_syscall_msr(msr)) {
		*value = vmx_of(vcpu)->world.syscall.guest[msr - IA32_STAR];
		return 0;
	}
	switch (msr) {
	case IA32_SYSENTER_CS:
		*value = vmcs_read32(VMCS_GUEST_IA32_SYSENTER_CS);
		return 0;
	case IA32_SYSENTER_ESP:
		*value = vmcs_read_natural(VMCS_GUEST_IA32_SYSENTER_ESP);
		return 0;
	case IA32_SYSENTER_EIP:
		*value = vmcs_read_natural(VMCS_GUEST_IA32_SYSENTER_EIP);
		return 0;
	case IA32_DEBUGCTL:
		*value = vmcs_read64(VMCS_GUEST_IA32_DEBUGCTL);
		return 0;
	case IA32_PAT:
		*value = vmcs_read64(VMCS_GUEST_IA32_PAT);
		return 0;
	case IA32_EFER:
		*value = vmcs_read64(VMCS_GUEST_IA32_EFER);
		return 0;
	case IA32_FS_BASE:
		*value = vmcs_read_natural(VMCS_GUEST_FS_BASE);
		return 0;
	case IA32_GS_BASE:
		*value = vmcs_read_natural(VMCS_GUEST_GS_BASE);
		return 0;
	case IA32_KERNEL_GS_BASE:
		*value = kernel_gs_base(vcpu);
		return 0;
	default:
		return -ENOENT;
	}
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Of the others a guest has none: branch records and performance monitoring are the host's. */
static int set_debugctl(u64 value)
{
	if (value & ~DEBUGCTL_BTF)
		return -EINVAL;
	vmcs_write64(VMCS_GUEST_IA32_DEBUGCTL, value);
	return 0;
}

static int set_efer(struct vtx_vcpu *vcpu, u64 value)
{
	struct vmx_world *world = &vmx_of(vcpu)->world;
	int err = vmx_set_efer(vcpu, value);

	if (!err && value & IA32_EFER_SCE) {
		world->syscall.used = true;
		vmx_syscall_msrs_load(world);
	}
	return err;
}

/* A guest writes the others without an exit; here they are only seen if user space has asked. */
int vmx_set_msr(struct vtx_vcpu *vcpu, u32 msr, u64 value)
{
	if (is_syscall_msr(msr))
		return set_syscall_msr(&vmx_of(vcpu)->world, msr, value);
	switch (msr) {
	case IA32_DEBUGCTL:
		return set_debugctl(value);
	case IA32_EFER:
		return set_efer(vcpu, value);
	default:
		return -ENOENT;
	}
}

void vmx_set_tsc_offset(struct vtx_vcpu *vcpu, u64 offset)
{
	vmcs_write64(VMCS_TSC_OFFSET, offset);
}
