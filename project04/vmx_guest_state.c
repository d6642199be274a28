// SPDX-License-Identifier: GPL-2.0
/*
 * The guest-state area of a flat 64-bit guest, which starts as if somebody had booted it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/msr.h>
#include <asm/special_insns.h>
#include <asm/tsc.h>
#include <linux/printk.h>
#include <uapi/asm/debugreg.h>

#include "hv_ops.h"
#include "vmcs_access.h"
#include "vmx_cap_bits.h"
#include "vmx_entry_bits.h"
#include "vmx_msrs.h"
#include "vmx_run.h"
#include "vtx_todo.h"
#include "x86_bits.h"
#include "x86_exceptions.h"

/* "Guest Register State", access rights: what an ordinary kernel has in its descriptors. */
#define RIGHTS_CODE64 \
	(ACCESS_RIGHTS_P | ACCESS_RIGHTS_S | ACCESS_RIGHTS_L | ACCESS_RIGHTS_G | \
	 SEGMENT_TYPE_CODE_XR)
#define RIGHTS_DATA \
	(ACCESS_RIGHTS_P | ACCESS_RIGHTS_S | ACCESS_RIGHTS_DB | ACCESS_RIGHTS_G | \
	 SEGMENT_TYPE_DATA_RW)
#define RIGHTS_TSS (ACCESS_RIGHTS_P | SEGMENT_TYPE_TSS_BUSY)
#define SELECTOR_CODE 8
#define SELECTOR_DATA 16
#define SELECTOR_TSS 24
#define LIMIT_FLAT 0xffffffffU
#define LIMIT_TSS 0x67
/* What IA32_PAT has after a reset: SDM vol. 3, "Programming the PAT". */
#define PAT_AT_RESET 0x0007040600070406ULL

/*
 * The exception bitmap: all but #NP and #DF, which can only come from tables that a guest has made
 * itself. They are left to it; a guest without an IDT never gets that far.
 */
#define EXCEPTIONS_THAT_EXIT ((u32)~(BIT(X86_EXCEPTION_NP) | BIT(X86_EXCEPTION_DF)))

#define write_segment(name, sel, base, limit, rights) \
	do { \
		vmcs_write16(VMCS_GUEST_##name##_SELECTOR, sel); \
		vmcs_write_natural(VMCS_GUEST_##name##_BASE, base); \
		vmcs_write32(VMCS_GUEST_##name##_LIMIT, limit); \
		vmcs_write32(VMCS_GUEST_##name##_ACCESS_RIGHTS, rights); \
	} while (0)

/* The bits that VMX operation insists on (SDM vol. 3, appendix A.7 and A.8), either way. */
static __maybe_unused u64 with_fixed_bits(u64 cr, u32 fixed0_msr, u32 fixed1_msr)
{
	u64 fixed0 = 0;
	u64 fixed1 = ~0ULL;

	rdmsrl_safe(fixed0_msr, &fixed0);
	rdmsrl_safe(fixed1_msr, &fixed1);
	return (cr | fixed0) & fixed1;
}

/*
 * EXERCISE 4.3 (15 points): Guest state of a flat 64-bit guest
 * Do:   vmx_guest_state(): write every field of the guest-state area, as the table in
 *       project04/README.md has it, with CR3 = root; the CR0 and CR4 guest/host masks (all bits are
 *       ours) and read shadows (CR4.VMXE reads as 0); and EXCEPTIONS_THAT_EXIT.
 * Read: Intel SDM vol. 3, "Guest-State Area", "Checks on the Guest State Area" and
 *       "Guest/Host Masks and Read Shadows for CR0 and CR4"; project04/README.md, "Guest state"
 * Hint: write_segment() and with_fixed_bits(). VM entry fails? The log says which rule is broken.
 */
#ifndef TODO_4_3
static void write_control_registers(u64 root)
{
	u64 cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	u64 cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | (__read_cr4() & CR4_OSXSAVE);

	cr0 = with_fixed_bits(cr0, IA32_VMX_CR0_FIXED0, IA32_VMX_CR0_FIXED1);
	vmcs_write_natural(VMCS_GUEST_CR0, cr0);
	vmcs_write_natural(VMCS_CR0_READ_SHADOW, cr0);
	vmcs_write_natural(VMCS_CR0_GUEST_HOST_MASK, ~0ULL);
	cr4 = with_fixed_bits(cr4, IA32_VMX_CR4_FIXED0, IA32_VMX_CR4_FIXED1);
	vmcs_write_natural(VMCS_GUEST_CR4, cr4);
	vmcs_write_natural(VMCS_CR4_READ_SHADOW, cr4 & ~CR4_VMXE);
	vmcs_write_natural(VMCS_CR4_GUEST_HOST_MASK, ~0ULL);
	vmcs_write_natural(VMCS_GUEST_CR3, root);
	vmcs_write64(VMCS_GUEST_IA32_EFER, IA32_EFER_LME | IA32_EFER_LMA | IA32_EFER_NXE);
	vmcs_write64(VMCS_GUEST_IA32_PAT, PAT_AT_RESET);
	vmcs_write64(VMCS_GUEST_IA32_DEBUGCTL, 0);
	vmcs_write_natural(VMCS_GUEST_DR7, DR7_RESERVED_10);
}

static void write_segments(void)
{
	write_segment(CS, SELECTOR_CODE, 0, LIMIT_FLAT, RIGHTS_CODE64);
	write_segment(SS, SELECTOR_DATA, 0, LIMIT_FLAT, RIGHTS_DATA);
	write_segment(DS, SELECTOR_DATA, 0, LIMIT_FLAT, RIGHTS_DATA);
	write_segment(ES, SELECTOR_DATA, 0, LIMIT_FLAT, RIGHTS_DATA);
	write_segment(FS, SELECTOR_DATA, 0, LIMIT_FLAT, RIGHTS_DATA);
	write_segment(GS, SELECTOR_DATA, 0, LIMIT_FLAT, RIGHTS_DATA);
	write_segment(TR, SELECTOR_TSS, 0, LIMIT_TSS, RIGHTS_TSS);
	write_segment(LDTR, 0, 0, 0, ACCESS_RIGHTS_UNUSABLE);
	vmcs_write_natural(VMCS_GUEST_GDTR_BASE, 0);
	vmcs_write32(VMCS_GUEST_GDTR_LIMIT, 0);
	vmcs_write_natural(VMCS_GUEST_IDTR_BASE, 0);
	vmcs_write32(VMCS_GUEST_IDTR_LIMIT, 0);
}

static void write_rest(void)
{
	vmcs_write32(VMCS_GUEST_IA32_SYSENTER_CS, 0);
	vmcs_write_natural(VMCS_GUEST_IA32_SYSENTER_ESP, 0);
	vmcs_write_natural(VMCS_GUEST_IA32_SYSENTER_EIP, 0);
	vmcs_write32(VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);
	vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_STATE, 0);
	vmcs_write_natural(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS, 0);
	vmcs_write64(VMCS_VMCS_LINK_POINTER, ~0ULL);
	vmcs_write32(VMCS_VM_ENTRY_INTERRUPTION_INFORMATION, 0);
	vmcs_write32(VMCS_EXCEPTION_BITMAP, EXCEPTIONS_THAT_EXIT);
	vmcs_write32(VMCS_PAGE_FAULT_ERROR_CODE_MASK, 0);
	vmcs_write32(VMCS_PAGE_FAULT_ERROR_CODE_MATCH, 0);
	vmcs_write32(VMCS_CR3_TARGET_COUNT, 0);
	vmcs_write_natural(VMCS_GUEST_RIP, 0);
	vmcs_write_natural(VMCS_GUEST_RSP, 0);
	vmcs_write_natural(VMCS_GUEST_RFLAGS, RFLAGS_RESERVED_1);
}

static int vmx_guest_state(u64 root)
{
	write_control_registers(root);
	write_segments();
	write_rest();
	return vmcs_error();
}
#else
static int vmx_guest_state(u64 root)
{
	return VTX_TODO("4.3", "a vCPU has no registers to start with, so no guest is entered");
}
#endif

/*
 * A guest that never exits does so after this time: a visitor or a deadline has not long to wait,
 * also on a CPU that has no tick. The field keeps its value, as "save VMX-preemption timer value"
 * is 0 (SDM vol. 3, "VMX-Preemption Timer").
 */
#define TURN_MS 2

static void write_preemption_timer(const struct vmx_vcpu *vmx)
{
	u64 misc = 0;
	u64 ticks;

	if (!(vmx->controls.value[VMX_CTL_PIN] & VMX_PIN_ACTIVATE_PREEMPTION_TIMER))
		return;
	rdmsrl_safe(IA32_VMX_MISC, &misc);
	ticks = (u64)tsc_khz * TURN_MS >>
		VTX_FIELD(misc, IA32_VMX_MISC_TIMER_SHIFT_HIGH, IA32_VMX_MISC_TIMER_SHIFT_LOW);
	vmcs_write32(VMCS_VMX_PREEMPTION_TIMER_VALUE, min_t(u64, ticks, U32_MAX));
}

int vmx_guest_init(struct vtx_vcpu *vcpu, u64 root)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);
	int err;

	err = vmx_host_state(vmx) ?: vmx_guest_state(root);
	if (err)
		return err == -ENOSYS ? err : -EIO;
	/* A vCPU that is initialised again is as new. */
	vmcs_write32(VMCS_PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
		     vmx->controls.value[VMX_CTL_PRIMARY]);
	vmx->world.primary = vmx->controls.value[VMX_CTL_PRIMARY];
	vmx->world.dr_exiting = true;
	vmx->world.nmi_inside = false;
	write_preemption_timer(vmx);
	memset(&vcpu->regs, 0, sizeof(vcpu->regs));
	memset(vcpu->dr, 0, sizeof(vcpu->dr));
	vcpu->dr[6] = DR6_RESERVED;
	vcpu->regs.rflags = RFLAGS_RESERVED_1;
	vcpu->dr_used = false;
	vcpu->cr2 = 0;
	vcpu->kernel_gs_base = 0;
	vcpu->pkru = 0;
	vmx->world.guest_rip = 0;
	vmx->world.guest_rsp = 0;
	vmx->world.guest_rflags = RFLAGS_RESERVED_1;
	vmx->world.host_rsp = 0;
	return vmcs_error() ? -EIO : 0;
}
