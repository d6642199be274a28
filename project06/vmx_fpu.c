// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's first use of the FPU exits: SDM vol. 3, "Guest/Host Masks and Read Shadows for CR0
 * and CR4". With CR0.TS every instruction on x87, MMX, SSE or AVX registers raises #NM; WAIT does
 * if CR0.MP is 1 as well.
 */
#include "vmcs_access.h"
#include "vmx_fpu.h"
#include "x86_bits.h"
#include "x86_exceptions.h"

#define TRAP (CR0_TS | CR0_MP)

/* Both bits belong to the guest until now, so that its own values are in CR0. */
static void begin(struct vmx_world *world)
{
	u64 cr0 = vmcs_read_natural(VMCS_GUEST_CR0);
	u64 mask = vmcs_read_natural(VMCS_CR0_GUEST_HOST_MASK);
	u64 shadow = vmcs_read_natural(VMCS_CR0_READ_SHADOW);

	world->exception_bitmap = vmcs_read32(VMCS_EXCEPTION_BITMAP);
	vmcs_write32(VMCS_EXCEPTION_BITMAP, world->exception_bitmap | BIT(X86_EXCEPTION_NM));
	vmcs_write_natural(VMCS_CR0_READ_SHADOW, (shadow & ~(u64)TRAP) | (cr0 & TRAP));
	vmcs_write_natural(VMCS_CR0_GUEST_HOST_MASK, mask | TRAP);
	vmcs_write_natural(VMCS_GUEST_CR0, cr0 | TRAP);
}

static void end(const struct vmx_world *world)
{
	u64 cr0 = vmcs_read_natural(VMCS_GUEST_CR0);
	u64 mask = vmcs_read_natural(VMCS_CR0_GUEST_HOST_MASK);
	u64 shadow = vmcs_read_natural(VMCS_CR0_READ_SHADOW);

	vmcs_write32(VMCS_EXCEPTION_BITMAP, world->exception_bitmap);
	vmcs_write_natural(VMCS_CR0_GUEST_HOST_MASK, mask & ~(u64)TRAP);
	vmcs_write_natural(VMCS_GUEST_CR0, (cr0 & ~(u64)TRAP) | (shadow & TRAP));
}

void vmx_fpu_exiting(struct vmx_vcpu *vmx, bool on)
{
	if (on)
		begin(&vmx->world);
	else
		end(&vmx->world);
	vmx->world.fpu_exiting = on;
}
