// SPDX-License-Identifier: GPL-2.0
/*
 * What the emulators do otherwise than a processor. Each is seen by a guest of the tests.
 */
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/processor.h>
#include <asm/special_insns.h>

#include "hv_ops.h"
#include "svm_codes.h"
#include "svm_quirks.h"
#include "svm_run.h"
#include "x86_bits.h"
#include "x86_exceptions.h"

bool svm_host_is_tcg;

/* The signature of QEMU without KVM, in the leaf where every hypervisor has its own. */
void svm_quirks_init(void)
{
	struct vtx_cpuid leaf;

	if (!boot_cpu_has(X86_FEATURE_HYPERVISOR))
		return;
	cpuid(CPUID_LEAF_4000_0000, &leaf.eax, &leaf.ebx, &leaf.ecx, &leaf.edx);
	svm_host_is_tcg = !memcmp(&leaf.ebx, "TCGTCGTCGTCG", 3 * sizeof(u32));
}

/* The VMRUN of Bochs 2.7 reads CR2 from the VMCB, and forgets it. */
void svm_quirks_before_entry(const struct vtx_vcpu *vcpu)
{
	native_write_cr2(vcpu->cr2);
}

/* All enabled bits are 0; reads and writes of eight bytes, and then instructions. */
#define DR7_NO_DATA 0xffff0400UL
#define DR7_NO_CODE 0x400UL

/*
 * QEMU takes DR7 from the VMCB and gives the host's back, but keeps the breakpoints that it has
 * made of it: the next guest would meet them. A MOV to DR7 that changes their kinds has them
 * removed.
 */
void svm_quirks_debug_registers(const struct vtx_vcpu *vcpu)
{
	if (!svm_host_is_tcg || !vcpu->dr_used)
		return;
	set_debugreg(DR7_NO_DATA, 7);
	set_debugreg(DR7_NO_CODE, 7);
}

/*
 * Bochs 2.7 clears LMA for a MOV to CR0 before it finds out that this exits; and whoever asks in
 * which mode the guest is asks LMA.
 */
static void follow_lma(struct vmcb *vmcb)
{
	if (vmcb->EFER & IA32_EFER_LME && vmcb->CR0 & CR0_PG)
		vmcb->EFER |= IA32_EFER_LMA;
}

/* Of the host: RIP of a guest that was never entered. */
static bool is_kernel(u64 rip)
{
	return rip >> 63;
}

/*
 * A MOV to CR3 that a processor answers with #GP, for a reserved bit, ends the guest under QEMU
 * with the exit code of a refused VMRUN.
 */
static bool is_bad_cr3(struct vtx_vcpu *vcpu)
{
	const struct vmcb *vmcb = vmcb_of(vcpu);

	if (!svm_host_is_tcg || (u32)vmcb->EXITCODE != (u32)VMEXIT_INVALID ||
	    vmcb->EVENTINJ & SVM_EVENT_VALID || is_kernel(vmcb->RIP))
		return false;
	vcpu->regs.rip = vmcb->RIP;
	return !svm_fetch(vcpu, VMEXIT_CR3_WRITE);
}

/* QEMU does not know INT1: it is a #UD there. */
static bool is_int1(struct vtx_vcpu *vcpu)
{
	if (!svm_host_is_tcg || vmcb_of(vcpu)->EXITCODE != VMEXIT_EXCP6)
		return false;
	vcpu->regs.rip = vmcb_of(vcpu)->RIP;
	return !svm_fetch(vcpu, VMEXIT_ICEBP);
}

void svm_quirks_after_exit(struct vtx_vcpu *vcpu)
{
	struct vmcb *vmcb = vmcb_of(vcpu);

	follow_lma(vmcb);
	if (is_int1(vcpu))
		vmcb->EXITCODE = VMEXIT_ICEBP;
	if (is_bad_cr3(vcpu)) {
		vmcb->EXITCODE = VMEXIT_EXCP0 + X86_EXCEPTION_GP;
		vmcb->EXITINFO1 = 0;
	}
}
